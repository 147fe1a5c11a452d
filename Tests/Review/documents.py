# SPDX-License-Identifier: GPL-3.0-or-later
"""The comparisons of Tests/Review/json.sh.

outputs SCHEMAS FOLDER   each file of FOLDER/NAME against SCHEMAS/NAME.schema.json; which keys occurred; controls
metrics SCRAPE RULES BOARD PAGE
                         the metrics that the alert rules, the dashboard and the page name, against those that are served
policies                 the policies of this repository against the schema of the language
scrape SOCKET            prints what the daemon serves on a unix socket
engine SOCKET ID         answers as a container engine that has one container

The comparisons print a line for each claim, and last `counted PASSED FAILED`.
"""

import copy
import datetime
import glob
import json
import os
import re
import socket
import sys

counts = {"ok": 0, "not ok": 0}


def verdict(name, problem=""):
    word = "not ok" if problem else "ok"
    counts[word] += 1
    print(f"{word} json: {name}" + (f": {problem}" if problem else ""))


# Keys that need what a lab in namespaces does not have. Each has the reason why no output of the test has a value of it.
NOT_SEEN = {
    "apply /undetermined/[]/allowed_by": "the test's connection arrives on no known interface, so no rule is walked",
    "apply /undetermined/[]/refused_by": "the test's connection arrives on no known interface, so no rule is walked",
    "plan /undetermined/[]/allowed_by": "the test's connection arrives on no known interface, so no rule is walked",
    "plan /undetermined/[]/refused_by": "the test's connection arrives on no known interface, so no rule is walked",
    "check /proofs/[]/counter_examples/[]/*": "a counter-example is an error of wgfence",
    "import /gained/[]/*": "a policy that opens more is an error of wgfence",
    "init /impact/[]/*": "the first policy of the test's host keeps what works",
    "suggest /lines/[]/evidence/[]/no_allow": "a line is only suggested for packets that it would let in",
}


def documents(path):
    """The objects of a file: one, or one on each line."""
    text = open(path, encoding="utf-8").read()
    try:
        return [json.loads(text)]
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]


def resolved(schema, root):
    while "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


def keys(schema, root, path=""):
    """The keys of a schema, each as the path to it."""
    schema = resolved(schema, root)
    for name, part in schema.get("properties", {}).items():
        yield f"{path}/{name}"
        yield from keys(part, root, f"{path}/{name}")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from keys(schema["additionalProperties"], root, f"{path}/*")
    if "items" in schema:
        yield from keys(schema["items"], root, f"{path}/[]")


def occurring(value, schema, root, path=""):
    """The keys of a document that have a value other than null."""
    schema = resolved(schema, root)
    if isinstance(value, dict):
        for name, part in value.items():
            known = schema.get("properties", {}).get(name)
            if known is not None:
                if part is not None:
                    yield f"{path}/{name}"
                yield from occurring(part, known, root, f"{path}/{name}")
            elif isinstance(schema.get("additionalProperties"), dict):
                yield from occurring(part, schema["additionalProperties"], root, f"{path}/*")
    elif isinstance(value, list):
        for part in value:
            yield from occurring(part, schema.get("items", {}), root, f"{path}/[]")


def without_description(schema, path=""):
    """Keys without a description. A `$ref` has that of what it names."""
    for name, part in schema.get("properties", {}).items():
        if "$ref" not in part and not part.get("description"):
            yield f"{path}/{name}"
        yield from without_description(part, f"{path}/{name}")
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            yield from without_description(schema[name], f"{path}/[]")
    for name, part in schema.get("$defs", {}).items():
        yield from without_description(part, f"{path}/$defs/{name}")


def open_objects(schema, path=""):
    """Objects in which a key that is not described would not be noticed."""
    if "properties" in schema and schema.get("additionalProperties") is not False and path.count("oneOf") == 0:
        yield path or "/"
    for name, part in schema.items():
        if isinstance(part, dict) and name not in ("properties", "$defs"):
            yield from open_objects(part, f"{path}/{name}")
        elif isinstance(part, dict):
            for inner, schema_of in part.items():
                yield from open_objects(schema_of, f"{path}/{inner}")


def mutations(document, schema, root):
    """Documents that must not be valid: with another key in an object, without a key, with another type."""
    def places(value, schema, path):
        schema = resolved(schema, root)
        if isinstance(value, dict) and "properties" in schema:
            yield path, schema
            for name, part in value.items():
                yield from places(part, schema["properties"].get(name, {}), path + [name])
        elif isinstance(value, list):
            for index, part in enumerate(value[:1]):
                yield from places(part, schema.get("items", {}), path + [index])

    def at(document, path):
        for step in path:
            document = document[step]
        return document

    for path, part in places(document, schema, []):
        changed = copy.deepcopy(document)
        at(changed, path)["undocumented"] = 1
        yield changed
        for name in part.get("required", []):
            changed = copy.deepcopy(document)
            del at(changed, path)[name]
            yield changed
            changed = copy.deepcopy(document)
            at(changed, path)[name] = {"another": "type"}
            yield changed


