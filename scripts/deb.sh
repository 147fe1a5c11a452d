#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# deb.sh FOLDER: makes a binary Debian package of the program that `make build` made, in FOLDER, and prints its path. The same
# program and the same commit give the same bytes. Installs nothing, downloads nothing, and needs no root.
#
# If `make symbols` wrote the debug symbols of this program, it makes the package wgfence-dbgsym of them too, and says so on
# standard error. SYMBOLS names another folder than .build/symbols.
#
# WGFENCE names another program than .build/release/wgfence. DEB_VERSION is the version of the package: without it, that of
# the program, with the commit and its date if the commit has not the tag of that version. SOURCE_DATE_EPOCH is the time of all
# files: without it, that of the commit. DEBFULLNAME and DEBEMAIL are the maintainer.

set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C.UTF-8 TZ=UTC
umask 022

die() { echo "deb: $*" >&2; exit 1; }

[ $# = 1 ] || die "usage: deb.sh FOLDER"
folder=$1
program=${WGFENCE:-.build/release/wgfence}
[ -x "$program" ] || die "$program is missing: run 'make build' first"
for tool in dpkg-deb:dpkg dpkg-shlibdeps:dpkg-dev python3:python3 gzip:gzip xz:xz-utils; do
  command -v "${tool%:*}" >/dev/null || die "${tool%:*} is missing: apt-get install ${tool#*:}"
done

commit=$(git rev-parse --short=7 HEAD 2>/dev/null) || commit=
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$([ -z "$commit" ] || git log -1 --format=%ct)}
[ -n "$SOURCE_DATE_EPOCH" ] || die "this is no git repository: set SOURCE_DATE_EPOCH"
export SOURCE_DATE_EPOCH
upstream=$("$program" --version)
version=${DEB_VERSION:-}
if [ -z "$version" ]; then
  version=$upstream-1
  tagged=$(git rev-parse -q --verify "v$upstream^{commit}" 2>/dev/null) || tagged=
  if [ -n "$commit" ] && [ "$tagged" != "$(git rev-parse HEAD)" ]; then
    # A commit before the release is older than it; one after it is newer.
    version=$upstream${tagged:++}
    [ -n "$tagged" ] || version+='~'
    version+=git$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y%m%d.%H%M).$commit-1
  fi
fi
dpkg --validate-version "$version" || die "DEB_VERSION is not a version of a Debian package: $version"
architecture=$(dpkg --print-architecture)
maintainer="${DEBFULLNAME:-wgfence maintainers} <${DEBEMAIL:-packages@wgfence.invalid}>"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
doc=$root/usr/share/doc/wgfence
mkdir "$root"

# --- the files

