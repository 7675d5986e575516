# SPDX-License-Identifier: Apache-2.0
# silent_server.py FILE: a FUSE server that serves one file, mounted over FILE.
# A child maps it as code; then its pid is said, and from then on questions are
# read and no longer answered. It takes root, and a mount namespace of its own.
import ctypes
import mmap
import os
import stat
import struct
import sys

GETATTR, OPEN, STATFS, INIT = 3, 14, 17, 26


def attributes():
    body = struct.pack("<6Q10I", 1, 4096, 8, 0, 0, 0, 0, 0, 0,
                       stat.S_IFREG | 0o755, 1, 0, 0, 0, 4096, 0)
    return struct.pack("<QII", 0, 0, 0) + body


def answer_to(opcode):
    if opcode == INIT:
        return struct.pack("<IIIIHHIIHHI7I", 7, 31, 65536, 0, 12, 9, 65536, 1,
                           0, 0, 0, *[0] * 7)
    if opcode == GETATTR:
        return attributes()
    if opcode == OPEN:
        return struct.pack("<QII", 1, 0, 0)
    return b"\0" * 80 if opcode == STATFS else b""


def serve(device, until):
    while not os.path.exists(until):
        request = os.read(device, 1 << 17)
        opcode, unique = struct.unpack_from("<IQ", request, 4)
        body = answer_to(opcode)
        os.write(device, struct.pack("<IiQ", 16 + len(body), 0, unique) + body)
        if opcode == OPEN:
            return


def map_it(path, done):
    file = os.open(path, os.O_RDONLY)
    # Without asking how large it is.
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int,
                          ctypes.c_int, ctypes.c_int, ctypes.c_long]
    address = libc.mmap(None, 4096, mmap.PROT_READ | mmap.PROT_EXEC,
                        mmap.MAP_PRIVATE, file, 0)
    os.write(done, b"x" if address != ctypes.c_void_p(-1).value else b"")
    os.close(done)
    # Works, so that a profiler meets it.
    while True:
        pass


path = sys.argv[1]
device = os.open("/dev/fuse", os.O_RDWR)
options = f"fd={device},rootmode=100000,user_id=0,group_id=0,allow_other"
if ctypes.CDLL(None).mount(b"test", path.encode(), b"fuse", 6, options.encode()):
    sys.exit(1)
theirs, ours = os.pipe()
child = os.fork()
if child == 0:
    os.close(device)
    os.close(theirs)
    map_it(path, ours)
os.close(ours)
serve(device, "/nonexistent")
mapped = os.read(theirs, 1) == b"x"
print(child if mapped else "failed", flush=True)
while True:
    os.read(device, 1 << 17)
