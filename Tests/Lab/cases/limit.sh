# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# `limit` with real packets: each source may open so many connections to onprem, and the next is dropped. Each with the same
# packets without the key. The rates are slow where the budget must not come back during the test, and fast where it must.

serve onprem more --tcp 6001,6002,6003,6004,6005,6006,6007 --udp 6008
# Sources of the internet: two networks of IPv6, and more addresses of IPv4.
for a in 198.51.100.71 198.51.100.72 198.51.100.73; do address internet onprem $a/24; done
for a in a::1 a::2 a:ffff::3 b::1; do address internet onprem "2001:db8:77:$a/64"; done
ip -n onprem -6 route add 2001:db8:77::/48 via 2001:db8:198::1

lines='  - { to: onprem, services: [6001/tcp], from: internet, limit: 6/minute, burst: 3 }
  - { to: onprem, services: [6002/tcp], from: internet, limit: 2/hour }
  - { to: onprem, services: [6003/tcp], from: internet, limit: 5/second, burst: 3 }
  - { to: onprem, services: [6004/tcp], from: internet, limit: 1/hour }
  - { to: onprem, services: [6004/tcp], from: 198.51.100.71 }
  - { to: onprem, services: [6005/tcp], from: 198.51.100.71 }
  - { to: onprem, services: [6005/tcp], from: internet, limit: 1/hour }
  - { to: onprem, services: [6006/tcp], from: internet, limit: 2/hour }
  - { to: onprem, services: [6007/tcp], from: laptop-eric, limit: 1/hour }
  - { to: onprem, services: [6008/udp], from: internet, limit: 2/hour }
  - { to: onprem, services: [9000/tcp], from: internet, limit: 2/hour }
  - { to: onprem, services: [6009/udp], from: internet, limit: 2/hour }
  - { to: onprem.lan, services: [9100/tcp], from: laptop-eric, limit: 2/hour }
  - { to: onprem, services: [3000/tcp], from: internet, limit: 1/hour }
  - { to: onprem, services: [3000/tcp], from: 198.51.100.71, limit: 2/hour }'
rest='failsafe:
  - { to: onprem, services: [ssh], from: laptop-eric }'
printf '%s\n' "allow:" "$lines" "$rest" | policy limited
printf '%s\n' "allow:" "$lines" "$rest" | sed -E 's/, (limit|burst): [^ ,}]+//g' | policy unlimited
wgfence_in onprem check --prove "$LAB/limited.yaml" >"$LAB/said" 2>&1
status=$?
verdict "the policy is valid, and its proof holds" yes "$([ $status = 0 ] || [ $status = 2 ] && echo yes || cat "$LAB/said")"

# opens NODE COUNT ADDRESS PORT SOURCE…: what COUNT connections meet, one after another and from each SOURCE in turn. One
# connection is one packet here: the client's second try would be another new connection.
opens() {
  local n=$1
  shift
  node "$n" "$PYTHON" - "$@" <<'PYTHON'
import socket, sys
count, address, port, sources = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4:]
words = []
for i in range(count):
    probe = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    probe.settimeout(0.5)
    if sources:
        probe.bind((sources[i % len(sources)], 0))
    try:
        probe.connect((address, port))
        words.append("open")
    except TimeoutError:
        words.append("silent")
    except OSError as error:
        words.append(str(error))
    probe.close()
print(*words)
PYTHON
}
# above LABEL: the packets of the counters for what is above a limit of onprem's, added up.
above() {
  node onprem nft list counters table inet wgfence 2>/dev/null |
    awk -v label="drop-above-limit-$1" '/counter/ { on = index($2, label) == 1 } on && $1 == "packets" { sum += $2 } END { print sum + 0 }'
}
some() { if [ "$1" -gt 0 ] 2>/dev/null; then echo yes; else echo "no: $1"; fi; }

enforce unlimited onprem
try "without limit: six of six connections" "open open open open open open" opens internet 6 198.51.100.7 6001 198.51.100.66
try "without limit: IPv6" "open open open open open open" opens internet 6 2001:db8:198::7 6001 2001:db8:77:a::1 2001:db8:77:a::2
try "without limit: a published port" "open open open" opens internet 3 198.51.100.7 9000 198.51.100.66
settle

