#!/usr/bin/env python3
"""A system under test that goes wrong as it is told: fault_sut.py FAULT [N], at its N-th batch.

It needs the standard library alone, so that what is tested is the other side.
"""
import os
import signal
import struct
import subprocess
import sys
import time

HEADER = struct.Struct("=4s3I")
CONFIGURE, READY, START, STARTED, RUN, DONE, PING, PONG, STOP, STOPPED, ERROR = range(1, 12)


def read(size):
    data = b""
    while len(data) < size:
        more = os.read(3, size - len(data))
        if not more:
            sys.exit(0)
        data += more
    return data


def receive():
    _, kind, sequence, size = HEADER.unpack(read(HEADER.size))
    return kind, sequence, read(size)


def send(kind, sequence, text=b"", size=None):
    os.write(4, HEADER.pack(b"LSUT", kind, sequence, len(text) if size is None else size) + text)


def hang():
    while True:
        time.sleep(1000)


def at_start(fault, sequence):
    name = b"faulty"
    if fault == "silent":
        hang()
    if fault == "exit":
        sys.exit(3)
    if fault == "loud":
        os.write(4, b"Loading the model...\n")
    if fault == "unfinished":
        os.write(4, b"LSUT")
        hang()
    if fault == "unready":
        return send(READY, sequence, b"protocol=99\n")
    if fault == "nameless":
        return send(READY, sequence, b"what am I\n")
    if fault == "helped":
        helper = subprocess.Popen(["sleep", "1000"])
        name = str(helper.pid).encode()
    send(READY, sequence, b"protocol=1\noutputs=1\nname=" + name + b"\n")


def at_batch(fault, sequence):
    if fault == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    if fault in ("hangs", "helped"):
        hang()
    if fault == "closes":
        os.close(4)
        hang()
    if fault == "rubbish":
        os.write(4, b"0.1 0.9\n")
    if fault == "strange":
        send(99, sequence)
    if fault == "huge":
        send(DONE, sequence, size=1 << 30)
    if fault == "twice":
        send(DONE, sequence)
    if fault == "unasked":
        send(DONE, sequence + 5)
    if fault == "mistaken":
        send(PONG, sequence)
    if fault == "reports":
        send(ERROR, sequence, b"out of memory")
    send(DONE, sequence)


def main():
    fault = sys.argv[1]
    at = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    answers = {START: STARTED, PING: PONG, STOP: STOPPED}
    batches = 0
    at_start(fault, receive()[1])
    while True:
        kind, sequence, _ = receive()
        if kind == RUN:
            batches += 1
            if batches == at:
                at_batch(fault, sequence)
            else:
                send(DONE, sequence)
        else:
            send(answers[kind], sequence)


main()
