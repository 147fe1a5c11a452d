# SPDX-License-Identifier: GPL-3.0-or-later
"""Attacks a daemon from its group, its metrics and its policy file. Started by limits.sh in the node onprem of a lab."""

import array
import fcntl
import os
import re
import resource
import socket
import struct
import subprocess
import sys
import time

from lab import Lab, Site, Verdicts, put

GROUP, MEMBER = 65000, 65534
SMALL = """version: 1
machines: { onprem: {} }
allow:
  - { to: onprem, services: [ssh], from: internet }
"""
# Grants from all to all of this many machines take seconds to check.
MACHINES = int(os.environ.get("WGFENCE_LIMITS_MACHINES", "300"))
F_ADD_SEALS, ALL_SEALS = 1033, 0xF


def large(machines):
    """A small policy whose tests send a packet between every two machines."""
    names = [f"m{number}" for number in range(machines)]
    text = "version: 1\ntunnels: { wg0: { prefixes: [10.0.0.0/16], listen: 51820 } }\nmachines:\n"
    text += "  onprem: { addresses: { wg0: [10.0.255.1] } }\n"
    for number, name in enumerate(names):
        text += f"  {name}: {{ addresses: {{ wg0: [10.0.{number // 250}.{number % 250 + 1}] }} }}\n"
    text += f"groups: {{ everyone: [{', '.join(names)}] }}\n"
    text += "allow:\n  - { to: everyone, services: [ssh], from: everyone }\n"
    return text + "tests:\n  - { from: everyone, to: everyone, allow: [ssh] }\n"


def frame(text):
    return struct.pack(">IB", len(text), ord("Q")) + text.encode()


def sealed(parts):
    file = os.memfd_create("policy", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
    for part in parts:
        rest = memoryview(part)
        while rest:
            rest = rest[os.write(file, rest):]
    fcntl.fcntl(file, F_ADD_SEALS, ALL_SEALS)
    return file


def descriptors(files):
    return [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files).tobytes())]


class Member:
    """A process of another user whose groups have the daemon's: runs a function, and returns its result as text."""

    def __init__(self, work):
        self.read, write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.setgroups([GROUP])
            os.setgid(MEMBER)
            os.setuid(MEMBER)
            try:
                text = str(work())
            except Exception as error:  # pylint: disable=broad-except
                text = repr(error)
            os.write(write, text.encode()[:60000])
            os._exit(0)
        os.close(write)

    def running(self):
        return os.waitpid(self.pid, os.WNOHANG)[0] == 0

    def text(self):
        parts = []
        while part := os.read(self.read, 65536):
            parts.append(part)
        os.close(self.read)
        return b"".join(parts).decode(errors="replace")

    def end(self):
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)


