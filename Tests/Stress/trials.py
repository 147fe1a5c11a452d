# SPDX-License-Identifier: GPL-3.0-or-later
"""trials.py [SECONDS [SEED]]: random sequences of requests, kills and faults against a daemon, compared with a model.

Started by Tests/Stress/trials.sh in a network namespace of its own. Each round begins with an empty state directory, starts a
daemon, and carries out some steps. The model is a set of worlds, because a request whose process was killed was carried out or
was not. Each step changes the worlds as docs/daemon.md says, and what the kernel enforces removes those that do not fit. If no
world is left, or a packet passes that none of the worlds lets in, the sequence is printed, and the test ends with status 1.

  --points          instead of random sequences: each request, with the daemon killed before each of its system calls (strace)
  --replay FILE     one sequence, a step in JSON a line
  --times N         how often it is replayed
  --shrink          a failed sequence is repeated with steps left out, and the shortest that fails is printed
  --keep-going      a failed sequence does not end the run
  --allow NAME,…    deviations from the documents that are known: see `ALLOWED`
  --blind WORD      the model ignores steps of this name: shows that the test can fail
"""

import argparse
import collections
import ctypes
import itertools
import json
import os
import random
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

# A child of fork(2) enters the time namespace on each kernel.
subprocess._USE_VFORK = False
LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWTIME = 0x80
PROGRAM = os.environ["WGFENCE"]
FOLDER = "/run/trials"
# Policy I grants port 7000 + I, and port 7200 + I as failsafe. Each grants ALWAYS, and none grants NEVER.
POLICIES = (1, 2, 3, 4)
ALWAYS, NEVER, OPENED = 7000, 7100, 7300
# How long a trial lasts, and how much later a slow machine may end it, in seconds.
TRIAL, SLACK = 5, 4
# How long an answer may take, in seconds.
PATIENCE = 15
ALLOWED = {
    "open-after-restart": "after a restart of the daemon, a policy that is not the file's has no temporary grants",
}


def text(policy):
    """The content of a policy file: the number of a policy, or a word for a file that is not accepted."""
    if policy == "invalid":
        return "version: [\n"
    number = policy if policy in POLICIES else 1
    test = f"allow: [{NEVER}/udp]" if policy == "fails" else f"deny: [{NEVER}/udp]"
    return f"""version: 1
tunnels:
  wg0: {{ prefixes: [10.13.13.0/24], listen: 51820 }}
machines:
  host:
    addresses: {{ wg0: 10.13.13.1 }}
    zones:
      lan: {{ interfaces: [host0] }}
  peer: {{ addresses: {{ wg0: 10.13.13.2 }} }}
allow:
  - {{ to: host, services: [{ALWAYS}/udp, {7000 + number}/udp], from: lan }}
failsafe:
  - {{ to: host, services: [{7200 + number}/udp], from: lan }}
tests:
  - {{ from: lan, to: host, {test} }}
"""


def digest(content):
    """The digest of a policy as the program writes it: FNV-1a with 64 bits."""
    value = 14_695_981_039_346_656_037
    for byte in content.encode():
        value = ((value ^ byte) * 1_099_511_628_211) & (1 << 64) - 1
    return f"{((value ^ 0xff) * 1_099_511_628_211) & (1 << 64) - 1:016x}"


DIGESTS = {digest(text(policy)): policy for policy in (*POLICIES, "invalid", "fails")}
# The last resort, when there is nothing whose failsafe grants are known.
BUILT_IN = "built in"


class Logic(collections.namedtuple("Logic", "base trial panic superseded")):
    """What a process of wgfence knows. `base` is the policy that was last in force without a trial, or was confirmed; None: none
    was. `trial` is the policy on trial, with what was superseded before. `panic` is the policy whose failsafe grants are in force.
    `superseded` is the content of the policy file that an apply or a rollback overrides.
    """

    @property
    def kernel(self):
        if self.panic is not None:
            return ("panic", self.panic)
        if self.trial:
            return ("policy", self.trial[0])
        return self.boot

    @property
    def boot(self):
        if self.panic is not None:
            return ("panic", self.panic)
        if self.base == BUILT_IN:
            return ("panic", BUILT_IN)
        return None if self.base is None else ("policy", self.base)


# `now` is what is in force, `disk` what a new process would continue with, `boot` what a boot would load.
World = collections.namedtuple("World", "now disk boot")


def stored(logic):
    return World(logic, logic, logic.boot)


def ports(kernel):
    """The ports that are open; None: all."""
    if kernel is None:
        return None
    kind, policy = kernel
    if policy == BUILT_IN:
        return set()
    return {7200 + policy} | ({ALWAYS, 7000 + policy} if kind == "policy" else set())


class Violation(Exception):
    """What was expected, and what was seen."""


