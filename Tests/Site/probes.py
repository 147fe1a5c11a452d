# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers and clients of the site. Each function runs in one network namespace and returns one word or a list."""

import errno
import os
import select
import socket
import struct
import time


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def outcome(error):
    if isinstance(error, (TimeoutError, socket.timeout)):
        return "silent"
    return {errno.ECONNREFUSED: "refused", errno.ENETUNREACH: "unreachable", errno.EHOSTUNREACH: "unreachable",
            errno.EACCES: "rejected", errno.EPERM: "rejected"}.get(error.errno, os.strerror(error.errno or 0))


def bind(s, source, port=0):
    """Sends with this source, whether or not the machine has the address (IP_TRANSPARENT)."""
    if ":" not in source:
        s.setsockopt(socket.SOL_IP, 19, 1)
    s.bind((source, port))


def tcp(address, port, source=None, patience=6):
    """open, refused, rejected, unreachable or silent."""
    with socket.socket(family(address), socket.SOCK_STREAM) as s:
        s.settimeout(patience)
        try:
            if source:
                bind(s, source)
            s.connect((address, port))
            return "open"
        except OSError as error:
            return outcome(error)


def timed_tcp(address, port, patience=6):
    """The word of tcp, and the seconds until it."""
    start = time.monotonic()
    return tcp(address, port, None, patience), time.monotonic() - start


def udp_error(address, port, patience=3):
    """The error that a sender of datagrams gets, and after how many seconds; silent without one."""
    start = time.monotonic()
    with socket.socket(family(address), socket.SOCK_DGRAM) as s:
        s.settimeout(0.2)
        try:
            s.connect((address, port))
            while time.monotonic() - start < patience:
                s.send(b"x" * 40)
                try:
                    s.recv(100)
                    return "answered", time.monotonic() - start
                except TimeoutError:
                    continue
        except OSError as error:
            return outcome(error), time.monotonic() - start
    return "silent", time.monotonic() - start


