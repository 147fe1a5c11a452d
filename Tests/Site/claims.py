# SPDX-License-Identifier: GPL-3.0-or-later
"""The claims, in their order: without wgfence, with it, under disturbances, and the audit against a scan."""

import json

import heal
import inject
import reach
import scan
import wire
from machines import say, until

# A line more than the shipped policy has: what containers may use of their own host.
LINE = "  - { to: onprem, services: [grafana, node-exporter], from: containers, because: Prometheus and panels on this machine }\n"


def enforce(site, results):
    """The daemon on both nodes, with policies/rootski.yaml and the line above."""
    with open("/site/policies/rootski.yaml") as file:
        text = file.read()
    changed = text.replace("allow:\n", "allow:\n" + LINE, 1)
    for name in ("onprem", "ec2"):
        machine = site[name]
        machine.do("cp", "-r", "/site/policies/lists", "/etc/wgfence/")
        machine.do("sh", "-c", "cat >/etc/wgfence/policy.yaml", text=changed)
        machine.do("wgfence", "check", "/etc/wgfence/policy.yaml")
        machine.task("wgfence", "wgfence", "daemon", "/etc/wgfence/policy.yaml", "--host")
        results.verdict(f"the daemon on {name} enforces the policy", "equal", equal(machine))


def equal(machine):
    said = []

    def asked():
        status, text = machine.status("wgfence", "status", "--format", "json")
        try:
            report = json.loads(text)
            ruleset = report["ruleset"]
            said[:] = ["equal" if ruleset["kind"] == "policy" and ruleset["loaded"] and ruleset["drift"] == 0 else
                       f"{ruleset['kind']}, drift {ruleset['drift']}: {report['policy']['held'] or report['policy']['error']}"]
        except (ValueError, KeyError):
            said[:] = [text.strip()[-300:]]
        return said == ["equal"]
    until(90, asked)
    return said[0]


def everything(site, results):
    say("without wgfence: everything must be reachable")
    whole = wire.Wire(site, "open")
    reach.ports(site, results, False)
    reach.containers(site, results, False)
    wire.outside(site, results, False)
    whole.end()
    whole.verdicts(results, "without the policy", True)
    wire.tunnel_gone(site, results, False)
    heal.wait(site, results, "without the policy, the Swarm is whole")
    inject.overlay(site, results, False)
    inject.mesh(site, results, False)
    say("the daemons")
    enforce(site, results)
    say("with wgfence")
    whole = wire.Wire(site, "enforced")
    reach.ports(site, results, True)
    reach.containers(site, results, True)
    wire.outside(site, results, True)
    whole.end()
    whole.verdicts(results, "with the policy", False)
    inject.overlay(site, results, True)
    inject.mesh(site, results, True)
    wire.tunnel_gone(site, results, True)
    say("the Swarm heals")
    whole = wire.Wire(site, "heal")
    heal.disturb(site, results)
    heal.join_with_policy(site, results)
    whole.end()
    whole.verdicts(results, "with the policy, while the Swarm heals", False)
    for name in ("onprem", "ec2"):
        results.verdict(f"the kernel of {name} still has the policy's ruleset", "equal", equal(site[name]))
    say("the audit against a scan")
    with open("/proc/cmdline") as words:
        every = "site.ports=all" in words.read()
    if not every:
        results.skip("a scan of every TCP port", "SITE_PORTS is not 'all': listed ports and a few others are scanned")
    scan.compare(site, results, every)
