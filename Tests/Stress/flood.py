# SPDX-License-Identifier: GPL-3.0-or-later
"""flood.py CHANGES KILLS [SEED]: policy changes under a flood, and a daemon or an apply killed at random moments.

Started by Tests/Stress/flood.sh in the node onprem of a lab. Prints `ok …` or `not ok …` for each claim, and ends with status 1
when one does not hold.
"""

import os
import random
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../Bench"))

from bench_daemon import Generations
from lab import CLOSED, OPEN, SIDES, Lab, Receivers, Site, Verdicts, put

CHANGES, KILLS = int(sys.argv[1]), int(sys.argv[2])
SEED = int(sys.argv[3]) if len(sys.argv) > 3 else random.randrange(1 << 31)
RANDOM = random.Random(SEED)
VERDICTS = Verdicts()
LAB = Lab()
SITE = Site(LAB)
TRIAL = f"{SITE.state}/trial.yaml"
# Ports that only some policies open.
SOME = (7001, 7002)
# A table after ours that counts packets that passed it to ports that no policy opens. It also counts packets that no
# socket reports, such as one SYN whose handshake was dropped.
WITNESS = """table inet witness {
  chain input { type filter hook input priority 1000;
    meta l4proto { tcp, udp } th dport 7100-7109 ct direction original counter
  }
  chain forward { type filter hook forward priority 1000;
    meta l4proto { tcp, udp } th dport 7100-7109 ct direction original counter
  }
}"""


def policy(number):
    """Port SOME[0] is open in even policies, SOME[1] in odd ones; other differences make each a change."""
    some = SOME[number % 2]
    return f"""version: 1
tunnels:
  wg0: {{ prefixes: [10.13.13.0/24], listen: 51820 }}
machines:
  onprem:
    addresses: {{ wg0: 10.13.13.2 }}
    zones:
      lan: {{ interfaces: [enp5s0] }}
      containers: {{ interfaces: [inside0], prefixes: [172.17.0.0/16] }}
  ec2: {{ addresses: {{ wg0: 10.13.13.1 }} }}
allow:
  - {{ to: onprem, services: [{OPEN}/udp, {OPEN}/tcp, {some}/udp], from: [internet, lan, wg0] }}
  - {{ to: onprem.containers, services: [{OPEN}/udp, {OPEN}/tcp, {some}/udp], from: [internet, lan, wg0] }}
  - {{ to: onprem, services: [{8000 + number}/tcp], from: ec2 }}
"""


def witnessed():
    """Packets that came through the table to ports that no policy opens."""
    lines = SITE.run("nft", "list", "table", "inet", "witness").stdout.splitlines()
    return sum(int(line.split("counter packets ")[1].split()[0]) for line in lines if "counter packets" in line)


def flood():
    put(SITE.policy, policy(0))
    daemon = SITE.start()
    SITE.run("nft", "-f", "-", text=WITNESS)
    receivers = Receivers((OPEN, *SOME, *CLOSED))
    receivers.start()
    for side in SIDES:
        LAB.attack(side, 0.005)
    time.sleep(1)
    commits = []
    for number in range(1, CHANGES + 1):
        generations = Generations()
        put(SITE.policy, policy(number))
        commits.append(generations.count(0.02)[0])
        generations.socket.close()
    VERDICTS.say(f"{CHANGES} changes: none of the ports that no policy opens was reached",
                 receivers.total(CLOSED) == 0, receivers.total(CLOSED))
    VERDICTS.say("and no packet to one of them passed the table", witnessed() == 0, witnessed())
    reached = receivers.by_kind([OPEN])
    VERDICTS.say("meanwhile the ports that every policy opens were reached, here and in the container", min(reached.values()) >= CHANGES,
                 reached)
    VERDICTS.say("each change was one generation", commits == [1] * CHANGES,
                 {n: commits.count(n) for n in sorted(set(commits))})
    # The test can fail: without the table the same flood gets through.
    SITE.run(SITE.program, "unload", "--yes")
    time.sleep(0.5)
    through = receivers.by_kind(CLOSED)
    VERDICTS.say("without the table the flood gets through everywhere", min(through.values()) > 0, through)
    VERDICTS.say("and the table after ours would have counted it", witnessed() > 0, witnessed())
    for side in SIDES:
        LAB.end_attack(side)
    daemon.send_signal(signal.SIGTERM)
    daemon.wait(10)