def shortened(value):
    """With the first element of each array only: a document of the same form, in which there is less to change."""
    if isinstance(value, dict):
        return {name: shortened(part) for name, part in value.items()}
    return [shortened(part) for part in value[:1]] if isinstance(value, list) else value


def is_time(text):
    """RFC 3339 in UTC."""
    if not isinstance(text, str):
        return True
    datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return text.endswith("Z") and "T" in text


def fenced(path, language):
    """The fenced blocks of a page in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", open(path, encoding="utf-8").read(), re.M | re.S)


def outputs(schemas, folder):
    import jsonschema

    checker = jsonschema.FormatChecker(formats=())
    checker.checks("date-time", raises=ValueError)(is_time)
    names = sorted(os.path.basename(path)[: -len(".schema.json")] for path in glob.glob(f"{schemas}/*.schema.json"))
    verdict("each schema has outputs, and each output a schema",
            " ".join(sorted(set(names) ^ set(os.listdir(folder)))))
    page = open("docs/json.md", encoding="utf-8").read()
    tried = 0
    for name in names:
        root = json.load(open(f"{schemas}/{name}.schema.json", encoding="utf-8"))
        jsonschema.Draft202012Validator.check_schema(root)
        validator = jsonschema.Draft202012Validator(root, format_checker=checker)
        said = root["properties"]["schema"]["const"]
        verdict(f"{name}: the page names the schema", "" if said in page and f"schemas/{name}.schema.json" in page else "it does not")
        verdict(f"{name}: every key has a description, and none is left open",
                " ".join([*without_description(root), *open_objects(root)]))
        problems, seen, number = [], set(), 0
        for path in sorted(glob.glob(f"{folder}/{name}/*")):
            for document in documents(path):
                number += 1
                errors = list(validator.iter_errors(document))
                for error in errors[:3]:
                    where = "/".join(map(str, error.absolute_path))
                    problems.append(f"{os.path.basename(path)} /{where}: {error.message[:200]}")
                seen.update(occurring(document, root, root))
                if not errors and number <= 4:
                    for changed in mutations(shortened(document), root, root):
                        tried += 1
                        if validator.is_valid(changed):
                            problems.append(f"a changed document is valid, too: {json.dumps(changed)[:200]}")
                            break
        verdict(f"{name}: {number} documents are valid", "; ".join(problems[:5]))
        missing = sorted(set(keys(root, root)) - seen)
        allowed = {key.split(" ", 1)[1] for key in NOT_SEEN if key.startswith(f"{name} ")}
        def permitted(key):
            return any(key == rule or rule.endswith("/*") and key.startswith(rule[:-1]) for rule in allowed)
        for key in missing:
            if permitted(key):
                reason = next(why for rule, why in NOT_SEEN.items()
                              if rule.startswith(f"{name} ") and (rule.split(" ", 1)[1] == key or rule.endswith("/*") and key.startswith(rule.split(" ", 1)[1][:-1])))
                print(f"    {name}: no value of {key}: {reason}")
        verdict(f"{name}: {len(set(keys(root, root)))} keys occur with a value", " ".join(key for key in missing if not permitted(key)))
        verdict(f"{name}: no permission is out of date",
                " ".join(sorted(rule for rule in allowed if not any(key == rule or rule.endswith("/*") and key.startswith(rule[:-1]) for key in missing))))
    shown = {}
    for text in fenced("docs/json.md", "json"):
        shown.setdefault(json.loads(text)["schema"].split("/")[1], []).append(json.loads(text))
    verdict("the page has an example of each", " ".join(sorted(set(names) ^ set(shown))))
    for name in names:
        root = json.load(open(f"{schemas}/{name}.schema.json", encoding="utf-8"))
        errors = [error for example in shown.get(name, []) for error in jsonschema.Draft202012Validator(root).iter_errors(example)]
        verdict(f"{name}: the example is valid", "; ".join(error.message[:200] for error in errors[:3]))
    verdict(f"control: {tried} changed documents were tried, and none is valid", "" if tried > 500 else "too few")


def main():
    what, *arguments = sys.argv[1:]
    if what in ("scrape", "engine"):
        return {"scrape": scrape, "engine": engine}[what](*arguments)
    {"outputs": outputs, "metrics": metrics, "policies": policies}[what](*arguments)
    print(f"counted {counts['ok']} {counts['not ok']}")


def scrape(path):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect(path)
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = b""
        while part := client.recv(65536):
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 "):
        sys.exit(head.decode())
    sys.stdout.write(body.decode())


def engine(path, container):
    """Docker's API, as far as wgfence asks it. Source: Docker Engine API, GET /containers/json, /info, /networks."""
    answers = {
        "/containers/json": [{"Id": container, "Names": ["/shop-web-1"], "Image": "web:1", "Labels": {
            "com.docker.compose.project": "shop", "com.docker.compose.service": "web",
            "com.docker.swarm.service.name": "shop_web"}}],
        "/info": {"Swarm": {"LocalNodeState": "inactive"}},
        "/networks": [],
    }
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        while True:
            client, _ = server.accept()
            with client:
                asked = client.recv(4096).decode().split(" ")
                body = json.dumps(answers.get(asked[1].split("?")[0], {}) if len(asked) > 1 else {})
                client.sendall(f"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{body}".encode())


