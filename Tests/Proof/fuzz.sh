#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Gives random inputs to every part of the program that reads bytes from outside, with libFuzzer with the address sanitizer.
#
#   Tests/Proof/fuzz.sh SECONDS [TARGET…]      each target for so many seconds
#   Tests/Proof/fuzz.sh inputs COUNT [TARGET…] COUNT inputs in all, split over the targets by their cost
#
# Two targets run at a time. The corpus of a target is stored below .build-fuzz/corpus; the first inputs are in Tests/Corpus,
# policies and Tests/Golden. Three million inputs took 40 minutes on two busy cores. An input that crashes, hangs (10 s) or takes 1 GiB of memory is stored below .build-fuzz/found,
# and the status is 1. To reproduce it: .build-fuzz/release/wgfence-fuzz TARGET FILE

set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
swift=${SWIFT:-swift}
folder=.build-fuzz
program=$folder/release/wgfence-fuzz

usage() { echo "usage: Tests/Proof/fuzz.sh SECONDS [TARGET…] | inputs COUNT [TARGET…]" >&2; exit 64; }

# The share of a target in about 1,300 inputs: cheap targets get more. YAML and policies take 20 to 100 times as long as the rest.
declare -A share=(
  [yaml]=70 [policy]=25 [list]=60 [nftables]=20 [expressions]=90 [conntrack]=90 [links]=70 [sockets]=80
  [wireguard-kernel]=65 [wireguard-socket]=75 [packet-log]=95 [state]=20 [control]=40 [docker]=60 [metrics]=80 [legacy]=60
  [statement]=60 [trust]=60 [ratchet]=60 [signature]=60 [bundle]=40
)
# The longest input, in bytes: large enough for the parts of a real one.
declare -A longest=([nftables]=8192 [state]=8192 [policy]=4096 [yaml]=4096 [expressions]=512 [list]=2048 [legacy]=2048
  [trust]=2048 [ratchet]=2048 [signature]=1024 [bundle]=4096)

by=seconds
if [ "${1:-}" = inputs ]; then
  by=inputs
  shift
fi
amount=${1:-}
[[ "$amount" =~ ^[1-9][0-9]*$ ]] || usage
shift

# "fuzz: skip" is a skip that says why, and the caller counts it.
resources=$(dirname "$(dirname "$(readlink -f "$(command -v "$swift")")")")
if ! compgen -G "$resources/lib/clang/*/lib/*/libclang_rt.fuzzer*" >/dev/null; then
  echo "fuzz: skip: this Swift toolchain ($swift) has no libFuzzer"
  exit 0
fi

mkdir -p $folder
WGFENCE_FUZZ=1 "$swift" build -c release --scratch-path $folder --product wgfence-fuzz >$folder/build.log 2>&1 || {
  tail -20 $folder/build.log >&2
  echo "fuzz: the program could not be built" >&2
  exit 1
}
# The crash handler of Swift can hang for minutes.
export SWIFT_BACKTRACE=enable=no

mapfile -t targets < <("$program" targets)
[ $# -eq 0 ] || targets=("$@")
total=0
for target in "${targets[@]}"; do
  [ -n "${share[$target]:-}" ] || { echo "fuzz: there is no target $target" >&2; exit 64; }
  total=$((total + share[$target]))
done
mkdir -p $folder/corpus $folder/found $folder/logs

# fuzz TARGET: runs it, and leaves its status in a file.
fuzz() {
  local target=$1 limit seeds=()
  mkdir -p "$folder/corpus/$target"
  [ ! -d "Tests/Corpus/$target" ] || seeds+=("Tests/Corpus/$target")
  case $target in yaml | policy) seeds+=(policies Tests/Golden/accepted Tests/Golden/rejected Tests/Golden/warned) ;; esac
  if [ $by = seconds ]; then
    limit=(-max_total_time="$amount")
  else
    # One hour is the limit, even on a slow machine.
    limit=(-runs=$((amount * share[$target] / total + 1)) -max_total_time=3600)
  fi
  "$program" "$target" "$folder/corpus/$target" "${seeds[@]}" "${limit[@]}" -max_len="${longest[$target]:-1024}" \
    -timeout=10 -rss_limit_mb=1024 -artifact_prefix="$folder/found/$target-" -print_final_stats=1 \
    >"$folder/logs/$target" 2>&1
  echo $? >"$folder/logs/$target.status"
}

rm -f $folder/logs/*.status
for target in "${targets[@]}"; do
  while [ "$(jobs -rp | wc -l)" -ge 2 ]; do wait -n; done
  fuzz "$target" &
done
wait

inputs=0
failed=0
for target in "${targets[@]}"; do
  log=$folder/logs/$target
  count=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  # After a crash there is no final count of inputs: the last line with a number is used.
  [ -n "$count" ] || count=$(sed -n 's/^#\([0-9]*\)\t.*/\1/p' "$log" | tail -1)
  inputs=$((inputs + ${count:-0}))
  if [ "$(cat "$log.status" 2>/dev/null)" = 0 ]; then
    printf 'fuzz: ok %-17s %9d inputs\n' "$target" "${count:-0}"
  else
    failed=$((failed + 1))
    found=$(sed -n 's/.*Test unit written to //p' "$log" | tail -1)
    printf 'fuzz: FAILED %-13s %9d inputs: %s (%s)\n' "$target" "${count:-0}" "${found:-no input was stored}" "$log"
  fi
done
echo "fuzz: $inputs inputs to ${#targets[@]} targets, $failed failed"
[ $failed -eq 0 ]
