#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Installs what building, the demo and the tests need, as Debian packages. Quick when everything is there.
# Starts no server: PostgreSQL is only run by the lab, in a namespace.
#
# `setup.sh build` installs only what building needs, which is enough for tests without a network namespace.
#
# `setup.sh lint` installs what `make lint` runs, and nothing else: shellcheck, mandoc, lintian and python3-jsonschema.
#
# `setup.sh test` also unpacks programs that only the tests run: Docker, podman, libvirt, ufw, firewalld, busybox and nmap, below
# .build. They are not installed: none of them starts at boot, and a Docker of this host is not changed. It installs Chromium,
# python3-jsonschema and python3-yaml.

set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "setup: $*"; }
die() { say "$*" >&2; exit 1; }

build="pkg-config libnftnl-dev libmnl-dev libyaml-dev libsodium-dev"
lab="openssh-client rsync curl openssl nftables iptables iproute2 wireguard-go wireguard-tools tcpdump conntrack iputils-ping python3 util-linux git jq"

command -v swift >/dev/null ||
  die "Swift 6.2 or later is needed and is not in PATH: see https://www.swift.org/install/linux/"

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  die "this is not Debian; install by hand: $build $lab postgresql"
fi
case "${1:-}" in
  build) lab= ;;
  lint) build=; lab="shellcheck mandoc lintian python3-jsonschema" ;;
esac

missing=()
# shellcheck disable=SC2086 # lists of words
installed=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' $build $lab 2>/dev/null || true)
for package in $build $lab; do
  grep -qx "$package installed" <<<"$installed" || missing+=("$package")
done
[ "${1:-}" = build ] || [ "${1:-}" = lint ] || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql)

# unpack FOLDER PACKAGE…: downloads packages, and lays their files out below FOLDER.
unpack() {
  local folder=$1 part deb
  shift
  part=$folder.$$
  mkdir -p "$part/packages"
  # apt's own user cannot write into this folder, and need not.
  if ! (cd "$part/packages" && apt-get -qq -o APT::Sandbox::User=root download "$@" >/dev/null); then
    rm -rf "$part"
    return 1
  fi
  for deb in "$part"/packages/*.deb; do dpkg-deb -x "$deb" "$part" || return 1; done
  rm -rf "$part/packages"
  mv -T "$part" "$folder"
}

neighbours() {
  local folder=.build/neighbours packages="docker.io containerd runc libdevmapper1.02.1 libseccomp2 ufw busybox-static
    nmap nmap-common liblua5.3-0 libpcap0.8 libssh2-1 liblinear4 libblas3 libpcre3 lua-lpeg
    firewalld python3-firewall python3-gi gir1.2-glib-2.0 libgirepository-1.0-1 python3-nftables libnftables1
    python3-cap-ng libcap-ng0 python3-dbus dbus-daemon
    podman conmon crun netavark aardvark-dns golang-github-containers-common libgpgme11 libassuan0 libsubid4 libyajl2
    libvirt-daemon libvirt-clients libvirt0 dnsmasq-base libidn2-0 libnettle8 libssh-4 libapparmor1 libaudit1
    libcurl3-gnutls libdbus-1-3 libglib2.0-0 libnl-3-200 libnuma1 libparted2 libpciaccess0 libsasl2-2 libtirpc3 libxml2"
  # The stored list shows whether the unpacked files are current.
  # shellcheck disable=SC2086,SC2116 # one line of words
  packages=$(echo $packages)
  [ "$(cat $folder/packages 2>/dev/null)" != "$packages" ] || return 0
  say "unpacking Docker, podman, libvirt, ufw, firewalld, busybox and nmap below $folder, for the tests (about 110 MB, not installed)"
  mkdir -p .build
  rm -rf $folder
  # shellcheck disable=SC2086 # a list of words
  if unpack $folder $packages || { [ "$(id -u)" = 0 ] && apt-get -qq update && unpack $folder $packages; }; then
    echo "$packages" >$folder/packages
    return
  fi
  say "not available: the tests beside Docker, podman, libvirt and ufw, and by nmap, will be skipped" >&2
}

apt_install() { DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@" >/dev/null; }

# The tests load the page of an audit in a real browser.
browser() {
  ! command -v chromium >/dev/null || return 0
  if [ "$(id -u)" != 0 ]; then
    say "chromium is missing, and only root can install it: the page's test will be skipped" >&2
    return 0
  fi
  say "apt-get install chromium, for the page's test (about 120 MB)"
  apt_install chromium || { apt-get -qq update && apt_install chromium; } ||
    say "not to be had: the page's test will be skipped" >&2
}

# The tests compare JSON and YAML with their schemas: small packages, and no program.
validators() {
  local packages="python3-jsonschema python3-yaml"
  # shellcheck disable=SC2086 # a list of words
  [ "$(dpkg-query -W -f='${db:Status-Status}\n' $packages 2>/dev/null | grep -cx installed)" != 2 ] || return 0
  if [ "$(id -u)" != 0 ]; then
    say "$packages are missing, and only root can install them: the tests of the schemas will be skipped" >&2
    return 0
  fi
  say "apt-get install $packages, for the tests of the schemas"
  # shellcheck disable=SC2086 # a list of words
  apt_install $packages || { apt-get -qq update && apt_install $packages; } ||
    say "not to be had: the tests of the schemas will be skipped" >&2
}

finish() {
  if [ "${1:-}" = test ]; then neighbours; validators; browser; fi
  exit 0
}

if [ ${#missing[@]} -eq 0 ]; then
  finish "$@"
fi

if [ "${1:-}" = lint ] && [ "$(id -u)" != 0 ]; then
  say "missing, and only root can install them: ${missing[*]} (sudo scripts/setup.sh lint). Their checks will be skipped" >&2
  exit 0
fi
[ "$(id -u)" = 0 ] || die "missing: ${missing[*]}. Run: sudo make setup"

known() { [ -n "$(apt-cache show "$1" 2>/dev/null | head -1)" ]; }

for package in "${missing[@]}"; do
  if ! known "$package"; then
    say "apt-get update, for $package"
    apt-get -qq update
    break
  fi
done
# The versioned package leaves out what the metapackage adds; other releases have other versions.
if [[ " ${missing[*]} " == *" postgresql "* ]] && known postgresql-15; then
  missing=("${missing[@]/#postgresql/postgresql-15}")
fi

# invoke-rc.d asks policy-rc.d before it starts anything; 101 is "not allowed".
if [ ! -e /usr/sbin/policy-rc.d ]; then
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
  chmod 755 /usr/sbin/policy-rc.d
fi

say "apt-get install ${missing[*]}"
if ! apt_install "${missing[@]}"; then
  say "apt-get update, and once more"
  apt-get -qq update
  apt_install "${missing[@]}"
fi
if [[ " ${missing[*]} " == *" postgresql"* ]]; then
  say "PostgreSQL was installed and not started; it would start at boot: systemctl disable postgresql"
fi
finish "$@"
