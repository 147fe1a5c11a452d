#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The files of packaging that other programs read, as far as they can be checked without these programs: the workflow of a release,
# the bill of materials, the component for GitLab
# and the hook for pre-commit against docs/review.md, the drop-ins against systemd, the file for cloud-init, the role for Ansible
# and the test for autopkgtest by their form, and that pages and examples name files that exist. What a program checks is
# checked with it where it is installed (cloud-init, ansible-playbook, shellcheck). Quick; needs no root.
#
# Prints `ok packaging: NAME` or `not ok packaging: NAME: …` for each, and last `packaging: N passed, N failed, N skipped`.

set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
program=${WGFENCE:-$PWD/.build/release/wgfence}
python=$([ -x /usr/bin/python3 ] && echo /usr/bin/python3 || echo python3)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
suite=packaging
# shellcheck source=Tests/Review/claims.sh
. Tests/Review/claims.sh
if ! "$python" -c 'import yaml' 2>/dev/null || [ ! -x "$program" ]; then
  skip "it needs python3-yaml (scripts/setup.sh test) and the program (make build)"
  conclude
  exit
fi

# --- what reads YAML can read it

for file in .github/workflows/release.yml .pre-commit-hooks.yaml packaging/github-action/action.yml packaging/gitlab/wgfence.yml packaging/cloud-init/user-data.yaml \
  packaging/prometheus/*.yml packaging/ansible/roles/wgfence/*/*.yml; do
  verdict "$file is YAML" "" "$("$python" -c 'import sys, yaml; list(yaml.safe_load_all(open(sys.argv[1])))' "$file" 2>&1 | tail -n 1)"
done

# --- the release: each step is a shell's, and what it runs exists

"$python" - "$scratch" >"$scratch/said" 2>&1 <<'PY'
import os, re, sys, yaml
workflow = yaml.safe_load(open(".github/workflows/release.yml"))
targets = set(re.findall(r"^([a-z-]+):", open("Makefile").read(), re.M))
count = 0
for job in workflow["jobs"].values():
    for step in job["steps"]:
        if "run" not in step:
            assert re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"]), step
            continue
        assert "${{" not in step["run"], f"{step['name']}: an expression is pasted into a shell"
        for target in re.findall(r"^\s*make ([a-z-]+)", step["run"], re.M):
            assert target in targets, target
        for path in re.findall(r"scripts/[a-z.-]+", step["run"]):
            assert os.access(path, os.X_OK), path
        for path in re.findall(r"/usr/share/doc/wgfence/examples/(\S+)", step["run"]):
            assert os.path.exists(f"policies/{path}"), path
        count += 1
        open(f"{sys.argv[1]}/release-{count}.sh", "w").write("#!/bin/bash\nset -e\n" + step["run"])
needs = {name: job.get("needs") for name, job in workflow["jobs"].items()}
assert needs == {"build": None, "install": "build", "release": "install"}, needs
print(count)
PY
verdict "the steps of a release run what exists" 7 "$(tail -n 1 "$scratch/said")"
for file in "$scratch"/release-*.sh; do
  verdict "step $(basename "$file" .sh) is a shell's" "" "$(bash -n "$file" 2>&1)"
  if command -v shellcheck >/dev/null; then verdict "step $(basename "$file" .sh) satisfies shellcheck" "" "$(shellcheck -S warning "$file")"; fi
done

# --- the bill of materials names what is linked and what is loaded

if ! command -v readelf >/dev/null || ! git rev-parse HEAD >/dev/null 2>&1 || [ ! -f .build/workspace-state.json ]; then
  skip "the bill of materials needs readelf, a git repository and a build"
else
  scripts/sbom.py "$program" >"$scratch/sbom.json" 2>"$scratch/said"
  verdict "the bill of materials is written" "0 " "$? $(cat "$scratch/said")"
  verdict "the same each time" same "$(scripts/sbom.py "$program" | cmp -s - "$scratch/sbom.json" && echo same)"
  "$python" - "$scratch/sbom.json" "$program" >"$scratch/said" 2>&1 <<'PY'
import hashlib, json, subprocess, sys
document = json.load(open(sys.argv[1]))
packages = {entry["SPDXID"]: entry for entry in document["packages"]}
assert len(packages) == len(document["packages"])
names = {entry["name"] for entry in packages.values()}
assert {"wgfence", "swift-argument-parser", "swift-runtime", "libnftnl11", "libmnl0", "libyaml-0-2", "libsodium23", "libc6"} <= names, names
digest = hashlib.sha256(open(sys.argv[2], "rb").read()).hexdigest()
own = next(entry for entry in packages.values() if entry["name"] == "wgfence")
assert own["checksums"][0]["checksumValue"] == digest
assert own["versionInfo"] == subprocess.run([sys.argv[2], "--version"], capture_output=True, text=True).stdout.strip()
related = {relation["relatedSpdxElement"] for relation in document["relationships"]}
assert related == set(packages), related ^ set(packages)
print("complete")
PY
  verdict "it names the program, what is linked into it and what it loads" complete "$(tail -n 1 "$scratch/said")"