enforce limited onprem
session first internet 198.51.100.7 6001 --source 198.51.100.66 >/dev/null
ask first
verdict "the first connection of a source is open" alive "$(answer_of first)"
before=$(above onprem-6001)
try "the burst is three: two more pass, and no other" "open open silent silent" opens internet 4 198.51.100.7 6001 198.51.100.66
settle
verdict "what is above the limit is counted" 2 "$(($(above onprem-6001) - before))"
ask first
verdict "the established connection goes on" alive "$(answer_of first)"
hang_up first
try "another source is not affected" "open open open silent" opens internet 4 198.51.100.7 6001 198.51.100.71
try "IPv6: two addresses of one /64 share the budget" "open open silent silent" \
  opens internet 4 2001:db8:198::7 6002 2001:db8:77:a::1 2001:db8:77:a::2
settle
try "IPv6: so does a third" silent opens internet 1 2001:db8:198::7 6002 2001:db8:77:a:ffff::3
try "IPv6: another /64 does not" "open open silent" opens internet 3 2001:db8:198::7 6002 2001:db8:77:b::1
try "without burst the number is the burst" "open open silent" opens internet 3 198.51.100.7 6006 198.51.100.72
try "a limit on one grant counts for that one" "open open silent" opens internet 3 198.51.100.7 6002 198.51.100.72
try "UDP" "answered" udp internet 198.51.100.7 6008 --source 198.51.100.72
settle
try "through the tunnel" "open silent" opens laptop-eric 2 10.13.13.2 6007
try "forwarded to the LAN" "open open silent" opens laptop-eric 3 192.168.1.20 9100
try "two grants with limits: either lets it in" "open open open silent" opens internet 4 198.51.100.7 3000 198.51.100.71
try "the other sources have the one" "open silent" opens internet 2 198.51.100.7 3000 198.51.100.72
try "a published port: two connections, and no other" "open open silent" opens internet 3 198.51.100.7 9000 198.51.100.73
try "a published port over IPv6" "open open silent" opens internet 3 2001:db8:198::7 9000 2001:db8:77:b::1
settle

# One-way UDP, as syslog is: nothing answers, and it is one connection as long as its ports are the same.
for _ in 1 2 3 4; do
  node internet "$PYTHON" "$LAB_HERE/forge.py" onprem "$(node onprem cat /sys/class/net/eth0/address)" \
    udp 198.51.100.73 198.51.100.7 --port 6009
done
verdict "four packets of one UDP flow are one connection" 0 "$(above onprem-6009)"

# The budget comes back: five in a second, three at once.
verdict "a fast limit: three at once" "open open open silent" "$(opens internet 4 198.51.100.7 6003 198.51.100.66 2>&1)"
sleep 1
verdict "and again after its time" "open open open" "$(opens internet 3 198.51.100.7 6003 198.51.100.66 2>&1)"

# Another grant without a limit, before or after.
try "a grant without a limit lets a source in, written after" "open open open" opens internet 3 198.51.100.7 6004 198.51.100.71
try "and written before" "open open open" opens internet 3 198.51.100.7 6005 198.51.100.71
try "others have the limit" "open silent" opens internet 2 198.51.100.7 6004 198.51.100.72
try "in both" "open silent" opens internet 2 198.51.100.7 6005 198.51.100.72
settle

# The kernel's budgets are no difference to the policy.
wgfence_in onprem plan "$LAB/limited.yaml" --machine onprem >"$LAB/said" 2>&1
verdict "plan has nothing to change" 0 $?
enforce limited onprem
verdict "the same policy applied again keeps the budgets" silent "$(opens internet 1 198.51.100.7 6006 198.51.100.72 2>&1)"
sed '/6003/d' "$LAB/limited.yaml" >"$LAB/less.yaml"
enforce less onprem
verdict "another policy with the same line keeps the budgets of the line" silent "$(opens internet 1 198.51.100.7 6006 198.51.100.72 2>&1)"
sed 's|6006/tcp\(.*\)2/hour|6006/tcp\13/hour|' "$LAB/limited.yaml" >"$LAB/more.yaml"
enforce more onprem
verdict "another rate begins with full budgets" "open open open silent" "$(opens internet 4 198.51.100.7 6006 198.51.100.72 2>&1)"
enforce limited onprem

