# The external backend: real clients log in through real scripts, good ones and bad ones.
import contextlib
import os
import random
import shutil
import signal
import time
from pathlib import Path

from support.cases import Failure, Skipped, about, case, check, equal, run
from support.client import Client
from support.environment import Account
from support.own_server import OwnServer
from support.password_logins import LATER, SUCCESS, WRONG, Storm, note
from support.wire import SASL, Wire, plain

HERE = Path(__file__).resolve().parent
SAMPLES = HERE.parents[2] / "auth-backends" / "external" / "samples"
MOODY = HERE / "scripts" / "moody.py"
PATIENCE = 15.0


def host(*command, more=""):
    words = ", ".join(f'"{word}"' for word in command)
    return f'auth = ["external"]\n[.plugins.external]\ncommand = [{words}]\n{more}\n'


def log_in(server, name, user, password, patience=PATIENCE):
    """What SASL says: "success", or the condition of the failure."""
    with Wire(server.environment, host=name, patience=patience) as wire:
        wire.start_tls()
        answer = wire.auth("PLAIN", plain(user, password))
        if answer.tag != SASL + "success":
            return answer[0].tag.removeprefix(SASL)
        wire.open()
        equal(wire.bind(), f"{user}@{name}/wire", "the address")
        return "success"


def until(what, ready):
    end = time.monotonic() + PATIENCE
    while not ready():
        if time.monotonic() > end:
            raise Failure(f"never: {what}")
        time.sleep(0.02)


@contextlib.contextmanager
def serving(environment, hosts):
    with OwnServer(environment, hosts) as server:
        yield server
    check(not server.trouble, server.trouble)
    # Not one password is in the log, whatever scripts write to their stderr.
    text = server.log_text()
    for secret in ("r0m30:myr0m30", "right-", "wr0ng", "j'aime"):
        check(secret not in text, f"{secret} is in the log")
    check(not server.children(), "a script outlived the server")


def samples(environment):
    program = Path(environment.tools) / "bin" / "external-sample"
    if shutil.which("lua5.4") is None:
        raise Skipped("lua5.4 is not installed")
    return {"python.test": [str(SAMPLES / "check.py")], "lua.test": [str(SAMPLES / "check.lua")],
            "shell.test": [str(SAMPLES / "check.sh")], "program.test": [str(program)]}


@case("the samples in four languages know who may come in")
async def _(environment):
    accounts = str(SAMPLES / "accounts")
    hosts = {name: host(*command, accounts) for name, command in samples(environment).items()}
    with serving(environment, hosts) as server:
        for name in hosts:
            with about(name):
                equal(log_in(server, name, "juliet", "r0m30:myr0m30"), "success", "the right password")
                equal(log_in(server, name, "juliet", "r0m30"), "not-authorized", "a part of it")
                equal(log_in(server, name, "nobody", "wr0ng"), "not-authorized", "an unknown user")
                client = Client(server.environment, Account("romeo", name, "j'aime"), mechanism="PLAIN")
                await client.login()
                await client.leave()


@case("the guide's own script works as it is")
def _(environment):
    with serving(environment, {"guide.test": host(str(HERE / "scripts" / "guide.py"))}) as server:
        equal(log_in(server, "guide.test", "juliet", "any thing: \u00e9"), "success", "its yes")


@case("accounts are made, changed and removed through the script, and its answers kept until then")
def _(environment):
    accounts = Path(environment.directory) / "own-accounts"
    accounts.write_text((SAMPLES / "accounts").read_text())
    every = 'operations = ["auth", "isuser", "setpass", "tryregister", "removeuser"]\n' \
            'positive_ttl = "1h"\nnegative_ttl = "1h"'
    with serving(environment, {"kept.test": host(str(SAMPLES / "check.py"), str(accounts), more=every)}) as server:
        def outcome(password):
            return log_in(server, "kept.test", "nurse", password)

        equal(outcome("first"), "not-authorized", "before there is an account")
        equal(server.ctl("register", "nurse@kept.test", "first")[0], 0, "register")
        check(server.ctl("register", "nurse@kept.test", "again")[0] != 0, "registered twice")
        equal(outcome("first"), "success", "the no that was kept is forgotten")
        equal(server.ctl("change-password", "nurse@kept.test", "second")[0], 0, "change-password")
        equal(outcome("second"), "success", "the new password")
        equal(outcome("first"), "not-authorized", "the old password")
        # Changed behind the server's back: what was answered is believed until somebody says so.
        accounts.write_text("nurse:third\n")
        equal(outcome("second"), "success", "kept")
        code, said = server.ctl("external", "forget", "kept.test", "--user", "nurse")
        equal(code, 0, f"external forget: {said}")
        equal(outcome("second"), "not-authorized", "forgotten")
        equal(outcome("third"), "success", "asked anew")
        equal(server.ctl("unregister", "nurse@kept.test")[0], 0, "unregister")
        equal(outcome("third"), "not-authorized", "removed")


