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
  if [ -e "$tree/etc/debian_version" ] && [ "$(cat "$tree.packages" 2>/dev/null)" = "$*" ]; then return 0; fi
  rm -rf "$tree" "$tree.part"
  mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -1)
  mmdebstrap --quiet --variant=minbase --aptopt='Acquire::Languages "none"' --include="$(IFS=,; echo "$*")" \
    "${DEBIAN_RELEASE:-$(. /etc/os-release; echo "$VERSION_CODENAME")}" "$tree.part" "$mirror"
  mv "$tree.part" "$tree"
  echo "$*" >"$tree.packages"
}

# debian_kernels NAME [PACKAGE…]: downloads and unpacks these kernels, without a package Debian's 6.1 and 6.12 for the cloud; sets
# `kernels`. Needs its network.
# shellcheck disable=SC2154 # $work is the caller's
debian_kernels() {
  local name=$1 package
  shift
  kernels=()
  if [ $# -eq 0 ]; then
    set -- "$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends: linux-image/ { print $2; exit }')" \
      "$(apt-cache depends linux-image-6.12-cloud-amd64 2>/dev/null | awk '/Depends: linux-image/ { print $2; exit }')"
  fi
  mkdir -p "$work/deb"
  for package in "$@"; do
    if [ -z "$package" ]; then
      echo "skip a kernel: the package sources of this machine do not have it"
      continue
    fi
    if ! ls "$work/deb/${package}"_*.deb >/dev/null 2>&1; then (cd "$work/deb" && apt-get download -q "$package"); fi
    [ -d "$work/kernel-$package" ] || dpkg-deb -x "$work/deb/${package}"_*.deb "$work/kernel-$package"
    kernels+=("$package")
  done
  [ ${#kernels[@]} -gt 0 ] || { echo "$name: no kernel to boot: name a package" >&2; exit 1; }
}

# kernel_modules PACKAGE TREE PART…: the modules of a kernel in these folders and files of it, in a guest's files.
kernel_modules() {
  local package=$1 tree=$2 version part
  shift 2
  version=$(basename "$work/kernel-$package"/lib/modules/*)
  for part in "$@"; do
    part=lib/modules/$version/kernel/$part
    [ -e "$work/kernel-$package/$part" ] || continue
    mkdir -p "$tree/$(dirname "$part")"
    cp -a "$work/kernel-$package/$part" "$tree/$part"
  done
  cp "$work/kernel-$package/lib/modules/$version"/modules.{builtin,order} "$tree/lib/modules/$version/"
  chroot "$tree" /sbin/depmod "$version"
}

# guest_needs NAME: ends the script if it cannot run guests here; installs what they need.
# shellcheck disable=SC2154 # $program and $work are the caller's
guest_needs() {
  [ "$(id -u)" = 0 ] || { echo "$1: it needs root" >&2; exit 1; }
  [ -x "$program" ] || { echo "$1: $program is missing: run 'make build'" >&2; exit 1; }
  install_missing "$1" mmdebstrap:mmdebstrap qemu-system-x86_64:qemu-system-x86 cpio:cpio zstd:zstd
  mkdir -p "$work"
}

# guest_folder NAME: a folder for the files of a run, $out. It is removed when the script ends, and a guest with the process $machine
# is ended, also on signals.
guest_folder() {
  out=$(mktemp -d "$work/run-$1.XXXXXX")
  machine=
  trap finish_guest EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  trap 'exit 129' HUP
}
finish_guest() {
  if [ -n "$machine" ]; then kill "$machine" 2>/dev/null || true; fi
  rm -rf "$out"
}

# small_guest TREE COPY: a copy of a guest's files, without what no test reads.
small_guest() {
  rm -rf "$2"
  cp -a "$1" "$2"
  rm -rf "$2"/usr/share/{doc,man,locale,info,zoneinfo,bash-completion,lintian} "$2"/var/{lib/apt/lists,cache/apt}/* \
    "$2/usr/lib/x86_64-linux-gnu/gconv" "${2:?}"/dev/*
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

# package_again PACKAGE VERSION FILE: the same package with another version.
package_again() {
  rm -rf "$LAB/again"
  dpkg-deb -R "$1" "$LAB/again"
  sed -i "s/^Version: .*/Version: $2/" "$LAB/again/DEBIAN/control"
  dpkg-deb --root-owner-group -Zgzip -z1 --build "$LAB/again" "$3" >/dev/null || die "no package of version $2"
}

# open_guest FOLDER: the files of a guest at $tree; close_guest forgets what was changed in them.
open_guest() {
  tree=$LAB/tree
  mkdir -p "$LAB/changes" "$tree"
  mount -t tmpfs -o mode=755 tmpfs "$LAB/changes" || die "no tmpfs"
  mkdir "$LAB/changes/upper" "$LAB/changes/work"
  mount -t overlay -o "lowerdir=$1,upperdir=$LAB/changes/upper,workdir=$LAB/changes/work" overlay "$tree" ||
    die "this kernel does not mount an overlay"
}
close_guest() { umount -l "$tree" "$LAB/changes"; }

# The command that boots a guest as a system container, until it is switched off; options of systemd-nspawn follow. In control
# groups of its own: those that systemd-nspawn makes are below it, and go with the lab.
# shellcheck disable=SC2016,SC2034 # words for the inner shell; the callers use it
BOOT=(bash -c '
  for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
    [ -e "$hierarchy/cgroup.procs" ] || continue
    mkdir -p "$hierarchy/$LAB_CGROUP" && echo 0 >"$hierarchy/$LAB_CGROUP/cgroup.procs" || exit 1
  done
  exec systemd-nspawn "$@"' _
  --quiet --register=no --keep-unit --private-network --kill-signal=SIGKILL --console=pipe --boot)

# reported KEY: the lines of the guest's report that begin with it.
reported() { sed -n "s/^$1 //p" "$LAB/report.txt"; }

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
