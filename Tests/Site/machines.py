# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines of the site: network, processes, mounts and host name of their own, in one guest."""

import ctypes
import os
import pickle
import select
import signal
import subprocess
import sys
import time

LIBC = ctypes.CDLL(None, use_errno=True)
BEGAN = time.monotonic()


def say(text):
    """A line of progress, with the guest's seconds."""
    print(f"SITE # {time.monotonic() - BEGAN:5.0f} s  {text}", flush=True)


def do(*command, check=True, text=None):
    """Runs a command; its standard output. An error of it ends the run, unless check is false."""
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command)}: status {done.returncode}: {(done.stderr or done.stdout).strip()[-600:]}")
    return done.stdout


def until(seconds, condition, *arguments, pause=0.3):
    """Asks a condition until it holds: seconds that it took, or None when the time is over."""
    start = time.monotonic()
    while time.monotonic() - start < seconds:
        if condition(*arguments):
            return time.monotonic() - start
        time.sleep(pause)
    return None


class Later:
    """The result of a function that runs in another process."""

    def __init__(self, pid, pipe):
        self.pid, self.pipe = pid, pipe

    def result(self, patience=60):
        data, end = b"", time.monotonic() + patience
        while True:
            if not select.select([self.pipe], [], [], max(0, end - time.monotonic()))[0]:
                os.kill(self.pid, signal.SIGKILL)
                break
            part = os.read(self.pipe, 65536)
            if not part:
                break
            data += part
        os.close(self.pipe)
        os.waitpid(self.pid, 0)
        return pickle.loads(data) if data else "error: no result"

    def end(self):
        os.kill(self.pid, signal.SIGKILL)
        os.close(self.pipe)
        os.waitpid(self.pid, 0)


class Place:
    """A network namespace in which functions can run."""

    def __init__(self, name, namespace):
        self.name, self.namespace = name, namespace

    def namespaces(self):
        return [self.namespace]

    def start(self, function, *arguments):
        """Runs a function of this program there, in a process of its own."""
        out, into = os.pipe()
        pid = os.fork()
        if pid:
            os.close(into)
            return Later(pid, out)
        try:
            os.close(out)
            LIBC.prctl(1, signal.SIGKILL)
            inner = False
            for path in [os.open(path, os.O_RDONLY) for path in self.namespaces()]:
                if LIBC.setns(path, 0):
                    raise OSError(ctypes.get_errno(), f"setns to {self.name}")
                os.close(path)
                inner = True
            # A new process namespace holds for children only.
            if inner and len(self.namespaces()) > 1:
                child = os.fork()
                if child:
                    os.close(into)
                    os.waitpid(child, 0)
                    os._exit(0)
                LIBC.prctl(1, signal.SIGKILL)
            try:
                answer = function(*arguments)
            except Exception as error:  # noqa: BLE001: said where the result is asked for
                answer = f"error: {type(error).__name__}: {error}"
            os.write(into, pickle.dumps(answer))
        finally:
            os._exit(0)

    def run(self, function, *arguments):
        return self.start(function, *arguments).result()


class Machine(Place):
    """A machine: commands run in all its namespaces."""

    def __init__(self, name):
        self.tasks = {}
        outer = subprocess.Popen(
            ["unshare", "-n", "-m", "-p", "-u", "-i", "--fork", "--kill-child", "--propagation", "private",
             "bash", "/site/machine.sh", name], stdout=subprocess.PIPE, text=True)
        if outer.stdout.readline() != "ready\n":
            raise RuntimeError(f"machine {name} did not start")
        with open(f"/proc/{outer.pid}/task/{outer.pid}/children") as children:
            self.pid = int(children.read().split()[0])
        super().__init__(name, f"/proc/{self.pid}/ns/net")
        self.root = f"/proc/{self.pid}/root"

    def namespaces(self):
        return [f"/proc/{self.pid}/ns/{kind}" for kind in ("net", "uts", "ipc", "mnt", "pid")]

    def inside(self, *command):
        return ["nsenter", "-t", str(self.pid), "-n", "-m", "-u", "-i", "-p", "--wdns=/", "--", *command]

    def do(self, *command, check=True, text=None):
        return do(*self.inside(*command), check=check, text=text)

    def ip(self, *arguments, check=True):
        return do("nsenter", "-t", str(self.pid), "-n", "--", "ip", *arguments, check=check)

    def status(self, *command):
        """The exit status of a command, and everything that it printed."""
        done = subprocess.run(self.inside(*command), capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def set(self, path, value):
        def write():
            with open(f"/proc/sys/net/{path}", "w") as file:
                file.write(str(value))
            return "done"
        if self.run(write) != "done":
            raise RuntimeError(f"{self.name}: net/{path} cannot be set")

    def task(self, label, *command, env=None):
        """Runs a command in the background; its output is in /machines/NAME/LABEL.log."""
        log = open(self.log(label), "w")
        script = 'echo $$ >"$1"; shift; exec "$@"'
        self.tasks[label] = subprocess.Popen(
            self.inside("bash", "-c", script, "_", f"/run/task-{label}", *command),
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **(env or {})})

    def log(self, label):
        return f"/machines/{self.name}/{label}.log"

    def said(self, label, last=400):
        with open(self.log(label), errors="replace") as file:
            return file.read()[-last:]

    def end(self, label, number="TERM", patience=40):
        process = self.tasks.pop(label)
        self.do("bash", "-c", f"kill -{number} $(cat /run/task-{label})", check=False)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            self.do("bash", "-c", f"kill -KILL $(cat /run/task-{label})", check=False)
            process.wait(10)

    def address(self, interface, *addresses):
        for address in addresses:
            self.ip("address", "add", address, "dev", interface, *(["nodad"] if ":" in address else []))

    def forward(self):
        self.set("ipv4/ip_forward", 1)
        self.set("ipv6/conf/all/forwarding", 1)

    def route(self, gateway):
        self.ip(*(["-6"] if ":" in gateway else []), "route", "add", "default", "via", gateway)


def cable(one, its, other, others):
    """A cable between the interface `its` of one machine and `others` of another."""
    do("ip", "link", "add", its, "netns", str(one.pid), "type", "veth", "peer", "name", others, "netns", str(other.pid))
    one.ip("link", "set", its, "up")
    other.ip("link", "set", others, "up")


class Results:
    """Counts what held, what did not, and what was not checked."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def verdict(self, name, expected, seen):
        if expected == seen:
            self.passed += 1
            print(f"SITE ok {name}", flush=True)
        else:
            self.failed += 1
            print(f"SITE not ok {name}: expected {expected}, saw {seen}", flush=True)

    def skip(self, name, why):
        self.skipped += 1
        print(f"SITE skip {name}: {why}", flush=True)

    def end(self):
        print(f"SITE sum {self.passed} passed, {self.failed} failed, {self.skipped} skipped", flush=True)
        sys.stdout.flush()
