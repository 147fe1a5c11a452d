# SPDX-License-Identifier: GPL-3.0-or-later
"""siege.py CHANGES KILLS [SEED]: policy changes under a flood, and a daemon killed at random moments.

Started by scripts/siege.sh in namespaces of its own. Prints `ok …` or `not ok …` for each claim, and ends with status 1
when one does not hold.
"""

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time

from bench_daemon import Generations

WGFENCE, STATE, CHANGES, KILLS = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
SEED = int(sys.argv[5]) if len(sys.argv) > 5 else random.randrange(1 << 31)
RANDOM = random.Random(SEED)
ENVIRONMENT = dict(os.environ, WGFENCE_STATE_DIR=f"{STATE}/state", WGFENCE_SOCKET=f"{STATE}/socket")
POLICY = f"{STATE}/policy.yaml"
# Ports that every policy opens to everyone, that only some open, and that none does.
OPEN, SOME, CLOSED = 7000, (7001, 7002), range(7100, 7110)
FAILED = 0


def verdict(name, holds, seen=""):
    global FAILED
    FAILED += not holds
    print(f"{'ok' if holds else 'not ok'} {name}{f': {seen}' if seen != '' else ''}", flush=True)


def run(*command, check=True):
    return subprocess.run(command, env=ENVIRONMENT, check=check, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=60)


def policy(number):
    """Port SOME[0] is open in even policies, SOME[1] in odd ones; what differs else makes each a change."""
    some = SOME[number % 2]
    return f"""version: 1
tunnels:
  wg0: {{ prefixes: [10.66.0.0/24], listen: 51820 }}
machines:
  host:
    addresses: {{ wg0: 10.66.0.1 }}
    zones:
      lan: {{ interfaces: [lan0] }}
  peer: {{ addresses: {{ wg0: 10.66.0.2 }} }}
allow:
  - {{ to: host, services: [{OPEN}/udp, {some}/udp], from: [internet, lan, wg0] }}
  - {{ to: host, services: [{8000 + number}/tcp], from: peer }}
"""


def put(path, text):
    with open(path + ".new", "w") as file:
        file.write(text)
    os.rename(path + ".new", path)