# The functions and words of PromQL that the rules and the dashboard use, and the metrics and labels that others make:
# Prometheus adds `instance`; `node_textfile_mtime_seconds` with `file` is node-exporter's.
PROMQL_WORDS = set("absent and by count increase max min offset or rate sum time unless without".split())
OTHERS_METRICS = {"node_textfile_mtime_seconds": {"file"}}
PROMQL_TOKEN = re.compile(r"""\s*(?:
    (?P<text>"(?:[^"\\]|\\.)*")
    | (?P<duration>\[(?:\d+[smhdw]|\$__\w+)(?::(?:\d+[smhdw])?)?\])
    | (?P<number>\d+(?:\.\d+)?(?:[smhdw])?)
    | (?P<word>[A-Za-z_:][A-Za-z0-9_:]*)
    | (?P<sign>=~|!~|!=|==|>=|<=|[-+*/%^(){},=<>])
)""", re.X)


def promql(expression):
    """The metrics of an expression, each with the labels of its matchers, and the labels that it groups by. A ValueError if
    it has a character that PromQL does not have, or brackets that do not fit. Not a parser: promtool is one."""
    found, grouped, depth, at, previous, metric, inside = [], set(), [], 0, "", None, ""
    text = expression.strip()
    while at < len(text):
        token = PROMQL_TOKEN.match(text, at)
        if not token:
            raise ValueError(f"not PromQL at {text[at:at + 20]!r}")
        at = token.end()
        word = token.group().strip()
        if token.lastgroup == "sign" and word in "({":
            inside = "labels" if word == "{" else "by" if previous in ("by", "without") else ""
            depth.append((word, inside))
            if word == "{" and metric is None:
                raise ValueError("a selector without a metric")
        elif token.lastgroup == "sign" and word in ")}":
            if not depth or depth[-1][0] + word not in ("()", "{}"):
                raise ValueError("brackets that do not fit")
            depth.pop()
        elif token.lastgroup == "word":
            place = depth[-1][1] if depth else ""
            if place == "labels":
                found[-1][1].add(word)
            elif place == "by":
                grouped.add(word)
            elif word not in PROMQL_WORDS:
                metric = word
                found.append((word, set()))
        previous = word
    if depth:
        raise ValueError("brackets that do not fit")
    return found, grouped


def complaints(expression, served):
    """What an expression names that no daemon serves."""
    try:
        found, grouped = promql(expression)
    except ValueError as error:
        return [f"{error}: {expression!r}"]
    problems = [] if found else [f"no metric: {expression!r}"]
    known = {"instance"}
    for metric, labels in found:
        if metric not in served and metric not in OTHERS_METRICS:
            problems.append(f"no such metric: {metric}")
            continue
        own = served.get(metric, set()) | OTHERS_METRICS.get(metric, set()) | {"instance"}
        known |= own
        problems += [f"{metric} has no label {label}" for label in labels - own]
    return problems + [f"grouped by {label}, which no metric of the expression has" for label in grouped - known]