class Model:
    """The possible worlds, and the policy file. `allowed` are known deviations."""

    def __init__(self, allowed):
        self.allowed = allowed
        self.file = None
        self.worlds = set()
        # What may have been in force for a moment in this step.
        self.moments = set()

    # --- one logic: each returns the possible results -------------------------------------------------------------

    def settle(self, logic):
        """The daemon has read the policy file."""
        if self.file not in POLICIES or logic.trial or self.file == logic.superseded:
            return logic
        if logic.panic is not None:
            return logic._replace(panic=self.file, superseded=None)
        return logic._replace(base=self.file, superseded=None)

    def ended(self, logic, by_request=False):
        """The trial has gone back."""
        policy, before = logic.trial
        back = logic._replace(trial=None)
        # "A policy file that was itself on trial and went back is superseded until it is edited."
        found = {back._replace(superseded=policy if self.file == policy else before)}
        if by_request:
            # The latest request is in force: that of the rollback.
            found.add(back._replace(superseded=None if self.file == logic.base else self.file))
        return found

    def overriding(self, logic, policy, direct):
        """`policy` was put in force on request."""
        sources = {None if self.file == policy else self.file}
        if direct:
            # Without the daemon no file is read: that it starts may count as a new request.
            sources.add(None)
        return {logic._replace(superseded=source) for source in sources}

    def effects(self, verb, logic, direct, target=None):
        """What a request leads to; nothing if it must be refused."""
        name = verb[0]
        if name in ("open", "close"):
            return {logic} if logic.panic is None and logic.kernel is not None else set()
        if name == "panic":
            kernel = logic.kernel
            policies = {kernel[1] if kernel else BUILT_IN}
            if not logic.trial:
                found = {logic}
            elif logic.base is None:
                # "On a machine on which nothing was in force before the trial, `panic --end` puts in force what was on trial."
                found = {logic._replace(base=logic.trial[0], trial=None)}
            else:
                found = self.ended(logic, by_request=True)
            if logic.trial:
                # The file did not change: it is not read anew in the panic.
                found |= {one._replace(superseded=self.file) for one in found}
            return {one._replace(panic=policy) for one in found for policy in policies}
        if name == "endpanic":
            if logic.panic is None:
                return set()
            ended = logic._replace(panic=None, base=BUILT_IN if logic.base is None else logic.base)
            return {ended} if direct else {self.settle(ended)}
        if logic.panic is not None:
            return set()
        if name in ("apply", "try"):
            if logic.trial:
                return set()
            if name == "apply":
                return self.overriding(logic._replace(base=verb[1]), verb[1], direct)
            return self.overriding(logic._replace(trial=(verb[1], logic.superseded)), verb[1], direct)
        if name == "confirm":
            if not logic.trial:
                return set()
            confirmed = logic._replace(base=logic.trial[0], trial=None)
            return {confirmed if direct else self.settle(confirmed)}
        if name == "rollback":
            if logic.trial:
                found = self.ended(logic, by_request=True)
                self.moments |= {one.kernel for one in found}
                return found if direct else {self.settle(one) for one in found}
            if target is None:
                return set()
            return self.overriding(logic._replace(base=target), target, direct)
        raise AssertionError(name)

    # --- the worlds -------------------------------------------------------------------------------------------------

    def update(self, function):
        self.worlds = {world for old in self.worlds for world in function(old)}

    def kernels(self):
        return {world.now.kernel for world in self.worlds}

    def requested(self, verb, status, directs, is_cut, is_faulty, target):
        """A request ended with a status; `directs`: whether it was carried out without the daemon, all possibilities; `is_cut`:
        its daemon or itself was killed meanwhile.
        """
        def change(world):
            after = set()
            for direct in directs:
                after |= self.effects(verb, world.disk if direct else world.now, direct, target)
            if status == 0 and verb[0] in ("open", "close"):
                # A temporary grant is in the kernel only: nothing else is stored because of it.
                yield world
                return
            if status == 0:
                yield from (stored(one) for one in after)
                return
            if verb[0] == "panic" and (is_cut or is_faulty):
                # What could not be stored is undone by a restart: then the panic is that of the ruleset on the disk.
                after |= self.effects(verb, world.disk, False, target)
            if not after or is_cut or is_faulty or verb[0] in ("open", "close") and "open-after-restart" in self.allowed:
                yield world
            if is_cut or is_faulty:
                for one, other in itertools.product(after, after) if verb[0] == "panic" else zip(after, after):
                    for disk, boot, now in itertools.product({world.disk, other}, {world.boot, other.boot}, {world.now, one}):
                        yield World(now, disk, boot)
        self.update(change)

    def edited(self, is_running, is_faulty):
        if not is_running:
            return
        def change(world):
            after = self.settle(world.now)
            if not is_faulty:
                yield stored(after) if after != world.now else world
                return
            for disk, boot in itertools.product({world.disk, after}, {world.boot, after.boot}):
                yield World(after, disk, boot)
        self.update(change)

    def expired(self, certainly, is_running, is_faulty):
        """The time of a trial may be over, or is."""
        def change(world):
            if not world.now.trial:
                yield world
                return
            if not certainly:
                yield world
            for one in self.ended(world.now):
                self.moments.add(one.kernel)
                after = self.settle(one) if is_running else one
                for disk in {world.disk, after} if is_faulty else {after}:
                    yield World(after, disk, world.boot if is_faulty else after.boot)
        self.update(change)

    def started(self, overdue, rebooted, is_faulty):
        """A daemon was started: it continues with what is on the disk. `overdue`: the time of a trial is over (yes, no, maybe).
        Returns what may have been in force for a moment: until the policy file was read.
        """
        moments = set()
        def change(world):
            logic = world.disk
            found = set()
            if not logic.trial or not rebooted and overdue != "yes":
                found.add(logic)
            if logic.trial and (rebooted or overdue != "no"):
                # Interrupted before its ruleset was stored: `requested` has a world without this trial, too.
                found |= self.ended(logic)
            is_unknown = is_faulty or logic.base is None and logic.kernel != world.now.kernel
            if is_unknown:
                # What is in force was not stored: the table stays as it is.
                found.add(world.now)
            for one in found:
                moments.add(one.kernel)
                after = self.settle(one)
                if not is_unknown:
                    yield stored(after)
                    continue
                for disk, boot in itertools.product({world.disk, after}, {world.boot, after.boot}):
                    yield World(after, disk, boot)
        self.update(change)
        return moments

    def seen(self, kernel, status=None):
        """Keeps the worlds that fit."""
        def fits(world):
            if world.now.kernel != kernel:
                return False
            return status is None or (("pending" in status) == bool(world.now.trial)
                                      and ("panic" in status) == (world.now.panic is not None))
        self.worlds = {world for world in self.worlds if fits(world)}


