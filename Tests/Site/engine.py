# SPDX-License-Identifier: GPL-3.0-or-later
"""Docker on the nodes: the daemons, images without a registry, the Swarm over the tunnel, and what runs in it."""

import json
import os
import socket
import subprocess

from machines import Place, do, say, until
from network import TUNNEL
import probes

# What a guest needs whose root file system is its initial one.
ENVIRONMENT = {"DOCKER_RAMDISK": "1", "HOME": "/root"}
TREE = "/run/image"


def start(machine):
    machine.task("dockerd", "dockerd", "--storage-driver", "overlay2", "--cgroup-parent", f"/site-{machine.name}",
                 "--exec-opt", "native.cgroupdriver=cgroupfs", env=ENVIRONMENT)


def api(machine, path, method="GET"):
    """An answer of the engine's API, as a value; None if it does not answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.settimeout(60)
        try:
            s.connect(f"{machine.root}/run/docker.sock")
            s.sendall(f"{method} {path} HTTP/1.0\r\nHost: docker\r\n\r\n".encode())
            data = b""
            while part := s.recv(65536):
                data += part
        except OSError:
            return None
    head, _, body = data.partition(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n")[0]:
        return None
    try:
        return json.loads(body)
    except ValueError:
        return body.decode()


def wait(*machines, seconds=300):
    """Until the engines answer. On a busy machine containerd may miss dockerd's time limit: then it is started again."""
    for machine in machines:
        for _ in range(4):
            took = until(seconds, lambda: api(machine, "/_ping") == "OK" or machine.tasks["dockerd"].poll() is not None, pause=1)
            if took is None or machine.tasks["dockerd"].poll() is None:
                break
            say(f"dockerd on {machine.name} ended: {machine.said('dockerd', 120).strip()}; started again")
            start(machine)
        if api(machine, "/_ping") != "OK":
            raise RuntimeError(f"dockerd on {machine.name} does not answer: {machine.said('dockerd')}")


def images(machine, *names):
    """Images from files of this guest: `site` is busybox with its web server, `prometheus` that with its libraries."""
    for name in names:
        program, libraries = "/usr/bin/prometheus", name == "prometheus"
        tree = f"{TREE}-{name}"
        if not os.path.isdir(tree):
            for folder in ("bin", "www", "etc", "tmp", "usr/bin", "proc", "sys", "dev"):
                os.makedirs(f"{tree}/{folder}", exist_ok=True)
            do("cp", "-L", "/bin/busybox", f"{tree}/bin/busybox")
            for applet in ("sh", "httpd", "sleep", "cat", "hostname", "wget", "nc", "nslookup"):
                os.symlink("busybox", f"{tree}/bin/{applet}")
            if libraries:
                do("cp", "-L", program, f"{tree}/usr/bin/")
                for line in do("ldd", program).splitlines():
                    paths = [word for word in line.split() if word.startswith("/")]
                    if paths:
                        os.makedirs(tree + os.path.dirname(paths[0]), exist_ok=True)
                        do("cp", "-L", paths[0], tree + paths[0])
        command = ('["prometheus", "--config.file=/etc/prometheus.yml", "--storage.tsdb.path=/tmp/tsdb"]' if libraries else
                   '["sh", "-c", "hostname >/www/index.html; httpd -f -p 8080 -h /www & trap \\"exit 0\\" TERM; wait"]')
        with subprocess.Popen(["tar", "-C", tree, "-c", "."], stdout=subprocess.PIPE) as tar:
            done = subprocess.run(machine.inside("docker", "import", "-c", f"CMD {command}", "-", f"{name}:1"), stdin=tar.stdout,
                                  capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"docker import {name} on {machine.name}: {done.stderr}")


def docker(machine, *arguments, check=True):
    return machine.do("docker", *arguments, check=check)


def join(manager, worker):
    """The Swarm's nodes know each other by their tunnel addresses: nothing else is said to Docker about the tunnel."""
    docker(manager, "swarm", "init", "--advertise-addr", TUNNEL[manager.name][0])
    join_again(manager, worker)


def join_again(manager, worker):
    token = docker(manager, "swarm", "join-token", "-q", "worker").strip()
    docker(worker, "swarm", "join", "--token", token, "--advertise-addr", TUNNEL[worker.name][0], f"{TUNNEL[manager.name][0]}:2377")


def ready(manager):
    """The number of nodes that the manager calls ready."""
    return sum(node["Status"]["State"] == "ready" for node in api(manager, "/nodes") or [])


def running(manager, service):
    """How many tasks of a service run."""
    tasks = api(manager, f'/tasks?filters={{"service":["{service}"],"desired-state":["running"]}}') or []
    return sum(task["Status"]["State"] == "running" for task in tasks)


def deploy(manager):
    manager.do("docker", "stack", "deploy", "--resolve-image", "never", "-c", "/site/stack.yml", "site")
    for service, tasks in (("site_web", 2), ("site_traefik-ui", 1), ("site_agent", 2)):
        took = until(900, lambda: running(manager, service) == tasks, pause=3)
        if took is None:
            raise RuntimeError(f"{service}: {docker(manager, 'service', 'ps', '--no-trunc', service)}")
        say(f"{service} runs")


def compose(machine):
    machine.do("sh", "-c", "cat >/etc/prometheus.yml", text="""global: { scrape_interval: 3s, scrape_timeout: 3s }
scrape_configs:
- job_name: node
  static_configs: [{ targets: ["10.13.13.1:9100", "10.13.13.2:9100"] }]
""")
    machine.do("docker-compose", "-p", "box", "-f", "/site/compose.yml", "up", "-d")


def details(machine, name):
    """What the engine knows of the running container whose name contains this."""
    found = api(machine, f'/containers/json?filters={{"name":["{name}"],"status":["running"]}}')
    if not found:
        raise RuntimeError(f"no container {name} on {machine.name}")
    return api(machine, f"/containers/{found[0]['Id']}/json")


def container(machine, name):
    """The network namespace of a container, as a place."""
    key = details(machine, name)["NetworkSettings"]["SandboxKey"]
    return Place(f"{name} on {machine.name}", machine.root + key.replace("/var/run/", "/run/"))


def address(machine, name, network):
    """A container's address and hardware address in a network."""
    its = details(machine, name)["NetworkSettings"]["Networks"][network]
    return its["IPAddress"], its["MacAddress"]


def vxlan_number(manager, network):
    return int(api(manager, f"/networks/{network}")["Options"]["com.docker.network.driver.overlay.vxlanid_list"])


def serving(place, address, port):
    return place.run(probes.tcp, address, port, None, 3) == "open"
