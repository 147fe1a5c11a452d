# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with bridges of guests and many connections, for the measurement of the impact analysis. Used by bench.py, in
namespaces of its own."""

import os
import signal
import subprocess
import sys

HOLDER = """
import os, resource, socket, sys, time
count = int(sys.argv[1])
# Each process has one side of every connection.
resource.setrlimit(resource.RLIMIT_NOFILE, (count + 100, count + 100))
servers = {22: socket.socket(), 443: socket.socket()}
for port, server in servers.items():
    server.bind(("127.0.0.1", port))
    server.listen(1024)
ports = [443 if number % 1000 else 22 for number in range(count)]
held = []
if os.fork() == 0:
    held = [servers[port].accept()[0] for port in ports]
    time.sleep(3600)
held = [socket.create_connection(("127.0.0.1", port)) for port in ports]
for port in (53, 67):
    held.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    held[-1].bind(("0.0.0.0", port))
print("ready", flush=True)
time.sleep(3600)
"""


class Guests:
    """Bridges with two guests each, a default route, a DNS and a DHCP server, established TCP connections, and processes
    that do nothing."""

    def __init__(self, bridges, connections, idle):
        lines = ["link set lo up", "link add eth0 type veth peer name far", "address add 203.0.113.10/24 dev eth0",
                 "address add 2001:db8:1::10/64 dev eth0 nodad", "link set far up", "link set eth0 up",
                 "route add default via 203.0.113.1", "route add ::/0 via 2001:db8:1::1 dev eth0"]
        for number in range(bridges):
            name = f"br-{number}"
            lines += [f"link add {name} type bridge", f"address add 172.20.{number}.1/24 dev {name}",
                      f"address add fd20:{number}::1/64 dev {name} nodad", f"link set {name} up"]
            for guest in range(2):
                port = f"v{number}-{guest}"
                lines += [f"link add {port} type veth peer name g{number}-{guest}",
                          f"link set {port} master {name} up", f"link set g{number}-{guest} up"]
        subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)
        for path in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
            with open(f"/proc/sys/net/{path}", "w") as file:
                file.write("1")
        self.processes = [subprocess.Popen(["sleep", "3600"], stdin=subprocess.DEVNULL, start_new_session=True)
                          for _ in range(idle)]
        holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(connections)], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, text=True, start_new_session=True)
        self.processes.append(holder)
        if holder.stdout.readline().strip() != "ready":
            raise RuntimeError(f"{connections} connections could not be opened")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
