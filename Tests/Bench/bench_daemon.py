# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures the daemon: a changed file, one change, memory and sleep. Used by bench.py, inside namespaces of its own."""

import os
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import time

MEDIAN = statistics.median
NETLINK_NETFILTER, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, GROUP_NFTABLES, SO_RCVBUFFORCE = 12, 270, 1, 7, 33
NEW_GENERATION = 10 << 8 | 15


class Generations:
    """The moments at which another process's change of the ruleset was committed."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        self.socket.bind((0, 0))
        self.socket.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, GROUP_NFTABLES)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)

    def count(self, seconds):
        """The number of events until there is none for a time, and when the first one was."""
        first, found = None, 0
        self.socket.settimeout(10)
        while True:
            try:
                datagram = self.socket.recv(1 << 20)
            except TimeoutError:
                return found, first
            at = 0
            while at + 16 <= len(datagram):
                length, kind = struct.unpack_from("IH", datagram, at)
                if kind == NEW_GENERATION:
                    found += 1
                    first = first or time.perf_counter()
                    self.socket.settimeout(seconds)
                at += (length + 3) & ~3


class Daemon:
    """A separate daemon, with its files in a separate folder."""

    def __init__(self, program, state, policy):
        self.folder = f"{state}/daemon"
        shutil.rmtree(self.folder, ignore_errors=True)
        os.mkdir(self.folder)
        self.policy = f"{self.folder}/policy.yaml"
        shutil.copy(policy, self.policy)
        self.environment = dict(os.environ, WGFENCE_STATE_DIR=f"{self.folder}/state",
                                WGFENCE_SOCKET=f"{self.folder}/socket")
        with open(f"{self.folder}/log", "w") as log:
            self.process = subprocess.Popen([program, "daemon", self.policy, "--machine", "gateway"],
                                            env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        for _ in range(600):
            if "keeping the ruleset" in open(f"{self.folder}/log").read():
                break
            time.sleep(0.05)
        time.sleep(0.5)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)

    def change(self, text):
        """Replaces the policy file; milliseconds to the commit, and commits."""
        with open(self.policy + ".new", "w") as file:
            file.write(text)
        generations = Generations()
        began = time.perf_counter()
        os.rename(self.policy + ".new", self.policy)
        found, first = generations.count(0.3)
        return ((first or time.perf_counter()) - began) * 1e3, found

    def open(self, port):
        """Opens a port by the control socket; milliseconds from the request to the commit."""
        text = f"version=4\nverb=open\nservice={port}/tcp\nfrom=laptop-1\nfor=60s\nbecause=bench\n".encode()
        generations = Generations()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(f"{self.folder}/socket")
            began = time.perf_counter()
            client.sendall(struct.pack(">I", len(text)) + b"Q" + text)
            found, first = generations.count(0.2)
        if found != 1:
            raise RuntimeError(f"{found} commits for one temporary grant")
        return (first - began) * 1e3

    def facts(self, *names):
        lines = dict(line.split(":\t") for line in open(f"/proc/{self.process.pid}/status").read().splitlines()
                     if ":\t" in line)
        return [int(lines[name].split()[0]) for name in names]
