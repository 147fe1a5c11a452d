# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Grants are judged on every packet of a flow's original direction: taking one away ends the sessions that use it.
# 5433 speaks by itself four times a second, 8888 only answers.

policy granted <<'YAML'
allow:
  - { to: onprem, services: [8888/tcp, 5433/tcp], from: laptop-eric }
  - { to: onprem, services: [9090/tcp], from: laptop-ryan }
YAML
policy revoked <<'YAML'
allow:
  - { to: onprem, services: [9090/tcp], from: [laptop-ryan, laptop-eric] }
YAML

# asked NAME WORD: asks a session, and says what it answered.
asked() { ask "$1" "$2"; answer_of "$1"; }

for version in 4 6; do
  target=10.13.13.2
  if [ $version = 6 ]; then target=fd13:13::2; fi
  tag="(IPv$version)"

  # On the receiver. The hub has no rules: onprem alone has to end the session.
  enforce granted onprem
  session idle laptop-eric $target 8888
  session chatty laptop-eric $target 5433
  session other laptop-ryan $target 9090
  verdict "a session under a grant lives $tag" alive "$(asked idle say)"
  verdict "and so does one in which the server speaks $tag" alive "$(asked chatty hear)"
  forget_connections onprem
  verdict "a granted session outlives the connection table when the client speaks $tag" alive "$(asked idle say)"
  enforce granted onprem
  verdict "and the same policy applied again $tag" alive "$(asked idle say)"
  enforce revoked onprem
  verdict "the grant taken away, it dies at its next packet $tag" dead "$(asked idle say)"
  verdict "another grant's session does not notice $tag" alive "$(asked other say)"
  forget_connections onprem
  verdict "forgetting connections does not revive it $tag" dead "$(asked idle say)"
  # The client says nothing here: the server's next words are the first packet that conntrack sees.
  sleep 1
  forget_connections onprem
  verdict "not even when the server speaks first $tag" dead "$(asked chatty hear)"
  verdict "and again, with the entry that it made $tag" dead "$(asked chatty hear)"
  try "a new connection is refused $tag" silent tcp laptop-eric $target 8888
  settle
  enforce granted onprem
  try "given back, a new connection is open $tag" open tcp laptop-eric $target 8888
  settle
  hang_up idle; hang_up chatty; hang_up other
  unload onprem

  # On the hub, with no rules on the receiver.
  enforce granted ec2
  session idle laptop-eric $target 8888
  session chatty laptop-eric $target 5433
  verdict "over the hub a session under a grant lives $tag" alive "$(asked idle say)"
  forget_connections ec2
  verdict "and outlives the hub's connection table $tag" alive "$(asked idle say)"
  enforce revoked ec2
  verdict "the grant taken away, the hub ends it $tag" dead "$(asked idle say)"
  sleep 1
  forget_connections ec2
  verdict "the hub does not let the server revive it $tag" dead "$(asked chatty hear)"
  verdict "nor a second time $tag" dead "$(asked chatty hear)"
  hang_up idle; hang_up chatty
  unload ec2
done

# A session that began before there was any policy is judged like every other.
session early laptop-eric 10.13.13.2 9999
verdict "a session from before the firewall lives" alive "$(asked early say)"
enforce granted onprem
verdict "and ends with the first policy that does not grant it" dead "$(asked early say)"
hang_up early
