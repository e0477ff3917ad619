# Independent clients that log in once, by a given mechanism, and leave. Each one's attempt() is the address that was
# bound, or None.
import asyncio
import contextlib
import json
from pathlib import Path

from support import sasl2
from support.cases import Skipped
from support.certificates import context_with
from support.client import Client, LoginFailed
from support.environment import Account
from support.programs import Program, needed
from support.strophe import SOURCES, built
from support.wire import SASL, TLS, Wire, plain

PATIENCE = 15.0


class Secret:
    """What somebody shows: a password, or a certificate, or neither. A token (XEP-0484) is got with that, and shown
    with something added."""

    def __init__(self, password="", certificate=None, added_to_token=""):
        self.password = password
        self.certificate = certificate
        self.added_to_token = added_to_token


class Person:
    """A client of somebody's: each one has accounts of its own, so that the server's log tells them apart."""

    letter = name = user = None
    # Whether it can be told the mechanism; the others take what they like best of what the server offers.
    is_told = True

    def __init__(self, environment):
        """Skipped when it is not installed."""
        self.environment = environment

    def address(self, host, mechanism):
        return host if mechanism == "ANONYMOUS" else f"{self.user}@{host}"

    async def attempt(self, host, mechanism, secret):
        raise NotImplementedError

    async def leave(self):
        """After the last attempt."""


class Slixmpp(Person):
    letter, name, user = "S", "slixmpp 1.8 (Python)", "sandra"

    async def attempt(self, host, mechanism, secret):
        class Somebody(Account):
            jid = self.address(host, mechanism)

        # It knows tls-unique only, and is let to try.
        client = Client(self.environment, Somebody(self.user, host, secret.password), mechanism=mechanism,
                        channel_binding=mechanism.endswith("-PLUS"))
        if secret.certificate:
            client.certfile, client.keyfile = secret.certificate.path, secret.certificate.key
        try:
            await client.login(presence=False, roster=False)
            return str(client.boundjid)
        except (LoginFailed, asyncio.TimeoutError):
            return None
        finally:
            await client.leave()


class Programmed(Person):
    """A program of its own, which says `connected JID`."""

    def command(self, host, mechanism, secret):
        raise NotImplementedError

    def settings(self, host):
        return {}

    def bound(self, host, status, lines):
        said = [line.removeprefix("connected ") for line in lines if line.startswith("connected ")]
        return said[0] if said and status == 0 else None

    async def attempt(self, host, mechanism, secret):
        async with Program(self.command(host, mechanism, secret), self.settings(host)) as program:
            program.process.stdin.write(b"a word to myself\n")
            with contextlib.suppress(ConnectionError):
                program.process.stdin.close()
            status = await program.end()
            return self.bound(host, status, program.lines)


class Strophe(Programmed):
    letter, name, user = "L", "libstrophe 0.12 (C; also beneath Profanity)", "leo"
    is_told = False

    def __init__(self, environment):
        super().__init__(environment)
        self.program = built(environment, "strophe_login")

    def command(self, host, mechanism, secret):
        own = [secret.certificate.path, secret.certificate.key] if secret.certificate else []
        return [self.program, self.address(host, mechanism), secret.password, self.environment.address,
                str(self.environment.port), self.environment.certificates[host], *map(str, own)]


class GoSendxmpp(Programmed):
    letter, name, user = "G", "go-sendxmpp 0.5 (Go)", "gina"
    is_told = False

    def __init__(self, environment):
        super().__init__(environment)
        self.program = needed("go-sendxmpp")

    def command(self, host, mechanism, secret):
        return [self.program, "-u", f"{self.user}@{host}", "-p", secret.password, "-j",
                f"{self.environment.address}:{self.environment.port}", f"{self.user}@{host}"]

    def settings(self, host):
        return {"SSL_CERT_FILE": self.environment.certificates[host], "SSL_CERT_DIR": "/nonexistent"}

    def bound(self, host, status, lines):
        return f"{self.user}@{host}" if status == 0 else None


