#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""dns_server.py ZONE: a name server on port 53 of the loopback, by UDP and TCP
and both versions of IP, which says what stands in the zone: lines

    NAME A|AAAA|CNAME VALUE

and nothing else. IPv4 packets carry an option. Prints `ready`.

dns_server.py ask NAME [tcp|6]: one question, as a program with a resolver of its
own would put it; NAME may hold \\xNN. Prints the number of answers.

dns_server.py flood COUNT: answers nobody asked for, `flood-N` for 10.99.N/250.N%250
with N from 0 on, as fast as it goes."""
import codecs
import selectors
import socket
import struct
import sys

TYPES = {"A": 1, "CNAME": 5, "AAAA": 28}


def wire_name(name):
    labels = codecs.escape_decode(name.encode())[0].split(b".")
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def read_zone(path):
    zone = {}
    with open(path, encoding="ascii") as lines:
        for line in lines:
            name, kind, value = line.split()
            zone.setdefault(wire_name(name).lower(), []).append((kind, value))
    return zone


def data_of(kind, value):
    if kind == "CNAME":
        return wire_name(value)
    family = socket.AF_INET if kind == "A" else socket.AF_INET6
    return socket.inet_pton(family, value)


def records_of(zone, name, wanted):
    """What answers it: a chain of aliases, and the addresses at its end."""
    found = []
    for kind, value in zone.get(name.lower(), []):
        if kind == "CNAME" or TYPES[kind] == wanted:
            data = data_of(kind, value)
            found.append(name + struct.pack("!HHIH", TYPES[kind], 1, 60, len(data)) + data)
        if kind == "CNAME":
            found += records_of(zone, wire_name(value), wanted)
    return found


def reply_to(zone, question):
    end = question.index(b"\0", 12) + 1
    name, (wanted, _) = question[12:end], struct.unpack("!HH", question[end:end + 4])
    records = records_of(zone, name, wanted)
    known = name.lower() in zone
    header = question[:2] + struct.pack("!HHHHH", 0x8180 if known else 0x8183, 1, len(records), 0, 0)
    return header + question[12:end + 4] + b"".join(records)


def sockets():
    for family, host in (socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"):
        for kind in socket.SOCK_DGRAM, socket.SOCK_STREAM:
            sock = socket.socket(family, kind)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((host, 53))
            if kind == socket.SOCK_STREAM:
                sock.listen()
            elif family == socket.AF_INET:
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, b"\1\1\1\1")
            yield sock


def answer_one(zone, sock):
    if sock.type == socket.SOCK_DGRAM:
        question, sender = sock.recvfrom(4096)
        sock.sendto(reply_to(zone, question), sender)
        return
    connection, _ = sock.accept()
    with connection, connection.makefile("rb") as questions:
        while size := questions.read(2):
            reply = reply_to(zone, questions.read(*struct.unpack("!H", size)))
            connection.sendall(struct.pack("!H", len(reply)) + reply)


def serve(path):
    zone = read_zone(path)
    selector = selectors.DefaultSelector()
    for sock in sockets():
        selector.register(sock, selectors.EVENT_READ)
    print("ready", flush=True)
    while True:
        for key, _ in selector.select():
            answer_one(zone, key.fileobj)


def ask(name, way="udp"):
    question = b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + wire_name(name) + b"\0\1\0\1"
    family, host = (socket.AF_INET6, "::1") if way == "6" else (socket.AF_INET, "127.0.0.1")
    if way == "tcp":
        with socket.create_connection((host, 53)) as sock:
            sock.sendall(struct.pack("!H", len(question)) + question)
            sock.shutdown(socket.SHUT_WR)
            reply = sock.makefile("rb").read()[2:]
    else:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.sendto(question, (host, 53))
            reply = sock.recv(4096)
    print(struct.unpack("!H", reply[6:8])[0])


def flood(count):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as to, socket.socket(
            socket.AF_INET, socket.SOCK_DGRAM) as sock:
        to.bind(("127.0.0.1", 0))
        sock.bind(("127.0.0.1", 53))
        for n in range(int(count)):
            name = wire_name(f"flood-{n}")
            zone = {name: [("A", f"10.99.{n // 250}.{n % 250}")]}
            question = bytes(12) + name + b"\0\1\0\1"
            sock.sendto(reply_to(zone, question), to.getsockname())


def main(verb, *rest):
    verbs = {"ask": ask, "flood": flood}
    verbs[verb](*rest) if verb in verbs else serve(verb)


if __name__ == "__main__":
    main(*sys.argv[1:])