@case("what is wrong with a script is said at the start, and its users are told to try again later")
def _(environment):
    folder = Path(environment.directory) / "broken"
    folder.mkdir()

    def script(name, text, mode=0o755):
        (folder / name).write_text(text)
        (folder / name).chmod(mode)
        return str(folder / name)

    python = "#!/usr/bin/python3\n"
    broken = {
        "missing.test": (str(folder / "missing"), "there is no such file: install it"),
        "closed.test": (script("closed", python, 0o644), "chmod +x"),
        "typo.test": (script("typo", "#!/usr/bin/pyhton\n"), "the interpreter /usr/bin/pyhton, which does not exist"),
        "dos.test": (script("dos", "#!/bin/sh\r\nexit\r\n"), "CR LF"),
        "env.test": (script("env", "#!/usr/bin/env pyhton\n"), "127 says that a program was not found"),
        "silent.test": (script("silent", "#!/bin/sh\nexit 0\n"), "before it had answered anything"),
        "trace.test": (script("trace", python + "raise KeyError('database')\n"), "KeyError: 'database'"),
        "greet.test": (script("greet", "#!/bin/sh\necho hello; exec cat\n"), "nothing else may be written to its stdout"),
        "hang.test": (script("hang", "#!/bin/sh\nwhile :; do sleep 1; done\n"), "gave no answer within 1 s"),
    }
    hosts = {name: host(command, more='timeout = "1s"') for name, (command, _) in broken.items()}
    hosts["good.test"] = host(str(MOODY))
    with serving(environment, hosts) as server:
        for name, (command, words) in broken.items():
            with about(name):
                until(f"the log says {words!r}",
                      lambda c=command, w=words: any(c in line and w in line for line in server.log_text().splitlines()))
                began = time.monotonic()
                equal(log_in(server, name, "juliet", "wr0ng"), "temporary-auth-failure", "the answer")
                check(time.monotonic() - began < 5, "nobody waits for a script that does not work")
        equal(log_in(server, "good.test", "juliet", "right-juliet"), "success", "the good script")
        code, status = server.ctl("auth", "status")
        equal(code, 0, status)
        for name, state in (("good.test", "ok"), ("missing.test", "failing"), ("typo.test", "failing")):
            check(any(name in line and state in line for line in status.splitlines()), f"{name} is not {state}: {status}")
        check("there is no such file" in status, f"the reason is not told: {status}")
        # Mended while the server runs: nothing is to be done but to wait.
        shutil.copy(MOODY, folder / "missing")
        until("the script that was missing answers",
              lambda: log_in(server, "missing.test", "juliet", "right-juliet") == "success")


@case("a script that ends, hangs or babbles in the middle of a request hurts that login only")
def _(environment):
    more = 'timeout = "1s"\nprocesses = 2\npositive_ttl = "0s"'
    hosts = {"moody.test": host(str(MOODY), more=more), "chatty.test": host(str(MOODY), more=more)}
    with serving(environment, hosts) as server:
        for mood in ("dying", "leaving", "babbling", "half", "double", "deaf", "hanging"):
            with about(mood):
                found = log_in(server, "moody.test", f"{mood}-1", f"right-{mood}-1")
                equal(found, "temporary-auth-failure", "the answer")
                until("others come in again", lambda: log_in(
                    server, "moody.test", "juliet", "right-juliet") == "success")
                equal(log_in(server, "moody.test", "juliet", "wr0ng"), "not-authorized", "a wrong password")
        equal(log_in(server, "chatty.test", "chatty-1", "right-chatty-1"), "success", "a script that tells")
        until("the line with the password is said to be withheld", lambda: "withheld" in server.log_text())
        check("asked about" in server.log_text(), "and the others are there")


@case("the server's sockets do not reach the scripts")
def _(environment):
    with serving(environment, {"moody.test": host(str(MOODY), more="processes = 1")}) as server:
        with Wire(server.environment, host="moody.test") as wire:
            wire.start_tls()
            equal(log_in(server, "moody.test", "juliet", "right-juliet"), "success", "the answer")
            (child,) = server.children()
            equal(sorted(os.listdir(f"/proc/{child}/fd")), ["0", "1", "2"], "its descriptors")
            check(os.getsid(child) == child, "it leads a session of its own")


@case("a reload with other options changes scripts over, and no login notices")
def _(environment):
    with serving(environment, {"moody.test": host(str(MOODY), "5", more="processes = 2\npositive_ttl = \"0s\"")}) as server:
        with Storm(server, "moody.test", lambda _: ("juliet", "right-juliet", lambda: (SUCCESS,)), threads=3) as storm:
            for _ in range(3):
                before = set(server.children())
                code, said = server.ctl("plugin", "reload", "external")
                equal(code, 0, said)
                until("the former scripts have ended", lambda b=before: not b & set(server.children()))
                # Each is started by a thread of its own, in its own time.
                until("two scripts run", lambda: len(server.children()) == 2)
        note(f"reloads: {storm.judge()}")


@case("scripts are killed, stopped and started again in a storm of logins: no wrong answer, none stuck")
def _(environment):
    more = 'timeout = "1s"\nprocesses = 4\nqueue = 64\npositive_ttl = "0s"\nlongest_rest = "1s"'
    with serving(environment, {"storm.test": host(str(MOODY), "5", more=more)}) as server:
        dice = [random.Random(number) for number in range(9)]

        def question(number):
            user, is_right = f"user-{dice[number].randrange(1000)}", dice[number].random() < 0.7
            return user, f"right-{user}" if is_right else "wr0ng", lambda: (SUCCESS if is_right else WRONG, LATER)

        with Storm(server, "storm.test", question, threads=8) as storm:
            end = time.monotonic() + 8
            while time.monotonic() < end:
                time.sleep(0.3)
                children = server.children()
                if not children:
                    continue
                with contextlib.suppress(ProcessLookupError):
                    os.kill(dice[8].choice(children), dice[8].choice((signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM)))
        note(f"a storm of logins: {storm.judge()}")
        check({SUCCESS, WRONG} <= set(storm.answers), f"who came in: {set(storm.answers)}")
        until("all is well again", lambda: log_in(server, "storm.test", "juliet", "right-juliet") == "success")
        until("four scripts run", lambda: len(server.children()) == 4)


run()