class Receiver(threading.Thread):
    """Counts datagrams by port, with the time at which each was sent."""

    def __init__(self):
        super().__init__(daemon=True)
        self.sockets, self.packets, self.total = {}, collections.deque(), collections.Counter()
        for port in [ALWAYS, NEVER, OPENED, *(base + number for base in (7000, 7200) for number in POLICIES)]:
            receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            receiver.bind(("0.0.0.0", port))
            receiver.setblocking(False)
            self.sockets[receiver] = port

    def run(self):
        while True:
            for receiver in select.select(list(self.sockets), [], [])[0]:
                port = self.sockets[receiver]
                while True:
                    try:
                        sent = struct.unpack("d", receiver.recv(8))[0]
                    except OSError:
                        break
                    self.packets.append((sent, port))
                    self.total[port] += 1


def send():
    """The other end of the link: a datagram to each port, again and again."""
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.bind(("192.168.77.2", 40000))
    numbers = [ALWAYS, NEVER, OPENED, *(base + number for base in (7000, 7200) for number in POLICIES)]
    while True:
        for port in numbers:
            try:
                sender.sendto(struct.pack("d", time.monotonic()), ("192.168.77.1", port))
            except OSError:
                pass
        time.sleep(0.008)


def run(*command, check=True, timeout=60):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=timeout, check=check, env=ENVIRONMENT)


ENVIRONMENT = {"PATH": os.environ["PATH"], "HOME": "/root", "WGFENCE_STATE_DIR": f"{FOLDER}/state",
               "WGFENCE_SOCKET": f"{FOLDER}/control.sock"}


class Network:
    """A link to a sender of packets."""

    def __init__(self):
        self.sender = subprocess.Popen(["unshare", "-n", sys.executable, os.path.abspath(__file__), "--send-when-told"],
                                       stdin=subprocess.PIPE)
        while os.readlink(f"/proc/{self.sender.pid}/ns/net") == os.readlink("/proc/self/ns/net"):
            time.sleep(0.01)
        run("ip", "link", "add", "host0", "type", "veth", "peer", "name", "other0", "netns", str(self.sender.pid))
        run("ip", "address", "add", "192.168.77.1/24", "dev", "host0")
        run("ip", "link", "set", "host0", "up")
        inside = ["nsenter", "-t", str(self.sender.pid), "-n", "ip"]
        run(*inside, "address", "add", "192.168.77.2/24", "dev", "other0")
        run(*inside, "link", "set", "other0", "up")
        self.sender.stdin.write(b"begin\n")
        self.sender.stdin.flush()
        self.receiver = Receiver()
        self.receiver.start()
        end = time.monotonic() + 10
        while not self.receiver.total[NEVER]:
            if time.monotonic() > end:
                sys.exit("no packet arrives without rules")
            time.sleep(0.01)


class Clock:
    """Time for the processes that are started from now on: it can be set forward, by a time namespace."""
    offset = 0

    @classmethod
    def forward(cls, seconds):
        cls.offset += seconds
        if LIBC.unshare(CLONE_NEWTIME) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        with open("/proc/self/timens_offsets", "w") as file:
            file.write(f"boottime {cls.offset} 0\n")

    @classmethod
    def now(cls):
        return time.monotonic() + cls.offset


