#!/usr/bin/python3
# The example of ejabberd's guide, as it stands there but for what Python 3 calls its binary streams.
import sys
from struct import *
def from_ejabberd():
    input_length = sys.stdin.buffer.read(2)
    (size,) = unpack('>h', input_length)
    return sys.stdin.buffer.read(size).decode().split(':')
def to_ejabberd(bool):
    answer = 0
    if bool:
        answer = 1
    token = pack('>hh', 2, answer)
    sys.stdout.buffer.write(token)
    sys.stdout.buffer.flush()
def auth(username, server, password):
    return True
def isuser(username, server):
    return True
def setpass(username, server, password):
    return True
while True:
    data = from_ejabberd()
    success = False
    if data[0] == "auth":
        success = auth(data[1], data[2], data[3])
    elif data[0] == "isuser":
        success = isuser(data[1], data[2])
    elif data[0] == "setpass":
        success = setpass(data[1], data[2], data[3])
    to_ejabberd(success)
