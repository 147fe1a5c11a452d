#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# deb-booted.sh [RELEASE…]: the Debian package as an administrator uses it, under attack, in Debian 12 and 13 (bookworm, trixie),
# each booted as a system container with WireGuard, a listening service, SSH and sudo: installation with docs/quick-start.md as it
# is written, reboot, upgrade, downgrade, reinstallation, upgrades that are killed (one with a loss of power), removal and purge.
#
# The attacker is on the link of the server's only network card and sends SYNs to the service and to SSH, over IPv4 and IPv6, 2,000
# a second, from before the first boot to the end. Every answer counts as one that got through. The laptop, a peer of the tunnel,
# connects to the service all the time, and has one connection that stays open.
#
# Prints `ok deb-booted RELEASE: NAME` or `not ok deb-booted RELEASE: NAME: …`, and the sum; status 1 when one failed. The guests are stored below
# .build/deb-proof. Root; it runs in namespaces of its own and touches nothing of this host. PACKAGE names another package.

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=Tests/Lab/lib.sh
. "$here/../Lab/lib.sh"
# shellcheck source=Tests/Proof/guest.sh
. "$here/guest.sh"
# shellcheck source=Tests/Review/guide-host.sh
. "$ROOT/Tests/Review/guide-host.sh"
# shellcheck source=Tests/Review/claims.sh
. "$ROOT/Tests/Review/claims.sh"
work=$ROOT/.build/deb-proof
program=$WGFENCE
page=$ROOT/docs/quick-start.md
if [ $# = 0 ]; then set -- bookworm trixie; fi

if [ $$ -ne 1 ]; then
  [ "$(id -u)" = 0 ] || die "it needs root"
  [ -x "$program" ] || die "$program is missing: run 'make build'"
  install_missing deb-booted mmdebstrap:mmdebstrap systemd-nspawn:systemd-container ssh:openssh-client dpkg-shlibdeps:dpkg-dev ||
    die "mmdebstrap, systemd-nspawn or ssh cannot be installed"
  mkdir -p "$work"
  for release in "$@"; do
    echo "deb-booted: the guest with Debian $release"
    DEBIAN_RELEASE=$release debian_guest "$work/booted-$release" systemd systemd-sysv udev kmod nftables iproute2 procps util-linux \
      libnftnl11 libmnl0 libyaml-0-2 libsodium23 ifupdown openssh-server sudo wireguard-go wireguard-tools python3-minimal ||
      die "the guest cannot be made"
  done
fi
enter_lab "$@"
export LC_ALL=C.UTF-8
cd "$ROOT" || exit 1
architecture=$(dpkg --print-architecture)
first=${PACKAGE:-$(WGFENCE=$program DEB_VERSION=1.0-1 scripts/deb.sh "$LAB/package")} || die "the package cannot be made"
mkdir "$LAB/packages"
for n in 1 2 3; do package_again "$first" "1.0-$n" "$LAB/packages/$n.deb"; done

# --- the site: the server's only card is on a bridge of the internet, where the attacker is

new_nodes internet laptop
mkdir "$LAB/server"
ip -n internet link add wan type bridge
# A bridge without a port that is up would take a moment when one comes up, and drop the attacker's first packets.
ip -n internet link add port type veth peer name end
ip -n internet link set end up
ip -n internet link set port master wan up
ip -n internet link set wan up
cable internet laptop laptop eth0
address internet wan 198.51.100.1/24 198.51.100.66/24 2001:db8:198::1/64 2001:db8:198::66/64
address internet laptop 203.0.113.1/24 2001:db8:203::1/64
address laptop eth0 203.0.113.10/24 2001:db8:203::10/64
default_route laptop 203.0.113.1 2001:db8:203::1
forwarding internet
keys server laptop
tunnel laptop server 198.51.100.7
ssh-keygen -q -t ed25519 -N '' -f "$LAB/key"

# --- the guest

mkdir "$LAB/tools"
cat >"$LAB/tools/listed" <<'SH'
#!/bin/sh
# What is in /etc, /var/lib and /run, without the records of other programs that change by themselves.
find /etc /var/lib /run -xdev \( -path /var/lib/dpkg -o -path /var/lib/apt -o -path /run/log -o -path /run/udev -o -path /run/user \
  -o -path /run/sudo -o -path '/run/systemd/*' \) -prune -o -print
find /var/lib/dpkg /var/lib/apt /run/systemd -name '*wgfence*'
grep -rl wgfence /etc | sed 's/$/ names wgfence/'
SH
cat >"$LAB/tools/interrupted" <<'SH'
#!/bin/bash
# interrupted MOMENT PACKAGE: an installation whose processes are killed, dpkg first, when it is unpacking or configuring.
systemd-run --quiet --unit=interrupted --setenv=DEBIAN_FRONTEND=noninteractive apt-get install -y "$2"
moment() {
  case $1 in
  unpacking) [ -e /usr/sbin/wgfence.dpkg-new ] ;;
  configuring) pgrep -f info/wgfence.postinst >/dev/null ;;
  esac
}
until moment "$1"; do [ $SECONDS -lt 60 ] || exit 1; done
victims=$(pgrep -x dpkg)
# shellcheck disable=SC2086 # numbers
kill -9 $victims || exit 1
systemctl kill --signal=KILL interrupted.service
for _ in {1..100}; do
  systemctl is-active --quiet interrupted.service || break
  sleep 0.05
