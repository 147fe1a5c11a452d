#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The Ansible role of packaging/ansible, run over SSH against a Debian in a system container: in check mode, for the first time,
# again (nothing may change), with a changed policy, with one that is not valid, and with one that would end the session.
#
# Prints `ok NAME` or `not ok NAME: …` for each, and ends with status 1 when one failed. Installs ansible-core, mmdebstrap,
# systemd-container and openssh-client if they are missing. The guest is stored in .build/ansible-proof. Root; it runs in
# namespaces of its own.

here=$(cd "$(dirname "$0")" && pwd)
. "$here/../Lab/lib.sh"
. "$here/guest.sh"
work=$ROOT/.build/ansible-proof
program=$WGFENCE

if [ $$ -ne 1 ]; then
  [ "$(id -u)" = 0 ] || die "it needs root"
  [ -x "$program" ] || die "$program is missing: run 'make build'"
  install_missing ansible-proof ansible-playbook:ansible-core mmdebstrap:mmdebstrap systemd-nspawn:systemd-container \
    ssh:openssh-client dpkg-shlibdeps:dpkg-dev || die "ansible, mmdebstrap, systemd-nspawn or ssh cannot be installed"
  mkdir -p "$work"
  echo "ansible-proof: the guest"
  debian_guest "$work/guest" systemd systemd-sysv udev kmod nftables iproute2 procps util-linux libnftnl11 libmnl0 libyaml-0-2 libsodium23 \
    python3 python3-apt openssh-server sudo || die "the guest cannot be made"
fi
enter_lab "$@"
cd "$ROOT" || exit 1

# --- the guest: an administrator who may use sudo, reached over SSH

open_guest "$work/guest"
echo guest >"$tree/etc/hostname"
# sudo looks its host up.
printf '127.0.0.1 localhost\n127.0.1.1 guest\n' >"$tree/etc/hosts"
rm -f "$tree/etc/resolv.conf"
: >"$tree/etc/fstab"
: >"$tree/etc/machine-id"
package=$(WGFENCE=$program DEB_VERSION=1.0-1 scripts/deb.sh "$LAB/package") || die "the package cannot be made"
ssh-keygen -q -t ed25519 -N '' -f "$LAB/key"
chroot "$tree" useradd -m -s /bin/bash admin
install -d -m 700 "$tree/home/admin/.ssh"
cp "$LAB/key.pub" "$tree/home/admin/.ssh/authorized_keys"
chroot "$tree" chown -R admin: /home/admin/.ssh
echo 'admin ALL=(ALL) NOPASSWD: ALL' >"$tree/etc/sudoers.d/admin"
cat >"$tree/etc/systemd/system/wire.service" <<'UNIT'
[Unit]
Before=ssh.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'for i in $(seq 600); do ip link show wire >/dev/null 2>&1 && break; sleep 0.1; done; ip addr add 10.99.0.2/24 dev wire; ip link set wire up; ip route add default via 10.99.0.1'
[Install]
WantedBy=multi-user.target
UNIT
mkdir -p "$tree/etc/systemd/system/multi-user.target.wants"
ln -sf ../wire.service "$tree/etc/systemd/system/multi-user.target.wants/"

ip link add wire type veth peer name control
ip addr add 10.99.0.1/24 dev control
ip link set control up
"${BOOT[@]}" --directory="$tree" >"$LAB/console.log" 2>&1 </dev/null &
# The guest's end of the cable, into the first process that has another network.
container=$!
cabled() {
  local own child process
  own=$(readlink /proc/self/ns/net)
  for child in $(cat "/proc/$container/task/$container/children"); do
    for process in "$child" $(cat "/proc/$child/task/$child/children"); do
      if [ "$(readlink "/proc/$process/ns/net")" != "$own" ]; then ip link set wire netns "$process" && return; fi
    done
  done
  return 1
}
until_true 30 cabled || die "the guest did not start: $(tail -n 5 "$LAB/console.log")"
guest=(ssh -i "$LAB/key" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o ConnectTimeout=3 -o ControlMaster=no admin@10.99.0.2)
until_true 60 "${guest[@]}" true || die "the guest does not answer: $(tail -n 5 "$LAB/console.log")"

# --- what is played

export ANSIBLE_HOME=$LAB/ansible ANSIBLE_LOCAL_TEMP=$LAB/ansible/tmp HOME=$LAB ANSIBLE_NOCOLOR=1 ANSIBLE_HOST_KEY_CHECKING=False
export ANSIBLE_ROLES_PATH=$ROOT/packaging/ansible/roles ANSIBLE_RETRY_FILES_ENABLED=False LC_ALL=C.UTF-8 ANSIBLE_PIPELINING=True
mkdir -p "$LAB/play/lists"
cat >"$LAB/play/hosts" <<HOSTS
guest ansible_host=10.99.0.2 ansible_user=admin ansible_ssh_private_key_file=$LAB/key ansible_ssh_common_args='-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR' ansible_python_interpreter=/usr/bin/python3
HOSTS
cat >"$LAB/play/site.yml" <<YAML
- hosts: guest
  become: true
  gather_facts: false
  roles:
    - role: wgfence
      wgfence_deb: $package
      wgfence_policy: $LAB/play/policy.yaml
      wgfence_machine: server
      wgfence_daemon_options: ["--metrics", "unix:/run/wgfence/metrics.sock"]
      wgfence_confirm: 20s
      wgfence_users: [admin]
