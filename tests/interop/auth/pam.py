# The pam backend: real PAM stacks (pam_wrapper, pam_matrix, pam_debug) behind real logins.
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from support.cases import Skipped, about, case, check, equal, run
from support.client import Client
from support.environment import Account
from support.own_server import OwnServer
from support.pam import PamStack, sweep
from support.wire import SASL, Wire, plain

PATIENCE = 15.0
# RFC 6120 §6.5: a right password that does not open says why.
EXPIRED, DISABLED, LATER = "credentials-expired", "account-disabled", "temporary-auth-failure"


class Pam(PamStack):
    """Every way in which a stack can answer."""

    def __init__(self, environment):
        super().__init__(environment.directory, environment.tools,
                         "juliet:r0m30 my:nuncio\nnurse:susan:other\njid@whole.test:whole:nuncio-whole\n")
        matrix = self.matrix
        self.service("nuncio-whole", f"auth required {matrix}", f"account required {matrix}")
        for result in ("new_authtok_reqd", "acct_expired", "perm_denied", "authinfo_unavail"):
            self.service(f"nuncio-{result}", f"auth required {matrix}", f"account required pam_debug.so acct={result}")
        self.service("nuncio-down", "auth required pam_debug.so auth=authinfo_unavail", "account required pam_permit.so")
        self.service("nuncio-two", f"auth required {matrix}", f"auth required {matrix} echo",
                     "account required pam_permit.so")
        self.service("nuncio-hang", "auth required pam_exec.so quiet /bin/sleep 15", "account required pam_permit.so")

    def host(self, service="nuncio", more=""):
        return f'auth = ["pam"]\n[.plugins.pam]\nhelper = "{self.helper}"\nservice = "{service}"\nprocesses = 2\n{more}\n'


def log_in(server, name, user, password):
    with Wire(server.environment, host=name, patience=PATIENCE) as wire:
        wire.start_tls()
        answer = wire.auth("PLAIN", plain(user, password))
        return "success" if answer.tag == SASL + "success" else answer[0].tag.removeprefix(SASL)


@contextlib.contextmanager
def serving(environment, hosts):
    with OwnServer(environment, hosts) as server:
        yield server
    check(not server.trouble, server.trouble)
    for secret in ("r0m30 my", "wr0ng", "susan"):
        check(secret not in server.log_text(), f"{secret} is in the log")
    check(not server.children(), "a helper outlived the server")
    sweep()


@case("PAM decides who comes in, and the account phase who of them may")
async def _(environment):
    pam = Pam(environment)
    hosts = {"pam.test": pam.host(), "whole.test": pam.host("nuncio-whole", 'names = "jid"')}
    wanted = {"new_authtok_reqd": EXPIRED, "acct_expired": DISABLED, "perm_denied": DISABLED, "authinfo_unavail": LATER}
    for result in wanted:
        hosts[f"{result.replace('_', '-')}.test"] = pam.host(f"nuncio-{result}")
    with serving(environment, hosts) as server:
        equal(log_in(server, "pam.test", "juliet", "r0m30 my"), "success", "the right password")
        equal(log_in(server, "pam.test", "juliet", "r0m30 m"), "not-authorized", "a wrong one")
        equal(log_in(server, "pam.test", "juliet", "x" * 512), "not-authorized", "one longer than PAM takes")
        equal(log_in(server, "pam.test", "nobody", "wr0ng"), "not-authorized", "an unknown user")
        equal(log_in(server, "pam.test", "root", "wr0ng"), "not-authorized", "root")
        equal(log_in(server, "pam.test", "nurse", "susan"), DISABLED, "somebody of another service")
        equal(log_in(server, "whole.test", "jid", "whole"), "success", "whose name is the whole address")
        client = Client(server.environment, Account("juliet", "pam.test", "r0m30 my"), mechanism="PLAIN")
        await client.login()
        await client.leave()
        for result, condition in wanted.items():
            with about(result):
                name = f"{result.replace('_', '-')}.test"
                equal(log_in(server, name, "juliet", "r0m30 my"), condition, "the right password")
                equal(log_in(server, name, "juliet", "wr0ng"), "not-authorized", "a wrong one hears nothing of it")


@case("a stack that is down, wants more than a password, hangs or is not there: try again later")
def _(environment):
    pam = Pam(environment)
    hosts = {f"{name}.test": pam.host(f"nuncio-{name}", 'timeout = "2s"') for name in ("down", "two", "hang", "missing")}
    (pam.services / "other").unlink()
    hosts["pam.test"] = pam.host()
    with serving(environment, hosts) as server:
        for name in ("down", "two", "hang", "missing"):
            with about(name):
                equal(log_in(server, f"{name}.test", "juliet", "r0m30 my"), LATER, "the answer")
        equal(log_in(server, "pam.test", "juliet", "r0m30 my"), "success", "the one that works")
        check("there is no /etc/pam.d/nuncio-missing" in server.log_text(), "the log says what is missing")


