# SPDX-License-Identifier: GPL-3.0-or-later
"""What flood.py and random-events.py share: a daemon, its policy file, attackers, and sockets that count what reaches them.

Everything is in the network namespace of the caller, which must be one of its own, and in namespaces below it.
"""

import ctypes
import os
import select
import socket
import subprocess
import sys
import threading
import time

# Ports that every policy opens to everyone, and ports that no policy opens.
OPEN, CLOSED = 7000, range(7100, 7110)
# A host behind the firewall, like a container: reached by routing to its own address.
INSIDE = "172.17.0.2"
LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000

FLOODER = """
import collections, socket, sys, time
targets, ports, pause = sys.argv[1].split(","), [int(p) for p in sys.argv[2].split(",")], float(sys.argv[3])
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
calls = collections.deque()
end = time.time() + 2 * 3600
while time.time() < end:
    for target in targets:
        for port in ports:
            for _ in range(10):
                try:
                    udp.sendto(b"x", (target, port))
                except OSError:
                    pass
            call = socket.socket()
            call.setblocking(False)
            call.connect_ex((target, port))
            calls.append(call)
            if len(calls) > 200:
                calls.popleft().close()
        time.sleep(pause)
"""


# A tunnel without encryption: TUN devices here and in a namespace, whose link type is that of WireGuard's, joined by a process.
RELAY = """
import ctypes, fcntl, os, select, struct, sys
def device(name):
    file = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(file, 0x400454CA, struct.pack("16sH22x", name.encode(), 0x1001))
    return file
here = device(sys.argv[1])
with open(sys.argv[2]) as namespace:
    if ctypes.CDLL(None).setns(namespace.fileno(), 0x40000000): sys.exit("no way into " + sys.argv[2])
there = device(sys.argv[3])
while True:
    for file in select.select([here, there], [], [])[0]:
        try: os.write(there if file == here else here, os.read(file, 65535))
        except OSError: pass
"""


class Verdicts:
    """Checks that passed, and that failed."""

    def __init__(self):
        self.failed = 0

    def say(self, name, holds, seen=""):
        self.failed += not holds
        print(f"{'ok' if holds else 'not ok'} {name}{f': {seen}' if seen != '' else ''}", flush=True)


class Site:
    """A daemon's program, its state, and its policy file."""

    def __init__(self, program, state):
        self.program, self.state, self.policy = program, state, f"{state}/policy.yaml"
        self.environment = dict(os.environ, WGFENCE_STATE_DIR=f"{state}/state", WGFENCE_SOCKET=f"{state}/socket")

    def run(self, *command, check=True, text=None):
        return subprocess.run(command, env=self.environment, check=check, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, input=text, stdin=None if text else subprocess.DEVNULL,
                              text=True, timeout=60)

    def wgfence(self, *words):
        return self.run(self.program, *words, check=False)

    def start(self, *options):
        """Starts the daemon, and waits until it answers."""
        with open(f"{self.state}/log", "a") as log:
            daemon = subprocess.Popen([self.program, "daemon", self.policy, "--machine", "host", "--host", *options],
                                      env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        for _ in range(400):
            if os.path.exists(f"{self.state}/socket") and self.wgfence("status").returncode in (0, 2):
                return daemon
            time.sleep(0.02)
        sys.exit("the daemon does not answer: " + open(f"{self.state}/log").read()[-2000:])

    def table(self):
        return self.run("nft", "list", "table", "inet", "wgfence", check=False).stdout


def put(path, text):
    """Replaces a file as editors and git do."""
    with open(path + ".new", "w") as file:
        file.write(text)
    os.rename(path + ".new", path)


def side(site, name, link, ours, theirs):
    """A namespace at the other end of an interface, with a route to the host inside."""
    site.run("ip", "netns", "add", name)
    if link.startswith("wg"):
        subprocess.Popen(["setpriv", "--pdeathsig", "KILL", sys.executable, "-c", RELAY, link, f"/run/netns/{name}", "out"],
                         stdin=subprocess.DEVNULL)
        for _ in range(200):
            if site.run("ip", "-n", name, "link", "show", "out", check=False).returncode == 0:
                break
            time.sleep(0.02)
    else:
        site.run("ip", "link", "add", link, "type", "veth", "peer", "name", "out", "netns", name)
    site.run("ip", "address", "add", f"{ours}/24", "dev", link)
    site.run("ip", "link", "set", link, "up")
    for command in (f"address add {theirs}/24 dev out", "link set out up", f"route add {INSIDE}/32 via {ours}"):
        site.run("ip", "-n", name, *command.split())


def inside(site):
    """The host behind the firewall, on a bridge as Docker makes them."""
    site.run("ip", "netns", "add", "inside")
    site.run("ip", "link", "add", "inside0", "type", "bridge")
    site.run("ip", "address", "add", "172.17.0.1/16", "dev", "inside0")
    site.run("ip", "link", "add", "veth0", "type", "veth", "peer", "name", "eth0", "netns", "inside")
    site.run("ip", "link", "set", "veth0", "master", "inside0", "up")
    site.run("ip", "link", "set", "inside0", "up")
    for command in ("link set lo up", f"address add {INSIDE}/16 dev eth0", "link set eth0 up",
                    "route add default via 172.17.0.1"):
        site.run("ip", "-n", "inside", *command.split())
    with open("/proc/sys/net/ipv4/ip_forward", "w") as file:
        file.write("1")


def attack(name, targets, pause, ports=(OPEN, *CLOSED)):
    """UDP packets and TCP connections from a side to every port of the targets, until it is killed."""
    return subprocess.Popen(["ip", "netns", "exec", name, sys.executable, "-c", FLOODER, ",".join(targets),
                             ",".join(map(str, ports)), str(pause)], stdin=subprocess.DEVNULL)


class Receivers(threading.Thread):
    """UDP and TCP sockets here and on the host inside, with the number of datagrams or connections of each."""

    def __init__(self, ports):
        super().__init__(daemon=True)
        self.count, self.sockets = {}, {}
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        for place in ("here", "inside"):
            if place == "inside":
                self.enter(os.open("/run/netns/inside", os.O_RDONLY))
            for port in ports:
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    receiver = socket.socket(socket.AF_INET, kind)
                    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    receiver.bind(("0.0.0.0", port))
                    if kind == socket.SOCK_STREAM:
                        receiver.listen(64)
                    receiver.setblocking(False)
                    protocol = "tcp" if kind == socket.SOCK_STREAM else "udp"
                    self.sockets[receiver] = (place, protocol, port)
                    self.count[place, protocol, port] = 0
        self.enter(home)

    @staticmethod
    def enter(descriptor):
        if LIBC.setns(descriptor, CLONE_NEWNET) != 0:
            sys.exit(f"setns: {os.strerror(ctypes.get_errno())}")
        os.close(descriptor)

    def run(self):
        while True:
            for receiver in select.select(list(self.sockets), [], [])[0]:
                key = self.sockets[receiver]
                try:
                    if key[1] == "udp":
                        receiver.recv(64)
                    else:
                        receiver.accept()[0].close()
                except OSError:
                    continue
                self.count[key] += 1

    def forget(self):
        for key in self.count:
            self.count[key] = 0

    def total(self, ports, place=None, protocol=None):
        return sum(count for (where, what, port), count in self.count.items()
                   if port in ports and place in (None, where) and protocol in (None, what))

    def by_kind(self, ports):
        """The number that reached each place, by protocol."""
        return {f"{place} {protocol}": self.total(ports, place, protocol)
                for place in ("here", "inside") for protocol in ("udp", "tcp")}
