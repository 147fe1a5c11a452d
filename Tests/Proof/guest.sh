# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A Debian guest with wgfence and its units. Sourced by the scripts that boot one; they set $program and $work.

# install_missing NAME PROGRAM:PACKAGE…: installs the packages of programs that are not there.
install_missing() {
  local name=$1 tool missing=()
  shift
  for tool in "$@"; do
    command -v "${tool%%:*}" >/dev/null || missing+=("${tool##*:}")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    echo "$name: installing ${missing[*]}"
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null
  fi
}

# debian_guest TREE PACKAGE…: a Debian of this machine's release, or of DEBIAN_RELEASE; needs its network.
debian_guest() {
  local tree=$1 mirror
  shift
  if [ -e "$tree/etc/debian_version" ]; then return 0; fi
  rm -rf "$tree" "$tree.part"
  mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -1)
  mmdebstrap --quiet --variant=minbase --aptopt='Acquire::Languages "none"' --include="$(IFS=,; echo "$*")" \
    "${DEBIAN_RELEASE:-$(. /etc/os-release; echo "$VERSION_CODENAME")}" "$tree.part" "$mirror"
  mv "$tree.part" "$tree"
}

# wgfence_guest TREE: the program, its units and a policy, with a ruleset that was proven before.
# shellcheck disable=SC2154 # $program and $here are the caller's
wgfence_guest() {
  local root=$1 unit
  local units=$root/etc/systemd/system
  mkdir -p "$units"/{sysinit,multi-user}.target.wants "$root"/etc/{wgfence,sysusers.d,tmpfiles.d,sysctl.d,modules-load.d} "$root/usr/sbin"
  echo guest >"$root/etc/hostname"
  : >"$root/etc/fstab"
  : >"$root/etc/machine-id"
  install -m 755 "$program" "$root/usr/sbin/wgfence"
  cp "$here"/../../systemd/*.service "$units/"
  cp "$here/../../systemd/wgfence.sysusers" "$root/etc/sysusers.d/wgfence.conf"
  cp "$here/../../systemd/wgfence.tmpfiles" "$root/etc/tmpfiles.d/wgfence.conf"
  cp "$here/../../systemd/wgfence.sysctl" "$root/etc/sysctl.d/wgfence.conf"
  cp "$here/../../systemd/wgfence.modules" "$root/etc/modules-load.d/wgfence.conf"
  grep -q '^wgfence:' "$root/etc/group" || echo 'wgfence:x:990:' >>"$root/etc/group"
  for unit in wgfence-boot wgfence; do ln -sf "../$unit.service" "$units/sysinit.target.wants/"; done
  cat >"$root/etc/wgfence/policy.yaml" <<'YAML'
version: 1
tunnels:
  wg0: { prefixes: [10.13.13.0/24], listen: 51820 }
machines:
  guest: { addresses: { wg0: 10.13.13.50 } }
  laptop: { addresses: { wg0: 10.13.13.3 } }
allow:
  - { to: guest, services: [postgres], from: laptop }
failsafe:
  - { to: guest, services: [22/tcp], from: [203.0.113.0/24] }
YAML
  rm -rf "$root/var/lib/wgfence"
  # The ruleset of an apply before the reboot, made in a temporary namespace.
  mkdir -p "$root/proc"
  unshare -n -m sh -c "mount -t proc none '$root/proc' && exec chroot '$root' /usr/sbin/wgfence apply /etc/wgfence/policy.yaml --machine guest --state-dir /var/lib/wgfence --force" >/dev/null
}

# 1 after a claim that did not hold: the exit status of the scripts.
failed=0
# verdict NAME EXPECTED SEEN
verdict() {
  if [ "$2" = "$3" ]; then
    echo "ok $1"
  else
    echo "not ok $1: expected $2, saw $3"
    # shellcheck disable=SC2034
    failed=1
  fi
}
