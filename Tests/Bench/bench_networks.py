# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts with many container networks or cluster services, for the audit's measurement. Used by bench.py, in namespaces of
its own."""

import subprocess
import sys

HOLDER = """
import ctypes, socket, time
if ctypes.CDLL(None, use_errno=True).unshare(0x40000000) != 0:
    raise SystemExit("unshare")
held = socket.socket()
held.bind(("0.0.0.0", 80))
held.listen(1)
print("ready", flush=True)
time.sleep(3600)
"""

LINKS = """link set lo up
link add eth0 type veth peer name far0
link set eth0 up
link set far0 up
address add 203.0.113.10/24 dev eth0
route add default via 203.0.113.1
link add wg0 type veth peer name far1
link set wg0 up
link set far1 up
address add 10.13.13.1/24 dev wg0
"""


def feed(text, *command):
    done = subprocess.run(command, input=text, text=True, capture_output=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr[-1000:]}")


def address(network, host):
    return f"172.{18 + network // 250}.{network % 250}.{host}"


class Networks:
    """Bridges with containers that each publish a port, by rules in the shape of Docker's."""

    def __init__(self, networks, containers):
        self.networks, self.containers, self.processes = networks, containers, []

    def __enter__(self):
        bridges = [f"br-{number:04x}" for number in range(self.networks)]
        feed(LINKS + "".join(
            f"link add {bridge} type bridge\naddress add {address(number, 1)}/24 dev {bridge}\nlink set {bridge} up\n"
            for number, bridge in enumerate(bridges)), "ip", "-batch", "-")
        with open("/proc/sys/net/ipv4/ip_forward", "w", encoding="ascii") as forwarding:
            forwarding.write("1")
        feed(self.rules(bridges), "iptables-nft-restore")
        self.start(bridges)
        return self

    def rules(self, bridges):
        nat = ["*nat", ":PREROUTING ACCEPT", ":OUTPUT ACCEPT", ":POSTROUTING ACCEPT", ":DOCKER -",
               "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER",
               "-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER"]
        accepts = ["*filter", ":INPUT ACCEPT", ":FORWARD DROP", ":OUTPUT ACCEPT", ":DOCKER -", ":ISOLATION-1 -", ":ISOLATION-2 -",
                   "-A FORWARD -j ISOLATION-1"]
        for number, bridge in enumerate(bridges):
            nat += [f"-A POSTROUTING -s {address(number, 0)}/24 ! -o {bridge} -j MASQUERADE", f"-A DOCKER -i {bridge} -j RETURN"]
            accepts += [f"-A FORWARD -o {bridge} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
                        f"-A FORWARD -o {bridge} -j DOCKER", f"-A FORWARD -i {bridge} ! -o {bridge} -j ACCEPT",
                        f"-A FORWARD -i {bridge} -o {bridge} -j ACCEPT",
                        f"-A ISOLATION-1 -i {bridge} ! -o {bridge} -j ISOLATION-2", f"-A ISOLATION-2 -o {bridge} -j DROP"]
        for number in range(self.containers):
            bridge, own = bridges[number % self.networks], self.own(number)
            nat.append(f"-A DOCKER ! -i {bridge} -p tcp -m tcp --dport {20000 + number} -j DNAT --to-destination {own}:80")
            accepts.append(f"-A DOCKER -d {own}/32 ! -i {bridge} -o {bridge} -p tcp -m tcp --dport 80 -j ACCEPT")
        return "\n".join(nat + ["COMMIT"] + accepts + ["COMMIT", ""])

    def own(self, number):
        return address(number % self.networks, 2 + number // self.networks)

    def start(self, bridges):
        for _ in range(self.containers):
            self.processes.append(subprocess.Popen([sys.executable, "-c", HOLDER], stdin=subprocess.DEVNULL,
                                                   stdout=subprocess.PIPE, text=True))
        for process in self.processes:
            if process.stdout.readline().strip() != "ready":
                raise RuntimeError("a container did not start")
        feed("".join(f"link add ve{number} type veth peer name eth0 netns {process.pid}\n"
                     f"link set ve{number} master {bridges[number % self.networks]} up\n"
                     for number, process in enumerate(self.processes)), "ip", "-batch", "-")
        for number, process in enumerate(self.processes):
            feed(f"address add {self.own(number)}/24 dev eth0\nlink set eth0 up\nlink set lo up\n"
                 f"route add default via {address(number % self.networks, 1)}\n",
                 "nsenter", "-t", str(process.pid), "-n", "ip", "-batch", "-")

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait()


def services(count):
    """The rules of a node of a cluster, in the shape of kube-proxy's for nft: two servers behind each service, a port of the
    node for each tenth."""
    def cluster(number):
        return f"10.96.{number // 250}.{number % 250 + 1}"
    feed(LINKS + "link add cni0 type bridge\naddress add 10.244.0.1/16 dev cni0\nlink set cni0 up\n", "ip", "-batch", "-")
    with open("/proc/sys/net/ipv4/ip_forward", "w", encoding="ascii") as forwarding:
        forwarding.write("1")
    lines = ["table ip cluster {", "map addresses { type ipv4_addr . inet_proto . inet_service : verdict", "elements = {",
             ",\n".join(f"{cluster(number)} . tcp . 80 : goto service-{number}" for number in range(count)), "} }",
             "map ports { type inet_proto . inet_service : verdict", "elements = {",
             ",\n".join(f"tcp . {30000 + number // 10} : goto service-{number}" for number in range(0, count, 10)), "} }",
             "chain prerouting { type nat hook prerouting priority dstnat",
             "ip daddr . meta l4proto . th dport vmap @addresses",
             "fib daddr type local meta l4proto . th dport vmap @ports", "}"]
    for number in range(count):
        lines += [f"chain service-{number} {{",
                  f"numgen random mod 2 vmap {{ 0 : goto server-{number}-0, 1 : goto server-{number}-1 }}", "}"]
        for server in range(2):
            lines += [f"chain server-{number}-{server} {{",
                      f"meta l4proto tcp dnat to 10.244.{number // 100}.{number % 100 * 2 + 2 + server}:8080", "}"]
    feed("\n".join(lines + ["}", ""]), "nft", "-f", "-")
