#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Makes the Debian package twice and compares the bytes; checks its files, what it depends on, its size and its manual pages;
# then installs, upgrades, removes and purges it in Debian 12 and 13: first without a service manager, then in a system container
# with one, where the daemon runs meanwhile and the table of the rules must never be gone, and where the test of packaging/deb/tests
# (autopkgtest) runs. Last `make install` and `make uninstall`.
#
# Each part prints `ok NAME` or `not ok NAME: …`, and the script ends with status 1 when one failed. The guests are stored below
# .build/deb-proof. Root; it runs in namespaces of its own and touches nothing of this host.

here=$(cd "$(dirname "$0")" && pwd)
. "$here/../Lab/lib.sh"
. "$here/guest.sh"
work=$ROOT/.build/deb-proof
program=$WGFENCE
RELEASES="bookworm trixie"

if [ $$ -ne 1 ]; then
  [ "$(id -u)" = 0 ] || die "it needs root"
  [ -x "$program" ] || die "$program is missing: run 'make build'"
  install_missing deb-proof mmdebstrap:mmdebstrap systemd-nspawn:systemd-container lintian:lintian mandoc:mandoc \
    dpkg-shlibdeps:dpkg-dev || die "mmdebstrap, systemd-nspawn, lintian or mandoc cannot be installed"
  mkdir -p "$work"
  for release in $RELEASES; do
    echo "deb-proof: the guest with Debian $release"
    DEBIAN_RELEASE=$release debian_guest "$work/$release" systemd systemd-sysv udev kmod nftables iproute2 procps util-linux \
      libnftnl11 libmnl0 libyaml-0-2 libsodium23 || die "the guest cannot be made"
  done
fi
enter_lab "$@"

# --- the package

cd "$ROOT" || exit 1
packages=$LAB/packages
mkdir -p "$packages"
export WGFENCE=$program DEB_VERSION=1.0-1
first=$(scripts/deb.sh "$LAB/once" 2>"$LAB/deb.log") || die "the package cannot be made: $(cat "$LAB/deb.log")"
sleep 1
second=$(umask 077; scripts/deb.sh "$LAB/twice" 2>"$LAB/deb.log") || die "the package cannot be made again: $(cat "$LAB/deb.log")"
verdict "two packages have the same bytes" "$(sha256sum <"$first")" "$(sha256sum <"$second")"

field() { dpkg-deb -f "$first" "$1"; }
verdict "it depends on nothing but the libraries" "libc6 libgcc-s1 libmnl0 libnftnl11 libsodium23 libyaml-0-2" \
  "$(field Depends | tr ',' '\n' | awk '{ print $1 }' | sort | paste -sd ' ')"
size=$(field Installed-Size)
verdict "its installed size is below 25 MB" yes "$([ $((size * 1024)) -lt 25000000 ] && echo yes || echo "$size KiB")"
echo "    $(stat -c %s "$first") bytes, installed $size KiB; $(field Depends)"

# pages_below [VERB…]: the manual pages of the verbs below this one.
pages_below() {
  local verb
  for verb in $("$program" "$@" --help | awk '/^SUBCOMMANDS/ { on = 1 } on && /^  [a-z]/ && $1 != "See" { print $1 }'); do
    echo "/usr/share/man/man8/wgfence-$(printf '%s-' "$@")$verb.8.gz" | sed 's/wgfence--/wgfence-/'
    pages_below "$@" "$verb"
  done
}

