# SPDX-License-Identifier: GPL-3.0-or-later
"""ufw and firewalld as scripts/setup.sh unpacks them, with rules of their own in a network namespace. Used by bench.py."""

import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
UNPACKED = os.path.join(HERE, "../../.build/neighbours")


def run(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"bench: {' '.join(command)[:200]}: exit status {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout


class Ufw:
    """ufw with a line for each address and port."""

    is_here = os.path.exists(f"{UNPACKED}/usr/sbin/ufw")

    def __init__(self, root, addresses, ports, protocol="tcp"):
        shutil.rmtree(root, ignore_errors=True)
        for part in ("usr/lib/python3/dist-packages", "usr/share/ufw", "etc/ufw", "lib/ufw"):
            shutil.copytree(f"{UNPACKED}/{part}", f"{root}/{part}")
        os.makedirs(f"{root}/usr/sbin"), os.makedirs(f"{root}/etc/default")
        shutil.copy(f"{UNPACKED}/usr/sbin/ufw", f"{root}/usr/sbin/ufw")
        text = open(f"{UNPACKED}/etc/default/ufw").read()
        open(f"{root}/etc/default/ufw", "w").write("\n".join(
            "IPT_SYSCTL=" if line.startswith("IPT_SYSCTL=") else line for line in text.splitlines()) + "\n")
        shutil.copy(f"{root}/usr/share/ufw/ufw.conf", f"{root}/etc/ufw/")
        for name in os.listdir(f"{root}/usr/share/ufw/iptables"):
            shutil.copy(f"{root}/usr/share/ufw/iptables/{name}", f"{root}/etc/ufw/{name}")
        run("chown", "-R", "0:0", root)
        for name in os.listdir(f"{root}/etc/ufw"):
            if name.endswith(".rules"):
                os.chmod(f"{root}/etc/ufw/{name}", 0o640)
        self.command = ("env", f"PYTHONPATH={root}/usr/lib/python3/dist-packages", "PYTHONDONTWRITEBYTECODE=1",
                        sys.executable, f"{root}/usr/sbin/ufw", f"--rootdir={root}", f"--datadir={root}")
        for address in addresses:
            for port in ports:
                run(*self.command, "allow", "proto", protocol, "from", address, "to", "any", "port", str(port))
        # In force from here on, in the namespace of the caller.
        self.enable = (*self.command, "--force", "enable")
        self.reload = (*self.command, "reload")


class Firewalld:
    """firewalld with a rich rule for each address and port."""

    is_here = os.path.exists(f"{UNPACKED}/usr/sbin/firewalld")

    def __init__(self, addresses, ports, protocol="tcp"):
        rules = " ".join(f"\"--add-rich-rule=rule family=ipv4 source address={address} port port={port} protocol={protocol} accept\""
                         for address in addresses for port in ports)
        self.load = f"firewall --permanent {rules} >/dev/null && firewall --reload >/dev/null"
        # Leaves the rules in the namespace of the caller.
        self.enable = (f"{HERE}/firewalld.sh", "sh", "-c", self.load)

    def reloads(self, tool, times):
        """Milliseconds of each of some reloads."""
        said = run(f"{HERE}/firewalld.sh", "sh", "-c",
                   f"{self.load}; for i in $(seq {times}); do {tool} run firewall --reload; done")
        return [int(line.split()[0]) / 1e6 for line in said.splitlines() if line.split()[-1] == "0"]
