# SPDX-License-Identifier: GPL-3.0-or-later
"""The site's network: the machines, the cables between them, WireGuard, and what is not containers.

  lan 192.168.1.20 ---+
  onprem enp5s0 .1.7 -+- router 192.168.1.1 | 198.51.100.7 --- 198.51.100.1 internet --- 203.0.113.10 ec2
                         (translates, and sends all ports to onprem)       \\------------ 100.64.7.10 laptop

wg0: ec2 10.13.13.1 (the hub), onprem .2, laptop .10; the same in fd13:13::/64. IPv6 outside: 2001:db8:203::10, 2001:db8:198::7,
2001:db8:64::10; behind the router 2001:db8:198::/64, which is not translated. In `internet` are the attacker (.66 of each
network), a name server (203.0.113.53), a web server (203.0.113.80) and a host of the code host's network (192.30.252.9)."""

from machines import Machine, cable, do, until
import probes

TUNNEL = {"ec2": ("10.13.13.1", "fd13:13::1"), "onprem": ("10.13.13.2", "fd13:13::2"), "laptop": ("10.13.13.10", "fd13:13::10")}
OUTSIDE = {"ec2": ("203.0.113.10", "2001:db8:203::10"), "onprem": ("198.51.100.7", "2001:db8:198::7"),
           "laptop": ("100.64.7.10", "2001:db8:64::10")}
CARD = {"ec2": "ens5", "onprem": "enp5s0", "laptop": "wlan0"}
# What answers at onprem's own address, from its LAN.
HOME = "192.168.1.7"
ATTACKER = {"ec2": ("203.0.113.66", "2001:db8:203::66"), "onprem": ("198.51.100.66", "2001:db8:99::66")}
WEB, NAME_SERVER, CODE_HOST = "203.0.113.80", "203.0.113.53", "192.30.252.9"
WEB6 = "2001:db8:203::80"
NAMES = ("internet", "router", "onprem", "ec2", "laptop", "lan")


def build():
    """The machines by name, with cables, addresses and routes."""
    m = {name: Machine(name) for name in NAMES}
    internet, router, onprem, ec2, laptop, lan = (m[name] for name in NAMES)
    cable(internet, "to-home", router, "wan")
    cable(internet, "to-ec2", ec2, CARD["ec2"])
    cable(internet, "to-laptop", laptop, CARD["laptop"])
    router.ip("link", "add", "br0", "type", "bridge")
    router.ip("link", "set", "br0", "up")
    for its, other, others in (("port-onprem", onprem, CARD["onprem"]), ("port-lan", lan, "eth0")):
        cable(router, its, other, others)
        router.ip("link", "set", its, "master", "br0")
    internet.address("to-home", "198.51.100.1/24", "198.51.100.66/24", "2001:db8:99::1/64", "2001:db8:99::66/64")
    internet.address("to-ec2", "203.0.113.1/24", "203.0.113.66/24", "2001:db8:203::1/64", "2001:db8:203::66/64")
    internet.address("to-laptop", "100.64.7.1/24", "2001:db8:64::1/64")
    internet.address("lo", f"{WEB}/32", f"{NAME_SERVER}/32", f"{CODE_HOST}/32", f"{WEB6}/128")
    router.address("wan", "198.51.100.7/24", "2001:db8:99::7/64")
    router.address("br0", "192.168.1.1/24", "2001:db8:198::1/64")
    onprem.address(CARD["onprem"], f"{HOME}/24", "2001:db8:198::7/64")
    lan.address("eth0", "192.168.1.20/24", "2001:db8:198::20/64")
    ec2.address(CARD["ec2"], "203.0.113.10/24", "2001:db8:203::10/64")
    laptop.address(CARD["laptop"], "100.64.7.10/24", "2001:db8:64::10/64")
    for machine in (internet, router, onprem, ec2):
        machine.forward()
    for machine, gateways in ((router, ("198.51.100.1", "2001:db8:99::1")), (onprem, ("192.168.1.1", "2001:db8:198::1")),
                              (lan, ("192.168.1.1", "2001:db8:198::1")), (ec2, ("203.0.113.1", "2001:db8:203::1")),
                              (laptop, ("100.64.7.1", "2001:db8:64::1"))):
        for gateway in gateways:
            machine.route(gateway)
    internet.ip("-6", "route", "add", "2001:db8:198::/64", "via", "2001:db8:99::7")
    lan.ip("route", "add", "10.13.13.0/24", "via", HOME)
    # Every port of the router's address leads to onprem: only onprem's own rules are in the way.
    router.do("nft", "-f", "-", text="""table ip nat {
 chain prerouting { type nat hook prerouting priority dstnat; iifname "wan" ip daddr 198.51.100.7 dnat to 192.168.1.7; }
 chain postrouting { type nat hook postrouting priority srcnat; oifname "wan" masquerade; }
}
""")
    # Nor the kernel's check of sources.
    for name in ("onprem", "ec2"):
        for interface in ("all", "default", CARD[name]):
            m[name].set(f"ipv4/conf/{interface}/rp_filter", 0)
    return m


