#!/usr/bin/env python3
"""An auth script: knows the accounts in a file of lines USER:PASSWORD.

usage: check.py FILE
"""

import os
import sys


def accounts(file):
    with open(file, encoding="utf-8") as lines:
        return dict(line.rstrip("\n").split(":", 1) for line in lines if ":" in line and not line.startswith("#"))


def set_password(file, user, password):
    known = {**accounts(file), user: password}
    with open(file + ".new", "w", encoding="utf-8") as new:
        new.writelines(f"{name}:{secret}\n" for name, secret in known.items() if secret is not None)
    os.replace(file + ".new", file)
    return True


def answer(file, request):
    # Everything behind the third colon is the password, colons and all.
    operation, user, _server, *password = request.split(":", 3)
    known = accounts(file)
    if operation == "auth":
        return known.get(user) == password[0]
    if operation == "isuser":
        return user in known
    if operation == "setpass":
        return user in known and "\n" not in password[0] and set_password(file, user, password[0])
    if operation == "tryregister":
        return user not in known and "\n" not in password[0] and set_password(file, user, password[0])
    if operation == "removeuser":
        return user in known and set_password(file, user, None)
    return False


def read_exactly(count):
    data = sys.stdin.buffer.read(count)
    if len(data) < count:
        sys.exit(0)  # the server has gone
    return data


while True:
    length = int.from_bytes(read_exactly(2), "big")
    right = answer(sys.argv[1], read_exactly(length).decode())
    sys.stdout.buffer.write(b"\x00\x02\x00\x01" if right else b"\x00\x02\x00\x00")
    sys.stdout.buffer.flush()