class Nbxmpp(Person):
    letter, name, user = "N", "nbxmpp 4.2 (Python, GLib; beneath Gajim), by SASL2", "nora"
    # It has a class for it, but does not find it, and waits for ever.
    LACKS = ("ANONYMOUS",)

    def __init__(self, environment):
        super().__init__(environment)
        if not Path("/usr/lib/python3/dist-packages/nbxmpp").exists():
            raise Skipped("nbxmpp is not installed (package python3-nbxmpp)")
        self.program = None
        self.turn = asyncio.Lock()

    async def attempt(self, host, mechanism, secret):
        if mechanism in self.LACKS:
            return None
        request = {"jid": f"{self.user}@{host}", "password": secret.password, "address": self.environment.address,
                   "port": self.environment.port, "certificate": self.environment.certificates[host],
                   "mechanism": mechanism}
        async with self.turn:
            if self.program is None:
                self.program = await Program(["/usr/bin/python3", "-B", str(SOURCES / "nbxmpp_logins.py")]).__aenter__()
            self.program.process.stdin.write(json.dumps(request).encode() + b"\n")
            return json.loads(await self.program.line('{"bound"'))["bound"]

    async def leave(self):
        if self.program:
            await self.program.__aexit__()


class Bytes(Person):
    """The tests' own client, which can do whatever the server offers."""

    letter, name, user = "W", "the tests' own bytes, as RFC 6120 has it", "wanda"

    def open(self, host, secret):
        """Features behind TLS."""
        wire = Wire(self.environment, host=host, patience=PATIENCE)
        wire.open()
        wire.send(f"<starttls xmlns='{TLS[1:-1]}'/>")
        wire.next()
        wire.wrap(secret.certificate and context_with(self.environment, secret.certificate, host))
        return wire, wire.open()

    def offered(self, host, secret):
        wire, features = self.open(host, secret)
        with wire:
            return set(wire.mechanisms(features)), features

    def say(self, wire, mechanism, secret):
        if mechanism == "PLAIN":
            return wire.auth(mechanism, plain(self.user, secret.password))
        if mechanism in ("EXTERNAL", "ANONYMOUS"):
            return wire.auth(mechanism, "=")
        return wire.scram(mechanism, self.user, secret.password,
                          "tls-exporter" if mechanism.endswith("-PLUS") else None)

    def log_in(self, host, mechanism, secret):
        wire, _ = self.open(host, secret)
        with wire:
            if self.say(wire, mechanism, secret).tag != SASL + "success":
                return None
            wire.open()
            return wire.bind()

    async def attempt(self, host, mechanism, secret):
        return await asyncio.to_thread(self.log_in, host, mechanism, secret)


class Bytes2(Bytes):
    letter, name, user = "B", "the tests' own bytes, by SASL2 with Bind 2 and FAST", "bruno"
    client_id = "d4565fa7-4d72-4749-b3d3-740edbf87770"
    # How a token is come by.
    FIRST = ("EXTERNAL", "SCRAM-SHA-256", "PLAIN", "ANONYMOUS")

    def say2(self, wire, mechanism, secret, *beside):
        account = Account(self.user, wire.host, secret.password)
        if mechanism == "PLAIN":
            return sasl2.authenticate(wire, mechanism, f"\0{self.user}\0{secret.password}", *beside)
        if mechanism in ("EXTERNAL", "ANONYMOUS"):
            return sasl2.authenticate(wire, mechanism, "", *beside)
        return sasl2.scram(wire, mechanism, account, "tls-exporter" if mechanism.endswith("-PLUS") else None, *beside)

    def log_in(self, host, mechanism, secret):
        token = None
        if mechanism.startswith("HT-"):
            token = self.token(host, mechanism, secret)
            if token is None:
                return None
        wire, _ = self.open(host, secret)
        with wire:
            if token:
                answer = sasl2.token(wire, mechanism, token[0], token[1], sasl2.agent(self.client_id), sasl2.fast(),
                                     sasl2.bind())
            else:
                answer = self.say2(wire, mechanism, secret, sasl2.bind())
            return sasl2.identity(answer) if answer.tag == sasl2.SASL2 + "success" else None

    def token(self, host, mechanism, secret):
        """For whom it is, and a token."""
        offered, _ = self.offered(host, secret)
        first = next(m for m in self.FIRST if m in offered)
        wire, _ = self.open(host, secret)
        with wire:
            answer = self.say2(wire, first, secret, sasl2.agent(self.client_id), sasl2.request_token(mechanism))
            given = sasl2.token_of(answer) if answer.tag == sasl2.SASL2 + "success" else None
            return given and (sasl2.identity(answer).partition("@")[0], given + secret.added_to_token)


CLIENTS = (Slixmpp, Strophe, GoSendxmpp, Nbxmpp, Bytes, Bytes2)
