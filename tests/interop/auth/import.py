# Accounts of other servers: imported keys and passwords let their owners in, nothing is taken over by
# accident, and what is exported comes back. Prosody's own files through the script that is shipped.
import contextlib
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

from support.cases import Skipped, case, check, equal, run
from support.client import LoginFailed, People
from support.environment import Account
from support.own_server import OwnServer
from support.scram import stored_keys as keys

HOST = "import.test"
SCRIPT = Path(__file__).parents[3] / "packaging" / "import" / "prosody-accounts.lua"
MECHANISMS = ("SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512")


def element(mechanism, password):
    name, rest = keys(mechanism, password).split("$", 1)
    rounds, salt, stored, server = rest.replace("$", ":").split(":")
    return (f"<scram-credentials xmlns='urn:xmpp:pie:0#scram' mechanism='{name}'><iter-count>{rounds}</iter-count>"
            f"<salt>{salt}</salt><server-key>{server}</server-key><stored-key>{stored}</stored-key></scram-credentials>")


@contextlib.asynccontextmanager
async def serving(environment, *hosts):
    async with OwnServer(environment, {host: 'auth = ["internal"]' for host in hosts or (HOST,)}) as server:
        yield server


def write(server, name, text):
    path = server.directory / name
    path.write_text(text)
    return str(path)


def lines(*accounts):
    return "".join(json.dumps(account) + "\n" for account in accounts)


async def comes_in(server, stack, user, password, mechanism="SCRAM-SHA-1", host=HOST):
    people = People(server.environment, stack)
    await people.join(Account(user, host, password), user, mechanism=mechanism)


async def stays_out(server, stack, user, password, mechanism="SCRAM-SHA-1"):
    try:
        await comes_in(server, stack, user, password, mechanism)
    except LoginFailed as failure:
        check("not-authorized" in str(failure) or "no mechanism" in str(failure).lower(), str(failure))
        return
    check(False, f"{user} came in with {password!r}")


@case("keys of one hash let their owner in by that hash and by PLAIN; a password lets in by all")
async def _(environment, stack):
    async with serving(environment) as server:
        file = write(server, "accounts.jsonl", lines(
            {"jid": f"one@{HOST}", "keys": [keys("SCRAM-SHA-1", "p-one")]},
            {"jid": f"two@{HOST}", "keys": [keys("SCRAM-SHA-256", "p-two")]},
            {"jid": f"five@{HOST}", "keys": [keys("SCRAM-SHA-512", "p-five")]},
            {"jid": f"both@{HOST}", "keys": [keys("SCRAM-SHA-1", "p-b"), keys("SCRAM-SHA-256", "p-b")]},
            {"jid": f"plain@{HOST}", "password": "pässword ☃"}))
        code, text = server.ctl("import", file)
        equal(code, 0, text)
        check("created" in text and "5" in text, text)
        await comes_in(server, stack, "one", "p-one")
        await comes_in(server, stack, "two", "p-two", "SCRAM-SHA-256")
        await comes_in(server, stack, "five", "p-five", "SCRAM-SHA-512")
        await comes_in(server, stack, "both", "p-b")
        await comes_in(server, stack, "both", "p-b", "SCRAM-SHA-256")
        await comes_in(server, stack, "two", "p-two", "PLAIN")
        for mechanism in (*MECHANISMS, "PLAIN"):
            await comes_in(server, stack, "plain", "pässword ☃", mechanism)
        await stays_out(server, stack, "one", "p-two")
        await stays_out(server, stack, "two", "p-one", "SCRAM-SHA-256")
        await stays_out(server, stack, "five", "p-two", "PLAIN")


