# Who gets in how: every auth backend by every SASL mechanism with independent clients, against the table in
# docs/authentication.md. NUNCIO_CONFORMANCE=write makes the table anew: read what has changed before you keep it.
import asyncio
import contextlib
import json
import os
import re
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from support.backend_server import BackendServer
from support.backends import BACKENDS
from support.cases import Skipped, about, case, check, equal, run
from support.environment import Environment
from support.logins import CLIENTS, Bytes

PAGE = Path(__file__).resolve().parents[3] / "docs" / "authentication.md"
BEGIN, END = "<!-- conformance -->\n", "<!-- /conformance -->\n"
TOKEN = "HT-SHA-256-EXPR"
SCRAMS = ("SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512")
MECHANISMS = ("PLAIN", *SCRAMS, *(f"{name}-PLUS" for name in SCRAMS), "EXTERNAL", "ANONYMOUS", TOKEN)
NOT_OFFERED = "–"
AT_A_TIME = 6


class Cell:
    """What one client found with one mechanism at one backend."""

    def __init__(self, backend, mechanism, client):
        self.backend, self.mechanism, self.client = backend, mechanism, client
        self.right = self.wrong = None  # the address that was bound
        self.is_offered = False
        self.problem = None  # it did not come to an end

    async def try_it(self):
        secret = self.backend.secret(self.client.user)
        self.right = await self.client.attempt(self.backend.host, self.mechanism, secret)
        wrong = self.backend.wrong_secret(self.client.user, self.mechanism)
        if wrong and self.is_offered:
            self.wrong = await self.client.attempt(self.backend.host, self.mechanism, wrong)

    def judge(self, log):
        """Raises where the outcome is wrong whatever the table says."""
        host = self.backend.host
        check(self.problem is None, self.problem)
        check(self.wrong is None, f"a wrong secret opened {self.wrong}")
        entered, refused = log.logins(host, self.mechanism), log.failures(host, self.mechanism)
        if self.right is None:
            check(self.client.user not in entered, "the server let in a client that does not say so")
            return
        check(self.is_offered, f"{self.right} came in by a mechanism that is not offered")
        user, _, domain = self.right.partition("/")[0].partition("@")
        equal(domain, host, "the domain of the address")
        check(self.mechanism == "ANONYMOUS" or user == self.client.user, f"it became {self.right}")
        check(user in entered, f"the log has no login of {user} by {self.mechanism}")
        # A certificate that is not trusted is not offered EXTERNAL.
        if self.backend.wrong_secret(self.client.user, self.mechanism) and self.mechanism != "EXTERNAL":
            check(self.client.user in refused, "the log has no failure by the wrong secret")


class Log:
    """The logins of the server's log, as the plugin `accounts` tells them."""

    LINE = re.compile(r"plugin\.accounts@(\S+): (failed )?login of (\S+) from \S+ by ([^\s:]+)(?:: ([a-z-]+)(?:, .*)?)?$")

    def __init__(self, text):
        self.found = [m.groups() for line in text.splitlines() if (m := self.LINE.search(line))]

    def logins(self, host, mechanism):
        return {user for at, failed, user, by, _ in self.found if (at, by) == (host, mechanism) and not failed}

    def failures(self, host, mechanism):
        return {user for at, failed, user, by, condition in self.found
                if (at, by, condition) == (host, mechanism, "not-authorized") and failed}


class Conformance:
    def __init__(self, tools):
        self.tools = tools
        self.stack = contextlib.ExitStack()
        self.backends, self.clients, self.missing = [], [], {}
        self.cells = []
        self.offered = {}

    def __enter__(self):
        try:
            self.directory = Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="nuncio-conformance-")))
            self.start()
            asyncio.run(self.measure())
            self.trouble = self.server.stop()
            self.log = Log(self.server.log.read_text(errors="replace"))
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *_):
        self.stack.close()

    def start(self):
        users = [client.user for client in CLIENTS]
        # Alive for as long as what its threads start.
        pool = self.stack.enter_context(ThreadPoolExecutor(len(BACKENDS)))

        def make(kind):
            directory = self.directory / kind.__name__
            directory.mkdir()
            directory.chmod(0o755)
            try:
                return kind(directory, self.tools, users)
            except Skipped as lacking:
                self.missing[kind.name] = str(lacking)
                return None

        self.directory.chmod(0o755)
        for made in [pool.submit(make, kind) for kind in BACKENDS]:
            if backend := made.result():
                self.stack.callback(backend.stop)
                self.backends.append(backend)
        self.server = BackendServer(self.directory / "server", self.tools, {b.host: b.chain() for b in self.backends},
                                    plugins=("fast", "roster"), settings={b.host: b.settings for b in self.backends})
        self.stack.callback(self.server.stop)
        self.server.start()
        self.environment = Environment(self.server.facts())
        for made in [pool.submit(backend.make_users, self.server) for backend in self.backends]:
            made.result()
        for kind in CLIENTS:
            try:
                self.clients.append(kind(self.environment))
            except Skipped as lacking:
                self.missing[kind.name] = str(lacking)

    async def measure(self):
        try:
            await self.try_everything()
        finally:
            for client in self.clients:
                await client.leave()

    async def try_everything(self):
        wire = Bytes(self.environment)
        for backend in self.backends:
            names, features = wire.offered(backend.host, backend.secret(wire.user))
            tokens = {e.text for e in features.iter("{urn:xmpp:fast:0}mechanism")}
            self.offered[backend] = names | tokens
        self.cells = [Cell(b, m, c) for b in self.backends for m in MECHANISMS for c in self.clients]
        for cell in self.cells:
            cell.is_offered = cell.mechanism in self.offered[cell.backend]
        await self.try_all([cell for cell in self.cells if cell.client.is_told])
        # Who chooses by itself is left no choice.
        for mechanism in MECHANISMS:
            if mechanism == TOKEN:
                continue
            self.server.settings[None] = {"mechanisms": [mechanism]}
            self.server.configure()
            code, said = self.server.ctl("reload")
            check(code == 0, said)
            await self.try_all([cell for cell in self.cells if not cell.client.is_told and cell.mechanism == mechanism])

    async def try_all(self, cells):
        some = asyncio.Semaphore(AT_A_TIME)

        async def try_one(cell):
            async with some:
                try:
                    await cell.try_it()
                except Exception as error:  # noqa: BLE001: whatever it is, it is neither in nor out
                    cell.problem = f"{type(error).__name__}: {error}"

        # One client's logins to one host follow each other: two with one resource would replace each other.
        groups = {}
        for cell in cells:
            groups.setdefault((cell.backend, cell.client), []).append(cell)

        async def try_group(group):
            for cell in group:
                await try_one(cell)

        await asyncio.gather(*(try_group(group) for group in groups.values()))

    def text(self, backend, mechanism):
        if mechanism not in self.offered[backend]:
            return NOT_OFFERED
        return " ".join(cell.client.letter for cell in self.cells
                        if (cell.backend, cell.mechanism) == (backend, mechanism) and cell.right) or "nobody"

    def rows(self):
        return [["", *MECHANISMS], *([b.name, *(self.text(b, m) for m in MECHANISMS)] for b in self.backends)]