def tunnels(m):
    """Keys and configuration files; then the tunnels are up."""
    keys = {}
    for name in TUNNEL:
        private = do("wg", "genkey").strip()
        keys[name] = private, do("wg", "pubkey", text=private + "\n").strip()
    for name in TUNNEL:
        lines = ["[Interface]", f"PrivateKey = {keys[name][0]}", "ListenPort = 51820"]
        for peer in ("onprem", "laptop") if name == "ec2" else ("ec2",):
            lines += [f"# {peer}", "[Peer]", f"PublicKey = {keys[peer][1]}"]
            if name == "ec2":
                allowed = [f"{TUNNEL[peer][0]}/32", f"{TUNNEL[peer][1]}/128"]
                allowed += ["192.168.1.0/24"] if peer == "onprem" else []
            else:
                allowed = ["10.13.13.0/24", "fd13:13::/64"]
                allowed += ["192.168.1.0/24"] if name == "laptop" else []
                lines += ["PersistentKeepalive = 25"]
            lines += [f"AllowedIPs = {', '.join(allowed)}"]
            if peer != "laptop":
                lines += [f"Endpoint = {OUTSIDE[peer][0]}:51820"]
        m[name].do("sh", "-c", "umask 077; cat >/etc/wireguard/wg0.conf", text="\n".join(lines) + "\n")
    for name in TUNNEL:
        tunnel_up(m[name])
    for name in ("onprem", "laptop"):
        if until(30, handshaken, m[name]) is None:
            raise RuntimeError(f"no tunnel between {name} and ec2")


def tunnel_up(machine):
    """As `wg-quick up` does, with the kernel's WireGuard."""
    machine.ip("link", "add", "wg0", "type", "wireguard")
    machine.do("wg", "setconf", "wg0", "/etc/wireguard/wg0.conf")
    machine.address("wg0", f"{TUNNEL[machine.name][0]}/24", f"{TUNNEL[machine.name][1]}/64")
    machine.ip("link", "set", "wg0", "mtu", "1420", "up")
    if machine.name != "onprem":
        machine.ip("route", "add", "192.168.1.0/24", "dev", "wg0")
    machine.set("ipv4/conf/wg0/rp_filter", 0)


def handshaken(machine):
    if machine.name != "ec2":
        machine.start(probes.send, TUNNEL["ec2"][0], 9, "wake", None, 0, 1).result()
    return machine.do("wg", "show", "wg0", "latest-handshakes").split()[1] != "0"


def servers(m):
    """Programs on the machines themselves: real ones, and echo servers as stand-ins for sshd, NFS, the API and a printer."""
    onprem, ec2 = m["onprem"], m["ec2"]
    running = [m["internet"].start(probes.serve, [80, 7000], [7000], (NAME_SERVER, WEB)),
               onprem.start(probes.serve, [22, 2049, 7000], [7000]), ec2.start(probes.serve, [22, 443, 9443, 7000], [7000]),
               m["lan"].start(probes.serve, [22, 631], []), m["laptop"].start(probes.serve, [7000], [7000])]
    for machine in (onprem, ec2):
        machine.task("node-exporter", "prometheus-node-exporter", "--web.listen-address=:9100")
    postgres = onprem.do("sh", "-c", "ls -d /usr/lib/postgresql/*/bin").strip()
    as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "env", "-C", "/run/postgres", "LC_ALL=C"]
    onprem.do("install", "-d", "-o", "postgres", "-g", "postgres", "-m", "700", "/run/postgres")
    onprem.do(*as_user, f"{postgres}/initdb", "-D", "/run/postgres/data", "-A", "trust", "-U", "postgres", "--locale=C",
              "-E", "UTF8", "--no-sync", "--no-instructions")
    onprem.do("sh", "-c", "echo 'host all all all trust' >>/run/postgres/data/pg_hba.conf")
    onprem.task("postgres", *as_user, f"{postgres}/postgres", "-D", "/run/postgres/data", "-c", "listen_addresses=*", "-c",
                "unix_socket_directories=/run/postgres", "-c", "fsync=off")
    for machine, port in ((onprem, 5432), (onprem, 9100), (ec2, 9100)):
        if until(120, lambda: machine.run(probes.tcp, "127.0.0.1", port) == "open") is None:
            raise RuntimeError(f"nothing listens on port {port} of {machine.name}")
    return running
