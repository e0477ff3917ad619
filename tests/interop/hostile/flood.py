# Ten thousand connections that never speak, and other crowds.
import os
import socket
import time

from support.cases import case, check, equal, is_instrumented, run
from support.wire import Wire

ROUNDS, CROWD = 20, 500
# The crowd comes from other loopback addresses than everybody else: a limit by address is there to
# stop them, and must not stop the rest.
CROWDS_ADDRESSES = [f"127.0.1.{n}" for n in range(1, 11)]


def descriptors(environment):
    return len(os.listdir(f"/proc/{environment.pid}/fd"))


def resident_kilobytes(environment):
    with open(f"/proc/{environment.pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def eventually(question, why, seconds):
    deadline = time.monotonic() + seconds
    while not question():
        check(time.monotonic() < deadline, why())
        time.sleep(0.05)


def connect(environment, address, port):
    made = socket.socket()
    made.settimeout(5)
    made.bind((address, 0))
    made.connect((environment.address, port))
    return made


def logs_in(environment, account):
    with Wire(environment) as wire:
        wire.login(account)
        wire.send("<iq type='get' id='alive'><ping xmlns='urn:xmpp:ping'/></iq>")
        equal(wire.next().get("id"), "alive", "the answer")


@case("ten thousand connections that never speak, in rounds, leave nothing behind")
def _(environment):
    account = environment.account("alice")
    logs_in(environment, account)
    before, memory = descriptors(environment), resident_kilobytes(environment)
    for number in range(ROUNDS):
        port = environment.direct_tls_port if number % 2 else environment.port
        crowd = []
        try:
            for index in range(CROWD):
                crowd.append(connect(environment, CROWDS_ADDRESSES[index % len(CROWDS_ADDRESSES)], port))
            # Somebody else comes in while the crowd stands there.
            logs_in(environment, account)
        finally:
            for each in crowd:
                each.close()
    eventually(lambda: descriptors(environment) <= before + 5,
               lambda: f"{descriptors(environment)} descriptors, {before} before", 15)
    grown = resident_kilobytes(environment) - memory
    check(is_instrumented(environment.pid) or grown < 60_000, f"the server grew by {grown} kB")


@case("a crowd that stays is sent away at the time limit")
def _(environment):
    account = environment.account("alice")
    before = descriptors(environment)
    crowd = [connect(environment, CROWDS_ADDRESSES[n % len(CROWDS_ADDRESSES)], environment.port)
             for n in range(CROWD)]
    try:
        logs_in(environment, account)
        eventually(lambda: descriptors(environment) <= before + 5,
                   lambda: f"{descriptors(environment)} descriptors, {before} before",
                   environment.limits["negotiation_seconds"] + 8)
    finally:
        for each in crowd:
            each.close()


@case("one address cannot take more than its share", {"prosody": "has no such limit"})
def _(environment):
    account, share = environment.account("alice"), environment.limits["connections_per_address"]
    crowd = [connect(environment, "127.0.2.1", environment.port) for _ in range(share + 20)]
    try:
        ended = 0
        for each in crowd[share:]:
            try:
                # Refused with an error or not, it must be over long before the time limit.
                each.settimeout(environment.limits["negotiation_seconds"] / 2)
                while each.recv(4096):
                    pass
                ended += 1
            except ConnectionError:
                ended += 1
            except socket.timeout:
                pass
        equal(ended, 20, "connections over the share that were ended")
        logs_in(environment, account)
    finally:
        for each in crowd:
            each.close()


@case("a thousand TLS handshakes broken off")
def _(environment):
    account = environment.account("alice")
    for number in range(1000):
        each = connect(environment, CROWDS_ADDRESSES[number % len(CROWDS_ADDRESSES)], environment.direct_tls_port)
        each.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(60))
        each.close()
    logs_in(environment, account)


@case("connections reset as soon as they are made")
def _(environment):
    account = environment.account("alice")
    for number in range(1000):
        each = connect(environment, CROWDS_ADDRESSES[number % len(CROWDS_ADDRESSES)], environment.port)
        # Linger of zero: close() sends a reset, not a polite end.
        each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        each.close()
    logs_in(environment, account)


@case("a session that floods stanzas is served or slowed, and others go on")
def _(environment):
    with Wire(environment) as wire:
        wire.login(environment.account("mallory"))
        ping = "<iq type='get' id='{}'><ping xmlns='urn:xmpp:ping'/></iq>"
        for start in range(0, 5000, 100):
            wire.send("".join(ping.format(n) for n in range(start, start + 100)))
            for number in range(start, start + 100):
                equal(wire.next().get("id"), str(number), "the answers, in order")


if __name__ == "__main__":
    run()