WGFENCE=$program DESTDIR=$root PREFIX=/usr scripts/install.sh install >"$work/install.log" || die "$(cat "$work/install.log")"
gzip -9n "$root"/usr/share/man/man*/*

mkdir -p "$doc/docs/schemas" "$doc/examples"
cp -r policies/. "$doc/examples/"
cp docs/grafana-board.json packaging/prometheus/wgfence.rules.yml "$doc/examples/"
cp packaging/deb/copyright "$doc/"
# Where the package has the example policies.
sed 's|](policies/|](examples/|g; s|\[policies/|[examples/|g' README.md >"$doc/README.md"
cp -r docs/*.md docs/guides docs/schemas docs/policy-1.schema.json "$doc/docs/"
cp CHANGELOG.md "$doc/changelog"
cat >"$doc/changelog.Debian" <<END
wgfence ($version) unstable; urgency=medium

  * Package of wgfence $upstream${commit:+, commit $commit}. changelog.gz says what changed.

 -- $maintainer  $(date -u -R -d "@$SOURCE_DATE_EPOCH")
END
# Debian's policy: everything but short texts is compressed.
gzip -9n "$doc/changelog" "$doc/changelog.Debian"
find "$doc/README.md" "$doc/docs" -type f -size +4k -exec gzip -9n {} +
install -D -m 644 packaging/deb/lintian-overrides "$root/usr/share/lintian/overrides/wgfence"

# --- what dpkg reads

mkdir "$root/DEBIAN" "$work/debian"
printf 'Source: wgfence\n\nPackage: wgfence\nArchitecture: any\n' >"$work/debian/control"
depends=$(cd "$work" && dpkg-shlibdeps -O "root/usr/sbin/wgfence" 2>"$work/shlibdeps.log") || die "$(cat "$work/shlibdeps.log")"
depends=${depends#shlibs:Depends=}
[ -n "$depends" ] || die "dpkg-shlibdeps names no library"

install -m 755 packaging/deb/postinst packaging/deb/prerm packaging/deb/postrm "$root/DEBIAN/"
echo /etc/default/wgfence >"$root/DEBIAN/conffiles"
(cd "$root" && find . -type f ! -path './DEBIAN/*' ! -path './etc/*' -printf '%P\0' | sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
# As dpkg-gencontrol counts: each file in whole KiB, everything else 1 KiB.
size=$(cd "$root" && find . -mindepth 1 ! -path './DEBIAN*' -printf '%y %s\n' |
  awk '{ sum += $1 == "f" ? int(($2 + 1023) / 1024) : 1 } END { print sum }')
cat >"$root/DEBIAN/control" <<END
Package: wgfence
Version: $version
Architecture: $architecture
Maintainer: $maintainer
Installed-Size: $size
Depends: $depends
Recommends: systemd
Suggests: git, nftables, wireguard-tools
Section: net
Priority: optional
Description: host firewall for machines that are joined by WireGuard
 wgfence compiles one reviewed YAML file into nftables rules for each machine
 of a site and loads them over netlink. What the policy does not allow does
 not get through. For every packet wgfence can say which line decides, and it
 proves for all packets that the rules do what the policy says.
 .
 A daemon keeps the kernel equal to the policy file. At boot the last proven
 ruleset is loaded before the network is up. Installing the package starts
 nothing and loads no rule.
END

# --- packing

# pack FOLDER NAME: prints the path of the package.
pack() {
  local package=$folder/$2_${version}_$architecture.deb
  chmod -R u=rwX,go=rX "$1"
  find "$1" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
  dpkg-deb --root-owner-group --threads-max=1 -Zxz -z6 --build "$1" "$work/package.deb" >/dev/null
  mv "$work/package.deb" "$package"
  echo "$package"
}
mkdir -p "$folder"

# --- the package of debug symbols

id=$(readelf -n "$program" 2>/dev/null | sed -n 's/^ *Build ID: \([0-9a-f]*\)$/\1/p') || id=
symbols=${SYMBOLS:-.build/symbols}/${id:0:2}/${id:2}.debug
if [ -n "$id" ] && [ -f "$symbols" ]; then
  debug=$work/debug
  name=usr/lib/debug/.build-id/${id:0:2}/${id:2}.debug
  mkdir -p "$debug/DEBIAN" "$debug/usr/share/doc"
  install -D -m 644 "$symbols" "$debug/$name"
  ln -s wgfence "$debug/usr/share/doc/wgfence-dbgsym"
  (cd "$debug" && md5sum "$name") >"$debug/DEBIAN/md5sums"
  cat >"$debug/DEBIAN/control" <<END
Package: wgfence-dbgsym
Source: wgfence
Version: $version
Auto-Built-Package: debug-symbols
Architecture: $architecture
Maintainer: $maintainer
Installed-Size: $(($(stat -c %s "$symbols") / 1024 + 8))
Depends: wgfence (= $version)
Section: debug
Priority: optional
Description: debug symbols for wgfence
Build-Ids: $id
END
  echo "deb: $(pack "$debug" wgfence-dbgsym)" >&2
else
  echo "deb: without the package of debug symbols, which 'make symbols' has not written" >&2
fi

# --- the package

pack "$root" wgfence
