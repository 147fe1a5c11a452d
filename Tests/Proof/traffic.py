# SPDX-License-Identifier: GPL-3.0-or-later
"""The traffic around an administrator's work, counted: until SIGTERM, a line ten times a second.

traffic.py attack DEVICE SOURCE,ADDRESS… PORT…: TCP SYNs to all ports, 2,000 a second, from addresses of this machine. Each answer, a
  SYN-ACK as well as a RST, is one that got through. Tries count while DEVICE, the link to the target, is up. A line has the time,
  the tries, the answers, the time of the last answer, the tries since the link came up, and the milliseconds from then to the first answer.
traffic.py visit ADDRESS PORT: a new connection to an echo server, 20 times a second. A line has the time, the tries, and the failures.
"""

import signal
import socket
import struct
import sys
import time

running = True
RATE = 2000
PIECE = 0.01


def stop(*_):
    global running
    running = False


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Attacker:
    """One source and one address, of IPv4 or IPv6."""

    def __init__(self, source, address):
        self.family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.target = (address, 0)
        self.pseudo = b""
        self.socket = socket.socket(self.family, socket.SOCK_RAW, socket.IPPROTO_TCP)
        self.socket.setblocking(False)
        self.socket.bind((source, 0))
        if self.family == socket.AF_INET:
            self.pseudo = socket.inet_aton(source) + socket.inet_aton(address) + struct.pack("!HH", socket.IPPROTO_TCP, 20)
        else:
            self.socket.setsockopt(socket.IPPROTO_IPV6, 7, 16)  # IPV6_CHECKSUM, where it is in a TCP segment

    def send(self, number, port):
        head = struct.pack("!HHIIBBHHH", 1024 + number % 64000, port, number, 0, 0x50, 0x02, 1024, 0, 0)
        if self.pseudo:
            head = head[:16] + struct.pack("!H", checksum(self.pseudo + head)) + head[18:]
        try:
            self.socket.sendto(head, self.target)
        except OSError:
            return 0
        return 1

    def answers(self, ports):
        found = 0
        try:
            while True:
                packet, peer = self.socket.recvfrom(2048)
                segment = packet[4 * (packet[0] & 15) :] if self.pseudo else packet
                found += peer[0] == self.target[0] and struct.unpack("!H", segment[:2])[0] in ports
        except BlockingIOError:
            return found


def is_up(device):
    try:
        with open(f"/sys/class/net/{device}/carrier") as file:
            return file.read().strip() == "1"
    except OSError:  # no such device, or one that is down
        return False


def attack(device, pairs, ports):
    attackers = [Attacker(*pair.split(",")) for pair in pairs]
    number = tries = through = since = pieces = 0
    last, first, up = 0.0, -1, 0.0
    began = time.monotonic()
    while running:
        if not is_up(device):
            up = 0.0
        elif not up:
            up, since, first = time.time(), 0, -1
        for _ in range(int(RATE * PIECE)):
            number += 1
            sent = attackers[number % len(attackers)].send(number, ports[number // len(attackers) % len(ports)])
            if up:
                tries += sent
                since += sent
        found = sum(attacker.answers(ports) for attacker in attackers)
        if found:
            through += found
            last = time.time()
            if up and first < 0:
                first = int(1000 * (last - up))
        pieces += 1
        if pieces % 10 == 0:
            print(f"{time.time():.3f} {tries} {through} {last:.3f} {since} {first}", flush=True)
        # What was late is not caught up: it would be a burst.
        began = max(began + PIECE, time.monotonic() - PIECE)
        time.sleep(max(0.0, began - time.monotonic()))


def visit(address, port):
    tries = failures = 0
    while running:
        tries += 1
        try:
            with socket.create_connection((address, port), 3) as connection:
                connection.sendall(b"hello\n")
                failures += connection.recv(64) != b"hello\n"
        except OSError:
            failures += 1
        print(f"{time.time():.3f} {tries} {failures}", flush=True)
        time.sleep(0.05)


signal.signal(signal.SIGTERM, stop)
if sys.argv[1] == "attack":
    attack(sys.argv[2], [word for word in sys.argv[3:] if "," in word], [int(word) for word in sys.argv[3:] if "," not in word])
else:
    visit(sys.argv[2], int(sys.argv[3]))