@case("a helper that is killed is started again, and nobody gets a wrong answer")
def _(environment):
    pam = Pam(environment)
    with serving(environment, {"pam.test": pam.host(more='timeout = "2s"')}) as server:
        for number in range(12):
            for child in server.children():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGSTOP if number % 3 == 0 else signal.SIGKILL)
            found = log_in(server, "pam.test", "juliet", "r0m30 my")
            check(found in ("success", LATER), f"the right password: {found}")
        end = time.monotonic() + PATIENCE
        while log_in(server, "pam.test", "juliet", "r0m30 my") != "success":
            check(time.monotonic() < end, "it does not come back")
        equal(log_in(server, "pam.test", "juliet", "wr0ng"), "not-authorized", "a wrong one")


@case("a helper behind a socket, as systemd starts it")
def _(environment):
    pam = Pam(environment)
    door = socket.socket(socket.AF_UNIX)
    path = str(pam.folder / "door")
    door.bind(path)
    door.listen()
    started = []

    def accept():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = door.accept()
                with connection:
                    started.append(subprocess.Popen([str(pam.helper), "nuncio"], stdin=connection, stdout=connection))

    threading.Thread(target=accept, daemon=True).start()
    try:
        with serving(environment, {"pam.test": pam.host(more=f'socket = "{path}"')}) as server:
            equal(log_in(server, "pam.test", "juliet", "r0m30 my"), "success", "the right password")
            equal(log_in(server, "pam.test", "juliet", "wr0ng"), "not-authorized", "a wrong one")
            started[0].kill()
            equal(log_in(server, "pam.test", "juliet", "r0m30 my"), "success", "with one helper less")
        for helper in started:
            helper.wait(PATIENCE)  # they end with the server
    finally:
        door.close()
        for helper in started:
            if helper.poll() is None:
                helper.kill()


def ask(process, request):
    process.stdin.write(len(request).to_bytes(2, "big") + request)
    process.stdin.flush()
    return process.stdout.read(4)


@case("the helper checks what it is asked, and no refusal comes fast")
def _(environment):
    pam = Pam(environment)
    with subprocess.Popen([str(pam.helper), "nuncio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as helper:
        equal(ask(helper, b"auth:juliet:h:r0m30 my"), b"\0\2\0\1", "the right password")
        for request in (b"", b"auth", b"auth:juliet:h:", b"auth:juliet:h:r0m30 my\0", b"auth:juliet\0:h:r0m30 my",
                        b"auth:../juliet:h:r0m30 my", b"setpass:juliet:h:new", b"x" * 65535):
            with about(request[:20]):
                began = time.monotonic()
                equal(ask(helper, request), b"\0\2\0\0", "the answer")
                check(time.monotonic() - began >= 0.5, "it came too fast")
        equal(ask(helper, b"auth:juliet:h:r0m30 my"), b"\0\2\0\1", "the right password, still")
        with open(f"/proc/{helper.pid}/status", encoding="ascii") as status:
            facts = dict(line.split(":\t", 1) for line in status.read().splitlines() if ":\t" in line)
        # CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, SETGID, SETUID, AUDIT_WRITE.
        check(int(facts["CapPrm"], 16) & ~0x200000CF == 0, f"its rights: {facts['CapPrm']}")
        helper.stdin.close()
        equal(helper.wait(PATIENCE), 0, "its end")


@case("with a setuid bit the helper trusts neither arguments nor environment")
def _(environment):
    if os.geteuid() != 0:
        raise Skipped("only root can make a file that lends root's rights")
    nobody = 65534
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        program = Path(folder) / "nuncio-pam"
        shutil.copy(Path(environment.tools) / "bin" / "nuncio-pam", program)
        program.chmod(0o4755)
        surroundings = {"LD_PRELOAD": "libpam_wrapper.so", "PAM_WRAPPER": "1", "SECRET": "1"}

        def start(*words):
            return subprocess.Popen([str(program), *words], user=nobody, group=nobody, extra_groups=[], cwd="/",
                                    env=surroundings, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE)

        for service in ("su", "login", "../shadow", ""):
            with about(service), start(service) as helper:
                equal(helper.wait(PATIENCE), 2, "it does not start")
        with start("nuncio") as helper:
            answer = ask(helper, b"isuser:nuncio-self-test:h")
            status = Path(f"/proc/{helper.pid}/status").read_text()
            if f"Uid:\t{nobody}\t0\t" not in status:
                raise Skipped("file systems are mounted nosuid here")
            equal(answer[:2], b"\0\2", "it answers")
            check("NoNewPrivs:\t0" in status, "helpers of PAM may get their rights")
            maps = Path(f"/proc/{helper.pid}/maps").read_text()
            check("pam_wrapper" not in maps, "nobody's library is in it")
            helper.stdin.close()


run()