fi

# --- the component for GitLab has the jobs of docs/review.md

"$python" - >"$scratch/said" 2>&1 <<'PY'
import re, yaml
page = open("docs/review.md").read()
jobs = yaml.safe_load(re.search(r"<!-- snippet: gitlab -->\n```yaml\n(.*?)```", page, re.S).group(1))
spec, component = yaml.safe_load_all(open("packaging/gitlab/wgfence.yml"))
text = open("packaging/gitlab/wgfence.yml").read()
assert set(re.findall(r"\$\[\[ inputs\.(\w+) \]\]", text)) == set(spec["spec"]["inputs"]), "inputs"
# What the component takes from its inputs.
component[".policy"]["image"] = jobs[".policy"]["image"]
variables = component["policy-judge"]["variables"]
for name in ("WGFENCE_URL", "WGFENCE_SHA256"):
    del variables[name]
variables["POLICIES"] = jobs["policy-judge"]["variables"]["POLICIES"]
print("same" if component == jobs else "other")
PY
verdict "the component for GitLab has the jobs of docs/review.md" same "$(tail -n 1 "$scratch/said")"

# --- the action has a step for each of the page, with its environment

"$python" - >"$scratch/said" 2>&1 <<'PY'
import re, yaml
page = open("docs/review.md").read()
jobs = yaml.safe_load(re.search(r"<!-- snippet: github -->\n```yaml\n(.*?)```", page, re.S).group(1))["jobs"]
steps = {step["name"]: step for job in jobs.values() for step in job["steps"]}
action = yaml.safe_load(open("packaging/github-action/action.yml"))
mine = {step["name"]: step for step in action["runs"]["steps"]}
assert set(steps) | {"Install the package"} == set(mine), set(steps) ^ set(mine)
for name, step in steps.items():
    known = set(step["env"]) | ({"POLICIES"} if name == "Judge" else set())
    assert known == set(mine[name]["env"]), name
    assert f"github '- name: {name}'" in mine[name]["run"], name
    assert "${{" not in mine[name]["run"], f"{name}: an expression is pasted into a shell"
print("same")
PY
verdict "the action has the steps of docs/review.md" same "$(tail -n 1 "$scratch/said")"

verdict "a step that does not exist fails" 1 "$(packaging/github-action/step.sh github '- name: Nothing' | bash 2>/dev/null; echo $?)"
"$python" - >"$scratch/said" 2>&1 <<'PY'
import re, yaml
page = open("packaging/github-action/README.md").read()
inputs = set(yaml.safe_load(open("packaging/github-action/action.yml"))["inputs"])
jobs = next(yaml.safe_load(text)["jobs"] for text in re.findall(r"```yaml\n(.*?)```", page, re.S) if "github-action@" in text)
given = [set(step["with"]) for job in jobs.values() for step in job["steps"]]
assert all(names <= inputs for names in given), given
print(len(given))
PY
verdict "the example of the action has inputs that it knows" 2 "$(tail -n 1 "$scratch/said")"

# --- the hook takes the policies that it should

"$python" - >"$scratch/said" 2>&1 <<'PY'
import re, yaml
hook, = yaml.safe_load(open(".pre-commit-hooks.yaml"))
assert hook["entry"] == "wgfence check --strict" and hook["language"] == "system"
taken = [path for path in ("policy.yaml", "policies/site.yaml", "sites/policies/a.yml", "policies/lists/a.yaml", "docker.yaml") if re.search(hook["files"], path)]
print(*taken)
PY
verdict "the hook takes policies, and no other files" "policy.yaml policies/site.yaml sites/policies/a.yml" "$(tail -n 1 "$scratch/said")"
verdict "what it runs accepts a shipped policy" 0 "$(PATH=$(dirname "$program"):$PATH wgfence check --strict policies/starter.yaml >/dev/null 2>&1; echo $?)"

# --- drop-ins

