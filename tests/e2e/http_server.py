#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""http_server.py ADDRESS PORT [DIRECTORY]: serves the files of the directory, each
request on a connection of its own, and prints the port of the other end of each
connection that it has accepted, behind a first line `ready`."""
import functools
import http.server
import socket
import sys


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 1024

    def get_request(self):
        connection, address = super().get_request()
        print(address[1], flush=True)
        return connection, address

    def handle_error(self, *_):
        """That the other end goes away early is its own affair."""


def main(address, port, directory="."):
    if ":" in address:
        Server.address_family = socket.AF_INET6
    handler = functools.partial(Quiet, directory=directory)
    with Server((address, int(port)), handler) as server:
        print("ready", flush=True)
        server.serve_forever()


main(*sys.argv[1:])
