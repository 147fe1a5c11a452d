# SPDX-License-Identifier: GPL-3.0-or-later
"""What the stress tests share: a daemon in the node onprem of the lab, its policy file, attackers in other nodes, and sockets that
count what reaches them. Each test is started in that node by lab.sh, which carries out the functions of the lab.
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
# onprem's addresses, as each side reaches it, and its container's, which is reached by routing.
SIDES = {"internet": "198.51.100.7", "lan": "192.168.1.1", "ec2": "10.13.13.2"}
INSIDE = "172.17.0.2"
LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000


class Lab:
    """The functions of Tests/Lab/lib.sh and Tests/Lab/neighbours.sh."""

    def __init__(self):
        self.folder, self.program = os.environ["LAB"], os.environ["WGFENCE"]
        self.asked = open(f"{self.folder}/asked", "w", buffering=1)
        self.answers = open(f"{self.folder}/answers")

    def call(self, function, *words):
        """Calls a function with words without spaces; returns its status."""
        print(function, *words, file=self.asked)
        return int(self.answers.readline())

    def must(self, function, *words):
        if (status := self.call(function, *words)) != 0:
            sys.exit(f"{function} ended with {status}: " + open(f"{self.folder}/functions.log").read()[-1000:])

    def attack(self, side, pause):
        """Sends packets from a side to every port of onprem and of its container, until `end_attacks`."""
        ports = ",".join(map(str, (OPEN, *CLOSED)))
        self.must("task", side, "attack", sys.executable, os.path.join(os.path.dirname(__file__), "../Lab/probe.py"), "flood",
                  f"{SIDES[side]},{INSIDE}", ports, "--pause", str(pause))

    def end_attack(self, side):
        self.call("end_task", side, "attack")


class Verdicts:
    """Checks that passed, and that failed."""

    def __init__(self):
        self.failed = 0

    def say(self, name, holds, seen=""):
        self.failed += not holds
        print(f"{'ok' if holds else 'not ok'} {name}{f': {seen}' if seen != '' else ''}", flush=True)


class Site:
    """The daemon of onprem, its state, and its policy file."""

    def __init__(self, lab):
        self.program, self.state = lab.program, f"{lab.folder}/onprem"
        self.policy, self.log, self.socket = (f"{self.state}/{name}" for name in ("policy.yaml", "daemon.log", "control.sock"))
        self.environment = dict(os.environ, WGFENCE_STATE_DIR=f"{self.state}/state", WGFENCE_SOCKET=self.socket)

    def run(self, *command, check=True, text=None):
        return subprocess.run(command, env=self.environment, check=check, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, input=text, stdin=None if text else subprocess.DEVNULL,
                              text=True, timeout=60)

    def wgfence(self, *words):
        return self.run(self.program, *words, check=False)

    def start(self, *options):
        """Starts the daemon, and waits until it answers."""
        with open(self.log, "a") as log:
            daemon = subprocess.Popen([self.program, "daemon", self.policy, "--machine", "onprem", *options],
                                      env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        for _ in range(400):
            if os.path.exists(self.socket) and self.wgfence("status").returncode in (0, 2):
                return daemon
            time.sleep(0.02)
        sys.exit("the daemon does not answer: " + open(self.log).read()[-2000:])

    def table(self):
        return self.run("nft", "list", "table", "inet", "wgfence", check=False).stdout


def put(path, text):
    """Replaces a file as editors and git do."""
    with open(path + ".new", "w") as file:
        file.write(text)
    os.rename(path + ".new", path)


class Receivers(threading.Thread):
    """UDP and TCP sockets here and in the container, with the number of datagrams or connections of each."""

    def __init__(self, ports):
        super().__init__(daemon=True)
        self.count, self.sockets = {}, {}
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        for place in ("here", "inside"):
            if place == "inside":
                self.enter(int(os.environ["CONTAINER_NAMESPACE"]))
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