def holding(candidates):
    """The policy of the table in the kernel, found by a grant's name, because rules name their file and line."""
    table = SITE.table()
    return [number for number in candidates if f" allow-onprem-{8000 + number}-tcp-" in table]


def applied(*options):
    """An apply of the trial policy, in the background."""
    return subprocess.Popen([SITE.program, "apply", TRIAL, "--machine", "onprem", "--force", *options],
                            env=SITE.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)


def kills():
    put(SITE.policy, policy(0))
    SITE.run(SITE.program, "apply", SITE.policy, "--machine", "onprem", "--force")
    daemon = SITE.start()
    bad, was = [], 0
    for turn in range(1, KILLS + 1):
        put(TRIAL, policy(turn))
        if turn % 3 == 0:
            asked = applied(*(["--confirm", "60s"] if turn % 2 else []))
        else:
            asked = None
            put(SITE.policy, policy(turn))
        time.sleep(RANDOM.uniform(0, 0.02 if asked else 0.006))
        daemon.kill()
        daemon.wait()
        if asked:
            asked.wait(30)
        if len(found := holding((was, turn))) != 1:
            bad.append((turn, found))
        daemon = SITE.start()
        status = SITE.wgfence("status", "--format", "json")
        if '"drift": 0' not in status.stdout:
            bad.append((turn, status.stdout[:300]))
        if len(found := holding((was, turn))) != 1:
            bad.append((turn, "after", found))
        if '"pending"' in status.stdout:
            SITE.wgfence("rollback")
        # The next turn begins with this turn's policy, whatever the outcome was.
        put(SITE.policy, policy(turn) + f"# {turn}\n")
        for _ in range(200):
            if holding([turn]):
                break
            time.sleep(0.02)
        else:
            bad.append((turn, "the file was not put in force"))
        was = turn
    VERDICTS.say(f"the daemon killed at {KILLS} random moments: always the old ruleset or the new, equal by read-back",
                 not bad, bad[:3] if bad else KILLS)
    daemon.send_signal(signal.SIGTERM)
    daemon.wait(10)


def kills_without_daemon():
    """Kills an `apply` without a daemon. The next apply completes its change."""
    bad, outcomes, was = [], {"old": 0, "new": 0}, 0
    put(TRIAL, policy(was))
    began = time.monotonic()
    SITE.run(SITE.program, "apply", TRIAL, "--machine", "onprem", "--force")
    takes = time.monotonic() - began
    for turn in range(1, KILLS + 1):
        put(TRIAL, policy(turn))
        asked = applied()
        time.sleep(RANDOM.uniform(0, 1.5 * takes))
        asked.kill()
        asked.wait()
        found = holding((was, turn))
        if len(found) != 1:
            bad.append((turn, found))
            continue
        outcomes["new" if found == [turn] else "old"] += 1
        put(TRIAL, policy(found[0]))
        plan = SITE.wgfence("plan", TRIAL, "--machine", "onprem")
        if plan.returncode != 0:
            bad.append((turn, plan.stdout[-300:]))
        was = found[0]
    VERDICTS.say(f"an apply killed at {KILLS} random moments: always the old ruleset or the new, equal by read-back",
                 not bad, bad[:3] if bad else outcomes)
    # With few runs, all may be on one side by chance.
    if KILLS >= 20:
        VERDICTS.say("some before it was in force, and some after", min(outcomes.values()) > 0, outcomes)


print(f"seed {SEED}", flush=True)
if KILLS:
    kills_without_daemon()
    kills()
if CHANGES:
    flood()
sys.exit(VERDICTS.failed > 0)
