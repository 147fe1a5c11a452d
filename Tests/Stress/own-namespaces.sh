# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Sourced by scripts that change a kernel's rules at their own pace: puts them into namespaces of their own.

# enter_own_namespaces ARGUMENT…: starts the calling script again as process 1 of its own network, mount and process namespaces, and
# returns only there, with $program, $state (a folder that goes with the script) and $python set.
enter_own_namespaces() {
  if [ -z "${OUTER_NAMESPACE:-}" ]; then
    [ "$(id -u)" = 0 ] || { echo "${0##*/}: it needs root" >&2; exit 1; }
    OUTER_NAMESPACE=$(readlink /proc/self/ns/net)
    export OUTER_NAMESPACE
    exec unshare -n -m -p --fork --kill-child --mount-proc "$0" "$@"
  fi
  if [ $$ -ne 1 ] || [ "$(readlink /proc/self/ns/net)" = "$OUTER_NAMESPACE" ]; then
    echo "${0##*/}: this is not a namespace of its own" >&2
    exit 1
  fi
  program=$(realpath "${WGFENCE:-$(dirname "${BASH_SOURCE[0]}")/../../.build/release/wgfence}")
  [ -x "$program" ] || { echo "${0##*/}: $program is missing: run 'make build'" >&2; exit 1; }
  mount -t tmpfs none /run
  mkdir -p /run/netns /run/wireguard /run/docker /run/containerd
  state=$(mktemp -d)
  trap 'umount -l "$state/state" 2>/dev/null || true; rm -rf "$state"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  ip link set lo up
  # shellcheck disable=SC2034 # for the caller
  python=$([ -x /usr/bin/python3 ] && echo /usr/bin/python3 || echo python3)
  export PYTHONDONTWRITEBYTECODE=1
}