# A full set. Nobody who fills it keeps others out, and who is above the limit stays out.
verdict "one that uses up its budget before" "open open silent" "$(opens internet 3 198.51.100.7 6006 198.51.100.73 2>&1)"
set=$(node onprem nft list sets table inet wgfence | awk '$1 == "set" && $2 ~ /^limit-allow-onprem-6006.*-v4$/ { print $2 }')
elements() { node onprem nft -j list set inet wgfence "$set" | grep -o '"val"' | wc -l; }
# SYNs from 70,000 sources, which the network would send.
flood() {
  local mac
  mac=$(node onprem cat /sys/class/net/eth0/address)
  node internet "$PYTHON" - onprem "$mac" 198.51.100.7 6006 <<'PYTHON'
import socket, struct, sys
device, mac, target, port = sys.argv[1], bytes.fromhex(sys.argv[2].replace(":", "")), socket.inet_aton(sys.argv[3]), int(sys.argv[4])
link = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
to = (device, 0x0800, 0, 0, mac)


def add(data, total=0):
    return total + sum(struct.unpack("!%dH" % (len(data) // 2), data))


def checksum(total, source):
    """Of everything but the source, and the source."""
    total += (source >> 16) + (source & 0xFFFF)
    total = (total & 0xFFFF) + (total >> 16)
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF


head = struct.pack("!BBHHHBB", 0x45, 0, 40, 0, 0, 64, 6)
segment = struct.pack("!HHIIBBH", 40000, port, 1000, 0, 0x50, 2, 1024)
of_head, of_segment = add(target, add(head)), add(target + struct.pack("!BBH", 0, 6, 20), add(segment))
for source in range(0x2D000000, 0x2D000000 + 70000):  # 45.0.0.0/8
    link.sendto(head + struct.pack("!HI", checksum(of_head, source), source) + target + segment
                + struct.pack("!HH", checksum(of_segment, source), 0), to)
PYTHON
}
node onprem sh -c 'echo 1 >/proc/sys/net/ipv4/tcp_syncookies'
flood
until_true 5 test "$(elements)" -ge 65536
verdict "70,000 sources fill the set to its size" 65536 "$(elements)"
verdict "a new source is let in, and not limited" "open open open" "$(opens internet 3 198.51.100.7 6006 198.51.100.71 2>&1)"
verdict "the one above its limit stays out" "silent" "$(opens internet 1 198.51.100.7 6006 198.51.100.73 2>&1)"
wgfence_in onprem plan "$LAB/limited.yaml" --machine onprem >"$LAB/said" 2>&1
verdict "a full set is no difference to the policy" 0 $?
enforce limited onprem
verdict "applied again: still out" "silent" "$(opens internet 1 198.51.100.7 6006 198.51.100.73 2>&1)"

# The daemon, which makes a table of its own when it begins: with full budgets, but only once.
cp "$LAB/limited.yaml" "$LAB/watched.yaml"
enforce watched onprem
verdict "the same policy by another name: still out" "silent" "$(opens internet 1 198.51.100.7 6006 198.51.100.73 2>&1)"
answers() { wgfence_in onprem status >/dev/null 2>&1 || [ $? = 2 ]; }
daemon_up() {
  task onprem daemon env WGFENCE_STATE_DIR="$LAB/onprem/state" WGFENCE_SOCKET="$LAB/onprem/control.sock" \
    "$WGFENCE" daemon "$LAB/watched.yaml" --machine onprem
  until_true 10 answers || die "the daemon did not start: $(cat "$LAB/onprem/daemon.log")"
}
daemon_up
opens internet 3 198.51.100.7 6006 198.51.100.73 >/dev/null
verdict "with the daemon: above the limit" "silent" "$(opens internet 1 198.51.100.7 6006 198.51.100.73 2>&1)"
sleep 1.3
wgfence_in onprem status >"$LAB/said" 2>&1
verdict "it sees no difference" yes "$(grep -q '^kernel  *equal.* 0 repairs' "$LAB/said" && echo yes || cat "$LAB/said")"
wgfence_in onprem log "$LAB/watched.yaml" --machine onprem --since 1m >"$LAB/said" 2>&1
verdict "the log says that it was above the limit" yes \
  "$(grep -qE 'dropped tcp .*198\.51\.100\.73.* port 6006.*limit' "$LAB/said" && echo yes || cat "$LAB/said")"
end_task onprem daemon
daemon_up
verdict "started again, it keeps the budgets" "silent" "$(opens internet 1 198.51.100.7 6006 198.51.100.73 2>&1)"
end_task onprem daemon
wgfence_in onprem explain "$LAB/limited.yaml" --machine onprem --from internet --to 6006/tcp >"$LAB/said" 2>&1
verdict "explain accepts" 0 $?
verdict "and says within what" yes "$(grep -qiE 'within (limit rate )?2/hour' "$LAB/said" && echo yes || cat "$LAB/said")"
