#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Tests the parts that reviewers use of the built program (WGFENCE, or .build/release/wgfence): `check`, its status, and the
# shell of docs/review.md, unchanged, against a scratch git repository. The forges' APIs are recorders; nothing
# leaves this machine.
#
# Prints `ok NAME` or `not ok NAME: expected …, saw …` for each, and last `review: N passed, N failed, N skipped`.

set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
root=$PWD
program=${WGFENCE:-$root/.build/release/wgfence}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
suite=review
# shellcheck source=Tests/Review/claims.sh
. Tests/Review/claims.sh

# snippet NAME: the fenced block behind the mark of this name.
snippet() {
  awk -v mark="<!-- snippet: $1 -->" '
    $0 == mark { wanted = 1; next }
    wanted && /^```/ { if (inside) exit; inside = 1; next }
    wanted && inside { print }' docs/review.md
}

# step_of FORGE ANCHOR: the shell of a step; packaging/github-action runs the same.
step_of() { packaging/github-action/step.sh "$@"; }

# run_of NAME: the shell of a step of the action itself.
run_of() {
  awk -v anchor="- name: $1" '
    { text = $0; sub(/^ */, "", text); indent = length($0) - length(text) }
    !found { found = text == anchor; next }
    !inside { if (text == "run: |") { inside = 1; parent = indent }; next }
    text != "" && indent <= parent { exit }
    { if (!cut && text != "") cut = indent; print substr($0, cut + 1) }' packaging/github-action/action.yml
}

# has FILE TEXT: yes or no
has() { grep -qF -- "$2" "$1" && echo yes || echo no; }

mkdir "$scratch/bin" "$scratch/forge" "$scratch/shell"
ln -s "$program" "$scratch/bin/wgfence"
export PATH="$scratch/bin:$PATH" HOME="$scratch" GIT_CONFIG_NOSYSTEM=1 NO_COLOR=1
git config --global user.name reviewer
git config --global user.email reviewer@example.org
git config --global init.defaultBranch main

# --- the shell itself

step_of github '- name: Fetch' >"$scratch/shell/github-fetch"
step_of github '- name: Judge' >"$scratch/shell/github-judge"
step_of github '- name: Comment' >"$scratch/shell/github-comment"
step_of gitlab 'policy-judge:' >"$scratch/shell/gitlab-judge"
step_of gitlab 'policy-comment:' >"$scratch/shell/gitlab-comment"
step_of github '- name: Get wgfence' >"$scratch/shell/github-get"
for name in Fetch Judge Comment; do run_of $name >"$scratch/shell/action-${name,,}"; done
snippet pre-commit >"$scratch/shell/pre-commit"
for file in "$scratch"/shell/*; do
  name=$(basename "$file")
  verdict "$name is there" yes "$([ -s "$file" ] && echo yes || echo no)"
  # The action names its shell.
  verdict "$name is a shell's" 0 "$(bash -n "$file" 2>&1 && { [[ $name == action-* ]] || sh -n "$file" 2>&1; }; echo $?)"
  if command -v shellcheck >/dev/null; then
    verdict "$name satisfies shellcheck" "" "$(shellcheck -s bash -e SC2016,SC2086 "$file")"
  fi
done
verdict "no step names another's action" 0 "$(snippet github | grep -c 'uses:')"
verdict "no expression is pasted into a shell" 0 "$(cat "$scratch"/shell/* | grep -cF '${{')"

if [ ! -x "$program" ] || ! command -v jq >/dev/null; then
  echo "skip review: the rest needs jq, and the program"
  skipped=1
  conclude
  exit
fi

# --- check and schema

# status ARGUMENT…: the exit status of the program; its output is in $scratch/said.
status() {
  "$program" "$@" >"$scratch/said" 2>&1 </dev/null
  echo $?
}
# said FILTER: a value of the JSON that it printed.
said() { jq -r "$1" "$scratch/said"; }

verdict "schema prints the file" 0 "$("$program" schema | cmp - docs/policy-1.schema.json >&2; echo $?)"
for policy in rootski starter two-tunnels; do
  verdict "check --strict finds nothing in $policy" 0 "$(status check --strict "policies/$policy.yaml")"
done
untested=Tests/Golden/failing/no-tests-at-all/policy.yaml
verdict "check warns of a policy without tests" 0 "$(status check "$untested")"
verdict "in one warning" 1 "$(grep -c 'warning: .*no test' "$scratch/said")"
verdict "check --strict finds it" 2 "$(status check --strict "$untested")"
verdict "a policy without tests leaves all untouched" 2 "$(status check --strict --format json "$untested")"
verdict "as JSON" "0 0 2 0 3 warning" \
  "$(said '"\(.tests | "\(.passed) \(.failed) \(.untouched) \(.combinations.touched) \(.combinations.granted)") \(.diagnostics[0].severity)"')"
failing=Tests/Golden/failing/allow-that-no-line-grants/policy.yaml
verdict "a test that fails is a finding" 2 "$(status check "$failing")"
verdict "with what would make it pass" yes \
  "$(has "$scratch/said" "    to pass   add to 'allow': - { to: server, services: [postgres], from: laptop }")"
verdict "without colour if the output is not a terminal" 0 "$(grep -c $'\e' "$scratch/said")"
verdict "as JSON too" 2 "$(status check --format json "$failing")"
verdict "under its key" "add to 'allow': - { to: server, services: [postgres], from: laptop }" "$(said '.failures[0].fix')"
verdict "and the other keys" "true true true true true true" \
  "$(said '.failures[0] | "\(has("file")) \(has("line")) \(has("machine")) \(has("packet")) \(has("because")) \(.steps | length > 2)"')"
Tests/Bench/large-policy.py --machines 40 --services 30 --grants 60 --groups 6 --seed 3 >"$scratch/large.yaml"
verdict "a policy made by a program is valid" 0 "$(status check "$scratch/large.yaml")"
verdict "the same by the same seed" 0 \
  "$(Tests/Bench/large-policy.py --machines 40 --services 30 --grants 60 --groups 6 --seed 3 | cmp - "$scratch/large.yaml" >&2; echo $?)"

if ! "$program" --help | matches '^ *diff '; then
  echo "skip review: the rest needs the verb diff"
  skipped=1
  conclude
  exit
fi

# --- the recorders

cat >"$scratch/bin/gh" <<'GH'
#!/bin/bash
# A replacement of gh api, as far as the snippet needs it: comments are stored in $COMMENTS.
set -euo pipefail
[ "$1" = api ] && shift
method=GET query=. path=
while [ $# -gt 0 ]; do
  case $1 in
    --silent | --paginate) ;;
    --jq) query=$2; shift ;;
    -X) method=$2; shift ;;
    -F) body=${2#body=@}; shift ;;
    *) path=$1 ;;
  esac
  shift
done
echo "$method $path" >>"$COMMENTS.log"
case $method in
  GET) jq -r "$query" "$COMMENTS" ;;
  POST) jq --rawfile body "$body" '. + [{id: (length + 100), user: {login: "github-actions[bot]"}, body: $body}]' "$COMMENTS" >"$COMMENTS.new" ;;
  PATCH) jq --rawfile body "$body" --argjson id "${path##*/}" 'map(if .id == $id then .body = $body else . end)' "$COMMENTS" >"$COMMENTS.new" ;;
esac
[ "$method" = GET ] || mv "$COMMENTS.new" "$COMMENTS"
GH
cat >"$scratch/bin/curl" <<'CURL'
#!/bin/bash
# A replacement of curl with GitLab's API, as far as the snippet needs it: notes are stored in $COMMENTS.
set -euo pipefail
method=GET output=/dev/stdout url=
while [ $# -gt 0 ]; do
  case $1 in
    -fsS) ;;
    -K) grep -q '^header = "PRIVATE-TOKEN: secret-token"$' "$2"; shift ;;
    -o) output=$2; shift ;;
    -X) method=$2; shift ;;
    --data-urlencode) body=${2#body@}; shift ;;
    *) url=$1 ;;
  esac
  shift
done
echo "$method $url" >>"$COMMENTS.log"
case $method-$url in
  GET-*/user) echo '{"id": 5}' >"$output" ;;
  GET-*) cat "$COMMENTS" >"$output" ;;
  POST-*) jq --rawfile body "$body" '. + [{id: (length + 100), author: {id: 5}, body: $body}]' "$COMMENTS" >"$COMMENTS.new" ;;
  PUT-*) jq --rawfile body "$body" --argjson id "${url##*/}" 'map(if .id == $id then .body = $body else . end)' "$COMMENTS" >"$COMMENTS.new" ;;
esac
[ "$method" = GET ] || mv "$COMMENTS.new" "$COMMENTS"
CURL
chmod +x "$scratch/bin/gh" "$scratch/bin/curl"

# --- the repository, and what is proposed

git init -q --bare "$scratch/forge/team/site.git"
git clone -q "$scratch/forge/team/site.git" "$scratch/work" 2>/dev/null
cd "$scratch/work" || exit 1
mkdir -p policies/lists
cp "$root/policies/rootski.yaml" policies/site.yaml
cp "$root/policies/lists/drop.txt" policies/lists/
echo "nobody's business" >"$scratch/secret"
git add . && git commit -qm "The policy as it is" && git push -q origin main
target=$(git rev-parse main)

# propose NUMBER SED-SCRIPT: a pull request that edits the policy with it; $head is its commit.
propose() {
  git checkout -q -B "proposal-$1" "$target"
  sed -i "$2" policies/site.yaml
  git commit -qam "Proposal $1"
  git push -qf origin "HEAD:refs/pull/$1/head"
  head=$(git rev-parse HEAD)
}
propose 7 's/^encrypt:/  - { to: onprem, services: [postgres, ping], from: internet, because: "@everyone, look" }\n&/'
opens=$head
propose 8 's/\[jupyter, postgres, monitoring, portainer\]/[portainer, monitoring, postgres, jupyter]/'
reorders=$head
propose 9 's/onprem, services: \[jupyter, postgres/onprem, services: [jupyter/; /allow: \[jupyter, postgres, grafana\]/s/postgres, //'
closes=$head
git checkout -q -B proposal-10 "$target"
ln -sf "$scratch/secret" policies/lists/drop.txt
git commit -qam "Proposal 10" && git push -qf origin HEAD:refs/pull/10/head
links=$(git rev-parse HEAD)
git checkout -q main
echo "# a later line" >>policies/site.yaml
git commit -qam "The target moves on" && git push -q origin main
target=$(git rev-parse main)

# step SHELL: runs a snippet's block as the runners do; its output goes to a file.
step() { bash --noprofile --norc -eo pipefail "$scratch/shell/$1" >"$scratch/said" 2>&1 </dev/null; }

# github NUMBER HEAD, action NUMBER HEAD: a run of the workflow, or of one with the action; prints the exit status of its last
# step.
github() { workflow github "$@"; }
action() { workflow action "$@"; }
workflow() {
  local kind=$1 job=$scratch/job-$1
  shift
  export RUNNER_TEMP=$job GITHUB_ACTION_PATH=$root/packaging/github-action
  rm -rf "$job" && mkdir "$job" && cd "$job" || return
  export GITHUB_SERVER_URL="file://$scratch/forge" GITHUB_REPOSITORY=team/site GITHUB_OUTPUT="$scratch/output"
  export GH_TOKEN=secret-token NUMBER=$1 HEAD=$2 TARGET=$target POLICIES=policies/site.yaml
  : >"$GITHUB_OUTPUT"
  step "$kind-fetch" || { echo "fetch: $(cat "$scratch/said")"; return; }
  unset GH_TOKEN
  step "$kind-judge" || { echo "judge: $(cat "$scratch/said")"; return; }
  FAILED=$(sed -n 's/^failed=//p' "$GITHUB_OUTPUT")
  # The text between the report's two marks.
  REPORT=$(awk '/^report<</ { end = substr($0, 9); next } end != "" && $0 == end { exit } end != ""' "$GITHUB_OUTPUT")
  export FAILED REPORT GH_TOKEN=secret-token
  rm -rf "$job" && mkdir "$job" && cd "$job" || return
  step "$kind-comment"
  echo $?
}

# gitlab NUMBER HEAD: a run of the pipeline; prints the exit status of its last job.
gitlab() {
  local job=$scratch/job-gitlab
  rm -rf "$job" && git clone -q "$scratch/forge/team/site.git" "$job" && cd "$job" || return
  git fetch -q origin "refs/pull/$1/head" && git checkout -q --detach FETCH_HEAD
  export CI_COMMIT_SHA=$2 CI_API_V4_URL=https://gitlab.example.org/api/v4 CI_MERGE_REQUEST_PROJECT_ID=3
  export CI_MERGE_REQUEST_IID=$1 POLICIES=policies/site.yaml CI_MERGE_REQUEST_DIFF_BASE_SHA
  CI_MERGE_REQUEST_DIFF_BASE_SHA=$(git merge-base origin/main HEAD)
  step gitlab-judge || { echo "judge: $(cat "$scratch/said")"; return; }
  step gitlab-comment
  echo $?
}

body() { jq -r '.[-1].body' "$COMMENTS" >"$scratch/body"; }

for forge in github action gitlab; do
  export COMMENTS="$scratch/$forge.json" REVIEW_TOKEN=secret-token
  # Another user's comment with the same beginning must not be updated.
  jq -n '[{id: 1, user: {login: "mallory"}, author: {id: 6}, body: "<!-- wgfence: policy review --> mine"}]' >"$COMMENTS"
  verdict "$forge: a grant without a test fails" 1 "$($forge 7 "$opens")"
  body
  verdict "$forge: and is said to be open to the internet" yes "$(has "$scratch/body" 'Newly open to the internet')"
  verdict "$forge: by service and machine" yes "$(has "$scratch/body" '- postgres (5432/tcp) on onprem')"
  verdict "$forge: once, where it has no port" 1 "$(grep -cx -- '- ping on onprem' "$scratch/body")"
  verdict "$forge: what check says is quoted" yes "$(has "$scratch/body" '    policies/site.yaml:')"
  verdict "$forge: with the test that fails" yes "$(has "$scratch/body" 'test failed: internet may not reach postgres on onprem')"
  verdict "$forge: the policy's text mentions no user" no "$(has "$scratch/body" '@everyone')"
  verdict "$forge: there is one comment" 2 "$(jq length "$COMMENTS")"
  verdict "$forge: a reordering passes" 0 "$($forge 8 "$reorders")"
  body
  verdict "$forge: in the same comment" 2 "$(jq length "$COMMENTS")"
  verdict "$forge: nothing is gained or lost by it" yes "$(has "$scratch/body" 'The change does not alter who can reach what.')"
  verdict "$forge: and nothing of the one before is left" no "$(has "$scratch/body" 'Newly open')"
  verdict "$forge: lost access is reported, and passes" 0 "$($forge 9 "$closes")"
  body
  verdict "$forge: by name" yes "$(has "$scratch/body" postgres)"
  verdict "$forge: it opens nothing" no "$(has "$scratch/body" 'Newly open')"
  verdict "$forge: the other's comment is as it was" '<!-- wgfence: policy review --> mine' "$(jq -r '.[0].body' "$COMMENTS")"
done
export COMMENTS="$scratch/github.json"
verdict "github: a list that is a link out of the repository fails" 1 "$(github 10 "$links")"
body
verdict "github: and is not followed" no "$(has "$scratch/body" "nobody's business")"
export COMMENTS="$scratch/gitlab.json"
: >"$COMMENTS.log"
unset REVIEW_TOKEN
verdict "gitlab: without a token the verdict is the same" 1 "$(gitlab 7 "$opens")"
verdict "gitlab: and nothing is sent" 0 "$(wc -l <"$COMMENTS.log")"

# A target that is not valid: nothing is compared with it, which must not look like no difference.
cd "$scratch/work" || exit 1
git checkout -q main
sed -i 's/services: \[web\]/services: [wbe]/' policies/site.yaml
git commit -qam "A broken target" && git push -q origin main
target=$(git rev-parse main)
propose 11 's/services: \[wbe\]/services: [web]/'
repairs=$head
export REVIEW_TOKEN=secret-token
for forge in github action gitlab; do
  export COMMENTS="$scratch/$forge.json"
  verdict "$forge: a change that repairs a policy passes" 0 "$($forge 11 "$repairs")"
  body
  verdict "$forge: and says that nothing was compared" yes "$(has "$scratch/body" 'Who can newly reach what is not known')"
  verdict "$forge: and why" yes "$(has "$scratch/body" "unknown service 'wbe'")"
done
cd "$scratch/work" || exit 1
git checkout -q -B main "$repairs"

# --- the hooks

cd "$scratch/work" || exit 1
install -m 755 "$scratch/shell/pre-commit" .git/hooks/pre-commit
git checkout -q -B hooked main
commit() { git commit -qam "$1" >"$scratch/said" 2>&1 && echo committed || echo refused; }
sed -i 's/services: \[web\]/services: [wbe]/' policies/site.yaml
verdict "pre-commit: an invalid policy is refused" refused "$(commit broken)"
verdict "pre-commit: with its position" yes "$(has "$scratch/said" "policies/site.yaml:46:")"
git checkout -q -- .
echo "# another line" >>policies/site.yaml
verdict "pre-commit: a valid policy is committed" committed "$(commit good)"
rm policies/site.yaml
verdict "pre-commit: a removed policy is not checked" committed "$(commit gone)"
conclude
