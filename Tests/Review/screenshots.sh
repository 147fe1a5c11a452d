#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# screenshots.sh [FOLDER]: makes FOLDER/VERB-COLUMNS.png (docs/images) of what plan, audit and doctor print on a terminal with 80
# and with 120 columns, on the host of the quick start with two more services; and docs/audit-page.png (with a FOLDER, in it) of the
# page of the audit there, before the policy is in force. Needs root, /dev/net/tun and chromium. The figures are for people: look at
# them, and commit them with the change of the output.

# shellcheck source=Tests/Lab/lib.sh
. "$(dirname "$0")/../Lab/lib.sh"
# shellcheck source=Tests/Review/guide-host.sh
. "$(dirname "$0")/guide-host.sh"

folder=$(realpath "${1:-$ROOT/docs/images}")
page=$ROOT/docs/audit-page.png
if [ -n "${1:-}" ]; then page=$folder/audit-page.png; fi
[ "$(id -u)" = 0 ] && [ -c /dev/net/tun ] && [ -x "$WGFENCE" ] || die "it needs root, /dev/net/tun and the program (make build)"
command -v chromium >/dev/null || die "it needs chromium: make setup, scripts/setup.sh test"
enter_lab "$@"

site 2>/dev/null
serve server services --tcp 5432,22,3000,9100
stand_ins
touch "$LAB/wgfence_0.1.0_amd64.deb"
# run COMMANDS: in an SSH session of the administrator.
run() {
  echo "$1" >"$LAB/block"
  on_server "$LAB/block" || [ "$?" = "${2:-0}" ] || die "$1: $(cat "$LAB/said")"
}
cd "$LAB" || exit 1
run "sudo apt-get install ./wgfence_0.1.0_amd64.deb; mkdir -p /etc/wgfence; wgfence init --output /etc/wgfence/policy.yaml"
for columns in 80 120; do
  run "COLUMNS=$columns wgfence plan --color always" 2
  cp "$LAB/said" "$LAB/plan-$columns"
done
# A container behind a published port, as Docker has it, for the page alone.
new_nodes shop
ip -n server link add docker0 type bridge
cable server vethshop shop eth0
ip -n server link set vethshop master docker0
ip -n server link set docker0 up
address server docker0 172.17.0.1/16
address shop eth0 172.17.0.2/16
ip -n shop route add default via 172.17.0.1
forwarding server
serve shop web --tcp 80
node server nft -f - <<'NFT'
table ip nat {
	chain prerouting {
		type nat hook prerouting priority dstnat; policy accept;
		tcp dport 8080 dnat to 172.17.0.2:80
	}
}
NFT
run "wgfence audit --format html >$LAB/audit.html" 2
node server nft delete table ip nat
end_task shop web
ip -n server link del docker0
ip -n server link del vethshop
run "wgfence apply --host --force"
for columns in 80 120; do
  for verb in audit doctor; do
    run "COLUMNS=$columns wgfence $verb --color always" 2
    cp "$LAB/said" "$LAB/$verb-$columns"
  done
done

# shot WIDTH,HEIGHT FILE PICTURE
shot() {
  timeout 60 chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$LAB/browser" \
    --window-size="$1" --screenshot="$3" "file://$2" >"$LAB/chromium" 2>&1 </dev/null ||
    die "chromium: $(tail -n 3 "$LAB/chromium")"
  echo "$3"
}

mkdir -p "$folder"
shot 1280,1980 "$LAB/audit.html" "$page"
for file in "$LAB"/{plan,audit,doctor}-{80,120}; do
  size=$("$PYTHON" - "$file" "wgfence $(basename "${file%-*}")" "${file##*-}" <<'PYTHON'
import html
import re
import sys

path, command, columns = sys.argv[1:]
COLOURS = {"31;1": "#ff7b72", "32;1": "#7ee787", "35;1": "#d2a8ff", "32": "#7ee787", "33": "#e3b341", "34": "#79c0ff", "36": "#76e3ea"}
text = open(path, encoding="utf-8").read()
# The terminal breaks lines that are too long for it.
plain = re.sub("\x1b\\[[0-9;]*m", "", text).split("\n")
text = html.escape(text)
text = re.sub("\x1b\\[0m", "</span>", text)
text = re.sub("\x1b\\[([0-9;]+)m", lambda match: '<span style="font-weight:bold">' if match[1] == "1" else
              f'<span style="color:{COLOURS[match[1]]}">', text)
with open(path + ".html", "w", encoding="utf-8") as page:
    page.write('<!doctype html><meta charset="utf-8"><body style="margin:0;background:#0d1117;color:#e6edf3">'
               f'<pre style="margin:16px;white-space:pre-wrap;overflow-wrap:anywhere;width:{int(columns) + 1}ch;font:14px/19px Liberation Mono,DejaVu Sans Mono,monospace">'
               f'<b>$ {command}</b>\n{text}</pre>')
print(f"{int(columns) * 8.41 + 44:.0f},{(sum(-(-max(len(line), 1) // int(columns)) for line in plain) + 2) * 19 + 32}")
PYTHON
  ) || exit 1
  shot "$size" "$file.html" "$folder/$(basename "$file").png"
done