def start():
    with open(f"{STATE}/log", "a") as log:
        daemon = subprocess.Popen([WGFENCE, "daemon", POLICY, "--machine", "host", "--host"], env=ENVIRONMENT,
                                  stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    for _ in range(400):
        if os.path.exists(f"{STATE}/socket") and run(WGFENCE, "status", check=False).returncode in (0, 2):
            return daemon
        time.sleep(0.02)
    sys.exit("siege: the daemon does not answer: " + open(f"{STATE}/log").read()[-2000:])


class Receivers(threading.Thread):
    """Sockets on every port that matters, and how many packets each was given."""

    def __init__(self):
        super().__init__(daemon=True)
        self.count = {}
        self.sockets = []
        for port in (OPEN, *SOME, *CLOSED):
            receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            receiver.bind(("0.0.0.0", port))
            self.sockets.append(receiver)
            self.count[port] = 0

    def run(self):
        import select
        while True:
            for receiver in select.select(self.sockets, [], [])[0]:
                receiver.recv(64)
                self.count[receiver.getsockname()[1]] += 1


def flooders():
    """Three sides, each a namespace of its own: the internet, the LAN, and a peer of the tunnel."""
    program = ("import socket, sys, time\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
               f"ports = [{OPEN}] + {list(CLOSED)}\nend = time.time() + 3600\nn = 0\n"
               "while time.time() < end:\n    for p in ports:\n        s.sendto(b'x', (sys.argv[1], p)); n += 1\n"
               "    if n % 1100 == 0: time.sleep(0.01)\n")
    sides = []
    for number, (link, ours, theirs) in enumerate((("eth0", "203.0.113.1", "203.0.113.66"),
                                                   ("lan0", "192.168.7.1", "192.168.7.2"),
                                                   ("wg0", "10.66.0.1", "10.66.0.2"))):
        name = f"side{number}"
        run("ip", "netns", "add", name)
        run("ip", "link", "add", link, "type", "veth", "peer", "name", "out", "netns", name)
        run("ip", "address", "add", f"{ours}/24", "dev", link)
        run("ip", "link", "set", link, "up")
        run("ip", "-n", name, "address", "add", f"{theirs}/24", "dev", "out")
        run("ip", "-n", name, "link", "set", "out", "up")
        sides.append(subprocess.Popen(["ip", "netns", "exec", name, sys.executable, "-c", program, ours]))
    return sides


def flood():
    put(POLICY, policy(0))
    daemon = start()
    receivers = Receivers()
    receivers.start()
    sides = flooders()
    time.sleep(1)
    commits = []
    for number in range(1, CHANGES + 1):
        generations = Generations()
        put(POLICY, policy(number))
        commits.append(generations.count(0.02)[0])
        generations.socket.close()
    closed = {port: count for port, count in receivers.count.items() if port in CLOSED}
    verdict(f"{CHANGES} changes: none of the ports that no policy opens was reached", not any(closed.values()),
            sum(closed.values()))
    verdict("meanwhile what every policy opens was reached", receivers.count[OPEN] > CHANGES, receivers.count[OPEN])
    verdict("each change was one generation", commits == [1] * CHANGES,
            {n: commits.count(n) for n in sorted(set(commits))})
    # The test can fail: without the table the same flood gets through.
    run(WGFENCE, "unload", "--yes")
    time.sleep(0.3)
    verdict("without the table the flood gets through", any(receivers.count[port] for port in CLOSED))
    for side in sides:
        side.kill()
        side.wait()
    daemon.send_signal(signal.SIGTERM)
    daemon.wait(10)


def same(number):
    put(f"{STATE}/asked.yaml", policy(number))
    return run(WGFENCE, "plan", f"{STATE}/asked.yaml", "--machine", "host", check=False).returncode == 0


def kills():
    put(POLICY, policy(0))
    run(WGFENCE, "apply", POLICY, "--machine", "host", "--host", "--force")
    daemon = start()
    bad, was = [], 0
    for turn in range(1, KILLS + 1):
        put(f"{STATE}/trial.yaml", policy(turn))
        if turn % 3 == 0:
            asked = subprocess.Popen([WGFENCE, "apply", f"{STATE}/trial.yaml", "--machine", "host", "--host", "--force"]
                                     + (["--confirm", "60s"] if turn % 2 else []), env=ENVIRONMENT,
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        else:
            asked = None
            put(POLICY, policy(turn))
        time.sleep(RANDOM.uniform(0, 0.02 if asked else 0.006))
        daemon.kill()
        daemon.wait()
        if asked:
            asked.wait(30)
        # Rules name their file and line: a policy by another path is the same but for that.
        table = run("nft", "list", "table", "inet", "wgfence", check=False).stdout
        holds = [number for number in (was, turn) if f" allow-host-{8000 + number}-tcp-" in table]
        if len(holds) != 1:
            lines = [line.strip() for line in table.splitlines() if any(f" allow-host-{8000 + n}-tcp-" in line for n in (was, turn))]
            bad.append((turn, holds, lines))
        daemon = start()
        status = run(WGFENCE, "status", "--format", "json", check=False)
        if '"drift": 0' not in status.stdout:
            bad.append((turn, status.stdout[:300]))
        table = run("nft", "list", "table", "inet", "wgfence").stdout
        after = [number for number in (was, turn) if f" allow-host-{8000 + number}-tcp-" in table]
        if len(after) != 1:
            bad.append((turn, "after", after))
        run(WGFENCE, "rollback", check=False) if '"pending"' in status.stdout else None
        # The next turn begins at this one's policy, whichever came of it.
        put(POLICY, policy(turn) + f"# {turn}\n")
        for _ in range(200):
            if f" allow-host-{8000 + turn}-tcp-" in run("nft", "list", "table", "inet", "wgfence").stdout:
                break
            time.sleep(0.02)
        else:
            bad.append((turn, "the file was not put in force"))
        was = turn
    verdict(f"killed at {KILLS} random moments: always the old ruleset or the new, and equal by read-back", not bad,
            bad[:3] if bad else KILLS)
    daemon.send_signal(signal.SIGTERM)
    daemon.wait(10)


print(f"seed {SEED}", flush=True)
if KILLS:
    kills()
if CHANGES:
    flood()
sys.exit(FAILED > 0)