def page(address, port, path="/", patience=10, host="site"):
    """The body of an HTTP answer, its first line; or the word of the error."""
    with socket.socket(family(address), socket.SOCK_STREAM) as s:
        s.settimeout(patience)
        try:
            s.connect((address, port))
            s.sendall(f"GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
            data = b""
            while part := s.recv(65536):
                data += part
        except OSError as error:
            return outcome(error)
    body = data.split(b"\r\n\r\n", 1)[-1].decode(errors="replace")
    return body if path != "/" else body.strip().split("\n")[0]


def resolve(server, name, patience=8):
    """The IPv4 addresses of a name, asked of one name server; or the word of the error."""
    question = b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"
    with socket.socket(family(server), socket.SOCK_DGRAM) as s:
        s.settimeout(patience)
        try:
            s.connect((server, 53))
            s.send(struct.pack(">6H", 77, 0x100, 1, 0, 0, 0) + question + struct.pack(">2H", 1, 1))
            answer = s.recv(1500)
        except OSError as error:
            return outcome(error)
    count, at, found = struct.unpack(">H", answer[6:8])[0], 12 + len(question) + 4, []
    for _ in range(count):
        at += 2 if answer[at] >= 0xc0 else len(question)
        kind, _, _, length = struct.unpack(">2HIH", answer[at:at + 10])
        if kind == 1:
            found.append(socket.inet_ntoa(answer[at + 10:at + 10 + length]))
        at += 10 + length
    return found or "no address"


def send(address, port, text, source=None, source_port=0, times=3):
    """Datagrams that nobody answers; the error of the last one, or sent."""
    said = "sent"
    for _ in range(times):
        with socket.socket(family(address), socket.SOCK_DGRAM) as s:
            try:
                bind(s, source or ("::" if ":" in address else "0.0.0.0"), source_port)
                s.sendto(text.encode(), (address, port))
            except OSError as error:
                said = outcome(error)
        time.sleep(0.05)
    return said


def raw(protocol, address, packets):
    """Sends payloads of an IP protocol."""
    with socket.socket(family(address), socket.SOCK_RAW, protocol) as s:
        for packet in packets:
            try:
                s.sendto(packet, (address, 0))
            except OSError as error:
                return outcome(error)
            time.sleep(0.05)
    return "sent"


def serve(tcp_ports, udp_ports, name_server=None):
    """Servers on every address, for ever: TCP says its port, UDP answers with what it got. `name_server` is an address whose
    port 53 answers, and the address that it says."""
    sockets = {}
    for kind, ports in ((socket.SOCK_STREAM, tcp_ports), (socket.SOCK_DGRAM, udp_ports + ([53] if name_server else []))):
        for port in ports:
            s = socket.socket(socket.AF_INET if port == 53 else socket.AF_INET6, kind)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind((name_server[0], port) if port == 53 else ("::", port))
            if kind == socket.SOCK_STREAM:
                s.listen(64)
            sockets[s] = port
    while True:
        for s in select.select(list(sockets), [], [])[0]:
            try:
                if s.type == socket.SOCK_STREAM:
                    client, _ = s.accept()
                    client.settimeout(2)
                    client.sendall(f"HTTP/1.0 200 OK\r\n\r\nport-{sockets[s]}\n".encode())
                    client.shutdown(socket.SHUT_WR)
                    client.close()
                else:
                    data, peer = s.recvfrom(2000)
                    if sockets[s] == 53 and len(data) > 12:
                        end = data.index(b"\0", 12) + 5
                        address = socket.inet_aton(name_server[1]) if data[end - 4:end - 2] == b"\0\1" else b""
                        data = (data[:2] + struct.pack(">5H", 0x8580, 1, 1 if address else 0, 0, 0) + data[12:end] +
                                (b"\xc0\x0c" + struct.pack(">2HIH", 1, 1, 5, 4) + address if address else b""))
                    s.sendto(data, peer)
            except OSError:
                continue


def witness(tokens, seconds):
    """Raw sockets, which the kernel serves after the hook input: which of the texts arrived in packets of UDP or ESP."""
    found, end = set(), time.monotonic() + seconds
    sockets = [socket.socket(one, socket.SOCK_RAW, protocol) for one in (socket.AF_INET, socket.AF_INET6)
               for protocol in (socket.IPPROTO_UDP, socket.IPPROTO_TCP, 50)]
    while time.monotonic() < end:
        for s in select.select(sockets, [], [], 0.2)[0]:
            data = s.recv(65536)
            found |= {token for token in tokens if token.encode() in data}
    return sorted(found)


def frames(tokens, seconds, interface=None):
    """Which of the texts an interface of this namespace received, seen by a packet socket."""
    found, end = set(), time.monotonic() + seconds
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as s:
        if interface:
            s.bind((interface, 0))
        s.settimeout(0.2)
        while time.monotonic() < end:
            try:
                data, where = s.recvfrom(65536)
            except TimeoutError:
                continue
            if where[2] != socket.PACKET_OUTGOING:
                found |= {token for token in tokens if token.encode() in data}
    return sorted(found)


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total > 0xffff:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def inner_frame(mac, source, destination, port, text):
    """An Ethernet frame with a datagram, as it travels in VXLAN."""
    payload = text.encode()
    datagram = struct.pack(">4H", 4321, port, 8 + len(payload), 0) + payload
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(datagram), 1, 0, 64, 17, 0,
                       socket.inet_aton(source), socket.inet_aton(destination))
    head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
    return bytes.fromhex(mac.replace(":", "")) + bytes.fromhex("0242deadbeef") + b"\x08\x00" + head + datagram


def vxlan(address, network, frame, source=None):
    """Sends a frame to a node's VXLAN port, as a member of the network would."""
    with socket.socket(family(address), socket.SOCK_DGRAM) as s:
        try:
            if source:
                bind(s, source)
            for _ in range(4):
                s.sendto(struct.pack(">II", 0x08000000, network << 8) + frame, (address, 4789))
                time.sleep(0.05)
        except OSError as error:
            return outcome(error)
    return "sent"


def open_ports(address, ports, source=None, width=400, patience=2.0):
    """Which TCP ports accept a connection: a port scan by connect, `width` at a time."""
    waiting, found, ports = {}, set(), list(ports)
    poll = select.epoll()
    deadline = []
    while ports or waiting:
        while ports and len(waiting) < width:
            port = ports.pop()
            s = socket.socket(family(address), socket.SOCK_STREAM)
            s.setblocking(False)
            if source:
                s.bind((source, 0))
            status = s.connect_ex((address, port))
            if status in (0, errno.EINPROGRESS):
                waiting[s.fileno()] = (s, port)
                poll.register(s.fileno(), select.EPOLLOUT | select.EPOLLERR)
                deadline.append((time.monotonic() + patience, s.fileno(), port))
            else:
                s.close()
        for number, _ in poll.poll(0.05):
            s, port = waiting.pop(number)
            if s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                found.add(port)
            poll.unregister(number)
            s.close()
        now = time.monotonic()
        while deadline and (deadline[0][0] < now or deadline[0][1] not in waiting):
            _, number, port = deadline.pop(0)
            if number in waiting and waiting[number][1] == port:
                s, _ = waiting.pop(number)
                poll.unregister(number)
                s.close()
    return sorted(found)
