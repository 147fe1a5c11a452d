# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with many listening sockets, for the audit's measurement. Used by bench.py, in namespaces of its own."""

import subprocess
import sys

HOLDER = """
import resource, socket, sys, time
count = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_NOFILE, (count + 100, count + 100))
held = []
for port in range(10000, 10000 + count):
    held.append(socket.socket())
    held[-1].bind(("0.0.0.0", port))
    held[-1].listen(1)
print("ready", flush=True)
time.sleep(3600)
"""


class Sockets:
    """One process that listens on many TCP ports, and others that do nothing."""

    def __init__(self, count, idle):
        self.processes = [subprocess.Popen(["sleep", "3600"], stdin=subprocess.DEVNULL) for _ in range(idle)]
        holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(count)], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, text=True)
        self.processes.append(holder)
        if holder.stdout.readline().strip() != "ready":
            raise RuntimeError(f"{count} sockets could not be opened")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()
