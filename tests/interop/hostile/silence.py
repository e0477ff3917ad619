# Who starts and does not go on is dropped at the time limit, whatever he had got to.
import select
import socket
import ssl
import struct
import time
from concurrent.futures import ThreadPoolExecutor

from support.cases import case, check, equal, is_instrumented, run
from support.wire import SASL, Closed, Wire, plain

SLACK = 4.0  # seconds after the limit, on a busy test machine


def dropped(wire, limit, started, keep_alive=None):
    """Waits for the end of the connection, sending `keep_alive` now and then."""
    raw = wire.socket
    raw.settimeout(0.1)
    while True:
        waited = time.monotonic() - started
        if waited > limit + SLACK:
            check(False, f"still open {waited:.1f} s after connecting, the limit is {limit} s")
        try:
            if keep_alive:
                raw.sendall(keep_alive)
            select.select([raw], [], [], 0.1)
            if not raw.recv(65536):
                break
        except (socket.timeout, ssl.SSLWantReadError):
            continue
        except (OSError, ssl.SSLError):
            break
    waited = time.monotonic() - started
    check(waited > limit / 2, f"dropped after {waited:.1f} s already, the limit is {limit} s")


_silent = {}
_waiting = []


def silent_after(prepare, keep_alive=None, direct=False):
    """The silences all begin with the first case, and each case asks how its own ended: one limit
    is waited for instead of a dozen."""

    def wait(environment):
        limit = environment.limits["negotiation_seconds"]
        started = time.monotonic()
        with Wire(environment, port=environment.direct_tls_port if direct else None) as wire:
            prepare(wire, environment)
            dropped(wire, limit, started, keep_alive)

    def body(environment):
        if not _silent:
            pool = ThreadPoolExecutor(len(_waiting))
            _silent.update((each, pool.submit(each, environment)) for each in _waiting)
        _silent[wait].result()

    _waiting.append(wait)
    return body


def hello():
    """The first bytes of a TLS handshake that promises 512 and never gets there."""
    return b"\x16\x03\x01" + struct.pack(">H", 512) + b"\x01\x00\x01\xfc\x03\x03" + bytes(40)


def start_then_hello(wire, _):
    wire.open()
    wire.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
    wire.next()
    wire.send(hello())


def authenticated(wire, environment):
    account = environment.account("alice")
    wire.start_tls()
    equal(wire.auth("PLAIN", plain(account.user, account.password)).tag, SASL + "success", "PLAIN")
    wire.open()


case("nothing at all")(silent_after(lambda w, e: None))
case("half a header, then silence")(silent_after(lambda w, e: w.send("<?xml version='1.0'?><stream:str")))
case("a header, then silence")(silent_after(lambda w, e: w.open()))
case("a header in drops, for ever")(silent_after(lambda w, e: w.send("<stream:stream xmlns:a='"), b"x"))
case("white space for ever")(silent_after(lambda w, e: w.open(), b" "))
case("a TLS hello begun, then silence")(silent_after(start_then_hello))
case("TLS, then silence")(silent_after(lambda w, e: w.start_tls()))
case("direct TLS: nothing at all")(silent_after(lambda w, e: None, direct=True))
case("direct TLS: a hello begun, then silence")(silent_after(lambda w, e: w.send(hello()), direct=True))
case("direct TLS: a hello in drops, for ever", {"prosody": "its handshake limit starts anew with every byte"})(
    silent_after(lambda w, e: w.send(hello()), b"\0", True))
case("half of SCRAM, then silence")(silent_after(
    lambda w, e: (w.start_tls(), w.auth("SCRAM-SHA-1", "biwsbj1hbGljZSxyPWFiYw=="))))
case("authenticated, then silence before bind", {"prosody": "0.12 counts until authentication only"})(
    silent_after(authenticated))


@case("who has logged in may be silent")
def _(environment):
    limit = environment.limits["negotiation_seconds"]
    with Wire(environment) as wire:
        wire.login(environment.account("alice"))
        wire.socket.settimeout(limit + 1.5)
        try:
            wire.socket.recv(1)
            check(False, "something came, or the connection ended")
        except socket.timeout:
            pass
        wire.send("<iq type='get' id='still'><ping xmlns='urn:xmpp:ping'/></iq>")
        equal(wire.next().get("id"), "still", "the answer")


@case("a client that never reads is paused or ended, and costs no more than its backlog")
def _(environment):
    account, limit = environment.account("alice"), environment.limits["stanza_bytes"]
    with Wire(environment) as deaf, Wire(environment) as talker:
        deaf.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        target = deaf.login(account, "deaf")
        talker.login(environment.account("bob"), "talker")
        talker.socket.settimeout(1.0)
        body = "z" * (limit // 2)
        sent = 0
        try:
            while sent < 40_000_000:
                talker.send(f"<message to='{target}'><body>{body}</body></message>")
                sent += limit // 2
        except (socket.timeout, ssl.SSLError, OSError):
            pass  # the server has stopped reading: back-pressure
        # Somebody else gets through meanwhile.
        with Wire(environment) as other:
            other.login(environment.account("carol"), "other")
            other.send("<iq type='get' id='ok'><ping xmlns='urn:xmpp:ping'/></iq>")
            equal(other.next().get("id"), "ok", "the answer")
    check_memory(environment)


def check_memory(environment):
    with open(f"/proc/{environment.pid}/status", encoding="ascii") as file:
        resident = next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
    check(is_instrumented(environment.pid) or resident < 400_000, f"the server holds {resident // 1024} MB")


@case("half a closing handshake ends all the same")
def _(environment):
    with Wire(environment) as wire:
        wire.login(environment.account("alice"))
        wire.send("</stream:stream>")
        try:
            wire.expect_closed(timeout=10)
        except Closed:
            pass


if __name__ == "__main__":
    run()
