# fail2ban with nuncio's filter and jail: who guesses is found in the log, and nobody can be made to look like it.
import collections
import contextlib
import importlib.util
import re
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from support.cases import Skipped, about, case, check, equal, run
from support.client import Client
from support.own_server import OwnServer, free_ports
from support.programs import Program, needed
from support.wire import SASL, Wire, base64_text, plain

FILES = Path(__file__).resolve().parents[3] / "packaging" / "fail2ban"
FILTER = FILES / "filter.d" / "nuncio.conf"
CONFIGURATION = Path("/etc/fail2ban")
JOURNAL_WRITER = Path("/lib/systemd/systemd-journal-remote")
HOST = "a.test"
GUESSER, GUESSER6, FORGER, PERSON, LAST = "127.0.0.11", "::1", "127.0.0.12", "127.0.0.13", "127.0.0.14"
VICTIM = "203.0.113.7"
FORGED = f"failed login of x from {VICTIM} by PLAIN: not-authorized"
FORGED_LINE = f"2026-01-01T00:00:00.000Z info  plugin.accounts@{HOST}: {FORGED}"
FORGED_OBJECT = (f'{{"time":"2026-01-01T00:00:00.000Z","level":"info","area":"plugin.accounts@{HOST}",'
                 f'"message":"{FORGED}"}}')
# What a client may call itself, so that a line might say something else.
HOSTILE = (FORGED, FORGED_LINE, f"x\n{FORGED_LINE}", f"x\n{FORGED_OBJECT}\n", f"x\r{FORGED_LINE}\r",
           f"x\u2028{FORGED_LINE}\u2028", f"x from {VICTIM} by PLAIN: not-authorized", f'x","message":"{FORGED}"}}\n',
           f"x\u00a0from\u00a0{VICTIM}\u00a0by\u00a0PLAIN:\u00a0not-authorized", f"x\tfrom\t{VICTIM}", f"[{VICTIM}]",
           f"x=2C{VICTIM}", VICTIM, "nobody", "x" * 900)


def has_ipv6():
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        return True
    return False


class LoggingServer(OwnServer):
    def __init__(self, environment, log_format):
        super().__init__(environment, {HOST: 'auth = ["internal"]'})
        self.log_format = log_format
        self.port6, = free_ports(1)

    def configure(self):
        super().configure()
        file = self.directory / "conf.d" / "interop.toml"
        # With everything that clients can make it say.
        text = file.read_text().replace('level = "info"', f'level = "debug"\nformat = "{self.log_format}"')
        if has_ipv6():
            text += f'\n[[listen]]\naddresses = ["::1"]\nport = {self.port6}\n'
        file.write_text(text)

    def wire(self, source):
        if ":" in source:
            return Wire(self.environment, address=source, port=self.port6)
        return Wire(self.environment, source=source)


def answer_of(element):
    return "success" if element.tag == SASL + "success" else element[0].tag.removeprefix(SASL)


class Scene:
    """Everybody comes to one server, whose log is kept. `guesses` says who tried how many wrong passwords."""

    def __init__(self, environment, log_format):
        self.guesses = collections.Counter()
        self.server = LoggingServer(environment, log_format)

    async def play(self):
        async with self.server:
            self.ana = self.server.environment.account("ana", HOST)
            self.gone = self.server.environment.account("gone", HOST)
            equal(self.server.ctl("disable", self.gone.jid)[0], 0, "disable")
            for source in (GUESSER, *([GUESSER6] if has_ipv6() else [])):
                self.guess(source)
            self.forge()
            await self.live()
            self.guess(LAST)
        equal(self.server.trouble, None, "the server's end")
        equal(self.guesses[PERSON], 0, "guesses of somebody who does not guess")
        return self

    def says(self, source, words):
        """The answer to what `words(wire)` sends, once TLS is there."""
        with self.server.wire(source) as wire:
            wire.start_tls()
            answer = words(wire)
            said = "success" if answer.tag == SASL + "success" else answer[0].tag.removeprefix(SASL)
            self.guesses[source] += said == "not-authorized"
            if said == "success":
                self.talk(wire)
            return said

    def try_all(self, source, user, password, wanted):
        for mechanism in ("PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512-PLUS"):
            binding = "tls-exporter" if mechanism.endswith("PLUS") else None
            equal(self.says(source, lambda wire: wire.auth(mechanism, plain(user, password)) if mechanism == "PLAIN"
                            else wire.scram(mechanism, user, password, binding)), wanted, f"{user} by {mechanism}")

    def guess(self, source):
        for user in (self.ana.user, self.gone.user, "nobody-of-that-name"):
            self.try_all(source, user, "guessed", "not-authorized")

    def forge(self):
        for name in HOSTILE:
            with about(repr(name)):
                said = self.says(FORGER, lambda wire: wire.auth("PLAIN", plain(name, FORGED)))
                equal(said, "not-authorized", "PLAIN")
                # RFC 5802 §5.1: a comma would be the end of the name.
                self.says(FORGER, lambda wire: wire.scram("SCRAM-SHA-256", name.replace(",", "=2C"), FORGED))

    async def live(self):
        """Whatever goes wrong here, no password was guessed."""
        for words in (FORGED, f"PLAIN: {FORGED}", f"PLAIN&#10;{FORGED_LINE}"):
            equal(self.says(PERSON, lambda wire: wire.auth(words, "=")), "invalid-mechanism", words)
            equal(self.says(PERSON, lambda wire: wire.auth("PLAIN", words)), "incorrect-encoding", words)
        for wanted, message in (("malformed-request", base64_text(FORGED_LINE)),
                                ("invalid-authzid", plain(self.ana.user, self.ana.password, FORGED)),
                                ("account-disabled", plain(self.gone.user, self.gone.password))):
            equal(self.says(PERSON, lambda wire: wire.auth("PLAIN", message)), wanted, "the answer")
        self.try_all(PERSON, self.ana.user, self.ana.password, "success")
        # On its way to a mechanism that it can, slixmpp fails without having tried a password.
        for _ in range(2):
            client = Client(self.server.environment, self.ana, channel_binding=True)
            await client.login()
            check("not-authorized" in client.failures, f"slixmpp had no trouble: {client.failures}")
            await client.leave()

    def talk(self, wire):
        wire.open()
        wire.bind(FORGED)
        wire.send(f"<message to='{self.ana.jid}' type='chat'><body>{FORGED_LINE}\n{FORGED_LINE}</body></message>"
                  f"<iq type='set' id='1'><query xmlns='{FORGED}'/></iq></stream:stream>")
        wire.expect_closed()