# The list of files, without the folders. A page for each verb, and the pages of docs/ and docs/guides/, follow from these.
expected() {
  local verb page
  cat <<'FILES'
/etc/default/wgfence
/usr/lib/modules-load.d/wgfence.conf
/usr/lib/sysctl.d/60-wgfence.conf
/usr/lib/systemd/system/wgfence-boot.service
/usr/lib/systemd/system/wgfence-report.socket
/usr/lib/systemd/system/wgfence-report@.service
/usr/lib/systemd/system/wgfence.service
/usr/lib/sysusers.d/wgfence.conf
/usr/lib/tmpfiles.d/wgfence.conf
/usr/sbin/wgfence
/usr/share/bash-completion/completions/wgfence
/usr/share/doc/wgfence/README.md.gz
/usr/share/doc/wgfence/changelog.Debian.gz
/usr/share/doc/wgfence/changelog.gz
/usr/share/doc/wgfence/copyright
/usr/share/doc/wgfence/docs/policy-1.schema.json.gz
/usr/share/doc/wgfence/examples/grafana-board.json
/usr/share/doc/wgfence/examples/wgfence.rules.yml
/usr/share/fish/vendor_completions.d/wgfence.fish
/usr/share/lintian/overrides/wgfence
/usr/share/man/man5/wgfence-policy.5.gz
/usr/share/man/man8/wgfence.8.gz
/usr/share/zsh/vendor-completions/_wgfence
FILES
  (cd policies && find . -type f -printf '/usr/share/doc/wgfence/examples/%P\n')
  pages_below
  for page in docs/*.md docs/guides/*.md docs/schemas/*.json; do
    if [ "$(stat -c %s "$page")" -gt 4096 ]; then page=$page.gz; fi
    echo "/usr/share/doc/wgfence/$page"
  done
}
contents=$(dpkg-deb -c "$first")
verdict "its files" "" "$(diff <(expected | LC_ALL=C sort) <(awk '$1 ~ /^-/ { print substr($6, 2) }' <<<"$contents" | LC_ALL=C sort) | grep '^[<>]' | paste -sd ' ')"
verdict "and a link for verbs that need no root" "/usr/bin/wgfence -> ../sbin/wgfence" \
  "$(awk '$1 ~ /^l/ { print substr($6, 2), $7, $8 }' <<<"$contents")"
verdict "all of them belong to root" root/root "$(awk '{ print $2 }' <<<"$contents" | sort -u | paste -sd ' ')"
verdict "nobody but root may write them" "-rw-r--r-- -rwxr-xr-x drwxr-xr-x" "$(awk '$1 !~ /^l/ { print $1 }' <<<"$contents" | sort -u | paste -sd ' ')"
dpkg-deb -x "$first" "$LAB/files"
verdict "one program" /usr/sbin/wgfence "$(cd "$LAB/files" && find . -type f -perm /111 -printf '/%P\n' | paste -sd ' ')"
verdict "the verbs that the program itself starts are hidden" "" \
  "$(grep -rlE 'guard-trial|answer-report' "$LAB"/files/usr/share/man | paste -sd ' ')"
gunzip "$LAB"/files/usr/share/man/man*/*.gz
verdict "mandoc -Tlint finds nothing in the manual pages" "" "$(mandoc -Tlint -W warning "$LAB"/files/usr/share/man/man*/* 2>&1 | head -n 5)"
verdict "bash reads the completion" "" "$(bash -n "$LAB/files/usr/share/bash-completion/completions/wgfence" 2>&1)"
verdict "lintian finds nothing" "" "$(timeout 300 lintian --allow-root --fail-on error,warning "$first" 2>&1)"

# --- the debug symbols

symbols=$(find "$LAB/once" -name 'wgfence-dbgsym_*.deb')
if [ -n "$symbols" ]; then
  verdict "two packages of debug symbols have the same bytes" "$(sha256sum <"$symbols")" "$(sha256sum <"$LAB/twice/${symbols##*/}")"
  id=$(readelf -n "$program" | sed -n 's/^ *Build ID: //p')
  file=/usr/lib/debug/.build-id/${id:0:2}/${id:2}.debug
  verdict "it has one file, named after the program's build ID" "$file" \
    "$(dpkg-deb -c "$symbols" | awk '$1 ~ /^-/ { print substr($6, 2) }' | paste -sd ' ')"
  verdict "it is of this version of the package" "wgfence (= 1.0-1)" "$(dpkg-deb -f "$symbols" Depends)"
  dpkg-deb -x "$symbols" "$LAB/symbols"
  verdict "the file has that build ID" "$id" "$(readelf -n "$LAB/symbols$file" | sed -n 's/^ *Build ID: //p')"
  verdict "the program has no symbols" 0 "$(readelf -SW "$program" | grep -cE ' \.(symtab|debug_info) ')"
  # The place of the entry: a line of this repository.
  entry=$(nm "$LAB/symbols$file" | awk '$3 == "wgfence_main" { print $1 }')
  verdict "it says where a function is written" Program.swift \
    "$(addr2line -e "$LAB/symbols$file" "0x${entry:-0}" 2>/dev/null | sed 's|.*/||; s|[:?].*||')"
  verdict "lintian finds nothing in it" "" "$(timeout 300 lintian --allow-root --fail-on error,warning "$symbols" 2>&1)"
else
  echo "    the debug symbols are not checked: make symbols has not written those of this program"
fi

# As sudo would run it: without Swift.
made() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin WGFENCE="$program" make -s "$1" DESTDIR="$LAB/made" >"$LAB/made.log" 2>&1; echo $?; }
verdict "make install without Swift" 0 "$(made install)"
verdict "it installs what the package has" "" "$(diff <(cd "$LAB/made" && find . -type f | sort) \
  <(cd "$LAB/files" && find . -type f ! -path './usr/share/doc/*' ! -path './usr/share/lintian/*' | sed 's/\.gz$//' | sort) | head -n 5)"
cp -a "$LAB/made" "$LAB/kept"
verdict "make uninstall" 0 "$(made uninstall)"
verdict "it removes every file" "" "$(find "$LAB/made" -type f)"
made install >/dev/null
echo '# changed' >>"$LAB/made/etc/default/wgfence"
made uninstall >/dev/null
verdict "it keeps settings that were changed" "$LAB/made/etc/default/wgfence" "$(find "$LAB/made" -type f)"
verdict "without a program it says what to do" 1 \
  "$(WGFENCE=/missing make -s install DESTDIR="$LAB/made" 2>&1 | grep -c "run 'make build' first")"

# Later versions: the same files.
cp "$first" "$packages/1.deb"
for n in 2 3 4 5; do package_again "$first" "1.0-$n" "$packages/$n.deb"; done

# --- the guest

bare_guest() {
  open_guest "$work/$release"
  mkdir "$tree/packages"
  cp "$packages"/*.deb "$tree/packages/"
  echo guest >"$tree/etc/hostname"
  : >"$tree/etc/fstab"
  : >"$tree/etc/machine-id"
}

# What both guests run. `say KEY` writes each line of its input with the key in front.
cat >"$LAB/words" <<'SH'
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive PATH=/usr/local/sbin:/usr/sbin:/usr/local/bin:/usr/bin:/sbin:/bin
say() { sed "s/^/$1 /"; }
# step NAME COMMAND…: its exit status, and its words.
step() {
  name=$1
  shift
  # In Debian 13 dpkg starts this unit for every package with sysctl settings, here too often for its limit.
  [ ! -d /run/systemd/system ] || systemctl reset-failed systemd-sysctl.service 2>/dev/null
  timeout 120 "$@" >/tmp/step 2>&1 </dev/null
  echo $? | say "$name-status"
  say "$name-said" </tmp/step
}
# there PATH…: those that exist.
there() { for path in "$@"; do if [ -e "$path" ] || [ -L "$path" ]; then echo "$path"; fi; done | paste -sd ' '; }
links() { (cd /etc/systemd/system && find . -name '*wgfence*' -printf '%P\n' | sort | paste -sd ' '); }
state() { dpkg-query -W -f '${db:Status-Abbrev}${Version}\n' wgfence 2>/dev/null || echo unknown; }
SH
# expect GUEST, with lines `KEY EXPECTED` on standard input; NONE is nothing.
expect() {
  local guest=$1 key want
  while read -r key want; do
    if [ "$want" = NONE ]; then want=; fi
    verdict "$guest: $key" "$want" "$(reported "$key" | paste -sd ' ')"
  done
}
# says GUEST STEP TEXT
says() { verdict "$1: $2 says: $3" yes "$(if reported "$2-said" | matches -F -- "$3"; then echo yes; else reported "$2-said"; fi)"; }

# --- without a service manager

cat >"$LAB/steps-without" <<'SH'
. /words
mount -t proc proc /proc
step install dpkg -i /packages/1.deb
state | say install
step version wgfence --version
step verify dpkg -V wgfence
getent group wgfence | cut -d: -f1 | say group
links | say links
there /etc/wgfence /var/lib/wgfence | say made
wgfence check /usr/share/doc/wgfence/examples/starter.yaml >/dev/null
echo $? | say example
step upgrade dpkg -i /packages/2.deb
state | say upgrade
step remove dpkg -r wgfence
state | say remove
there /usr/sbin/wgfence /etc/default/wgfence /usr/lib/systemd/system/wgfence.service | say removed
step purge dpkg -P wgfence
state | say purge
there /etc/default/wgfence /var/lib/wgfence /etc/wgfence | say purged
find / -xdev -name '*wgfence*' ! -path '/proc/*' ! -path '/tmp/*' | sort | paste -sd ' ' | say rest
groupdel wgfence
mv /usr/bin/systemd-sysusers /tmp/
step plain dpkg -i /packages/1.deb
getent group wgfence | cut -d: -f1 | say plain-group
echo END
SH

without_systemd() {
  local guest="$release without systemd"
  bare_guest
  cp "$LAB/words" "$tree/"
  cp "$LAB/steps-without" "$tree/steps"
  timeout -s KILL 300 unshare -n -m -p --fork --kill-child chroot "$tree" sh /steps >"$LAB/report.txt" 2>&1
  close_guest
  verdict "$guest: all steps" 1 "$(grep -cx END "$LAB/report.txt")"
  expect "$guest" <<EXPECTED
install-status 0
install ii 1.0-1
version-status 0
version-said $("$program" --version)
verify-status 0
verify-said NONE
group wgfence
links NONE
made NONE
example 0
upgrade-status 0
upgrade ii 1.0-2
remove-status 0
remove rc 1.0-2
removed /etc/default/wgfence
purge-status 0
purge unknown
purged NONE
rest NONE
plain-status 0
plain-group wgfence
EXPECTED
  says "$guest" install "nothing was started"
  says "$guest" purge "/var/lib/wgfence was removed"
}

# --- in a system container

cat >"$LAB/steps-with" <<'SH'
. /words
daemon() { systemctl is-active wgfence.service | say "$1"; }
table() { nft -j list tables | sed -n 's/.*"name": "wgfence", "handle": \([0-9]*\).*/\1/p'; }
pid() { systemctl show -p MainPID --value wgfence.service; }
same() { if [ "$1" = "$2" ]; then echo same; else echo "other: $1, $2"; fi; }
# While a step runs: is the table there at every moment, with its rules?
watch() {
  while [ ! -e /tmp/enough ]; do
    nft list chain inet wgfence ingress >/dev/null 2>&1 || echo gone
    echo looked
  done >/tmp/watched
}
watched() {
  name=$1
  rm -f /tmp/enough
  watch &
  watcher=$!
  step "$@"
  : >/tmp/enough
  wait $watcher
  grep -c gone /tmp/watched | say "$name-gone"
  if [ "$(grep -c looked /tmp/watched)" -gt 10 ]; then echo yes; else echo no; fi | say "$name-watched"
}

step install apt-get install -y /packages/1.deb
state | say install
daemon install-daemon
systemctl is-enabled wgfence.service wgfence-boot.service 2>&1 | paste -sd ' ' | say install-enabled
echo "[$(table)]" | say install-table
stat -c '%a %U %G' /run/wgfence | say install-run
there /etc/wgfence /var/lib/wgfence | say install-made
step smoke /source/packaging/deb/tests/smoke
step mixed /source/scripts/install.sh uninstall
step quiet dpkg -i /packages/2.deb
daemon quiet-daemon

install -d /etc/wgfence
cat >/etc/wgfence/policy.yaml <<'YAML'
version: 1
tunnels:
  wg0: { prefixes: [10.13.13.0/24], listen: 51820 }
machines:
  server: { addresses: { wg0: 10.13.13.50 } }
  laptop: { addresses: { wg0: 10.13.13.3 } }
allow:
  - { to: server, services: [postgres], from: laptop }
failsafe:
  - { to: server, services: [22/tcp], from: [203.0.113.0/24] }
YAML
# The machine is not called as the host is: the daemon needs its options for that.
echo 'WGFENCE_DAEMON_OPTIONS="--machine server --metrics unix:/run/wgfence/metrics.sock"' >>/etc/default/wgfence
step apply wgfence apply --host --machine server --force
step enable systemctl enable --now wgfence-boot wgfence
daemon running
tr '\0' ' ' <"/proc/$(pid)/cmdline" | sed 's/ $/\n/' | say command
there /run/wgfence/metrics.sock | say metrics
wgfence status | grep -c '^kernel *equal' | say equal

# Another folder of state.
cp /etc/default/wgfence /tmp/settings
echo 'WGFENCE_STATE_DIR=/srv/wgfence' >>/etc/default/wgfence
install -d -m 700 /srv/wgfence /etc/systemd/system/wgfence.service.d
printf '[Service]\nReadWritePaths=/srv/wgfence\n' >/etc/systemd/system/wgfence.service.d/state.conf
systemctl daemon-reload
systemctl restart wgfence.service wgfence-boot.service
systemctl is-active wgfence.service wgfence-boot.service | paste -sd ' ' | say folder
there /srv/wgfence/boot /srv/wgfence/lock | say folder-files
cp /tmp/settings /etc/default/wgfence
rm -r /etc/systemd/system/wgfence.service.d
systemctl daemon-reload
systemctl restart wgfence.service
handle=$(table)
if [ -n "$handle" ]; then echo yes; fi | say handle
process=$(pid)

watched upgrade dpkg -i /packages/3.deb
state | say upgrade
daemon upgrade-daemon
same "$handle" "$(table)" | say upgrade-table
if [ "$process" != "$(pid)" ]; then echo yes; fi | say upgrade-again
grep -c '^WGFENCE_DAEMON_OPTIONS' /etc/default/wgfence | say upgrade-settings
wgfence status | grep -c '^kernel *equal' | say upgrade-equal

# A daemon that cannot start with the new package.
echo 'WGFENCE_DAEMON_OPTIONS="--unknown"' >>/etc/default/wgfence
watched broken dpkg -i /packages/4.deb
state | say broken
daemon broken-daemon
same "$handle" "$(table)" | say broken-table
sed -i '/--unknown/d' /etc/default/wgfence
systemctl reset-failed wgfence.service

# One that was stopped stays so.
systemctl start wgfence.service
systemctl stop wgfence.service
watched stopped dpkg -i /packages/5.deb
daemon stopped-daemon
same "$handle" "$(table)" | say stopped-table
systemctl start wgfence.service

watched remove apt-get remove -y wgfence
state | say remove
daemon remove-daemon
same "$handle" "$(table)" | say remove-table
there /usr/sbin/wgfence /usr/lib/systemd/system/wgfence.service /etc/default/wgfence /etc/wgfence/policy.yaml /var/lib/wgfence/boot | say removed

step return dpkg -i /packages/5.deb
daemon return-daemon
systemctl is-enabled wgfence.service wgfence-boot.service 2>&1 | paste -sd ' ' | say return-enabled
systemctl start wgfence-boot wgfence
daemon return-started

# The boot unit replaced the table, in one transaction.
handle=$(table)
watched purge apt-get purge -y wgfence
state | say purge
same "$handle" "$(table)" | say purge-table
there /usr/sbin/wgfence /etc/default/wgfence /var/lib/wgfence /run/wgfence /etc/wgfence/policy.yaml | say purged
links | say links
getent group wgfence | cut -d: -f1 | say group
step advice nft delete table inet wgfence

# What `make install` installed, and `make uninstall`.
cp -a /made/. /
systemctl daemon-reload
systemctl enable --now wgfence-boot 2>/dev/null
step used /source/scripts/install.sh uninstall
there /usr/sbin/wgfence | say used-left
systemctl disable --now wgfence-boot 2>/dev/null
step uninstall /source/scripts/install.sh uninstall
find /usr /etc -xdev -name '*wgfence*' | sort | paste -sd ' ' | say uninstall-left

# A package over what `make install` installed; then the way out that docs/install.md describes.
cp -a /made/. /
step over apt-get install -y /packages/5.deb
dpkg -V wgfence | say over-verify
wgfence apply --host --machine server --force >/dev/null 2>&1
echo 'WGFENCE_DAEMON_OPTIONS="--machine server"' >>/etc/default/wgfence
systemctl enable --now wgfence-boot wgfence 2>/dev/null
daemon over-daemon
systemctl disable --now wgfence wgfence-boot 2>/dev/null
step unload wgfence unload --host --yes
echo "[$(table)]" | say unload-table
step last apt-get purge -y wgfence
systemctl --failed --no-legend --plain | say failed
echo END
SH

with_systemd() {
  local guest="$release with systemd"
  bare_guest
  cp "$LAB/words" "$tree/"
  cp "$LAB/steps-with" "$tree/steps"
  cp -a "$LAB/kept" "$tree/made"
  mkdir -p "$tree/source/packaging/deb"
  cp -a scripts systemd "$tree/source/"
  cp -a packaging/deb/tests "$tree/source/packaging/deb/"
  printf '[Unit]\nAfter=multi-user.target\n[Service]\nType=oneshot\nExecStart=/bin/sh -c "sh /steps >/report.txt 2>&1; systemctl poweroff --force --force"\n' \
    >"$tree/etc/systemd/system/steps.service"
  mkdir -p "$tree/etc/systemd/system/multi-user.target.wants"
  ln -sf ../steps.service "$tree/etc/systemd/system/multi-user.target.wants/"
  timeout -s KILL 400 "${BOOT[@]}" --directory="$tree" >"$LAB/console.log" 2>&1 </dev/null
  forget_cgroups
  cp "$tree/report.txt" "$LAB/report.txt" 2>/dev/null || tail -n 5 "$LAB/console.log" >"$LAB/report.txt"
  close_guest
  verdict "$guest: all steps" 1 "$(grep -cx END "$LAB/report.txt")"
  expect "$guest" <<'EXPECTED'
install-status 0
install ii 1.0-1
install-daemon inactive
install-enabled disabled disabled
install-table []
install-run 750 root wgfence
install-made NONE
smoke-status 0
quiet-status 0
quiet-daemon inactive
apply-status 0
enable-status 0
running active
command /usr/sbin/wgfence daemon /etc/wgfence/policy.yaml --host --machine server --metrics unix:/run/wgfence/metrics.sock
metrics /run/wgfence/metrics.sock
equal 1
folder active active
folder-files /srv/wgfence/boot /srv/wgfence/lock
handle yes
upgrade-status 0
upgrade-watched yes
upgrade-gone 0
upgrade ii 1.0-3
upgrade-daemon active
upgrade-table same
upgrade-again yes
upgrade-settings 1
upgrade-equal 1
broken-status 0
broken-watched yes
broken-gone 0
broken ii 1.0-4
broken-daemon failed
broken-table same
stopped-status 0
stopped-watched yes
stopped-gone 0
stopped-daemon inactive
stopped-table same
remove-status 0
remove-watched yes
remove-gone 0
remove rc 1.0-5
remove-daemon inactive
remove-table same
removed /etc/default/wgfence /etc/wgfence/policy.yaml /var/lib/wgfence/boot
return-status 0
return-daemon inactive
return-enabled enabled enabled
return-started active
purge-status 0
purge-watched yes
purge-gone 0
purge unknown
purge-table same
purged /etc/wgfence/policy.yaml
links NONE
group wgfence
advice-status 0
mixed-status 1
used-status 1
used-left /usr/sbin/wgfence
uninstall-status 0
uninstall-left /etc/wgfence
over-status 0
over-verify NONE
over-daemon active
unload-status 0
unload-table []
last-status 0
failed NONE
EXPECTED
  says "$guest" install "nothing was started"
  says "$guest" mixed "belongs to the Debian package"
  says "$guest" used "systemctl disable --now wgfence wgfence-boot"
  says "$guest" broken "The rules stay loaded"
  says "$guest" remove "nft delete table inet wgfence"
  says "$guest" purge "/etc/wgfence is the administrator's, and was kept"
  if [ $failed -ne 0 ]; then cat "$LAB/report.txt"; fi
}

for release in $RELEASES; do
  without_systemd
  with_systemd
done
exit $failed
