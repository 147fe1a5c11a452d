#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small packets for a purpose: the probes, servers and forgeries of the lab. Each probe prints one word."""

import argparse
import collections
import errno
import os
import selectors
import socket
import struct
import sys
import time

IPV6_TRANSPARENT = 75  # linux/in6.h
IP_TRANSPARENT = 19  # linux/in.h
ICMP_ERRORS = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES, errno.EPERM}
TIMEOUT = float(os.environ.get("PROBE_TIMEOUT", "1.2"))


def resolve(address, port, kind):
    return socket.getaddrinfo(address, port, 0, kind, 0, socket.AI_NUMERICHOST)[0]


def make_socket(options, kind):
    """A socket towards options.address, from options.source if given: any address at all, one's own or not."""
    family, kind, _, _, target = resolve(options.address, options.port, kind)
    probe = socket.socket(family, kind)
    if options.source or options.source_port:
        if family == socket.AF_INET6:
            probe.setsockopt(socket.IPPROTO_IPV6, IPV6_TRANSPARENT, 1)
        else:
            probe.setsockopt(socket.IPPROTO_IP, IP_TRANSPARENT, 1)
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        local = options.source or ("::" if family == socket.AF_INET6 else "0.0.0.0")
        probe.bind(resolve(local, options.source_port, kind)[4])
    if options.device:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, options.device.encode())
    probe.settimeout(TIMEOUT)
    return probe, target


def name_of(error, began):
    if isinstance(error, TimeoutError):
        return "silent"
    if error.errno in (errno.ECONNREFUSED, errno.ECONNRESET):
        return "refused"
    if error.errno in ICMP_ERRORS:
        # A neighbour that does not answer is the same error, but after three seconds. One second is for IPv6: an error
        # that comes back while connect() still holds the socket is only recorded, and reported at the first retransmission.
        return "rejected" if time.monotonic() - began < 2 else "unreachable"
    return errno.errorcode.get(error.errno, str(error))


def tcp(options):
    probe, target = make_socket(options, socket.SOCK_STREAM)
    began = time.monotonic()
    try:
        probe.connect(target)
        if options.give:
            probe.sendall(b"give %d\n" % options.give)
            got = 0
            while got < options.give:
                piece = probe.recv(65536)
                if not piece:
                    break
                got += len(piece)
            return f"got {got}"
        return "open"
    except OSError as error:
        return name_of(error, began)


def udp(options):
    probe, target = make_socket(options, socket.SOCK_DGRAM)
    if options.broadcast:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    if options.fragment_never:
        probe.setsockopt(socket.IPPROTO_IP, 10, 2)  # IP_MTU_DISCOVER, IP_PMTUDISC_DO
    text = options.text.encode().ljust(options.size, b".")
    began = time.monotonic()
    try:
        if options.broadcast or target[0].startswith("ff"):
            probe.sendto(text, target)
            return "sent"
        probe.connect(target)  # so that ICMP errors come back to this socket
        probe.send(text)
        probe.recv(65536)
        return "answered"
    except OSError as error:
        return name_of(error, began)


def vxlan(options):
    """An Ethernet frame with an IPv4 UDP packet, wrapped in VXLAN, sent to a tunnel endpoint."""
    text = options.text.encode()
    inner_udp = struct.pack("!HHHH", 40000, options.inner_port, 8 + len(text), 0) + text
    header = struct.pack(
        "!BBHHHBBH4s4s", 0x45, 0, 20 + len(inner_udp), 1, 0, 64, 17, 0,
        socket.inet_aton(options.inner_source), socket.inet_aton(options.inner_target))
    total = sum(struct.unpack("!10H", header))
    total = (total & 0xFFFF) + (total >> 16)
    header = header[:10] + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF) + header[12:]
    frame = bytes.fromhex(options.inner_mac.replace(":", "")) + b"\x02\0\0\0\0\x66" + b"\x08\0" + header + inner_udp
    probe, target = make_socket(options, socket.SOCK_DGRAM)
    probe.sendto(struct.pack("!II", 0x08000000, options.vni << 8) + frame, target)
    return "sent"


def router_advertisement(options):
    """Offers a prefix to all nodes on a link, as a router does."""
    index = socket.if_nametoindex(options.device)
    probe = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
    prefix = struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 3600, 3600, 0) + socket.inet_pton(socket.AF_INET6, options.prefix)
    probe.sendto(struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + prefix, ("ff02::1", 0, 0, index))
    return "sent"


def session(options):
    """One connection, asked by lines on standard input: say (and wait for the echo) or hear (wait for anything)."""
    probe, target = make_socket(options, socket.SOCK_STREAM)
    began = time.monotonic()
    try:
        probe.connect(target)
        print("open", flush=True)
    except OSError as error:
        print(name_of(error, began), flush=True)
        return None
    for line in sys.stdin:
        try:
            if line.strip() == "say":
                probe.sendall(b"ping\n")
            else:
                # What arrived before counts for nothing: empty the buffer, then wait for something new.
                probe.setblocking(False)
                try:
                    while probe.recv(65536):
                        pass
                except BlockingIOError:
                    pass
            probe.settimeout(1.2)
            print("alive" if probe.recv(65536) else "closed", flush=True)
        except TimeoutError:
            print("dead", flush=True)
        except OSError as error:
            print(name_of(error, began), flush=True)
    return None


