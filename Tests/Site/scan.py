# SPDX-License-Identifier: GPL-3.0-or-later
"""What `wgfence audit` says of each port, compared with a scan from every side: TCP by connecting (nmap if it is
every port), and datagrams for the Swarm's UDP."""

import json
import re

import engine
import probes
from machines import say
from network import HOME, OUTSIDE, TUNNEL

# Sender, receiver, address; the zone and the sender in the audit; whether every port is scanned.
SIDES = [
    ("internet", "onprem", OUTSIDE["onprem"][0], HOME, "internet", "anyone", True),
    ("internet", "onprem", OUTSIDE["onprem"][1], OUTSIDE["onprem"][1], "internet", "anyone", False),
    ("lan", "onprem", HOME, HOME, "lan", "lan", True),
    ("laptop", "onprem", TUNNEL["onprem"][0], TUNNEL["onprem"][0], "wg0", "laptop-eric", True),
    ("laptop", "onprem", TUNNEL["onprem"][1], TUNNEL["onprem"][1], "wg0", "laptop-eric", False),
    ("ec2", "onprem", TUNNEL["onprem"][0], TUNNEL["onprem"][0], "wg0", "ec2", True),
    ("box", "onprem", TUNNEL["onprem"][0], TUNNEL["onprem"][0], "containers", "containers", False),
    ("internet", "ec2", OUTSIDE["ec2"][0], OUTSIDE["ec2"][0], "internet", "anyone", True),
    ("internet", "ec2", OUTSIDE["ec2"][1], OUTSIDE["ec2"][1], "internet", "anyone", False),
    ("laptop", "ec2", TUNNEL["ec2"][0], TUNNEL["ec2"][0], "wg0", "laptop-eric", True),
    ("onprem", "ec2", TUNNEL["ec2"][0], TUNNEL["ec2"][0], "wg0", "onprem", True),
    # The LAN's hosts have IPv4 alone in the policy, so what the audit says of them is about IPv4.
    ("lan", "ec2", TUNNEL["ec2"][0], TUNNEL["ec2"][0], "wg0", "onprem.lan", False),
]
UDP = [4789, 7000, 7946]


def audit(machine):
    _, text = machine.status("wgfence", "audit", "/etc/wgfence/policy.yaml", "--format", "json", "--fail-on", "never")
    return json.loads(text[text.index("{"):])


def holds(own, address, dual):
    if own in ("0.0.0.0", "::"):
        return (":" in own) == (":" in address) or (own == "::" and dual)
    return own == address


def said(report, address, zone, sender, protocol, verdict="accept"):
    """The ports that the audit calls reachable at an address from a sender; of another verdict: undetermined."""
    found = set()
    for listener in report["listeners"]:
        if listener["protocol"] != protocol or listener["namespace"] != "host":
            continue
        if not holds(listener["address"], address, listener["dual_stack"]):
            continue
        for one in listener["reachable"]:
            if one["zone"] == zone and one["verdict"] == verdict and {sender, "anyone", zone} & set(one["from"]):
                found |= set(range(listener["port"], (listener["last_port"] or listener["port"]) + 1))
    return found


def show(ports):
    return " ".join(map(str, sorted(ports))) or "none"


def nmap(place, address):
    """Every port: nmap. It connects, which works on every interface."""
    command = ["nmap", "-n", "-Pn", "-sT", "-T4", "--max-retries", "1", "--min-rate", "1500", "-p-", "-oG", "-",
               *(["-6"] if ":" in address else []), address]
    text = place.do(*command) if hasattr(place, "do") else place.run(run, command)
    return {int(port) for port in re.findall(r"(\d+)/open/tcp", text)}


def run(command):
    import subprocess
    return subprocess.run(command, capture_output=True, text=True).stdout


def compare(site, results, every):
    reports = {name: audit(site[name]) for name in ("onprem", "ec2")}
    box = engine.container(site["onprem"], "grafana")
    for sender, receiver, address, own, zone, name, whole in SIDES:
        place = box if sender == "box" else site[sender]
        report = reports[receiver]
        listed = {one["port"] for one in report["listeners"]
                  if one["protocol"] == "tcp" and one["namespace"] == "host"} | {23, 7999, 9000}
        if whole and every:
            seen = nmap(place, address)
        else:
            seen = set(place.run(probes.open_ports, address, sorted(listed), None, 60, 4.0))
        unknown = said(report, own, zone, name, "tcp", "undetermined")
        say(f"{sender} to {receiver} ({address}), {'all' if whole and every else 'listed'} ports: open {show(seen)}; "
            f"undetermined {show(unknown)}")
        results.verdict(f"the audit of {receiver} says what nmap finds from {sender} at {address}, TCP",
                        show(seen - unknown), show(said(report, own, zone, name, "tcp")))
        tokens = {port: f"udp-{port}-{sender}" for port in UDP}
        later = site[receiver].start(probes.witness, list(tokens.values()), 4)
        for port, token in tokens.items():
            place.run(probes.send, address, port, token)
        arrived = later.result()
        # Of an encrypted overlay network's packets Docker's own rule decides by their content.
        unknown = said(report, own, zone, name, "udp", "undetermined")
        results.verdict(f"the audit of {receiver} says what arrives from {sender} at {address}, UDP of {show(UDP)}",
                        show({port for port, token in tokens.items() if token in arrived} - unknown),
                        show((said(report, own, zone, name, "udp") & set(UDP)) - unknown))