def laid_out(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in rows]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]


def table_of(page):
    """By backend and mechanism."""
    lines = page.partition(BEGIN)[2].partition(END)[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    return rows[0][1:], {row[0]: dict(zip(rows[0][1:], row[1:])) for row in rows[1:]}


def without(text, letters):
    """A cell without the clients that are not installed."""
    return text if text in (NOT_OFFERED, "nobody") else \
        " ".join(letter for letter in text.split() if letter not in letters) or "nobody"


@case("the table has the backends, mechanisms and clients that there are")
def _(environment):
    page = PAGE.read_text(encoding="utf-8")
    columns, rows = table_of(page)
    equal(columns, list(MECHANISMS), "the columns")
    equal(list(rows), [kind.name for kind in BACKENDS], "the rows")
    for kind in CLIENTS:
        check(f"\n- **{kind.letter}** {kind.name}\n" in page, f"the page does not say that {kind.letter} is {kind.name}")


def row_of(kind):
    def body(environment):
        if kind.name in conformance.missing:
            raise Skipped(conformance.missing[kind.name])
        backend = next(b for b in conformance.backends if type(b) is kind)
        row = table_of(PAGE.read_text(encoding="utf-8"))[1][kind.name]
        letters = {c.letter for c in CLIENTS if c.name in conformance.missing}
        for mechanism in MECHANISMS:
            with about(mechanism):
                equal(conformance.text(backend, mechanism), without(row[mechanism], letters), "the table")
        for cell in conformance.cells:
            if cell.backend is backend:
                with about(f"{cell.client.name} by {cell.mechanism}"):
                    cell.judge(conformance.log)
                    # Whatever others lack, the tests' own client can do all that is offered.
                    check(cell.right or not cell.is_offered or type(cell.client) is not Bytes
                          or cell.mechanism == TOKEN, "the tests' own client was refused")

    return body


for _kind in BACKENDS:
    case(f"{_kind.name}: every client by every mechanism, as the table says, and no wrong secret opens")(row_of(_kind))


@case("nothing was an error, and no password is in the log")
def _(environment):
    equal(conformance.trouble, None, "the end")
    equal(conformance.server.complaints(), [], "complaints")
    text = conformance.server.log.read_text(errors="replace")
    for backend in conformance.backends:
        for user in backend.users:
            for secret in (backend.secret(user), *(backend.wrong_secret(user, m) for m in MECHANISMS)):
                check(not secret or secret.password not in text, f"the log has what {user} sent to {backend.name}")


def write():
    """The backends that could not be started keep their rows."""
    page = PAGE.read_text(encoding="utf-8")
    before = table_of(page)[1]
    rows = {row[0]: row for row in conformance.rows()}
    kept = [[kind.name, *before.get(kind.name, {}).values()] for kind in BACKENDS]
    lines = laid_out([rows[""], *(rows.get(old[0], old) for old in kept)])
    head, rest = page.split(BEGIN)
    PAGE.write_text(head + BEGIN + "\n".join(lines) + "\n" + END + rest.partition(END)[2], encoding="utf-8")


if __name__ == "__main__":
    began = time.monotonic()
    with Conformance(Path(Environment.load().tools)) as conformance:
        if os.environ.get("NUNCIO_CONFORMANCE") == "write":
            write()
        run()
        for line in laid_out(conformance.rows()):
            print(f"note {line}")
        print(f"note {len(conformance.cells)} cells in {time.monotonic() - began:.0f} s", flush=True)