YAML
# policy SERVICES SOURCE [LIST]: the services of the laptop, and from where SSH is granted in every state.
policy() {
  cat >"$LAB/play/policy.yaml" <<YAML
version: 1
tunnels:
  wg0: { prefixes: [10.13.13.0/24], listen: 51820 }
machines:
  server: { addresses: { wg0: 10.13.13.50 } }
  laptop: { addresses: { wg0: 10.13.13.3 } }
${3:-}
allow:
  - { to: server, services: [$1], from: laptop }
failsafe:
  - { to: server, services: [ssh], from: [$2] }
tests:
  - { from: laptop, to: server, allow: [$1] }
YAML
}
# play OPTION…: runs the playbook; prints its exit status and the sum of the host's results: `0 ok changed=0 failed=0`.
play() {
  timeout 300 ansible-playbook -i "$LAB/play/hosts" "$LAB/play/site.yml" "$@" >"$LAB/played" 2>&1 </dev/null
  echo "$? $(sed -n 's/^guest .*\(changed=[0-9]*\).*\(failed=[0-9]*\).*/\1 \2/p' "$LAB/played")"
}
said() { if grep -qE -- "$1" "$LAB/played"; then echo yes; else echo no; tail -n 30 "$LAB/played" >&2; fi; }
in_guest() { "${guest[@]}" sudo "$(printf ' %q' "$@")" 2>&1; }
in_force() { in_guest nft list table inet wgfence | grep -c "$1" | sed 's/^[1-9].*/yes/; s/^0/no/'; }
# What needs attention beside the tunnel, whose interface the guest does not have (status 2).
attention() {
  "${guest[@]}" "$@" wgfence status --format json 2>/dev/null | python3 -c 'import json, sys
state = json.load(sys.stdin)
policy, ruleset = state["policy"], state["ruleset"]
print(policy["accepted"], policy["superseded"], ruleset["drift"], ruleset["kept"], "pending" in state, "panic" in state)'
}
fine="True False 0 True False False"
stored() { in_guest cat /etc/wgfence/policy.yaml | sha256sum | cut -c1-12; }

policy postgres 10.99.0.0/24
verdict "the playbook has no error of syntax" 0 "$(ansible-playbook -i "$LAB/play/hosts" "$LAB/play/site.yml" --syntax-check >"$LAB/played" 2>&1; echo $?)"
verdict "check mode on a bare host succeeds" 0 "$(play --check | cut -d' ' -f1)"
verdict "and installs nothing" 1 "$(in_guest test -e /usr/sbin/wgfence; echo $?)"
first=$(play)
verdict "the first run succeeds" "0 failed=0" "$(sed 's/ changed=[0-9]*//' <<<"$first")"
if [ "${first%% *}" != 0 ]; then tail -n 40 "$LAB/played"; exit 1; fi
verdict "it shows the plan" yes "$(said 'to add, 0 to remove')"
verdict "the daemon runs, and starts at boot" "active enabled enabled" \
  "$(in_guest sh -c 'systemctl is-active wgfence; systemctl is-enabled wgfence wgfence-boot' | paste -sd ' ')"
verdict "status needs no attention" "$fine" "$(attention sudo)"
verdict "with the options" yes "$(in_guest test -S /run/wgfence/metrics.sock && echo yes)"
verdict "the policy is the one that was given" "$(sha256sum <"$LAB/play/policy.yaml" | cut -c1-12)" "$(stored)"
verdict "nobody else may read it" "600 root" "$(in_guest stat -c '%a %U' /etc/wgfence/policy.yaml)"
verdict "the administrator may use the daemon" "$fine" "$(attention env PATH=/usr/sbin:/usr/bin)"
verdict "nothing is left in /tmp" "" "$(in_guest find /tmp -maxdepth 1 -name 'wgfence.*')"
verdict "the second run changes nothing" "0 changed=0 failed=0" "$(play)"
verdict "nor does check mode say that it would" "0 changed=0 failed=0" "$(play --check)"

before=$(stored)
policy 'postgres, grafana' 10.99.0.0/24
verdict "check mode with another policy succeeds" 0 "$(play --check --diff | cut -d' ' -f1)"
verdict "it shows who can newly reach what" yes "$(said 'grafana 3000/tcp')"
verdict "it changes no file" "$before" "$(stored)"
verdict "and no rule" no "$(in_force grafana)"
verdict "the run succeeds" "0 failed=0" "$(play | sed 's/ changed=[0-9]*//')"
verdict "the new policy is in force" yes "$(in_force grafana)"
verdict "confirmed: no trial is pending, the file is not superseded" "$fine" "$(attention sudo)"
sleep 21
verdict "and stays in force" yes "$(in_force grafana)"
verdict "again nothing changes" "0 changed=0 failed=0" "$(play)"

before=$(stored)
policy 'postgrse' 10.99.0.0/24
verdict "a policy that is not valid fails" "2 changed=0 failed=1" "$(play)"
verdict "with its place" yes "$(said 'policy.yaml:9:')"
verdict "and changes nothing" "$before" "$(stored)"
policy 'postgres' 203.0.113.0/24
verdict "a policy that would end the session fails" "2 changed=0 failed=1" "$(play)"
verdict "and says so" yes "$(said 'would stop working|your session|session')"
verdict "and changes nothing" "$before yes" "$(stored) $(in_force grafana)"

echo 192.0.2.0/24 >"$LAB/play/lists/bad.txt"
policy 'postgres, grafana' 10.99.0.0/24 'lists: { bad: { file: lists/bad.txt } }
block: bad'
verdict "a policy with a list file succeeds" "0 failed=0" "$(play -e "wgfence_lists=$LAB/play/lists" | sed 's/ changed=[0-9]*//')"
verdict "its list is in force" yes "$(in_force 'elements = { 192.0.2.0 }')"
verdict "and again nothing changes" "0 changed=0 failed=0" "$(play -e "wgfence_lists=$LAB/play/lists")"
exit $failed