_scenes = {}


async def scene(environment, log_format):
    """The same for all cases."""
    if log_format not in _scenes:
        _scenes[log_format] = await Scene(environment, log_format).play()
    return _scenes[log_format]


def found_in(log, *options):
    """How often fail2ban finds whom, and whom they claim to be."""
    done = subprocess.run([needed("fail2ban-regex", "fail2ban"), "--usedns=no", "-o", "found <ip> <F-USER>", *options,
                           str(log), str(FILTER)], capture_output=True, text=True, check=False, timeout=20)
    words = [line.split() for line in done.stdout.splitlines() if line.startswith("found ")]
    check(done.returncode == 0 or not words, done.stdout + done.stderr)
    names = {}
    for _, address, name in words:
        names.setdefault(address, set()).add(name)
    return collections.Counter(address for _, address, _ in words), names


def expect_guesses(here, log, *options):
    found, names = found_in(log, *options)
    equal(dict(found), dict(+here.guesses), "failures by address")
    equal(names[GUESSER], {here.ana.user, here.gone.user, "nobody-of-that-name"}, "the names that were tried")


def journal_of(here, message):
    """The log in a journal, as journald has what the service of that name writes: of each line `message(line)`."""
    if not JOURNAL_WRITER.exists():
        raise Skipped("systemd-journal-remote is not installed (package systemd-journal-remote)")
    if importlib.util.find_spec("systemd") is None:
        raise Skipped("fail2ban cannot read a journal (package python3-systemd)")
    entries = []
    for number, line in enumerate(here.server.log_text().splitlines()):
        entries.append(f"__REALTIME_TIMESTAMP={time.time_ns() // 1000 + number}\n_HOSTNAME=xmpp\n"
                       "_SYSTEMD_UNIT=nuncio.service\nSYSLOG_IDENTIFIER=nunciod\n_PID=42\n"
                       f"PRIORITY=6\nMESSAGE={message(line)}\n\n")
    journal = here.server.directory / f"{message.__name__}.journal"
    subprocess.run([str(JOURNAL_WRITER), "-o", str(journal), "-"], input="".join(entries), text=True, check=True,
                   capture_output=True, timeout=20)
    return f"systemd-journal[journalfiles={journal}]"


def console(line):
    """log.target = "console", which is a service's journal."""
    return line


def journald(line):
    """log.target = "journald": time and level are fields of their own."""
    return re.sub(r"^\S+Z \w+ +", "", line)


for _format in ("text", "json"):
    @case(f"every guess, from its address, and nobody else is found in a file: {_format}")
    async def _(environment, log_format=_format):
        needed("fail2ban-regex", "fail2ban")
        here = await scene(environment, log_format)
        check(here.guesses[FORGER] >= len(HOSTILE), "the hostile names were not tried")
        expect_guesses(here, here.server.log)

for _format, _message in (("text", console), ("json", console), ("text", journald)):
    @case(f"the same in the journal of systemd: {_message.__name__}, {_format}")
    async def _(environment, log_format=_format, message=_message):
        needed("fail2ban-regex", "fail2ban")
        here = await scene(environment, log_format)
        expect_guesses(here, journal_of(here, message))


@case("fail2ban bans who guesses, and not who lives here")
async def _(environment):
    program = needed("fail2ban-server", "fail2ban")
    here = await scene(environment, "text")
    folder = Path(tempfile.mkdtemp(dir=environment.directory))
    configuration = folder / "fail2ban"
    shutil.copytree(CONFIGURATION, configuration)
    shutil.rmtree(configuration / "jail.d")  # what else this machine looks after
    for file in FILES.glob("*.d/*.conf"):
        (configuration / file.parent.name).mkdir(exist_ok=True)
        shutil.copy(file, configuration / file.parent.name)
    (configuration / "action.d" / "nothing.conf").write_text("[Definition]\nactionban = true\n")
    (configuration / "jail.d" / "nuncio.local").write_text(
        f"[nuncio]\nenabled = true\nbackend = polling\nlogpath = {here.server.log}\naction = nothing\n"
        "ignoreself = false\n")
    (configuration / "fail2ban.local").write_text("[Definition]\ndbfile = None\n")
    command = [program, "-f", "-c", str(configuration), "-s", f"{folder}/socket", "-p", f"{folder}/pid",
               "--logtarget", "stdout"]
    # Far from the log's UTC: who took it for local time would find that all of that is long over.
    async with Program(command, {"TZ": "America/Los_Angeles"}) as server:
        # Whoever was to be banned is by then: lines are read in their order.
        await server.line(f"Ban {LAST}")
    banned = {line.split()[-1] for line in server.lines if " Ban " in line}
    equal(banned, {address for address, count in here.guesses.items() if count}, "who is banned")


if __name__ == "__main__":
    run()
