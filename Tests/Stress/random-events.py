# SPDX-License-Identifier: GPL-3.0-or-later
"""random-events.py SECONDS [SEED]: random events around a daemon, a second apart or less, while attackers try closed ports.

Started by Tests/Stress/random-events.sh in the node onprem of a lab. The first fifth of the time the daemon does not own its table, is
killed, stopped and started; then one daemon lives to the end, and must not grow. Prints `ok …` or `not ok …` for each
claim, and ends with status 1 when one does not hold.
"""

import os
import random
import shutil
import signal
import socket
import struct
import sys
import time

from lab import CLOSED, INSIDE, OPEN, Lab, Receivers, Site, Verdicts, put

SECONDS = int(sys.argv[1])
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 31)
NEIGHBOURS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../.build/neighbours")
RANDOM = random.Random(SEED)
VERDICTS = Verdicts()
LAB = Lab()
SITE = Site(LAB)
# WireGuard's key of the peer ec2.
KEY = open(f"{LAB.folder}/ec2/public").read().strip()


def policy(number):
    """Opens OPEN to everyone and one port that identifies the policy; a list in a file, a live endpoint, an own test."""
    return f"""version: 1
tunnels:
  wg0: {{ prefixes: [10.13.13.0/24], listen: 51820 }}
machines:
  onprem:
    addresses: {{ wg0: 10.13.13.2 }}
    zones:
      lan: {{ interfaces: [enp5s0] }}
      containers: {{ interfaces: [inside0, docker0, "br-*"], prefixes: [172.16.0.0/12] }}
  ec2: {{ addresses: {{ wg0: 10.13.13.1 }}, endpoint: live, key: "{KEY}" }}
lists:
  unwanted: {{ file: unwanted.txt }}
block: [unwanted]
allow:
  - {{ to: onprem, services: [{OPEN}/udp, {OPEN}/tcp], from: [internet, lan, wg0] }}
  - {{ to: onprem.containers, services: [{OPEN}/udp, {OPEN}/tcp], from: [internet, lan, wg0] }}
  - {{ to: onprem, services: [{8000 + number % 1000}/tcp], from: ec2 }}
encrypt:
  - {{ between: [onprem, ec2], tunnel: wg0 }}
failsafe:
  - {{ to: onprem, services: [ssh], from: lan }}
tests:
  - {{ from: internet, to: onprem, deny: [5432/tcp] }}
  - {{ from: ec2, to: onprem, allow: [{8000 + number % 1000}/tcp] }}
"""


class Docker:
    """A real dockerd in this network namespace: its rules come with its start."""

    def __init__(self):
        self.is_running, self.starts = False, 0

    @property
    def is_there(self):
        return os.path.exists(f"{NEIGHBOURS}/usr/sbin/dockerd") and shutil.which("xtables-nft-multi") is not None

    def toggle(self):
        if self.is_running:
            self.stop()
            return "dockerd stops"
        LAB.must("dockerd_up", "--bip", "172.30.0.1/16")
        self.is_running = True
        self.starts += 1
        # The policy alone must close what Docker would refuse by itself.
        SITE.run(f"{LAB.folder}/programs/iptables", "-P", "FORWARD", "ACCEPT")
        return "dockerd starts"

    def stop(self):
        if self.is_running:
            LAB.call("dockerd_down")
            self.is_running = False