def metrics(scraped, rules, board, page):
    import yaml

    served = {}
    for line in open(scraped, encoding="utf-8"):
        if line.startswith("# TYPE "):
            served[line.split()[2]] = set()
        elif not line.startswith("#"):
            name, _, rest = line.partition("{")
            labels = re.findall(r'([a-zA-Z_]\w*)="(?:[^"\\]|\\.)*"', rest) if rest else []
            served[name.split()[0]].update(labels)
    verdict(f"{len(served)} metrics are served, and the page has exactly these", " ".join(sorted(
        set(served) ^ set(re.findall(r"`(wgfence_\w+)`", open(page, encoding="utf-8").read())))))
    # What has no sample on this host has no labels in the scrape.
    verdict("each metric has a sample on this host", " ".join(sorted(set(served) - {
        line.split("{")[0].split()[0] for line in open(scraped, encoding="utf-8") if not line.startswith("#")})))

    written = yaml.safe_load(open(rules, encoding="utf-8"))
    problems, names = [], []
    for group in written["groups"]:
        for rule in group["rules"]:
            names.append(rule["alert"])
            problems += [f"{rule['alert']}: {problem}" for problem in complaints(rule["expr"], served)]
            if set(rule) - {"alert", "expr", "for", "labels", "annotations"}:
                problems.append(f"{rule['alert']}: unknown keys")
            if not re.fullmatch(r"Wgfence[A-Z]\w+", rule["alert"]) or not re.fullmatch(r"\d+[smhd]", rule.get("for", "0s")):
                problems.append(f"{rule['alert']}: its name or its time")
            if rule["labels"].get("severity") not in ("critical", "warning", "info") or \
                    set(rule["annotations"]) != {"summary", "description"}:
                problems.append(f"{rule['alert']}: severity, summary, description")
    if len(set(names)) != len(names):
        problems.append("a name occurs twice")
    verdict(f"{len(names)} alert rules use metrics and labels that are served", "; ".join(problems[:5]))

    expressions = []

    def look(value):
        if isinstance(value, dict):
            if isinstance(value.get("expr"), str):
                expressions.append(value["expr"])
            for part in value.values():
                look(part)
        elif isinstance(value, list):
            for part in value:
                look(part)

    look(json.load(open(board, encoding="utf-8")))
    verdict(f"{len(expressions)} expressions of the dashboard do so",
            "; ".join(problem for expression in expressions for problem in complaints(expression, served)))
    wrong = ["wgfence_rulez > 1", "wgfence_rules{machine=\"a\"} > 1", "sum by (zone) (wgfence_rules)", "sum(wgfence_rules", "wgfence_rules > § 1"]
    verdict("control: wrong expressions are found", " ".join(one for one in wrong if not complaints(one, served)))


def yaml_loader():
    """Reads YAML as an editor's language server does: the core schema of YAML 1.2, in which `no` and a date are texts."""
    import yaml

    class Loader(yaml.SafeLoader):
        pass

    Loader.yaml_implicit_resolvers = {}
    for tag, pattern, first in (
            ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
            ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
            ("int", r"[-+]?[0-9]+", "-+0123456789"),
            ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789")):
        Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), list(first))
    Loader.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(loader.construct_scalar(node)))
    return lambda text: yaml.load(text, Loader)


def policies():
    import jsonschema
    import yaml

    load = yaml_loader()
    root = json.load(open("docs/policy-1.schema.json", encoding="utf-8"))
    jsonschema.Draft7Validator.check_schema(root)
    validator = jsonschema.Draft7Validator(root)

    def complaint(text):
        error = next(iter(validator.iter_errors(load(text))), None)
        return error and "/".join(map(str, ["", *error.absolute_path])) + ": " + error.message[:160]

    files = sorted(glob.glob("policies/*.yaml") + glob.glob("Tests/Golden/accepted/*/policy.yaml"))
    bad = [f"{path}: {why}" for path in files if (why := complaint(open(path, encoding="utf-8").read()))]
    verdict(f"{len(files)} policies have the form of the language's schema", "; ".join(bad[:5]))
    blocks = [(path, text) for path in sorted(glob.glob("docs/*.md") + ["README.md"]) for text in fenced(path, "yaml")
              if re.match(r"(#.*\n)*version: 1$", text, re.M)]
    # A block that only shows the first lines of a policy has no machines.
    whole = [(path, text) for path, text in blocks if "\nmachines:" in text]
    bad = [f"{path}: {why}" for path, text in whole if (why := complaint(text))]
    verdict(f"{len(whole)} policies of the pages have it, {len(blocks) - len(whole)} are beginnings", "; ".join(bad[:5]))

    # What the decoder of wgfence rejects: those that are wrong by their form must fail here, the others must not.
    bad, tried = [], 0
    for line in open("Tests/Golden/schema-catches.txt", encoding="utf-8"):
        name, _, caught = line.rstrip("\n").partition(": ")
        if caught == "rejected by the YAML reader":
            continue
        try:
            why = complaint(open(f"Tests/Golden/rejected/{name}/policy.yaml", encoding="utf-8").read())
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
            # Python's reader rejects more than that of an editor: a tab in front of the place, for example.
            if caught != "-":
                bad.append(f"{name}: not read: {type(error).__name__}")
            continue
        tried += 1
        if (why is None) != (caught == "-"):
            bad.append(f"{name}: expected {caught}, saw {why}")
    verdict(f"of {tried} rejected policies the schema catches those of schema-catches.txt, and no others", "; ".join(bad))


if __name__ == "__main__":
    main()