done
systemctl reset-failed interrupted.service
! pgrep -x dpkg
SH
cat >"$LAB/tools/state" <<'SH'
#!/bin/sh
# The package; the daemon and its program; the table; how the kernel is.
pid=$(systemctl show -p MainPID --value wgfence.service)
echo "$(dpkg-query -W -f '${db:Status-Abbrev}${Version}' wgfence), $(systemctl is-active wgfence.service) with" \
  "$(readlink "/proc/$pid/exe"), table $(nft -j list tables | sed -n 's/.*"name": "wgfence", "handle": \([0-9]*\).*/\1/p')," \
  "$(wgfence status | sed -n 's/^kernel *\([a-z]*\),.*/\1/p')"
SH

server_files() {
  open_guest "$work/booted-$release"
  echo server >"$tree/etc/hostname"
  printf '127.0.0.1 localhost\n127.0.1.1 server\n' >"$tree/etc/hosts"
  rm -f "$tree/etc/resolv.conf"
  : >"$tree/etc/fstab"
  : >"$tree/etc/machine-id"
  cat >"$tree/etc/network/interfaces" <<'END'
auto lo host0
iface lo inet loopback
iface host0 inet static
  address 198.51.100.7/24
  gateway 198.51.100.1
iface host0 inet6 static
  address 2001:db8:198::7/64
  gateway 2001:db8:198::1
  dad-attempts 0
END
  tunnel_settings server laptop "" | sed 's|^ListenPort|Address = 10.77.0.1/24, fd77::1/64\n&|' >"$tree/etc/wireguard/wg0.conf"
  chmod 600 "$tree/etc/wireguard/wg0.conf"
  # The service listens on every address.
  cp "$PROBE" "$tree/usr/local/bin/"
  printf '[Service]\nExecStart=/usr/bin/python3 /usr/local/bin/probe.py serve --tcp 5432\nStandardOutput=null\n' \
    >"$tree/etc/systemd/system/database.service"
  mkdir -p "$tree/etc/systemd/system/multi-user.target.wants"
  ln -sf ../database.service "$tree/etc/systemd/system/multi-user.target.wants/"
  ln -sf /lib/systemd/system/wg-quick@.service "$tree/etc/systemd/system/multi-user.target.wants/wg-quick@wg0.service"
  chroot "$tree" useradd -m -s /bin/bash admin
  echo 'admin ALL=(ALL) NOPASSWD: ALL' >"$tree/etc/sudoers.d/admin"
  install -d -m 700 "$tree/home/admin/.ssh"
  cp "$LAB/key.pub" "$tree/home/admin/.ssh/authorized_keys"
  chroot "$tree" chown -R admin: /home/admin/.ssh
  install -m 755 "$LAB"/tools/* "$tree/usr/local/sbin/"
  cp "$LAB/packages/1.deb" "$tree/home/admin/wgfence_1.0-1_$architecture.deb"
  cp -r "$LAB/packages" "$tree/"
}

SSH=(ssh -i "$LAB/key" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o ConnectTimeout=3
  -o ServerAliveInterval=5 admin@10.77.0.1)
# as_admin COMMAND…: in a new SSH session over the tunnel.
as_admin() { node laptop timeout "${PATIENCE:-120}" "${SSH[@]}" "$@" </dev/null; }
as_root() { as_admin sudo env DEBIAN_FRONTEND=noninteractive "$@"; }
boot_id() { as_admin cat /proc/sys/kernel/random/boot_id 2>/dev/null; }
# answers BOOT: with another boot than that one. After a boot the server has no keys of the laptop's session: the laptop begins a new
# one at once, and not after 15 s.
answers() {
  local seen
  seen=$(boot_id)
  if [ -n "$seen" ] && [ "$seen" != "$1" ]; then return 0; fi
  node laptop wg setconf wg0 "$LAB/laptop/wg0.conf"
  return 1
}
# The container, until it is switched off: systemd-nspawn ends with 133 when it shall start again.
server_runs() {
  local status=133
  while [ $status = 133 ]; do
    nsenter --net=/run/netns/internet "${BOOT[@]}" --machine=server --directory="$tree" --network-bridge=wan --bind=/dev/net/tun \
      >"$LAB/console.log" 2>&1 </dev/null
    status=$?
    forget_cgroups
  done
}
server_up() {
  server_runs &
  container=$!
  until_true 60 answers none || die "the guest does not answer: $(tail -n 5 "$LAB/console.log")"
  # The card has the same address of the link after each boot. The attacker knows it, and need not ask first.
  local address link
  for address in 198.51.100.7 2001:db8:198::7; do
    link=$(ip -n internet neigh show to "$address" dev wan | grep -o 'lladdr [^ ]*')
    ip -n internet neigh replace "$address" lladdr "${link#* }" dev wan nud permanent
  done
}
is_ended() { ! kill -0 $container 2>/dev/null; }
server_down() {
  PATIENCE=3 as_root systemctl poweroff --force --force >/dev/null 2>&1
  until_true 30 is_ended || die "the guest does not end: $(tail -n 5 "$LAB/console.log")"
  close_guest
}

# --- what is counted

lines() { tail -n 1 "$LAB/$1.log"; }
now() { echo "${EPOCHREALTIME/./}"; }
# begin, end: between them, $tries and $through of the attacker, $visits and $failures of the laptop, and $took (seconds) are counted.
begin() {
  read -r _ tries_before through_before _ <<<"$(lines internet/attack)"
  read -r _ visits_before failures_before <<<"$(lines laptop/visit)"
  began=$(now)
}
end() {
  took=$(seconds_since "$began")
  # The last answers, and the last lines.
  sleep 0.3
  read -r _ tries through last since until_first <<<"$(lines internet/attack)"
  read -r _ visits failures <<<"$(lines laptop/visit)"
  tries=$((tries - tries_before)) through=$((through - through_before))
  visits=$((visits - visits_before)) failures=$((failures - failures_before))
}
seconds_since() { awk -v began="$1" -v ended="${2:-$(now)}" 'BEGIN { printf "%.1f", (ended - began) / 1e6 }'; }
at_least() { if [ "$1" -ge "$2" ]; then echo yes; else echo "$1"; fi; }
# closed NAME: nothing of what was counted got through.
closed() {
  verdict "$1: 0 of at least 1,000 tries get through" "0 yes" "$through $(at_least "$tries" 1000)"
  echo "    $1: $took s; $tries tries, $through got through; $visits connections of the laptop, $failures failed"
}
# opened NAME: the control. All of both families and ports get through, and not only some of them.
opened() {
  verdict "$1: the same attacker gets through" yes "$(if [ "$through" -gt $((tries * 9 / 10)) ]; then echo yes; else echo "$through of $tries"; fi)"
  echo "    $1: $tries tries, $through got through"
}
a_second() { begin; sleep 1; end; }

# step NAME COMMAND…: as root, under attack; what it prints is in $LAB/said.
step() {
  local name=$1 status
  shift
  begin
  as_root "$@" >"$LAB/said" 2>&1
  status=$?
  end
  verdict "$name ends with" 0 "$status$([ $status = 0 ] || tail -n 8 "$LAB/said" | sed 's/^/ | /')"
  closed "$name"
}
says() { verdict "$1 says: $2" yes "$(if grep -qF -- "$2" "$LAB/said"; then echo yes; else tail -n 5 "$LAB/said"; fi)"; }
# state NAME STATE: the daemon runs the package's program with the same table.
state() { verdict "$1: package, daemon, table, kernel" "$2, active with /usr/sbin/wgfence, $table, equal" "$(as_root state)"; }
unnoticed() {
  verdict "$1: no new connection of the laptop failed" "0 of many" "$failures of $(if [ "$visits" -gt 5 ]; then echo many; else echo "$visits"; fi)"
  ask stays
  verdict "$1: the laptop's connection is not interrupted" alive "$(answer_of stays)"
}
# left: what is there and was not before the installation; of a folder only its name.
left() {
  as_root listed | sort | comm -13 "$LAB/listed" - | awk '{ for (path in seen) if (index($0, path "/") == 1 || index($0, path " ") == 1) next; seen[$0]; print }'
}

# reboot NAME COMMAND…
reboot() {
  local name=$1 before
  shift
  before=$(boot_id)
  begin
  # The session may hang when the server is gone.
  PATIENCE=3 as_root "$@" >/dev/null 2>&1
  verdict "$name: the server answers again" yes "$(until_true 90 answers "$before" && echo yes || tail -n 5 "$LAB/console.log")"
  took=$(seconds_since "$began")
  sleep 1
  end
}
protected_boot() {
  closed "$1"
  verdict "$1: 1,000 tries of these are after the link came up" yes "$(at_least "$since" 1000)"
  verdict "$1: no unit failed" "" "$(as_root systemctl --failed --no-legend --plain)"
  table=$(as_root state | grep -oE 'table [0-9]+')
}
keep_a_connection() {
  session stays laptop 10.77.0.1 5432
  verdict "the laptop opens a connection" open "$(answer_of stays)"
}

# members NAME: a member of the group wgfence gets root's reports, and another user does not.
members() {
  local verb
  for verb in plan audit doctor "log --summary"; do
    # shellcheck disable=SC2086 # words
    as_root wgfence $verb --format json >"$LAB/root.json" 2>"$LAB/said"
    # shellcheck disable=SC2086 # words
    as_root runuser -u member -- wgfence $verb --format json >"$LAB/member.json" 2>>"$LAB/said"
    verdict "$1: a member of the group gets root's $verb" "" \
      "$(diff <(facts "$LAB/root.json") <(facts "$LAB/member.json") | head -n 5; tail -n 3 "$LAB/said")"
  done
  as_root runuser -u stranger -- wgfence audit --format json >"$LAB/stranger.json" 2>/dev/null
  verdict "$1: another user does not get root's audit" no \
    "$(cmp -s <(facts "$LAB/root.json") <(facts "$LAB/stranger.json") && echo yes || echo no)"
  verdict "$1: another user gets no plan" 1 "$(as_root runuser -u stranger -- wgfence plan >/dev/null 2>&1; echo $?)"
}
# What a report says, without what differs between two readings: times, numbers of processes, and connections.
facts() {
  "$PYTHON" - "$1" <<'PYTHON'
import json, re, sys

text = open(sys.argv[1]).read()
document = json.loads(text) if text else {}
document.pop("connections", None)
print(re.sub(r"\d+", "N", json.dumps(document, indent=1)))
PYTHON
}

# --- as an administrator does

# The heading above the N-th block of a page.
heading() { awk -v wanted="$2" '/^## / { heading = $0 } /^```sh$/ && ++n == wanted { print heading; exit }' "$1"; }
quick_start() {
  local i status commands=0 checks=0 start
  begin
  start=$began
  for ((i = 1; i <= $(blocks "$page"); i++)); do
    block "$page" $i | sed "s/_amd64/_$architecture/" >"$LAB/block"
    said_on_page "$page" $i >"$LAB/expected"
    as_admin "set -e; $(cat "$LAB/block")" >"$LAB/said" 2>&1
    status=$?
    verdict "'$(head -n 1 "$LAB/block")' ends with" 0 "$status$([ $status = 0 ] || sed 's/^/ | /' "$LAB/said")"
    [ ! -s "$LAB/expected" ] || verdict "and prints what the page says" "" "$(missing "$LAB/expected")"
    # The numbers in the headings of the page are the commands that change something.
    if [[ $(heading "$page" $i) =~ ^##\ [0-9] ]]; then
      if grep -q '^sudo wgfence check' "$LAB/block"; then checks=$((checks + 1)); else commands=$((commands + 1)); fi
    fi
  done
  end
  last=${last/./}000
  verdict "the page has 5 commands after the installation" 5 $commands
  verdict "the service is protected within 2 minutes" yes "$(at_least 120000000 $((last - start)))"
  echo "    quick start: $commands commands after the installation, and $checks that only checks; no answer to the attacker any more" \
    "after $(seconds_since "$start" "$last") s, everything after $took s (without the time to read and to edit)"
}

enabled=/etc/systemd/system/sysinit.target
whole_story() {
  # shellcheck disable=SC2034 # for claims.sh
  suite="deb-booted $release"
  server_files
  server_up
  a_second
  opened "before the installation"
  as_root listed | sort >"$LAB/listed"

  quick_start
  a_second
  closed "after the quick start"
  verdict "the laptop reaches the service" 0 "$failures"

  reboot "reboot" systemctl reboot
  protected_boot "reboot"
  as_root useradd -G wgfence member
  as_root useradd stranger
  # Copies of the files before the change, which name the group too.
  as_root rm -f /etc/group- /etc/gshadow-
  members "reboot"
  state "reboot" "ii 1.0-1"
  keep_a_connection

  step "upgrade" apt-get install -y /packages/2.deb
  state "upgrade" "ii 1.0-2"
  unnoticed "upgrade"
  step "downgrade" apt-get install -y --allow-downgrades /packages/1.deb
  state "downgrade" "ii 1.0-1"
  unnoticed "downgrade"
  step "apt reinstall" apt reinstall -y /packages/1.deb
  state "apt reinstall" "ii 1.0-1"
  unnoticed "apt reinstall"

  step "upgrade killed while it unpacks" interrupted unpacking /packages/2.deb
  verdict "upgrade killed while it unpacks: it is half installed, and the daemon runs" "iHR1.0-1, active with /usr/sbin/wgfence, $table, equal" \
    "$(as_root state)"
  unnoticed "upgrade killed while it unpacks"
  hang_up stays
  reboot "loss of power" reboot --force --force --no-sync
  protected_boot "loss of power"
  keep_a_connection
  step "dpkg --configure -a after the loss of power" dpkg --configure -a
  step "installation again" apt-get install -y /packages/2.deb
  state "installation again" "ii 1.0-2"
  unnoticed "installation again"

  step "upgrade killed while it configures" interrupted configuring /packages/3.deb
  verdict "upgrade killed while it configures: it is not configured" "iF 1.0-3" "$(as_root state | cut -d, -f1)"
  step "dpkg --configure -a" dpkg --configure -a
  state "dpkg --configure -a" "ii 1.0-3"
  unnoticed "dpkg --configure -a"
  verdict "afterwards no file of dpkg is left" "" "$(as_root find /usr /etc -xdev -name "'*wgfence*.dpkg-*'")"

  step "remove" apt-get remove -y wgfence
  unnoticed "remove"
  verdict "remove: the settings, the policy, the state, the group and what is enabled remain" \
    "/etc/default/wgfence /etc/group names wgfence /etc/gshadow names wgfence $enabled.wants/wgfence-boot.service $enabled.wants/wgfence.service /etc/wgfence /var/lib/wgfence" \
    "$(left | grep -v -e '^/var/lib/dpkg/info/' -e '^/var/lib/systemd/deb-systemd-helper-enabled/' | paste -sd ' ')"
  hang_up stays
  reboot "reboot after the removal" systemctl reboot
  verdict "reboot after the removal: the rules are gone, and the same attacker gets through" yes "$(at_least "$through" 1000)"
  echo "    the first answer came $until_first ms after the link came up"
  as_root apt-get install -y /packages/3.deb >"$LAB/said" 2>&1
  verdict "installed again, the units that were enabled are enabled" "enabled enabled" \
    "$(as_root systemctl is-enabled wgfence.service wgfence-boot.service 2>&1 | paste -sd ' ')"
  # The session of this command may end: nothing tracked its connection.
  PATIENCE=10 as_root systemctl start wgfence-boot wgfence >/dev/null 2>&1
  a_second
  closed "installed again and started"

  step "purge" apt-get purge -y wgfence
  says "purge" "nft delete table inet wgfence"
  verdict "purge: only the policy and the group remain" "/etc/group names wgfence /etc/gshadow names wgfence /etc/wgfence" \
    "$(left | paste -sd ' ')"
  as_root nft delete table inet wgfence
  a_second
  opened "after the table was deleted"
  server_down
}

task laptop visit "$PYTHON" "$here/traffic.py" visit 10.77.0.1 5432
task internet attack "$PYTHON" "$here/traffic.py" attack vb-server 198.51.100.66,198.51.100.7 2001:db8:198::66,2001:db8:198::7 5432 22
for release in "$@"; do whole_story; done
suite=deb-booted
conclude