class Round:
    """One sequence: a daemon, its state directory on a small disk of its own, and the model."""

    # Requests that change something, with the arguments of the program.
    REQUESTS = {
        "apply": lambda verb: ["apply", f"{FOLDER}/p{verb[1]}.yaml", "--machine", "host", "--force"],
        "try": lambda verb: ["apply", f"{FOLDER}/p{verb[1]}.yaml", "--machine", "host", "--force", "--confirm", f"{TRIAL}s"],
        "confirm": lambda verb: ["confirm", "--console"],
        "rollback": lambda verb: ["rollback", "--force"],
        "panic": lambda verb: ["panic", "--yes"],
        "endpanic": lambda verb: ["panic", "--end"],
        "open": lambda verb: ["open", f"{OPENED}/udp", "--from", "lan", "--for", "10m", "--because", "a test"],
        "close": lambda verb: ["close", f"{OPENED}/udp", "--from", "lan"],
    }

    def __init__(self, network, options):
        self.network, self.options = network, options
        self.model = Model(options.allow)
        self.daemon = None
        # When the time of the trial is over, at the earliest and at the latest.
        self.deadline = (0, 0)
        self.is_full = self.is_read_only = False
        # Whether the port of `open` may be open, and whether it must be.
        self.may_be_open = self.must_be_open = False
        self.said = []
        self.boots = 0
        self.mounts = []
        self.accepted = set()
        # Whether a request was killed at a system call.
        self.was_cut = False

    # --- the host ---------------------------------------------------------------------------------------------------

    def say(self, words):
        self.said.append(words)
        if self.options.verbose:
            print(f"    {words}", flush=True)

    def begin(self):
        shutil.rmtree(FOLDER, ignore_errors=True)
        os.makedirs(f"{FOLDER}/state")
        run("mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "none", f"{FOLDER}/state")
        self.mounts.append(f"{FOLDER}/state")
        for policy in POLICIES:
            with open(f"{FOLDER}/p{policy}.yaml", "w") as file:
                file.write(text(policy))
        run("nft", "delete", "table", "inet", "wgfence", check=False)
        self.log = open(f"{FOLDER}/daemon.log", "ab")

    def finish(self):
        if self.daemon:
            self.kill()
        self.end_guards()
        for path in reversed(self.mounts):
            for _ in range(50):
                if run("umount", path, check=False).returncode == 0:
                    break
                time.sleep(0.02)
        run("nft", "delete", "table", "inet", "wgfence", check=False)
        self.log.close()

    def put(self, policy):
        with open(f"{FOLDER}/policy.yaml.new", "w") as file:
            file.write(text(policy))
        os.rename(f"{FOLDER}/policy.yaml.new", f"{FOLDER}/policy.yaml")
        self.model.file = policy

    def kill(self):
        self.daemon.kill()
        self.daemon.wait()
        self.daemon = None

    def end_guards(self):
        """Ends processes that would undo a trial: all processes here are this test's."""
        for name in os.listdir("/proc"):
            if name.isdigit():
                try:
                    with open(f"/proc/{name}/cmdline", "rb") as file:
                        if b"guard-trial" in file.read().split(b"\0"):
                            os.kill(int(name), signal.SIGKILL)
                except OSError:
                    pass

    def start(self):
        """Starts a daemon, and waits until it answers."""
        self.writable()
        for _ in range(20):
            self.daemon = subprocess.Popen([PROGRAM, "daemon", f"{FOLDER}/policy.yaml", "--machine", "host"], env=ENVIRONMENT,
                                           stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
            began = time.monotonic()
            while time.monotonic() - began < PATIENCE:
                if self.daemon.poll() is not None:
                    break
                if self.status() is not None:
                    return
                time.sleep(0.01)
            else:
                raise Violation(f"the daemon does not answer status within {PATIENCE} s")
            if self.daemon.returncode != 1:
                raise Violation(f"the daemon ended with {self.daemon.returncode}")
            # Another process of wgfence holds the lock for a moment.
            time.sleep(0.3)
        raise Violation("the daemon cannot be started: " + open(f"{FOLDER}/daemon.log").read()[-500:])

    def status(self):
        """The status; None if no daemon answers."""
        if not os.path.exists(ENVIRONMENT["WGFENCE_SOCKET"]):
            return None
        answer = subprocess.run([PROGRAM, "status", "--format", "json"], env=ENVIRONMENT, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=120)
        try:
            return json.loads(answer.stdout) if answer.returncode in (0, 2) else None
        except ValueError:
            return None

    def kernel(self):
        """What the kernel enforces."""
        table = run("nft", "list", "table", "inet", "wgfence", check=False)
        if table.returncode != 0:
            return None
        # Counters may have any value.
        listing = re.sub(r"packets \d+ bytes \d+|expires \S+", "", table.stdout)
        granted = {int(port) - 7000 for port in re.findall(r"\b700[1-4]\b", listing)}
        failsafe = {int(port) - 7200 for port in re.findall(r"\b720[1-4]\b", listing)}
        self.is_open = re.search(rf"\b{OPENED}\b", listing) is not None
        if "would-" in table.stdout:
            return ("observed", sorted(granted))
        if not granted and not failsafe:
            return ("panic", BUILT_IN)
        if len(failsafe) == 1 and not granted:
            return ("panic" if "panic" in table.stdout else "lock-down", *failsafe)
        if granted == failsafe and len(granted) == 1:
            return ("policy", *granted)
        return ("mixed", sorted(granted), sorted(failsafe))

    # --- faults -----------------------------------------------------------------------------------------------------

    @property
    def is_faulty(self):
        return self.is_full or self.is_read_only

    def full(self, kilobytes):
        """Fills the disk but for some space."""
        self.writable()
        self.free()
        free = os.statvfs(f"{FOLDER}/state")
        with open(f"{FOLDER}/state/filler", "wb") as file:
            file.write(b"\0" * max(0, free.f_bavail * free.f_frsize - kilobytes * 1024))
        self.is_full = True

    def free(self):
        if self.is_full:
            self.writable()
            os.unlink(f"{FOLDER}/state/filler")
            self.is_full = False

    def read_only(self):
        if not self.is_read_only:
            run("mount", "--bind", f"{FOLDER}/state", f"{FOLDER}/state")
            run("mount", "-o", "remount,bind,ro", f"{FOLDER}/state")
            self.mounts.append(f"{FOLDER}/state")
            self.is_read_only = True

    def writable(self):
        if self.is_read_only:
            for _ in range(50):
                if run("umount", f"{FOLDER}/state", check=False).returncode == 0:
                    break
                time.sleep(0.02)
            # It is there twice: the disk itself, and its read-only mount.
            self.mounts.remove(f"{FOLDER}/state")
            self.is_read_only = False

    def repair(self):
        """Ends the faults, and waits until the daemon has stored what is in force."""
        was_faulty = self.is_faulty
        self.writable()
        self.free()
        if not was_faulty or not self.daemon:
            return
        end = time.monotonic() + 25
        while time.monotonic() < end:
            status = self.status()
            if status and status["ruleset"]["kept"]:
                self.model.update(lambda world: {stored(world.now)})
                return
            time.sleep(0.1)
        raise Violation("the daemon does not store what is in force, though the disk is free again")

    # --- observing --------------------------------------------------------------------------------------------------

    def overdue(self):
        now = Clock.now()
        return "no" if now < self.deadline[0] else "yes" if now > self.deadline[1] + SLACK else "maybe"

    def pass_time(self):
        if any(world.now.trial for world in self.model.worlds) and (overdue := self.overdue()) != "no":
            # Without a daemon a trial that began with one ends only with the next process.
            self.model.expired(overdue == "yes" and self.daemon is not None, self.daemon is not None, self.is_faulty)

    def observe(self):
        """Waits until the kernel has what one of the worlds has, and removes the other worlds."""
        self.pass_time()
        file = self.model.file
        end = time.monotonic() + 4
        status = None
        while True:
            if self.daemon:
                if self.daemon.poll() is not None:
                    raise Violation(f"the daemon ended by itself with {self.daemon.returncode}")
                began = time.monotonic()
                status = self.status()
                if status is None or time.monotonic() - began > PATIENCE:
                    raise Violation("the daemon does not answer status")
                policy = status["policy"]
                is_read = policy["digest"] == digest(text(file)) or (file not in POLICIES and policy["error"] is not None)
            kernel = self.kernel()
            if self.model.kernels() >= {kernel} and (not self.daemon or is_read):
                before = self.model.worlds
                self.model.seen(kernel, status)
                if self.model.worlds:
                    break
                self.model.worlds = before
            if time.monotonic() > end:
                said = status and {key: status.get(key) for key in ("pending", "panic")}
                raise Violation(f"in force {kernel}, {said}, file read: {not self.daemon or is_read}; "
                                f"expected one of {sorted(map(str, self.model.worlds))}")
            time.sleep(0.02)
            self.pass_time()
        if status and status["ruleset"]["drift"] != 0:
            raise Violation(f"the kernel differs from what must be in force: {status['ruleset']}")
        self.accepted |= {world.now.base for world in self.model.worlds}
        if kernel and kernel[0] == "panic":
            self.may_be_open = self.must_be_open = False
        if kernel and kernel[0] == "policy":
            if self.is_open and not self.may_be_open:
                raise Violation("a temporary grant is in force that was ended, or never made")
            if self.must_be_open and not self.is_open:
                raise Violation("a temporary grant is lost")

    def judge(self, began, kernels, was_open):
        """No packet may have passed in the time of this step to a port that none of the rulesets of the step grants."""
        allowed = {OPENED} if was_open or self.may_be_open else set()
        for kernel in kernels:
            if (granted := ports(kernel)) is None:
                allowed = None
                break
            allowed |= granted
        packets = self.network.receiver.packets
        late = time.monotonic() - 0.03
        while packets and packets[0][0] < late:
            sent, port = packets.popleft()
            if allowed is not None and sent >= began and port not in allowed:
                raise Violation(f"a packet to port {port} passed {sent - began:.3f} s after the step began; in force were {kernels}")

    # --- steps ------------------------------------------------------------------------------------------------------

    def history(self):
        """The policies that are stored, by number, the newest first; with what each is now."""
        answer = run(PROGRAM, "rollback", "--list", "--format", "json", check=False)
        rulesets = json.loads(answer.stdout)["rulesets"]
        return [(entry["number"], DIGESTS.get(entry["digest"]), entry["standing"]) for entry in rulesets if not entry["damaged"]]

    def rollback_target(self):
        """The newest of another policy than the one in force; without one, the newest before it."""
        found = self.history()
        current = next((entry for entry in found if entry[2] in ("in-force", "on-trial")), None)
        # What could not be stored is in no list: then the newest that is stored is the one before it.
        if self.is_faulty and self.daemon and current and ("policy", current[1]) not in self.model.kernels():
            return found[0][1]
        earlier = [policy for number, policy, _ in found if current is None or number < current[0]]
        return next((policy for policy in earlier if current is None or policy != current[1]), earlier[0] if earlier else None)

    def request(self, verb, kill=None):
        """Carries out a request. `kill`: ("daemon" or "client", seconds), or ("cut", system call, which one)."""
        direct = self.daemon is None
        # If the daemon is killed before the client connects, the client does without it.
        directs = {direct, True} if kill and kill[0] == "daemon" else {direct}
        target = self.rollback_target() if verb[0] == "rollback" else None
        began = Clock.now()
        if verb[0] == "edit":
            self.put(verb[1])
            status, output, is_cut = None, "", False
            if kill:
                time.sleep(kill[1])
                is_cut = True
        else:
            command = [PROGRAM, *self.REQUESTS[verb[0]](verb)]
            tracer = None
            if kill and kill[0] == "cut":
                # Without the daemon, strace would wait for the process that undoes a trial.
                tracing = [word for word in self.tracing(*kill[1:]) if word != "-f" or not direct]
                if direct:
                    command = tracing + command
                else:
                    tracer = self.trace(tracing)
            asked = subprocess.Popen(command, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                     stderr=subprocess.STDOUT, text=True)
            if kill and kill[0] != "cut":
                time.sleep(kill[1])
                if kill[0] == "daemon" and self.daemon:
                    self.kill()
                else:
                    asked.kill()
            if tracer:
                self.end_tracing(tracer, asked)
            output = asked.communicate(timeout=120)[0].strip()
            status = asked.returncode
            is_cut = status != 0 and kill is not None
            if kill and kill[0] == "cut":
                is_cut = status < 0 or status == 137 or (not direct and self.daemon.poll() is not None)
                self.was_cut |= is_cut
                if not direct and self.daemon.poll() is not None:
                    self.kill()
            self.say(f"{' '.join(map(str, verb))}: {status} {output[-300:]!r}")
        ended = Clock.now()
        if verb[0] == "try":
            window = (began + TRIAL, ended + TRIAL)
            if any(world.now.trial for world in self.model.worlds):
                window = (min(window[0], self.deadline[0]), max(window[1], self.deadline[1]))
            self.deadline = window
        if verb[0] == "open":
            self.may_be_open = True
        if verb[0] == self.options.blind:
            return status, is_cut
        self.pass_time()
        before = self.model.worlds
        if verb[0] == "edit":
            self.model.edited(self.daemon is not None or is_cut, self.is_faulty or is_cut)
            if is_cut:
                self.model.worlds |= before
        else:
            self.model.requested(verb, status, directs, is_cut, self.is_faulty, target)
        if not self.model.worlds:
            expected = "be refused" if status == 0 else "be carried out"
            self.model.worlds = before
            raise Violation(f"{' '.join(map(str, verb))} ended with {status}, but had to {expected}: {output[-400:]!r}; "
                            f"worlds {sorted(map(str, before))}")
        if status == 0 and verb[0] == "open":
            self.must_be_open = not self.is_faulty
        if verb[0] == "close":
            self.must_be_open = False
            if status == 0:
                self.may_be_open = False
        if verb[0] == "rollback" and target not in self.accepted and status == 0 and not is_cut and target is not None:
            if not any(world.now.trial for world in before):
                raise Violation(f"rollback led to policy {target}, which was never accepted")
        return status, is_cut

    def end_tracing(self, tracer, asked):
        """Waits for a request; ends strace when the daemon is dead, since it may wait for one of its threads for ever."""
        for _ in range(400):
            with open(f"/proc/{self.daemon.pid}/stat") as file:
                is_dead = file.read().rsplit(")", 1)[1].split()[0] in "ZX"
            if is_dead or asked.poll() is not None:
                break
            time.sleep(0.05)
        if is_dead:
            time.sleep(0.1)
            tracer.kill()
        else:
            tracer.terminate()
        try:
            tracer.wait(5)
        except subprocess.TimeoutExpired:
            tracer.kill()
            tracer.wait()

    @staticmethod
    def tracing(call, which):
        """The command that kills a process before it makes a system call for the n-th time."""
        return ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={which}"]

    def trace(self, tracing):
        tracer = subprocess.Popen([*tracing, "-p", str(self.daemon.pid)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            threads = os.listdir(f"/proc/{self.daemon.pid}/task")
            traced = [re.search(r"TracerPid:\s*(\d+)", open(f"/proc/{self.daemon.pid}/task/{thread}/status").read())[1]
                      for thread in threads]
            if all(one != "0" for one in traced):
                return tracer
            time.sleep(0.005)
        raise RuntimeError("strace could not attach")

    def restart(self, late=False):
        if self.daemon:
            self.kill()
        if late:
            self.end_guards()
            Clock.forward(2 * TRIAL + SLACK + 1)
        overdue = self.overdue()
        before = self.model.kernels()
        self.start()
        if overdue == "no" and self.overdue() != "no":
            overdue = "maybe"
        return before | self.model.started(overdue, False, self.is_full)

    def stumble(self, place, late):
        """A daemon is killed while it starts: `place` is a time, or a system call and which one."""
        if self.daemon:
            self.kill()
        self.writable()
        if late:
            self.end_guards()
            Clock.forward(2 * TRIAL + SLACK + 1)
        command = [PROGRAM, "daemon", f"{FOLDER}/policy.yaml", "--machine", "host"]
        is_cut = isinstance(place, list)
        if is_cut:
            command = self.tracing(*place) + command
        overdue = self.overdue()
        daemon = subprocess.Popen(command, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        try:
            daemon.wait(1 if is_cut else place)
        except subprocess.TimeoutExpired:
            # strace leaves its child alone when it is killed.
            if is_cut:
                for child in open(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read().split():
                    os.kill(int(child), signal.SIGKILL)
            else:
                daemon.kill()
        daemon.wait()
        if overdue != self.overdue():
            overdue = "maybe"
        before = self.model.worlds
        moments = self.model.started(overdue, False, self.is_full) | self.model.started(overdue, False, self.is_full)
        after = self.model.worlds
        self.model.worlds = {World(now, disk, boot) for old in before for new in after
                             for now in (old.now, new.now) for disk in (old.disk, new.disk) for boot in (old.boot, new.boot)}
        return moments

    def together(self, first, second, pause):
        """Two requests at the same time: they are carried out in some order."""
        asked = []
        began = Clock.now()
        for verb in (first, second):
            asked.append(subprocess.Popen([PROGRAM, *self.REQUESTS[verb[0]](verb)], env=ENVIRONMENT, stdin=subprocess.DEVNULL,
                                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
            time.sleep(pause)
        outputs = [one.communicate(timeout=120)[0].strip() for one in asked]
        ended = Clock.now()
        verbs = list(zip((first, second), [one.returncode for one in asked]))
        self.say(f"{verbs}: {[output[-150:] for output in outputs]}")
        if any(verb[0] == "try" for verb, _ in verbs):
            # A trial that began before keeps its time.
            known = any(world.now.trial for world in self.model.worlds)
            self.deadline = (min(began + TRIAL, self.deadline[0] if known else began + TRIAL), ended + TRIAL)
        direct = self.daemon is None
        if any(verb[0] in ("open", "close") for verb in (first, second)):
            self.may_be_open, self.must_be_open = True, False
        self.pass_time()
        before, found = self.model.worlds, set()
        for order in (verbs, verbs[::-1]):
            self.model.worlds = before
            for verb, status in order:
                # Without the daemon the other one may hold the lock.
                self.model.requested(verb, status, {direct}, False, self.is_faulty or direct and status != 0, None)
                self.model.moments |= self.model.kernels()
            found |= self.model.worlds
        self.model.worlds = found
        if not found:
            self.model.worlds = before
            raise Violation(f"{verbs} do not fit in any order: {outputs}; worlds {sorted(map(str, before))}")

    def reboot(self):
        if self.daemon:
            self.kill()
        self.end_guards()
        run("nft", "delete", "table", "inet", "wgfence", check=False)
        self.boots += 1
        with open(f"{FOLDER}/boot_id", "w") as file:
            file.write(f"5f8a1b52-0000-4000-8000-{self.boots:012d}\n")
        if self.boots == 1:
            run("mount", "--bind", f"{FOLDER}/boot_id", "/proc/sys/kernel/random/boot_id")
            self.mounts.append("/proc/sys/kernel/random/boot_id")
        self.may_be_open = self.must_be_open = False
        booted = run(PROGRAM, "boot", check=False)
        kernel = self.kernel()
        self.say(f"boot: {booted.returncode} {booted.stdout[-300:]!r}: {kernel}")
        expected = {world.boot for world in self.model.worlds}
        if kernel not in expected:
            raise Violation(f"boot loaded {kernel}; expected one of {expected}: {booted.stdout[-300:]!r}")
        self.model.worlds = {world for world in self.model.worlds if world.boot == kernel}
        # From here on packets are judged again.
        began = time.monotonic()
        self.start()
        return began, {kernel} | self.model.started("no", True, self.is_full)

    def step(self, step):
        """Carries out a step, and compares."""
        name = step[0]
        self.model.moments = set()
        began, kernels, was_open = time.monotonic(), self.model.kernels(), self.may_be_open
        if name in self.REQUESTS or name == "edit":
            self.request(step)
        elif name == "hangup":
            if self.daemon:
                self.daemon.send_signal(signal.SIGHUP)
        elif name in ("kill", "late"):
            kernels |= self.restart(late=name == "late")
        elif name == "down":
            if self.daemon:
                self.kill()
        elif name == "up":
            if not self.daemon:
                kernels |= self.restart()
        elif name == "reboot":
            began, kernels = self.reboot()
        elif name in ("crash", "cut"):
            # A request whose daemon is killed (or, without a daemon, whose own process), and what comes next.
            _, verb, place, after = step
            kill = ("daemon", place) if name == "crash" else ("cut", *place)
            _, is_cut = self.request(verb, kill)
            if self.daemon is None or is_cut:
                kernels |= self.model.kernels()
                self.judge(began, kernels, was_open)
            if after == "reboot":
                began, kernels = self.reboot()
            else:
                kernels |= self.restart(late=after == "late")
        elif name == "stumble":
            kernels |= self.stumble(step[1], step[2] == "late") | self.model.kernels()
            if step[2] == "reboot":
                self.judge(began, kernels, was_open)
                began, kernels = self.reboot()
            else:
                kernels |= self.restart()
        elif name == "together":
            self.together(*step[1:])
        elif name == "edge":
            # Shortly before a trial ends, or after.
            if any(world.now.trial for world in self.model.worlds):
                time.sleep(max(0, min(self.deadline[0] + step[1] - Clock.now(), TRIAL)))
        elif name == "leave":
            # The client is killed: it was carried out, or will never be.
            self.request(step[1], ("client", step[2]))
            time.sleep(0.4)
        elif name == "full":
            self.full(step[1])
        elif name == "readonly":
            self.read_only()
        elif name == "repair":
            self.repair()
        elif name == "wait":
            while any(world.now.trial for world in self.model.worlds) and self.daemon and self.overdue() != "yes":
                time.sleep(0.1)
                if self.overdue() == "maybe" and "pending" not in (self.status() or {"pending": 0}):
                    break
        else:
            raise AssertionError(step)
        kernels = kernels | self.model.kernels()
        self.observe()
        kernels = kernels | self.model.kernels() | self.model.moments
        time.sleep(0.03)
        self.judge(began, kernels, was_open)


def first_world(file):
    return Logic(file if file in POLICIES else None, None, None, None)


def carry_out(network, options, steps):
    """Runs a sequence from an empty state directory. Returns the number of steps, what was violated, and whether a request was
    killed at a system call.
    """
    one = Round(network, options)
    done = 0
    try:
        one.begin()
        one.put(steps[0][1])
        network.receiver.packets.clear()
        one.model.worlds = {stored(Logic(None, None, None, None))}
        one.start()
        one.model.worlds = {stored(first_world(steps[0][1]))}
        one.observe()
        network.receiver.packets.clear()
        for step in steps[1:]:
            one.say(f"{step}")
            one.step(step)
            done += 1
        return done, None, one.was_cut
    except (Violation, subprocess.TimeoutExpired) as violation:
        journal = open(f"{FOLDER}/daemon.log").read()[-1500:]
        return done, f"step {done + 1} of {len(steps) - 1}, {json.dumps(steps[done + 1]) if done + 1 < len(steps) else ''}: {violation}" \
            + "".join(f"\n      {line}" for line in one.said[-8:]) + f"\n      journal: {journal}", one.was_cut
    finally:
        one.finish()


# --- sequences ----------------------------------------------------------------------------------------------------------

def random_request(draw):
    name = draw.choices(["apply", "try", "confirm", "rollback", "panic", "endpanic", "open", "close", "edit"],
                        [4, 6, 4, 3, 3, 4, 2, 1, 4])[0]
    if name in ("apply", "try"):
        return [name, draw.choice(POLICIES)]
    if name == "edit":
        return [name, draw.choices([*POLICIES, "invalid", "fails"], [3, 3, 3, 3, 1, 1])[0]]
    return [name]


def random_step(draw, has_strace):
    weights = {"request": 30, "crash": 10, "cut": 10 if has_strace else 0, "stumble": 5, "leave": 4, "together": 4, "kill": 4, "late": 5,
               "reboot": 6, "down": 2, "up": 3, "hangup": 2, "wait": 0.5, "edge": 0.7, "full": 2, "readonly": 1, "repair": 3}
    kind = draw.choices(list(weights), list(weights.values()))[0]
    if kind == "request":
        return random_request(draw)
    after = draw.choice(["restart", "late", "reboot"])
    if kind == "crash":
        return ["crash", random_request(draw), round(draw.uniform(0, 0.06), 4), after]
    if kind == "cut":
        verb = random_request(draw)
        while verb[0] == "edit":
            verb = random_request(draw)
        return ["cut", verb, [draw.choice(["rename", "fsync", "unlink"]), draw.randint(1, 8)], after]
    if kind == "stumble":
        place = [draw.choice(["rename", "fsync", "unlink", "sendmsg,sendto"]), draw.randint(1, 8)]
        return ["stumble", place if has_strace and draw.random() < 0.5 else round(draw.uniform(0, 0.08), 4),
                draw.choice(["restart", "late", "reboot"])]
    if kind == "together":
        both = [verb for verb in (random_request(draw) for _ in range(20)) if verb[0] not in ("edit", "rollback")][:2]
        return ["together", *both, round(draw.uniform(0, 0.02), 4)]
    if kind == "edge":
        return ["edge", round(draw.uniform(-0.06, 0.1), 4)]
    if kind == "leave":
        verb = random_request(draw)
        return ["leave", verb, round(draw.uniform(0, 0.06), 4)] if verb[0] != "edit" else verb
    if kind == "full":
        return ["full", draw.choice([0, 0, 4, 8, 16, 32, 64, 128])]
    return [kind]


def random_sequence(draw, has_strace):
    steps = [["begin", draw.choices([1, "invalid"], [5, 1])[0]]]
    steps += [random_step(draw, has_strace) for _ in range(draw.randint(4, 14))]
    return steps


def points(draw):
    """Each request in several situations, killed before each system call that changes the disk or the kernel, in random order."""
    situations = {
        "one policy": [["begin", 1]],
        "two policies": [["begin", 1], ["apply", 2]],
        "a trial": [["begin", 1], ["apply", 2], ["try", 3]],
        "a trial of the first": [["begin", "invalid"], ["try", 3]],
        "a trial without the daemon": [["begin", 1], ["apply", 2], ["down"], ["try", 3]],
        "no daemon": [["begin", 1], ["apply", 2], ["down"]],
        "a panic": [["begin", 1], ["apply", 2], ["panic"]],
        "a rollback": [["begin", 1], ["apply", 2], ["apply", 3], ["rollback"]],
    }
    # The requests that are not refused there.
    settled = [["apply", 4], ["try", 4], ["rollback"], ["panic"]]
    requests = {"a panic": [["endpanic"]]} | {name: [["confirm"], ["rollback"], ["panic"]] for name in situations if "trial" in name}
    cases = [(situation, verb, call, after) for name, situation in situations.items() for verb in requests.get(name, settled)
             for call in ("rename", "unlink", "sendmsg,sendto") for after in ("restart", "late", "reboot")]
    draw.shuffle(cases)
    for situation, verb, call, after in cases:
        for number in itertools.count(1):
            # The receiver of the sequence says whether the request came that far.
            if (yield situation + [["cut", verb, [call, number], after], ["reboot"], ["hangup"]]) is False:
                break


def shrink(network, options, steps, attempts=4):
    """The shortest sequence that still fails."""
    def fails(candidate):
        return any(carry_out(network, options, candidate)[1] for _ in range(attempts))
    changed = True
    while changed:
        changed = False
        for index in range(len(steps) - 1, 0, -1):
            shorter = steps[:index] + steps[index + 1:]
            if fails(shorter):
                steps, changed = shorter, True
    return steps


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("seconds", nargs="?", type=int, default=300)
    parser.add_argument("seed", nargs="?", type=int, default=random.randrange(1 << 31))
    parser.add_argument("--points", action="store_true")
    parser.add_argument("--replay")
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--shrink", action="store_true")
    parser.add_argument("--keep-going", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--blind")
    parser.add_argument("--allow", default="", type=lambda words: set(words.split(",")) - {""})
    options = parser.parse_args()
    if unknown := options.allow - set(ALLOWED):
        sys.exit(f"--allow: {unknown}; known are {set(ALLOWED)}")
    network = Network()
    draw = random.Random(options.seed)
    has_strace = shutil.which("strace") is not None
    rounds = steps_done = failed = 0
    end = time.monotonic() + options.seconds
    if options.replay:
        with open(options.replay) as file:
            one = [json.loads(line) for line in file if line.strip()]
        sequences = [one] * options.times
    elif options.points:
        sequences = points(draw)
    else:
        sequences = (random_sequence(draw, has_strace) for _ in itertools.count())
    if not options.replay:
        print(f"seed {options.seed}", flush=True)
    steps = next(iterator := iter(sequences), None)
    while steps and (time.monotonic() < end or options.replay):
        done, violation, was_cut = carry_out(network, options, steps)
        sequence = steps
        try:
            steps = iterator.send(was_cut) if options.points else next(iterator)
        except StopIteration:
            steps = None
        rounds += 1
        steps_done += done
        if not violation:
            continue
        failed += 1
        print(f"not ok round {rounds}: {violation}", flush=True)
        if options.shrink:
            sequence = shrink(network, options, sequence)
        print("".join(f"    {json.dumps(step)}\n" for step in sequence), end="", flush=True)
        if not options.keep_going and not options.replay:
            break
    total = network.receiver.total
    print(f"{'not ok' if failed else 'ok'} what was in force was always allowed: {rounds} rounds, {steps_done} steps, {failed} failed, "
          f"{sum(total.values())} packets received", flush=True)
    network.sender.kill()
    sys.exit(failed > 0)


if __name__ == "__main__":
    if "--send-when-told" in sys.argv:
        sys.stdin.readline()
        send()
    main()