def serve(options):
    """Echo servers. TCP: `give N` gets N bytes, else an echo; chatter ports speak four times a second, unasked."""
    watch = selectors.DefaultSelector()
    chatter = {int(port) for port in options.chatter.split(",") if port}
    talking = []

    def log(*words):
        print(*words, flush=True)

    def listen(port, kind):
        server = socket.socket(socket.AF_INET6, kind)
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if kind == socket.SOCK_DGRAM:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        server.bind(("::", port))
        if kind == socket.SOCK_STREAM:
            server.listen(64)
        watch.register(server, selectors.EVENT_READ, ("server", kind, port))

    for port in options.tcp.split(","):
        if port:
            listen(int(port), socket.SOCK_STREAM)
    for port in chatter:
        listen(port, socket.SOCK_STREAM)
    for port in options.udp.split(","):
        if port:
            listen(int(port), socket.SOCK_DGRAM)
    log("ready")
    spoke = 0.0
    while True:
        for key, _ in watch.select(0.1 if talking else None):
            role, kind, port = key.data
            try:
                if role == "server" and kind == socket.SOCK_STREAM:
                    connection, peer = key.fileobj.accept()
                    log("tcp", port, peer[0], "accepted")
                    connection.settimeout(5)
                    watch.register(connection, selectors.EVENT_READ, ("connection", kind, port))
                    if port in chatter:
                        talking.append(connection)
                elif role == "server":
                    # The answer leaves from the address that was asked, as a host with several has to take care of.
                    text, extra, _, peer = key.fileobj.recvmsg(65536, 128)
                    log("udp", port, peer[0], text.decode(errors="replace")[:80])
                    asked = [(level, kind, data[:16] + bytes(4)) for level, kind, data in extra]
                    key.fileobj.sendmsg([text], asked, 0, peer)
                else:
                    text = key.fileobj.recv(65536)
                    if not text:
                        raise ConnectionResetError
                    if text.startswith(b"give "):
                        key.fileobj.sendall(b"x" * int(text.split()[1]))
                    elif port not in chatter:
                        key.fileobj.sendall(text)
            except OSError:
                if role == "connection":
                    watch.unregister(key.fileobj)
                    if key.fileobj in talking:
                        talking.remove(key.fileobj)
                    key.fileobj.close()
        if talking and time.monotonic() - spoke > 0.25:
            spoke = time.monotonic()
            for connection in list(talking):
                try:
                    connection.send(b"tick\n", socket.MSG_DONTWAIT)
                except OSError:
                    pass


def flood(options):
    """UDP packets and TCP connections to every port of every address, until it is killed."""
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    calls = collections.deque()
    ports = [int(port) for port in options.ports.split(",")]
    while True:
        for address in options.addresses.split(","):
            for port in ports:
                for _ in range(10):
                    try:
                        datagrams.sendto(b"x", (address, port))
                    except OSError:
                        pass
                call = socket.socket()
                call.setblocking(False)
                call.connect_ex((address, port))
                calls.append(call)
                if len(calls) > 200:
                    calls.popleft().close()
            time.sleep(options.pause)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    verbs = parser.add_subparsers(required=True)
    for verb in (tcp, udp, session, vxlan):
        sub = verbs.add_parser(verb.__name__)
        sub.set_defaults(run=verb)
        sub.add_argument("address")
        sub.add_argument("port", type=int)
        sub.add_argument("--source", default="")
        sub.add_argument("--source-port", type=int, default=0)
        sub.add_argument("--device", default="")
        sub.add_argument("--text", default="hello")
        if verb is tcp:
            sub.add_argument("--give", type=int, default=0)
        if verb is udp:
            sub.add_argument("--size", type=int, default=0)
            sub.add_argument("--broadcast", action="store_true")
            sub.add_argument("--fragment-never", action="store_true")
        if verb is vxlan:
            sub.add_argument("--vni", type=int, required=True)
            sub.add_argument("--inner-mac", required=True)
            sub.add_argument("--inner-source", required=True)
            sub.add_argument("--inner-target", required=True)
            sub.add_argument("--inner-port", type=int, required=True)
    sub = verbs.add_parser("router-advertisement")
    sub.set_defaults(run=router_advertisement)
    sub.add_argument("device")
    sub.add_argument("prefix")
    sub = verbs.add_parser("flood")
    sub.set_defaults(run=flood)
    sub.add_argument("addresses")
    sub.add_argument("ports")
    sub.add_argument("--pause", type=float, default=0.05, help="seconds after the ports of one address")
    sub = verbs.add_parser("serve")
    sub.set_defaults(run=serve)
    sub.add_argument("--tcp", default="")
    sub.add_argument("--udp", default="")
    sub.add_argument("--chatter", default="")
    options = parser.parse_args()
    answer = options.run(options)
    if answer:
        print(answer)


try:
    main()
except KeyboardInterrupt:
    sys.exit(130)