units=$scratch/units
# verified FILE…: what systemd says of wgfence.service with these drop-ins.
verified() {
  rm -rf "$units"
  mkdir -p "$units/wgfence.service.d"
  cp systemd/wgfence*.service systemd/wgfence-report.socket "$units/"
  sed -i "s|/usr/sbin/wgfence|$program|" "$units"/*.service
  cp "$@" "$units/wgfence.service.d/"
  SYSTEMD_UNIT_PATH=$units: systemd-analyze verify --man=no "$units/wgfence.service" 2>&1 | paste -sd ' '
}
if command -v systemd-analyze >/dev/null; then
  for file in packaging/systemd-drop-ins/*.conf; do verdict "$file is right for systemd-analyze verify" "" "$(verified "$file")"; done
  verified packaging/systemd-drop-ins/*.conf >/dev/null
  cp "$units/wgfence-report@.service" "$units/wgfence-report@0.service"
  verdict "the report service is right for systemd-analyze verify" "" \
    "$(SYSTEMD_UNIT_PATH=$units: systemd-analyze verify --man=no "$units/wgfence-report.socket" "$units/wgfence-report@0.service" 2>&1 | paste -sd ' ')"
  printf '[Service]\nMemroyMax=1\n' >"$scratch/wrong.conf"
  verdict "control: a wrong key is found" yes "$(verified "$scratch/wrong.conf" | matches "Unknown key" && echo yes || echo no)"
else
  skip "systemd-analyze is not installed: the drop-ins are not checked"
fi
# The options in them are options of the daemon.
for option in $(grep -ho -- '--metrics[a-z-]*' packaging/systemd-drop-ins/*.conf | sort -u); do
  verdict "$option is an option of the daemon" yes "$("$program" help daemon | matches -- "^  $option " && echo yes || echo no)"
done

# --- cloud-init

"$python" - "$scratch" >"$scratch/said" 2>&1 <<'PY'
import sys, yaml
text = open("packaging/cloud-init/user-data.yaml").read()
assert text.startswith("#cloud-config\n"), "the first line"
for file in yaml.safe_load(text)["write_files"]:
    open(f"{sys.argv[1]}/{file['path'].rsplit('/', 1)[1]}", "w").write(file["content"])
print("read")
PY
verdict "cloud-init's file has its first line, and files" read "$(tail -n 1 "$scratch/said")"
verdict "its policy is valid, without a warning" 0 "$("$program" check --strict "$scratch/policy.yaml" >/dev/null 2>&1; echo $?)"
verdict "its script is a shell's" "" "$(sh -n "$scratch/first-wgfence" 2>&1)"
if command -v cloud-init >/dev/null; then
  verdict "cloud-init accepts it" 0 "$(cloud-init schema --config-file packaging/cloud-init/user-data.yaml >/dev/null 2>&1; echo $?)"
else
  skip "cloud-init is not installed: its schema was not compared"
fi

# --- Ansible, autopkgtest

if command -v ansible-playbook >/dev/null; then
  printf -- '- hosts: all\n  roles: [wgfence]\n' >"$scratch/site.yml"
  verdict "ansible-playbook --syntax-check accepts the role" 0 \
    "$(HOME=$scratch ANSIBLE_ROLES_PATH=packaging/ansible/roles ansible-playbook -i localhost, "$scratch/site.yml" --syntax-check >/dev/null 2>&1; echo $?)"
else
  skip "ansible-playbook is not installed: only the form of the role was checked (make ansible-proof runs it)"
fi
"$python" - >"$scratch/said" 2>&1 <<'PY'
import re, yaml
role = "packaging/ansible/roles/wgfence"
tasks = "".join(open(f"{role}/tasks/{name}.yml").read() for name in ("main", "policy"))
options = yaml.safe_load(open(f"{role}/meta/argument_specs.yml"))["argument_specs"]["main"]["options"]
defaults = yaml.safe_load(open(f"{role}/defaults/main.yml"))
used = {name for name in re.findall(r"\bwgfence_\w+", tasks) if not name.startswith("wgfence_role_")}
assert used == set(options), used ^ set(options)
assert {name: option["default"] for name, option in options.items() if "default" in option} == defaults
print("same")
PY
verdict "the role's variables are those of its defaults and its specification" same "$(tail -n 1 "$scratch/said")"
for file in packaging/deb/tests/smoke packaging/github-action/step.sh; do
  verdict "$file is a shell's" "" "$(sh -n "$file" 2>&1)"
  if command -v shellcheck >/dev/null; then verdict "$file satisfies shellcheck" "" "$(shellcheck -S warning "$file")"; fi
done
verdict "autopkgtest's tests exist" smoke "$(sed -n 's/^Tests: //p' packaging/deb/tests/control | tr ' ' '\n' | while read -r name; do [ -x "packaging/deb/tests/$name" ] && echo "$name"; done | paste -sd ' ')"

# --- pages name files that exist

for page in docs/install.md docs/review.md docs/metrics.md docs/editor.md docs/json.md packaging/github-action/README.md; do
  missing=$(grep -o ']([^)#:]*[)#]' "$page" | sed 's/^](//; s/[)#]$//' | grep . | while read -r path; do
    [ -e "$(dirname "$page")/$path" ] || echo "$path"; done | paste -sd ' ')
  verdict "$page links to files that exist" "" "$missing"
done
"$python" - >"$scratch/said" 2>&1 <<'PY'
import json, re
page = open("docs/editor.md").read()
settings = json.loads(re.search(r"```json\n(.*?)```", page, re.S).group(1))
assert list(settings["yaml.schemas"]) == ["./policy-1.schema.json"]
print("read")
PY
verdict "the settings for an editor are JSON" read "$(tail -n 1 "$scratch/said")"
# shellcheck disable=SC2016 # the words of the language server
{ echo '# yaml-language-server: $schema=policy-1.schema.json'; cat policies/starter.yaml; } >"$scratch/marked.yaml"
verdict "a policy that names the schema is valid" 0 "$("$program" check --strict "$scratch/marked.yaml" >/dev/null 2>&1; echo $?)"

conclude