@case("what exists is refused unless it is to be replaced, and a dry run changes nothing")
async def _(environment, stack):
    async with serving(environment) as server:
        first = write(server, "first.csv", f"jid,password\nana@{HOST},before\n")
        second = write(server, "second.csv", f'user,keys\nana,{keys("SCRAM-SHA-256", "after")}\nbob,{keys("SCRAM-SHA-1", "new")}\n')
        equal(server.ctl("import", "--dry-run", first)[0], 0, "the dry run")
        await stays_out(server, stack, "ana", "before")
        equal(server.ctl("import", first)[0], 0, "the import")
        code, text = server.ctl("import", second, "--host", HOST)
        equal(code, 1, text)
        check(f"{second}:2: ana@{HOST}: the account ana exists already" in text, text)
        check("1 created, 1 exist already" in text, text)
        await comes_in(server, stack, "ana", "before", "SCRAM-SHA-256")
        await comes_in(server, stack, "bob", "new")
        code, text = server.ctl("import", second, "--host", HOST, "--overwrite", "--dry-run")
        check(code == 0 and "replaced" in text, text)
        await comes_in(server, stack, "ana", "before", "SCRAM-SHA-256")
        equal(server.ctl("import", second, "--host", HOST, "--overwrite")[0], 0, "overwriting")
        await comes_in(server, stack, "ana", "after", "SCRAM-SHA-256")
        # The keys of the former password are gone with it, those of other hashes too.
        await stays_out(server, stack, "ana", "before", "SCRAM-SHA-256")
        await stays_out(server, stack, "ana", "before", "PLAIN")
        await stays_out(server, stack, "ana", "before")


@case("every bad record is told with its line and the others are imported; nothing secret is shown")
async def _(environment, stack):
    async with serving(environment) as server:
        file = write(server, "mixed.xml", "<?xml version='1.0'?>\n<server-data xmlns='urn:xmpp:pie:0'>\n"
                     f"<host jid='{HOST}'>\n<user name='good' password='Secret1'/>\n<user name='bad name' password='Secret2'/>\n"
                     f"<user name='none'/>\n<user name='keyed'>{element('SCRAM-SHA-256', 'Secret3')}</user>\n</host>\n"
                     "<host jid='elsewhere.test'><user name='x' password='Secret4'/></host></server-data>\n")
        code, text = server.ctl("import", file)
        equal(code, 1, text)
        for line, why in ((5, "user: "), (6, "has neither a password nor SCRAM keys"),
                          (9, "does not serve")):
            check(f"{file}:{line}: " in text and why in text, text)
        check("2 created, 3 not taken" in text, text)
        check("Secret" not in text + server.log_text(), "a password was shown")
        await comes_in(server, stack, "good", "Secret1")
        await comes_in(server, stack, "keyed", "Secret3", "SCRAM-SHA-256")


@case("a file that breaks off says where, and what stands before it is there")
async def _(environment, stack):
    async with serving(environment) as server:
        users = "".join(f"<user name='u{i}' password='p{i}'/>\n" for i in range(40))
        file = write(server, "cut.xml", f"<host xmlns='urn:xmpp:pie:0' jid='{HOST}'>\n{users}<user na")
        code, text = server.ctl("import", file)
        check(code != 0 and f"{file}:42: the file ends in the middle" in text and "40 created" in text, text)
        await comes_in(server, stack, "u0", "p0")
        await comes_in(server, stack, "u39", "p39")
        check(server.ctl("import", str(server.directory / "missing"))[0] != 0, "a missing file")
        check(server.ctl("import", str(server.directory))[0] != 0, "a folder")


@case("what is exported comes back, as JSON and as XEP-0227, and lets everybody in")
async def _(environment, stack):
    async with serving(environment) as server:
        people = {f"user{i}": f"password {i}" for i in range(5)}
        for user, password in people.items():
            equal(server.ctl("register", f"{user}@{HOST}", password)[0], 0, "registering")
        keyed = write(server, "keyed.jsonl", lines({"jid": f"keyed@{HOST}", "keys": [keys("SCRAM-SHA-256", "k")]}))
        equal(server.ctl("import", keyed)[0], 0, "importing")
        for name in ("out.jsonl", "out.xml"):
            out = server.directory / name
            code, text = server.ctl("export", str(out), "--host", HOST)
            equal(code, 0, text)
            equal(out.stat().st_mode & 0o777, 0o600, "the mode of the file")
            check("password 0" not in out.read_text(), "a password was exported")
            check(server.ctl("export", str(out), "--host", HOST)[0] != 0, "a file was overwritten")
            for user in (*people, "keyed"):
                equal(server.ctl("unregister", f"{user}@{HOST}")[0], 0, "removing")
            await stays_out(server, stack, "user0", "password 0")
            code, text = server.ctl("import", str(out))
            equal(code, 0, text)
            for user, password in people.items():
                await comes_in(server, stack, user, password)
                await comes_in(server, stack, user, password, "SCRAM-SHA-256")
            await comes_in(server, stack, "keyed", "k", "SCRAM-SHA-256")


