#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The site in a guest: builds it, and tries every claim, first without wgfence and then with it. Prints `SITE ok …`,
`SITE not ok …` and `SITE skip …`, and a sum last."""

import os
import sys
import traceback

sys.path.insert(0, "/site")
import engine
import network
from machines import Results, say


def build():
    say(f"Linux {os.uname().release}: the machines")
    site = network.build()
    network.tunnels(site)
    say("tunnels are up; servers")
    network.servers(site)
    say("two dockerds")
    onprem, ec2 = site["onprem"], site["ec2"]
    for machine in (onprem, ec2):
        engine.start(machine)
        engine.wait(machine)
    say("images")
    engine.images(onprem, "site", "prometheus")
    engine.images(ec2, "site")
    say("the Swarm")
    engine.join(onprem, ec2)
    engine.deploy(onprem)
    say("compose")
    engine.compose(onprem)
    return site


def main():
    results = Results()
    try:
        site = build()
        import claims
        claims.everything(site, results)
    except Exception:
        traceback.print_exc()
        results.verdict("the run reaches its end", "end", "an error, see above")
    results.end()


if __name__ == "__main__":
    main()
