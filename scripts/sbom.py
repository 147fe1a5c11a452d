#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""sbom.py [PROGRAM]: the software bill of materials of the program that `make build` made, as SPDX 2.3 JSON.

What is linked into the program comes from the build: the package's resolved versions, the Swift compiler, and the static C++
library. What it loads comes from the program itself, with the Debian packages of this system. The same program and the same
commit give the same bytes; SOURCE_DATE_EPOCH is the time, by default that of the commit. Needs readelf (binutils) and dpkg."""

import datetime
import hashlib
import json
import os
import re
import subprocess
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")


def said(*command):
    try:
        return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
    except FileNotFoundError:
        sys.exit(f"sbom: {command[0]} is missing")
    except subprocess.CalledProcessError as error:
        sys.exit(f"sbom: {' '.join(command)}: {error.stderr.strip()}")


def identifier(name):
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", name)


def package(name, version, licence, *, supplier="NOASSERTION", location="NOASSERTION", reference=None, sha256=None):
    entry = {
        "SPDXID": identifier(name), "name": name, "versionInfo": version, "supplier": supplier,
        "downloadLocation": location, "filesAnalyzed": False, "licenseConcluded": licence, "licenseDeclared": licence,
        "copyrightText": "NOASSERTION",
    }
    if reference:
        entry["externalRefs"] = [
            {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": reference}]
    if sha256:
        entry["checksums"] = [{"algorithm": "SHA256", "checksumValue": sha256}]
    return entry


def swift_packages():
    """The packages that are compiled into the program, at the versions that the build used."""
    with open(os.path.join(ROOT, ".build/workspace-state.json")) as file:
        for dependency in json.load(file)["object"]["dependencies"]:
            source, state = dependency["packageRef"], dependency["state"]["checkoutState"]
            owner = re.sub(r"^https://github\.com/|\.git$", "", source["location"])
            yield package(
                source["name"], state.get("version", state["revision"]), "Apache-2.0 WITH Swift-exception",
                location=f"git+{source['location']}@{state['revision']}",
                reference=f"pkg:swift/github.com/{owner}@{state.get('version', state['revision'])}")


def debian_package(path):
    """The Debian package of a file. On a system with merged folders its database names the file below / or /usr."""
    for name in (path, path.removeprefix("/usr"), os.path.realpath(path), os.path.realpath(path).removeprefix("/usr")):
        found = subprocess.run(["dpkg", "-S", name], capture_output=True, text=True)
        if found.returncode == 0:
            return found.stdout.split(": ")[0].split(",")[0].split(":")[0]
    return None


def loaded_libraries(program):
    """The Debian packages of the libraries that the program loads at its start."""
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", said("readelf", "-d", program))
    places = dict(re.findall(r"^\s*(\S+) \(.*?\) => (\S+)", said("/sbin/ldconfig", "-p"), re.M)[::-1])
    seen = set()
    for library in needed:
        path = places.get(library)
        owner = debian_package(path) if path else None
        if owner in seen:
            continue
        if owner is None:
            yield library, package(library, "NOASSERTION", "NOASSERTION")
            continue
        seen.add(owner)
        version = said("dpkg-query", "-W", "-f", "${Version}", owner)
        yield owner, package(
            owner, version, "NOASSERTION", supplier="Organization: Debian", reference=f"pkg:deb/debian/{owner}@{version}")


def main():
    program = sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, ".build/release/wgfence")
    if not os.access(program, os.X_OK):
        sys.exit(f"sbom: {program} is missing: run 'make build' first")
    commit = said("git", "rev-parse", "HEAD")
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH") or said("git", "log", "-1", "--format=%ct"))
    created = datetime.datetime.fromtimestamp(epoch, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    with open(program, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    own = package("wgfence", said(program, "--version"), "GPL-3.0-or-later", sha256=digest)
    own["comment"] = f"built from commit {commit}"

    linked = list(swift_packages())
    compiler = re.search(r"Swift version (\S+)", said("swift", "--version")).group(1)
    linked.append(package("swift-runtime", compiler, "Apache-2.0 WITH Swift-exception"))
    static = os.path.join(ROOT, ".build/static/libstdc++.a")
    if os.path.exists(static):
        owner = debian_package(static)
        version = said("dpkg-query", "-W", "-f", "${Version}", owner) if owner else "NOASSERTION"
        linked.append(package(
            "libstdc++", version, "GPL-3.0-or-later WITH GCC-exception-3.1",
            reference=f"pkg:deb/debian/{owner}@{version}" if owner else None))
    loaded = [entry for _, entry in loaded_libraries(program)]

    relations = [("SPDXRef-DOCUMENT", "DESCRIBES", own)]
    relations += [(own["SPDXID"], "STATIC_LINK", entry) for entry in linked]
    relations += [(own["SPDXID"], "DYNAMIC_LINK", entry) for entry in loaded]
    print(json.dumps({
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"wgfence-{own['versionInfo']}",
        "documentNamespace": f"https://spdx.org/spdxdocs/wgfence-{own['versionInfo']}-{digest[:32]}",
        "creationInfo": {"created": created, "creators": ["Tool: wgfence-sbom"]},
        "packages": [own] + linked + loaded,
        "relationships": [
            {"spdxElementId": left, "relationshipType": kind, "relatedSpdxElement": entry["SPDXID"]}
            for left, kind, entry in relations],
    }, indent=2))


main()