class RandomEvents:
    """All events; each method returns what it did."""

    def __init__(self):
        self.number, self.daemon, self.docker = 0, None, Docker()
        self.strangers = []
        self.said = {}
        self.counts = {}

    # Files.
    def edit(self):
        self.number += 1
        put(SITE.policy, policy(self.number))

    def edit_in_place(self):
        self.number += 1
        text = policy(self.number)
        with open(SITE.policy, "w") as file:
            file.write(text[:len(text) // 2])
            file.flush()
            time.sleep(RANDOM.uniform(0, 0.03))
            file.write(text[len(text) // 2:])

    def broken(self):
        put(SITE.policy, RANDOM.choice(["version: [", "", "version: 1\nallow: [nonsense]\n", "\0\0\0", "a" * 100_000,
                                        policy(self.number).replace("deny:", "allow:")]))

    def missing(self):
        if os.path.lexists(SITE.policy):
            os.unlink(SITE.policy)

    def unreadable(self):
        self.missing()
        RANDOM.choice([lambda: os.mkdir(SITE.policy), lambda: os.symlink("/dev/full", SITE.policy),
                       lambda: os.symlink("policy.yaml", SITE.policy), lambda: os.mkfifo(SITE.policy)])()
        time.sleep(0.1)
        os.rmdir(SITE.policy) if os.path.isdir(SITE.policy) else os.unlink(SITE.policy)

    def by_link(self):
        self.number += 1
        put(f"{SITE.state}/real-{self.number % 5}.yaml", policy(self.number))
        if os.path.lexists(f"{SITE.state}/link"):
            os.unlink(f"{SITE.state}/link")
        os.symlink(f"real-{self.number % 5}.yaml", f"{SITE.state}/link")
        os.rename(f"{SITE.state}/link", SITE.policy)

    def list_file(self):
        put(f"{SITE.state}/unwanted.txt", "".join(f"198.18.{RANDOM.randrange(256)}.0/24\n" for _ in range(RANDOM.randrange(40))))

    def full_disk(self):
        with open(f"{SITE.state}/state/filler", "wb") as file:
            try:
                for _ in range(64):
                    file.write(b"\0" * (1 << 20))
                    file.flush()
            except OSError:
                pass
        self.edit()
        time.sleep(0.2)
        os.unlink(f"{SITE.state}/state/filler")

    # The kernel's tables.
    def flush(self):
        SITE.run("nft", "flush", "ruleset")

    def delete(self):
        SITE.run("nft", "delete", "table", "inet", "wgfence", check=False)

    def foreign_rule(self):
        SITE.run("nft", "insert", "rule", "inet", "wgfence", "ingress", "accept", check=False)

    def foreign_table(self):
        SITE.run("nft", "-f", "-", text="table inet other {\nchain c {\n"
                 "type filter hook input priority -400;\naccept\n}\n}\n")

    def translation(self):
        """Publishes a closed port of the container, as Docker does."""
        SITE.run("nft", "-f", "-", check=False, text="table ip shop { chain prerouting {\n"
                 f"type nat hook prerouting priority dstnat;\ntcp dport 7105 dnat to {INSIDE}:7105\n"
                 f"udp dport 7105 dnat to {INSIDE}:7105\n}} }}\n")

    # Links.
    def flap(self):
        link = RANDOM.choice(["eth0", "enp5s0", "wg0", "inside0"])
        SITE.run("ip", "link", "set", link, "down")
        time.sleep(RANDOM.uniform(0, 0.2))
        SITE.run("ip", "link", "set", link, "up")
        # The kernel forgets the default route of a link that was down.
        SITE.run("ip", "route", "replace", "default", "via", "198.51.100.1")

    def links_come_and_go(self):
        for number in range(RANDOM.randrange(1, 20)):
            SITE.run("ip", "link", "add", f"br-{number}", "type", "bridge")
            SITE.run("ip", "link", "del", f"br-{number}")

    def tunnel_anew(self):
        LAB.call("wireguard_down", "onprem")
        LAB.must("wireguard_up", "onprem")

    def roam(self):
        """Moves the peer to a new address, and returns it."""
        address = f"192.0.2.{RANDOM.randrange(1, 250)}"
        SITE.run("wg", "set", "wg0", "peer", KEY, "endpoint", f"{address}:51820")
        return address

    def docker_restarts(self):
        return self.docker.toggle()

    # People.
    def verbs(self):
        words = RANDOM.choice([
            ["status"], ["open", "9100/tcp", "--from", "lan", "--for", "1s", "--because", "a random event"], ["rollback"],
            ["log"], ["plan", f"{SITE.state}/asked.yaml", "--machine", "onprem"], ["audit", SITE.policy, "--machine", "onprem"],
            ["apply", f"{SITE.state}/asked.yaml", "--machine", "onprem", "--force", "--confirm", "5s"],
            ["apply", f"{SITE.state}/asked.yaml", "--machine", "onprem", "--force"], ["confirm", "--console"]])
        put(f"{SITE.state}/asked.yaml", policy(self.number + RANDOM.randrange(3)))
        return f"{words[0]}: {SITE.wgfence(*words).returncode}"

    def panic(self):
        SITE.wgfence("panic")
        self.edit()
        time.sleep(RANDOM.uniform(0, 0.5))
        SITE.wgfence("panic", "--end")

    def hangup(self):
        self.daemon.send_signal(signal.SIGHUP)

    def asleep(self):
        self.daemon.send_signal(signal.SIGSTOP)
        self.edit()
        time.sleep(RANDOM.uniform(0, 0.3))
        self.daemon.send_signal(signal.SIGCONT)

    def strange_clients(self):
        """A client that sends garbage, half a frame, or nothing, and does not disconnect."""
        for _ in range(RANDOM.randrange(1, 12)):
            client = socket.socket(socket.AF_UNIX)
            client.setblocking(False)
            try:
                client.connect(SITE.socket)
                client.send(RANDOM.choice([b"", RANDOM.randbytes(200), struct.pack(">I", 1 << 31) + b"Q",
                                           struct.pack(">I", 100) + b"Qversion=1", struct.pack(">I", 8) + b"Qversion=9",
                                           struct.pack(">I", 12) + b"Qverb=status"]) or b"\0")
            except OSError:
                pass
            self.strangers.append(client)
        while len(self.strangers) > 20:
            self.strangers.pop(0).close()

    # The daemon's own life.
    def killed(self):
        self.daemon.send_signal(RANDOM.choice([signal.SIGKILL, signal.SIGTERM]))
        self.daemon.wait(10)
        self.begin("--ownership", "off")

    def begin(self, *options):
        self.daemon = SITE.start(*options)

    COMMON = {"edit": 12, "edit_in_place": 4, "broken": 4, "missing": 2, "unreadable": 2, "by_link": 3, "list_file": 4,
              "full_disk": 1, "flush": 3, "delete": 3, "foreign_rule": 3, "foreign_table": 3, "translation": 2, "flap": 5,
              "links_come_and_go": 2, "tunnel_anew": 1, "roam": 3, "verbs": 8, "panic": 1, "hangup": 3, "asleep": 1,
              "strange_clients": 3}

    def happen(self, extra):
        weights = {**self.COMMON, **extra}
        name = RANDOM.choices(list(weights), list(weights.values()))[0]
        said = getattr(self, name)()
        self.counts[name] = self.counts.get(name, 0) + 1
        print(f"{time.time() - BEGAN:7.1f} {said or name}", file=JOURNAL, flush=True)

    def settle(self, seconds=12):
        """Writes a valid policy and ends all trials: returns what is not in force then, and whether the plan is empty."""
        SITE.wgfence("panic", "--end")
        for client in self.strangers:
            client.close()
        self.strangers = []
        self.edit()
        end = time.monotonic() + seconds
        port = 8000 + self.number % 1000
        while time.monotonic() < end:
            if "pending" in SITE.wgfence("status", "--format", "json").stdout:
                SITE.wgfence("confirm", "--console")
                self.edit()
                port = 8000 + self.number % 1000
            if f" allow-onprem-{port}-tcp-" in SITE.table():
                plan = SITE.wgfence("plan", SITE.policy, "--machine", "onprem")
                if plan.returncode == 0:
                    return None
                seen = plan.stdout[-300:]
            else:
                seen = f"policy {self.number} is not in force"
            time.sleep(0.1)
        return f"{seen}; the journal: {open(SITE.log).read()[-600:]}"

    def size(self):
        """KiB of the daemon's own memory, and its descriptors."""
        lines = open(f"/proc/{self.daemon.pid}/status").read().splitlines()
        anonymous = next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))
        return anonymous, len(os.listdir(f"/proc/{self.daemon.pid}/fd"))


def repaired(seconds=3):
    """Whether a table without an owner is complete again within this time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if SITE.wgfence("plan", SITE.policy, "--machine", "onprem").returncode == 0:
            return True
        time.sleep(0.05)
    return False


def part(events_run, seconds, extra, every, sizes):
    """Runs events for a time; every `every` seconds the state must become stable."""
    bad, rest = [], time.monotonic() + every
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        events_run.happen(extra)
        time.sleep(RANDOM.uniform(0, 0.3))
        if events_run.daemon.poll() is not None:
            bad.append(f"the daemon ended with {events_run.daemon.returncode}")
            events_run.begin()
        if time.monotonic() > rest:
            if seen := events_run.settle():
                bad.append(f"after {time.time() - BEGAN:.0f} s: {seen}")
            sizes.append(events_run.size())
            rest = time.monotonic() + every
    if seen := events_run.settle():
        bad.append(f"at the end: {seen}")
    sizes.append(events_run.size())
    return bad


def main():
    events_run = RandomEvents()
    put(SITE.policy, policy(0))
    put(f"{SITE.state}/unwanted.txt", "198.18.0.0/24\n")
    docker = {"docker_restarts": 1 if SECONDS > 300 else 4}
    if not events_run.docker.is_there:
        print("skip Docker's restarts: Debian's docker.io is not there: scripts/setup.sh test", flush=True)
        docker = {}
    every = min(30, SECONDS / 12)

    # As an administrator does it: a daemon that starts where nothing was ever in force only observes what would break.
    SITE.run(SITE.program, "apply", SITE.policy, "--machine", "onprem", "--force")
    events_run.begin("--ownership", "off")
    bad = part(events_run, SECONDS / 5, {**docker, "killed": 6}, every, [])
    for tamper in (events_run.delete, events_run.foreign_rule, events_run.flush):
        tamper()
        if not repaired():
            bad.append(f"{tamper.__name__} was not repaired")
    VERDICTS.say("a daemon that does not own its table repairs it, through kills and restarts", not bad, bad[:3] or "")
    events_run.daemon.send_signal(signal.SIGTERM)
    events_run.daemon.wait(10)

    events_run.begin()
    events_run.settle()
    receivers = Receivers((OPEN, *CLOSED))
    receivers.start()
    for side in ("internet", "lan"):
        LAB.attack(side, 0.05)
    sizes = []
    bad = part(events_run, SECONDS * 4 / 5, docker, every, sizes)
    VERDICTS.say("a daemon that owns its table always ends with an empty plan", not bad, bad[:3] or len(sizes))
    reached = receivers.total(CLOSED)
    VERDICTS.say("meanwhile no packet reached a port that no policy opens", reached == 0, reached)
    VERDICTS.say("and the ports that every policy opens were reached", min(receivers.by_kind([OPEN]).values()) > 0,
                 receivers.by_kind([OPEN]))
    third = max(1, len(sizes) // 3)
    before, after = sizes[:third], sizes[-third:]
    # In a short run, some kinds of event occur in the last third for the first time, and the heap grows once for them.
    allowed = 256 if SECONDS >= 600 else 1024
    VERDICTS.say("its memory did not grow (KiB, greatest of the first third and of the last)",
                 max(after)[0] <= max(before)[0] + allowed, f"{max(before)[0]} {max(after)[0]}, {allowed} allowed")
    VERDICTS.say("nor did its descriptors", max(d for _, d in after) <= max(d for _, d in before),
                 f"{max(d for _, d in before)} {max(d for _, d in after)}")
    address = events_run.roam()
    for _ in range(80):
        if address in SITE.table():
            break
        time.sleep(0.1)
    VERDICTS.say("the peer's last live endpoint is in force", address in SITE.table(), address)
    SITE.run(SITE.program, "unload", "--yes")
    time.sleep(0.5)
    VERDICTS.say("without the table the attackers get in", receivers.total(CLOSED) > 0, receivers.total(CLOSED))
    for side in ("internet", "lan"):
        LAB.end_attack(side)
    events_run.docker.stop()
    events_run.daemon.send_signal(signal.SIGTERM)
    events_run.daemon.wait(10)
    events = ", ".join(f"{name} {count}" for name, count in sorted(events_run.counts.items()))
    print(f"{sum(events_run.counts.values())} events: {events}; dockerd started {events_run.docker.starts} times", flush=True)


print(f"seed {SEED}", flush=True)
BEGAN = time.time()
JOURNAL = open(os.environ.get("RANDOM_EVENTS_JOURNAL", "/dev/null"), "w")
main()
sys.exit(VERDICTS.failed > 0)
