#!/usr/bin/python3
"""An auth script with moods: what the user's name begins with says how it answers.

Right is the password "right-NAME". Answers leave byte by byte. With an argument, it makes each
answer take so many milliseconds.
"""
import os
import signal
import sys
import time

delay = float(sys.argv[1]) / 1000 if len(sys.argv) > 1 else 0


def read_exactly(count):
    data = b""
    while len(data) < count:
        more = os.read(0, min(7, count - len(data)))  # in small pieces
        if not more:
            sys.exit(0)
        data += more
    return data


while True:
    length = int.from_bytes(read_exactly(2), "big")
    operation, user, server, *password = read_exactly(length).decode().split(":", 3)
    right = operation == "isuser" or password == ["right-" + user]
    mood = user.partition("-")[0]
    if operation == "auth":
        time.sleep(delay)
        print("asked about", user, file=sys.stderr, flush=True)
        if mood == "chatty":
            print("the password is", password[0], file=sys.stderr, flush=True)
        if mood == "hanging":
            time.sleep(1000)
        if mood == "dying":
            os.kill(os.getpid(), signal.SIGKILL)
        if mood == "leaving":
            sys.exit(0)
        if mood == "babbling":
            print("true", flush=True)
        if mood == "half":
            os.write(1, b"\0\2")
            os.kill(os.getpid(), signal.SIGKILL)
        if mood == "double":
            os.write(1, b"\0\2\0\1\0\2\0\1")
            continue
        if mood == "deaf":
            os.close(0)
            time.sleep(1000)
    for byte in (0, 2, 0, int(right)):
        os.write(1, bytes([byte]))