class Limits:
    """A daemon, and the checks of its limits."""

    def __init__(self, lab):
        self.verdicts, self.site = Verdicts(), Site(lab)
        put(self.site.policy, SMALL)

    def start(self, *options):
        self.daemon = self.site.start("--metrics", "127.0.0.1:9586", "--ownership", "off", *options)
        os.chown(self.site.socket, 0, GROUP)

    def stop(self):
        self.daemon.terminate()
        self.verdicts.say("the daemon ends on request", self.daemon.wait(30) == 0, self.daemon.returncode)

    def connect(self):
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(120)
        client.connect(self.site.socket)
        return client

    def ask(self, text, parts=()):
        """Sends a request and returns the whole answer."""
        client = self.connect()
        if parts:
            text += f"lengths={' '.join(str(len(part)) for part in parts)}\n"
            client.sendmsg([frame(text)], descriptors([sealed(parts)]))
        else:
            client.sendall(frame(text))
        answer = b""
        while part := client.recv(65536):
            answer += part
        return "".join(sign if sign.isprintable() else " " for sign in answer.decode(errors="replace"))

    def apply(self, *parts, lists=()):
        names = "\\n".join(lists)
        return self.ask(f"version=4\nverb=apply\npath=/etc/policy.yaml\nmachine=onprem\nlists={names}\n", parts)

    def status(self):
        """How long root waits for `wgfence status`."""
        start = time.monotonic()
        done = self.site.wgfence("status")
        return time.monotonic() - start if done.returncode in (0, 2) else 1000.0

    def open_files(self):
        return len(os.listdir(f"/proc/{self.daemon.pid}/fd"))

    def peak(self):
        """The daemon's peak memory, in MiB."""
        with open(f"/proc/{self.daemon.pid}/status") as file:
            return int(re.search(r"VmHWM:\s*(\d+)", file.read())[1]) // 1024

    def processor(self):
        with open(f"/proc/{self.daemon.pid}/stat") as file:
            words = file.read().rsplit(")", 1)[1].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def log(self):
        with open(self.site.log) as file:
            return file.read()

    # The checks.

    def floods_of_descriptors(self):
        before, written = self.open_files(), len(self.log())

        def attack():
            files, held = [os.open("/dev/null", os.O_RDONLY) for _ in range(64)], []
            for _ in range(24):
                try:
                    client = self.connect()
                    client.sendmsg([frame("x" * 256)[:5]], descriptors(files))
                    held.append(client)
                except OSError:
                    pass
            time.sleep(30)

        member = Member(attack)
        time.sleep(1)
        worst = max(self.status() for _ in range(5))
        files = self.open_files() - before
        member.end()
        self.verdicts.say("1,536 descriptors of a member are not accepted", files <= 16, f"{files} more are open")
        self.verdicts.say("status is answered for root meanwhile", worst < 1, f"{worst:.2f} s at worst")
        grown = len(self.log()) - written
        self.verdicts.say("they are at most a few lines of the journal", grown < 4000, f"{grown} bytes")

    def floods_of_connections(self):
        def attack():
            held = [self.connect() for _ in range(40)]
            held[-1].settimeout(2)
            answer = held[-1].recv(65536)
            time.sleep(30)
            return answer

        member = Member(attack)
        time.sleep(1)
        worst = max(self.status() for _ in range(5))
        member.end()
        self.verdicts.say("a member's 40 connections do not keep root out", worst < 1, f"{worst:.2f} s at worst")
        self.verdicts.say("they are one line of the journal",
                          self.log().count("you have 8 connections to it already") == 1)

    def too_much_work(self):
        member = Member(lambda: self.apply(large(700).encode()))
        answer = member.text()
        self.verdicts.say("a member's policy of 980,000 tests is refused at once, with the limit",
                          "980000 packets, and the daemon checks at most 200000" in answer, answer[-200:].strip())

    def answers_meanwhile(self, name, begin, running):
        """Status is answered and the table is repaired while something slow runs."""
        whole = len(self.site.table())
        begin()
        worst, count, repaired = 0.0, 0, None
        while running() and count < 500:
            worst, count = max(worst, self.status()), count + 1
            if repaired is None:
                self.site.run("nft", "flush", "table", "inet", "wgfence")
                time.sleep(0.5)
                repaired = running() and len(self.site.table()) > 0.9 * whole
        self.verdicts.say(f"status is answered while {name}", 0 < count and worst < 1,
                          f"{count} times, {worst:.2f} s at worst")
        self.verdicts.say(f"drift is repaired while {name}", repaired is True)

    def large_work(self):
        member = None

        def begin():
            nonlocal member
            member = Member(lambda: self.apply(large(MACHINES).encode()))

        self.answers_meanwhile("a member's policy is checked", begin, lambda: member.running())
        self.verdicts.say("it is put in force then", "generation=" in (answer := member.text()), answer[:200])

    def clients_that_leave(self):
        """A policy whose client closes, stops sending, or no longer waits while it is checked."""
        policy = (large(MACHINES) + "# a digest of its own\n").encode()
        text = f"version=4\nverb=apply\npath=/etc/policy.yaml\nmachine=onprem\nlengths={len(policy)}\n"

        def begin(more=""):
            client = self.connect()
            client.sendmsg([frame(text + more)], descriptors([sealed([policy])]))
            time.sleep(0.3)
            return client

        def rest(client):
            answer = b""
            while part := client.recv(65536):
                answer += part
            return answer.decode(errors="replace")

        before, lines = self.site.wgfence("status", "--format", "json").stdout, len(self.log())
        begin().close()
        # Root's next policy is checked after this one: with its answer, the first one is done too.
        answer = self.apply(b"version: [")
        said = self.log()[lines:]
        self.verdicts.say("a policy whose client closed while it was checked is not put in force",
                          "not valid" in answer and "generation=" not in answer and "'apply' by root was not "
                          "carried out: the client has disconnected" in said, said[-300:])
        after = self.site.wgfence("status", "--format", "json").stdout
        digests = [re.search(r'"ruleset":.*?"digest": *"([^"]*)"', one, re.S) for one in (before, after)]
        self.verdicts.say("which changes nothing", all(digests) and digests[0][1] == digests[1][1],
                          [one and one[1][:12] for one in digests])
        deadline = time.clock_gettime_ns(time.CLOCK_BOOTTIME) + 500_000_000
        answer = rest(begin(f"deadline={deadline}\n"))
        self.verdicts.say("nor is one whose deadline passed while it was checked",
                          "s ago: nothing was changed" in answer and "generation=" not in answer, answer[-200:])
        client = begin()
        client.shutdown(socket.SHUT_WR)
        answer = rest(client)
        self.verdicts.say("a client that only stopped sending gets its answer", "generation=" in answer, answer[-200:])

    def failing_tests(self):
        text = "".join(line for line in large(MACHINES).splitlines(True) if not re.match("allow:|.*services:", line))
        before = self.peak()
        answer = Member(lambda: len(self.apply(text.encode()))).text()
        grown = self.peak() - before
        self.verdicts.say("tens of thousands of failed tests are an answer of some kilobytes",
                          answer.isdigit() and int(answer) < 200_000, answer)
        self.verdicts.say("and cost the daemon little memory", grown < 100, f"{grown} MiB more at the most")

    def large_file(self):
        def waiting():
            return self.log().count("the policy file: in force") + self.log().count("not accepted") == before

        before = self.log().count("the policy file: in force") + self.log().count("not accepted")
        self.answers_meanwhile("a large policy file is checked",
                               lambda: (put(self.site.policy, large(MACHINES + MACHINES // 3)), time.sleep(0.1)), waiting)
        put(self.site.policy, SMALL)
        time.sleep(1)

    def replaced_file(self):
        """A large policy file is replaced while it is checked: what it granted is never in force."""
        log = len(self.log())
        put(self.site.policy, large(MACHINES + MACHINES // 2))
        time.sleep(0.3)
        checked = "the policy file" not in self.log()[log:]
        put(self.site.policy, SMALL + "# replaced\n")
        end = time.monotonic() + 60
        while "the policy file" not in self.log()[log:] and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(1)
        lines = [line for line in self.log()[log:].splitlines() if "the policy file" in line]
        self.verdicts.say("a policy file that was replaced during its check is not put in force", checked and len(lines) == 1, lines)

    def large_lists(self):
        names = [f"l{number}" for number in range(12)]
        text = SMALL + "lists:\n" + "".join(f"  {name}: {{ file: {name} }}\n" for name in names[:4])
        line = b"192.0.2.1\n"
        few = [text.encode()] + [line * (1 << 20)] * 4
        before = self.peak()
        member = Member(lambda: self.apply(*few, lists=names[:4]))
        answer = member.text()
        self.verdicts.say("a member's lists of 4 million prefixes are refused with the limit",
                          "the limit is 2000000" in answer, answer[-300:].strip())
        # Files whose lengths are too large are not read.
        claimed = " ".join([str(len(text))] + [str(60 << 20)] * 12)
        names = "\\n".join(names)
        member = Member(lambda: self.ask(f"version=4\nverb=apply\npath=/p\nmachine=onprem\nlists={names}\n"
                                         f"lengths={claimed}\n"))
        member.text()
        grown = self.peak() - before
        self.verdicts.say("they cost the daemon little memory", grown < 200, f"{grown} MiB more at the most")

    def foreign_namespaces(self):
        said = subprocess.run(["unshare", "-n", self.site.program, "status"], env=self.site.environment,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30, check=False)
        self.verdicts.say("root of another network namespace is refused", said.returncode == 1
                          and "another network namespace" in said.stdout, said.stdout.strip())
        own = os.stat("/proc/self/ns/net").st_ino
        folder = os.path.dirname(os.path.abspath(__file__))
        code = (f"import sys; sys.path.insert(0, {folder!r}); from limits import Limits; "
                f"t = Limits.__new__(Limits); t.site = type('S', (), dict(socket={self.site.socket!r})); "
                f"print(t.ask('version=4\\nverb=status\\nnamespace={own}\\n'))")
        said = subprocess.run(["unshare", "-n", sys.executable, "-c", code], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=30, check=False)
        self.verdicts.say("it is also refused if it claims to be in this namespace",
                          "another network namespace" in said.stdout, said.stdout.strip()[-200:])

    def slow_scrapes(self):
        held = []
        for number in range(60):
            client = socket.socket()
            client.bind((f"127.0.0.{2 + number % 30 if number >= 20 else 2}", 0))
            client.connect(("127.0.0.1", 9586))
            client.send(b"GET /metr")
            held.append(client)
        worst, whole = 0.0, True
        for _ in range(5):
            start = time.monotonic()
            client = socket.socket()
            client.settimeout(5)
            try:
                client.connect(("127.0.0.1", 9586))
                client.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
                answer = b""
                while part := client.recv(65536):
                    answer += part
            except OSError:
                answer = b""
            whole = whole and b"200 OK" in answer
            worst = max(worst, time.monotonic() - start)
        self.verdicts.say("slow clients from 30 addresses do not keep a scrape out", whole and worst < 1,
                          f"{worst:.2f} s at worst")
        self.verdicts.say("they have 16 places at most", self.open_files() < 60, self.open_files())
        for client in held:
            client.close()

    def few_descriptors(self):
        """A daemon with hardly more descriptors than it needs."""
        self.stop()
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (24, limits[1]))
        try:
            self.start()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        written = len(self.log())

        # As root, who may have the most connections.
        held = []
        for _ in range(24):
            try:
                held.append(self.connect())
            except BlockingIOError:  # The queue of the socket is full.
                break
        time.sleep(0.5)
        before = self.processor()
        time.sleep(3)
        spent = self.processor() - before
        self.verdicts.say("without a descriptor left it does not spin", spent < 0.5, f"{spent:.2f} s of 3")
        grown = len(self.log()) - written
        self.verdicts.say("and says so once", grown < 1000 and "Too many open files" in self.log(), f"{grown} bytes")
        for client in held:
            client.close()
        time.sleep(1.5)
        self.verdicts.say("it answers again when they are closed", (took := self.status()) < 1, f"{took:.2f} s")

    def run(self):
        self.start()
        self.floods_of_descriptors()
        self.floods_of_connections()
        self.foreign_namespaces()
        self.slow_scrapes()
        self.too_much_work()
        self.large_work()
        self.clients_that_leave()
        self.failing_tests()
        self.large_file()
        self.replaced_file()
        self.large_lists()
        self.few_descriptors()
        self.stop()
        print(f"limits: {self.verdicts.failed} claims did not hold")
        return self.verdicts.failed


if __name__ == "__main__":
    sys.exit(1 if Limits(Lab()).run() else 0)