@case("three thousand accounts are imported with progress, and others log in meanwhile")
async def _(environment, stack):
    async with serving(environment) as server:
        equal(server.ctl("register", f"ana@{HOST}", "meanwhile")[0], 0, "registering")
        key = keys("SCRAM-SHA-256", "many")
        file = write(server, "many.jsonl", lines(*({"jid": f"u{i:05}@{HOST}", "keys": [key]} for i in range(3000))))
        running = subprocess.Popen([str(server.build / "bin" / "nuncioctl"), "--socket",
                                    str(server.directory / "run" / "nuncioctl.sock"), "import", file],
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            await comes_in(server, stack, "ana", "meanwhile")
            text, _ = running.communicate(timeout=120)
        finally:
            if running.poll() is None:
                running.terminate()
        equal(running.returncode, 0, text)
        check(" accounts, " in text and "3000 accounts, 100 % of the file" in text, text)
        await comes_in(server, stack, "u02999", "many", "SCRAM-SHA-256")


@case("Prosody's accounts come over as it keeps them")
async def _(environment, stack):
    lua = next((found for name in ("lua5.4", "lua5.3", "lua5.2", "lua5.1", "lua") if (found := shutil.which(name))), None)
    if not shutil.which("prosodyctl") or not lua:
        raise Skipped("prosody or a Lua interpreter is not installed")
    folder = Path(tempfile.mkdtemp(dir=environment.directory))
    folder.chmod(0o755)
    (folder / "data").mkdir()
    config = folder / "prosody.cfg.lua"
    config.write_text(f"""
pidfile = "{folder}/prosody.pid"
data_path = "{folder}/data"
run_as_root = true
log = {{ {{ levels = {{ min = "error" }}, to = "console" }} }}
VirtualHost "{HOST}"
    authentication = "internal_hashed"
VirtualHost "modern.test"
    authentication = "internal_hashed"
    password_hash = "SHA-256"
VirtualHost "plain.test"
    authentication = "internal_plain"
""")
    people = (("romeo", HOST, "wherefore art"), ("o\\27neill", HOST, "a'b\"c"),
              ("juliet", "modern.test", "balcony"), ("nurse", "plain.test", "back\\slash"))
    for user, host, password in people:
        done = subprocess.run(["prosodyctl", "--root", "--config", str(config), "register", user, host, password],
                              capture_output=True, text=True, timeout=30, check=False)
        equal(done.returncode, 0, done.stdout + done.stderr)
    found = subprocess.run([lua, str(SCRIPT), str(folder / "data")], capture_output=True, text=True, check=False)
    equal((found.returncode, found.stderr), (0, ""), "the script's end")
    equal(len(found.stdout.splitlines()), len(people), found.stdout)
    async with serving(environment, HOST, "modern.test", "plain.test") as server:
        code, text = server.ctl("import", write(server, "prosody.jsonl", found.stdout))
        equal(code, 0, text)
        await comes_in(server, stack, "romeo", "wherefore art")
        await comes_in(server, stack, "o\\27neill", "a'b\"c")
        await comes_in(server, stack, "juliet", "balcony", "SCRAM-SHA-256", "modern.test")
        await comes_in(server, stack, "nurse", "back\\slash", host="plain.test")
        await stays_out(server, stack, "romeo", "wherefore")


run()
