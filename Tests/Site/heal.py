# SPDX-License-Identifier: GPL-3.0-or-later
"""The Swarm after disturbances: a restarted dockerd, a tunnel that was gone, a node that was switched off."""

import time

import engine
import probes
from machines import say, until
from network import OUTSIDE, TUNNEL, handshaken
from wire import change, restore


def whole(site):
    """What does not work of the Swarm; nothing if all of it does."""
    onprem, ec2 = site["onprem"], site["ec2"]
    if engine.ready(onprem) != 2:
        return "a node is not ready"
    for service, tasks in (("site_web", 2), ("site_traefik-ui", 1), ("site_agent", 2)):
        if engine.running(onprem, service) != tasks:
            return f"{service} does not have {tasks} tasks"
    for place, address, port in ((site["laptop"], TUNNEL["ec2"][0], 8080), (site["laptop"], TUNNEL["onprem"][0], 9001),
                                 (site["internet"], OUTSIDE["ec2"][0], 80)):
        if not engine.serving(place, address, port):
            return f"{place.name} does not reach {address}:{port}"
    try:
        for one, other in ((onprem, ec2), (ec2, onprem)):
            address = engine.address(other, "site_agent", "site_sealed")[0]
            if not engine.serving(engine.container(one, "site_agent"), address, 8080):
                return f"the task on {one.name} does not reach {address} by the encrypted network"
        # The routing mesh leads to tasks on both nodes.
        seen = {site["internet"].run(probes.page, OUTSIDE["ec2"][0], 80) for _ in range(8)}
    except (RuntimeError, IndexError, ValueError) as error:
        return str(error)
    return "" if len(seen) == 2 else f"the routing mesh of ec2 answers with {sorted(seen)}"


def wait(site, results, name, seconds=420):
    said = []
    took = until(seconds, lambda: said.append(whole(site)) or not said[-1], pause=2)
    results.verdict(name, "whole", "whole" if took is not None else said[-1])
    if took is not None:
        say(f"{name}: {took:.0f} s")


def disturb(site, results):
    wait(site, results, "with the policy, the Swarm is whole")
    for name in ("ec2", "onprem"):
        site[name].end("dockerd", patience=120)
        engine.start(site[name])
        engine.wait(site[name], seconds=400)
        wait(site, results, f"the Swarm heals after a restart of {name}'s dockerd")
    change(site["onprem"], "down")
    time.sleep(30)
    restore(site["onprem"], "down")
    until(60, handshaken, site["onprem"])
    wait(site, results, "the Swarm heals after onprem's wg0 was down for 30 s")


def join_with_policy(site, results):
    """A node leaves the Swarm and joins it again while the policy is in force."""
    onprem, ec2 = site["onprem"], site["ec2"]
    engine.docker(ec2, "swarm", "leave")
    until(120, lambda: engine.ready(onprem) == 1)
    try:
        engine.join_again(onprem, ec2)
        said = "joined"
    except RuntimeError as error:
        said = str(error)
    results.verdict("with the policy, a node joins the Swarm over the tunnel", "joined", said)
    wait(site, results, "and the Swarm is whole", 900)
