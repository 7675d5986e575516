#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""dns_server.py ZONE: a name server on port 53 of the loopback, by UDP and TCP
and both versions of IP, which says what stands in the zone: lines

    NAME A|AAAA|CNAME VALUE

and nothing else. IPv4 packets carry an option. Prints `ready`.

dns_server.py ask NAME [tcp|6]: one question, as a program with a resolver of its
own would put it; NAME may hold \\xNN. Prints the number of answers.

dns_server.py flood COUNT: questions and their answers, `flood-N` for
10.99.N/250.N%250 with N from 0 on, as fast as it goes.

dns_server.py forge NAME ADDRESS: an answer that nobody asked for.

dns_server.py near NAME: a question, and answers that are not to it, each but for
one thing: they say 10.6.6.1 to 10.6.6.5. Then the answer, 10.6.6.9, and after it
another one, 10.6.6.10."""
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


def record_of(name, kind, value):
    data = data_of(kind, value)
    return name + struct.pack("!HHIH", TYPES[kind], 1, 60, len(data)) + data


def records_of(zone, name, wanted):
    """What answers it: a chain of aliases, and the addresses at its end."""
    found = []
    for kind, value in zone.get(name.lower(), []):
        if kind == "CNAME" or TYPES[kind] == wanted:
            found.append(record_of(name, kind, value))
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
    question = question_for(name)
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


def question_for(name, number=0x1234, kind="A"):
    return struct.pack("!HHHHHH", number, 0x100, 1, 0, 0, 0) + wire_name(name) + struct.pack("!HH", TYPES[kind], 1)


def reply_with(question, name, address):
    return reply_to({wire_name(name).lower(): [("A", address)]}, question)


def bound(host, port=0):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((host, port))
    return sock


def flood(count):
    with bound("127.0.0.1") as client, bound("127.0.0.1", 53) as server:
        for n in range(int(count)):
            name = f"flood-{n}"
            client.sendto(question_for(name), server.getsockname())
            reply = reply_with(server.recv(4096), name, f"10.99.{n // 250}.{n % 250}")
            server.sendto(reply, client.getsockname())


def forge(name, address):
    with bound("127.0.0.1") as client, bound("127.0.0.2", 53) as liar:
        liar.sendto(reply_with(question_for(name), name, address), client.getsockname())


def near(name):
    def lie(sender, to, address, **other):
        asked = {"name": name} | other
        reply = reply_with(question_for(**asked), asked["name"], address)
        sender.sendto(reply, to.getsockname())

    with bound("127.0.0.1") as client, bound("127.0.0.1") as other, bound(
            "127.0.0.1", 53) as server, bound("127.0.0.2", 53) as liar:
        client.sendto(question_for(name), server.getsockname())
        lie(liar, client, "10.6.6.1")
        lie(server, other, "10.6.6.2")
        lie(server, client, "10.6.6.3", number=0x1235)
        lie(server, client, "10.6.6.4", name="x" + name)
        # To a question for AAAA, an A.
        typed = question_for(name, kind="AAAA")
        typed = typed[:2] + b"\x81\x80\0\1\0\1" + typed[8:] + record_of(wire_name(name), "A", "10.6.6.5")
        server.sendto(typed, client.getsockname())
        lie(server, client, "10.6.6.9")
        lie(server, client, "10.6.6.10")


def main(verb, *rest):
    verbs = {"ask": ask, "flood": flood, "forge": forge, "near": near}
    verbs[verb](*rest) if verb in verbs else serve(verb)


if __name__ == "__main__":
    main(*sys.argv[1:])
