# Accounts in PostgreSQL, MariaDB and, through ODBC, both and SQLite: logins with every driver and
# format, hostile input, and databases that die, hang and come back. RFC 6120 §6.5.
import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import random
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from support.backend_server import BackendServer
from support.cases import Skipped, about, case, check, equal, run
from support.client import People
from support.databases import PASSWORD, MariaDB, PostgreSQL
from support.environment import Account, Environment
from support.known_client import KnownClient
from support.scram import stored_keys
from support.storm import Storm
from support.wire import SASL, Wire, plain

SCRAMS = ("SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512")
OWN = ("own-pg.test", "own-pg-tls.test", "own-maria.test", "own-maria-tls.test", "odbc-pg.test",
       "odbc-maria.test", "odbc-sqlite.test")
QUICK = {"connect_timeout": "1s", "query_timeout": "1s", "timeout": "3s", "longest_rest": "1s"}
MANY = {"formats": ["plain"], "password_query": "SELECT password FROM many WHERE name = :user"}
fixture = None  # the databases and the server, for all cases of this file


def hosts_of(pg, maria, directory):
    """Every host another way to the accounts."""
    native = {"driver": "postgresql", "host": pg.directory, "port": pg.port, "connections": 2}
    maria_native = {"driver": "mariadb", "host": maria.socket, "connections": 2}
    secret = directory / "db-password"
    secret.write_text(PASSWORD + "\n")
    tls = {"host": "localhost", "tls": "verify"}
    libraries = [f for f in Path("/usr/lib").glob("*/odbc")]
    odbc = {"driver": "odbc", "connections": 2}
    library = {name: next((str(f / name) for f in libraries if (f / name).exists()), name)
               for name in ("psqlodbcw.so", "libmaodbc.so", "libsqlite3odbc.so")}
    sql = {
        "own-pg.test": native,
        "own-pg-tls.test": {**native, **tls, "tls_ca": pg.certificate, "password_file": secret},
        "own-maria.test": {**maria_native, "password": PASSWORD},
        "own-maria-tls.test": {**maria_native, **tls, "port": maria.port,
                               "tls_ca": maria.certificate, "password_file": secret},
        "odbc-pg.test": {**odbc, "user": "nuncio", "connect_string":
                         f"Driver={library['psqlodbcw.so']};Servername={pg.directory};Port={pg.port};"
                         "Database=nuncio"},
        "odbc-maria.test": {**odbc, "user": "nuncio", "password_file": secret, "connect_string":
                            f"Driver={library['libmaodbc.so']};SOCKET={maria.socket};"
                            "DATABASE=nuncio;CHARSET=utf8mb4"},
        "odbc-sqlite.test": {**odbc, "connect_string": f"Driver={library['libsqlite3odbc.so']};"
                             f"Database={directory}/accounts.sqlite;Timeout=2000"},
        "wrong-ca.test": {**native, **tls, "tls_ca": maria.certificate, "password_file": secret},
        "ejabberd.test": {
            **native, "scram_hashes": ["sha1"], "formats": ["scram", "plain"],
            "password_query": "SELECT username, password, serverkey, salt, iterationcount FROM users "
                              "WHERE username = :user",
            "set_query": "UPDATE users SET password = :stored_key, serverkey = :server_key, "
                         "salt = :salt, iterationcount = :iterations WHERE username = :user",
            "create_query": "INSERT INTO users (username, password, serverkey, salt, iterationcount)"
                            " VALUES (:user, :stored_key, :server_key, :salt, :iterations)",
            "remove_query": "DELETE FROM users WHERE username = :user"},
        "mail.test": {
            **maria_native, "password": PASSWORD, "formats": ["crypt", "ldap", "pbkdf2", "scram"],
            "upgrade": True, "crypt_prefix": "$2y$", "iterations": 4096,
            "password_query": "SELECT username, password, NOT active AS disabled FROM mailbox "
                              "WHERE username = :jid",
            "upgrade_query": "UPDATE mailbox SET password = :password "
                             "WHERE username = :jid AND password = :old_password",
            "set_query": "UPDATE mailbox SET password = :password WHERE username = :jid"},
        "plain.test": {
            **native, "formats": ["plain"],
            "password_query": "SELECT password FROM people WHERE name = :user",
            "set_query": "UPDATE people SET password = :password WHERE name = :user",
            "create_query": "INSERT INTO people (name, password) VALUES (:user, :password)"},
        "check.test": {
            **native,
            "check_query": "SELECT password = :password FROM people WHERE name = :user",
            "exists_query": "SELECT 1 FROM people WHERE name = :user",
            "create_query": "INSERT INTO people (name, password) VALUES (:user, :password)",
            "formats": ["plain"]},
        "many.test": {**native, **MANY},
        "expiring.test": {**native, "formats": ["scram", "plain"], "password_query":
                          "SELECT name AS username, password, expired FROM staff WHERE name = :user"},
        "folding.test": {
            **maria_native, "password": PASSWORD, "formats": ["plain"],
            "password_query": "SELECT username, password FROM folding WHERE username = :user"},
        "upgrade.test": {**native, "upgrade": True, "iterations": 4097},
        "storm-pg.test": {**native, **QUICK, "connections": 4},
        "storm-maria.test": {**maria_native, **QUICK, "connections": 4, "password": PASSWORD},
        "storm-odbc.test": {**QUICK},
    }
    sql["many-odbc.test"] = {**sql["odbc-pg.test"], **MANY}
    sql["storm-odbc.test"] |= sql["odbc-pg.test"]
    hosts = {host: {"sql": options} for host, options in sql.items()}
    hosts["inside.test"] = {"internal": {}}
    hosts["both.test"] = {"internal": {}, "sql": {**native, "formats": ["scram"]}}
    return hosts


class Fixture:
    def __init__(self, build):
        self.stack = contextlib.ExitStack()
        self.directory = Path(self.stack.enter_context(
            tempfile.TemporaryDirectory(prefix="nuncio-sql-")))
        self.build = build

    def __enter__(self):
        try:
            # Alive for as long as what they start: see ENDS_WITH_US.
            both = self.stack.enter_context(ThreadPoolExecutor(2))
            self.pg, self.maria = PostgreSQL(), MariaDB()
            self.stack.callback(self.pg.end)
            self.stack.callback(self.maria.end)
            list(both.map(lambda database: database.set_up(), (self.pg, self.maria)))
            self.pg.query("""
CREATE TABLE users (username text PRIMARY KEY, password text NOT NULL, serverkey text NOT NULL DEFAULT '',
    salt text NOT NULL DEFAULT '', iterationcount integer NOT NULL DEFAULT 0,
    created_at timestamp NOT NULL DEFAULT now());
CREATE TABLE people (name text PRIMARY KEY, password text);
CREATE TABLE staff (name text PRIMARY KEY, password text, expired boolean);
CREATE TABLE many (name text, password text)""")
            self.maria.query("""
CREATE TABLE mailbox (username varchar(255) NOT NULL PRIMARY KEY, password varchar(1000) NOT NULL,
    active tinyint(1) NOT NULL DEFAULT 1);
CREATE TABLE folding (username varchar(190) COLLATE utf8mb4_unicode_ci PRIMARY KEY,
    password mediumtext)""")
            hosts = hosts_of(self.pg, self.maria, self.directory)
            self.server = BackendServer(self.directory / "server", self.build, hosts, plugins=("fast",))
            # Its twin starts at the same time, on tables that are not there yet.
            self.twin = BackendServer(self.directory / "twin", self.build, {
                h: hosts[h] for h in (*OWN[:4], "odbc-pg.test", "odbc-maria.test")})
            for server in (self.server, self.twin):
                self.stack.callback(server.stop)
            list(both.map(lambda server: server.start(), (self.server, self.twin)))
            self.server.announce()
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *_):
        self.stack.close()


def ctl(*words, server=None):
    directory = (server or fixture.server).directory
    done = subprocess.run([str(fixture.build / "bin" / "nuncioctl"), "--socket",
                           str(directory / "run" / "nuncioctl.sock"), *words],
                          capture_output=True, text=True, timeout=20, check=False)
    return done.returncode, done.stdout + done.stderr


def attempt(environment, account, mechanism="PLAIN", password=None):
    """The condition that the server answers with, or "success"."""
    with Wire(environment, account.host, patience=15) as wire:
        wire.start_tls()
        password = account.password if password is None else password
        answer = wire.auth("PLAIN", plain(account.user, password)) if mechanism == "PLAIN" \
            else wire.scram(mechanism, account.user, password)
        return "success" if answer.tag == SASL + "success" else answer[0].tag.rpartition("}")[2]


def offered(environment, host):
    with Wire(environment, host) as wire:
        return set(wire.mechanisms(wire.start_tls()))


@case("two servers that start at once make the same tables, and neither complains")
def _(environment):
    for server in (fixture.server, fixture.twin):
        for host in server.hosts:
            if host in OWN:
                account = environment.account("first", host)
                equal(attempt(environment, account), "success", host)
        found = [line for line in server.lines(r" (warn|error) +plugin\.sql") if "wrong-ca" not in line]
        equal(found, [], "complaints")
    equal(fixture.pg.query("SELECT part, version FROM nuncio_schema_version"), "accounts|1", "version")
    equal(fixture.maria.query("SELECT part, version FROM nuncio_schema_version"), "accounts\t1",
          "version")


@case("own tables through each driver: a login with each mechanism")
async def _(environment, stack):
    people = People(environment, stack)
    for host in OWN:
        with about(host):
            account = environment.account("ana", host)
            if host in ("own-pg.test", "own-maria.test", "odbc-sqlite.test"):
                ana = await people.join(account, mechanism="SCRAM-SHA-256", roster=False, presence=False)
                equal(ana["feature_mechanisms"].mech.name, "SCRAM-SHA-256", "the mechanism used")
            for mechanism in (*SCRAMS, "PLAIN"):
                equal(attempt(environment, account, mechanism), "success", mechanism)
                equal(attempt(environment, account, mechanism, "wrong"), "not-authorized", mechanism)
    stored = fixture.pg.query("SELECT password FROM nuncio_accounts LIMIT 1")
    check(stored.startswith("SCRAM-SHA-1$10000:"), f"stored {stored[:20]}")


@case("an account's life through each driver: register, conflict, new password, removal")
def _(environment):
    for host in OWN:
        with about(host):
            account = environment.account("life", host)
            code, text = ctl("register", account.jid, "other")
            check(code != 0 and "exists" in text, f"registered twice: {text}")
            equal(attempt(environment, account), "success", "the first password")
            code, text = ctl("change-password", account.jid, "se'cond")
            equal(code, 0, text)
            equal(attempt(environment, account), "not-authorized", "the old password")
            equal(attempt(environment, account, "SCRAM-SHA-256", "se'cond"), "success", "the new one")
            code, text = ctl("unregister", account.jid)
            equal(code, 0, text)
            equal(attempt(environment, account, password="se'cond"), "not-authorized", "removed")
            check(ctl("change-password", account.jid, "third")[0] != 0, "changed nobody's password")


@case("keys of another server are imported through each driver, and replaced when that is asked for")
def _(environment):
    for host in OWN:
        with about(host):
            file = fixture.directory / f"{host}.jsonl"

            def hand_in(password, *options):
                keys = stored_keys("SCRAM-SHA-256", password)
                file.write_text(json.dumps({"jid": f"handed@{host}", "keys": [keys]}) + "\n")
                return ctl("import", str(file), *options)

            account = Account("handed", host, "pencil")
            code, text = hand_in("pencil")
            equal(code, 0, text)
            equal(attempt(environment, account, "SCRAM-SHA-256"), "success", "SCRAM")
            equal(attempt(environment, account), "success", "PLAIN")
            equal(attempt(environment, account, password="pen"), "not-authorized", "another password")
            code, text = hand_in("crayon")
            check(code == 1 and "exists already" in text, text)
            equal(attempt(environment, account, "SCRAM-SHA-256"), "success", "still the first one")
            code, text = hand_in("crayon", "--overwrite")
            equal(code, 0, text)
            equal(attempt(environment, account, "SCRAM-SHA-256", "crayon"), "success", "the new one")
            equal(attempt(environment, account, "SCRAM-SHA-256"), "not-authorized", "the first one")
    code, text = ctl("import", str(fixture.directory / f"{OWN[0]}.jsonl"), "--host", "check.test")
    check(code == 0 and "0" in text, f"accounts of another host: {text}")


@case("a password that has expired is told to who knows it, in clear text and as keys")
def _(environment):
    keys = stored_keys("SCRAM-SHA-256", "right")
    fixture.pg.query(f"INSERT INTO staff VALUES ('old', 'right', true), ('oldkeys', '{keys}', true), "
                     f"('new', 'right', false), ('unsaid', '{keys}', NULL)")
    for name, answer in (("old", "credentials-expired"), ("oldkeys", "credentials-expired"),
                         ("new", "success"), ("unsaid", "success")):
        for mechanism in ("PLAIN", "SCRAM-SHA-256"):
            with about(f"{name} by {mechanism}"):
                account = Account(name, "expiring.test", "right")
                equal(attempt(environment, account, mechanism), answer, "the right password")
                equal(attempt(environment, account, mechanism, "wrong"), "not-authorized", "a wrong one")


@case("accounts are listed page by page through each driver, and the health is told")
def _(environment):
    for host in fixture.twin.hosts:
        with about(host):
            made = [environment.account(name, host).user for name in ("zoë", "listed-a", "listed", "ω")]
            found = []
            for _ in range(50):
                after = ("--after", found[-1]) if found else ()
                code, text = ctl("--json", "accounts", host, "--limit", "2", *after, server=fixture.twin)
                equal(code, 0, text)
                page = json.loads(text)
                check(len(page) <= 2, f"a page of {len(page)}")
                if not page:
                    break
                found += [account["jid"].partition("@")[0] for account in page]
            equal(found, sorted(found, key=str.encode), "in the order of bytes")
            check(set(made) <= set(found), f"made {made}, found {found}")
            code, text = ctl("--json", "auth", "status", "--host", host, server=fixture.twin)
            equal(code, 0, text)
            check('"driver"' in text and '"connections"' in text, text)


@case("names and passwords beyond ASCII through each driver")
def _(environment):
    for host in OWN:
        with about(host):
            account = environment.account("ąžuolas-名前-𐌰", host, password="pâß wörd ☃ 密码 😀")
            equal(attempt(environment, account), "success", "PLAIN")
            equal(attempt(environment, account, "SCRAM-SHA-256"), "success", "SCRAM")
            table = "nuncio_accounts WHERE username = '" + account.user + "'"
            if host == "odbc-pg.test":
                equal(fixture.pg.query(f"SELECT count(*) FROM {table}"), "1", "as UTF-8")
            if host == "odbc-maria.test":
                equal(fixture.maria.query(f"SELECT count(*) FROM {table}"), "1", "as UTF-8")


HOSTILE_NAMES = ("a\\", "a;--", "%", "_", "a`b", "x);drop-table-nuncio_accounts", "$1", "?", "a#",
                 "a||b")
HOSTILE_PASSWORDS = ("' OR '1'='1", "' OR 1=1 -- ", "\\' OR 1=1 #", "\"; DROP TABLE people; --",
                     "'; DROP TABLE nuncio_accounts; --", "$1", "?", ":user", "%", "\\", "{0}")
IMPOSSIBLE_NAMES = ("' or '1'='1", "victim' --", "\" or 1=1")  # no local part has these


@case("SQL in names and passwords is a name and a password")
def _(environment):
    for host in (*OWN, "plain.test", "check.test"):
        # One driver of each kind sees all of them, the others some.
        is_thorough = host in ("own-pg.test", "own-maria.test", "odbc-sqlite.test", "check.test")
        with about(host):
            victim = environment.account("victim", host)
            for password in HOSTILE_PASSWORDS[:None if is_thorough else 3]:
                equal(attempt(environment, victim, password=password), "not-authorized", password)
            for name in (*HOSTILE_NAMES, *IMPOSSIBLE_NAMES)[:None if is_thorough else 3]:
                equal(attempt(environment, victim._replace(user=name)), "not-authorized", name)
            for name in HOSTILE_NAMES[:None if is_thorough else 2]:
                account = environment.account(name, host, password=HOSTILE_PASSWORDS[0])
                equal(attempt(environment, account), "success", f"the account {account.user}")
            equal(attempt(environment, victim), "success", "the victim, after all this")


@case("a certificate of somebody else is no database of ours, and nobody's password is wrong for it")
def _(environment):
    account = Account("ana", "wrong-ca.test", "any")
    equal(attempt(environment, account), "temporary-auth-failure", "PLAIN")
    equal(attempt(environment, account, "SCRAM-SHA-256"), "temporary-auth-failure", "SCRAM")
    fixture.server.expect_line(" warn .*wrong-ca.test.*certificate")


def scram_columns(password, salt, hash_name="sha1", iterations=4096):
    salted = hashlib.pbkdf2_hmac(hash_name, password.encode(), salt, iterations)
    stored = hashlib.new(hash_name, hmac.digest(salted, b"Client Key", hash_name)).digest()
    server = hmac.digest(salted, b"Server Key", hash_name)
    return [base64.b64encode(b).decode() for b in (stored, server, salt)]


@case("an ejabberd database: SCRAM and plain rows, and what we write is as ejabberd would")
async def _(environment, stack):
    stored, server, salt = scram_columns("pencil", b"0123456789abcdef")
    fixture.pg.query("INSERT INTO users (username, password, serverkey, salt, iterationcount) VALUES "
                     f"('ana', '{stored}', '{server}', '{salt}', 4096), ('bea', 'pencil', '', '', 0)")
    equal(offered(environment, "ejabberd.test") & set(SCRAMS), {"SCRAM-SHA-1"}, "offered")
    people = People(environment, stack)
    for user in ("ana", "bea"):
        account = Account(user, "ejabberd.test", "pencil")
        for mechanism in ("SCRAM-SHA-1", "PLAIN"):
            await people.join(account, mechanism=mechanism, roster=False, presence=False)
        equal(attempt(environment, account, password=stored), "not-authorized", "the stored key")
    equal(ctl("change-password", "bea@ejabberd.test", "röck")[0], 0, "change-password")
    row = fixture.pg.query("SELECT password, serverkey, salt, iterationcount FROM users "
                           "WHERE username = 'bea'").split("|")
    equal(row[:3], scram_columns("röck", base64.b64decode(row[2]), "sha1", int(row[3])), "the row")
    equal(attempt(environment, Account("bea", "ejabberd.test", "röck"), "SCRAM-SHA-1"), "success",
          "the new password")
    equal(ctl("register", "cem@ejabberd.test", "pencil")[0], 0, "register")
    equal(attempt(environment, Account("cem", "ejabberd.test", "pencil"), "SCRAM-SHA-1"), "success",
          "the new account")


HASHES = {
    "sha512crypt": "$6$rounds=1000$saltstring$Dst5SzMCiLiSWQN0EnEgf8DNbHOJRybf7gWFoq4HhaAWnZcpnsBwYgT"
                   "SajPGyhfsjkr51qmiDafX//8bUiGTO1",
    "sha256crypt": "{SHA256-CRYPT}$5$rounds=1000$saltstring$IDMRVjjzM7pxdq5saV3T0Syncing1KAt3iS2GewFZ"
                   "H1",
    "bcrypt": "{BLF-CRYPT}$2y$04$abcdefghijklmnopqrstuu/FyAyuZSl3DbPdvio4KrIBdz2k2yhV2",
    "yescrypt": "$y$j75$saltsaltsalt$4Cu8tzilZXyFLHCIGnuzEv2fKGdQmOqyPZfhuC.NiaA",
    "ssha512": "{SSHA512}i+D5SE7oOTxtkWXKlKHrQFnLB6mUMJx0OsVpWYhRi1RnUIQeI+9gQr+ANhi3p4fmzzh6sx3Lx4cv"
               "amioIp/8sXNhbHQ=",
    "ssha": "{SSHA}dFWAdLXeDBTj01WbdotiS4s3zKlzYWx0",
    "django": "pbkdf2_sha256$1000$seasalt$O7d631RswBimc7adhwqvMcl01JZ6YQJjvQeGDt4xZdA=",
}


def mailbox(user, stored, active=1):
    fixture.maria.query(f"INSERT INTO mailbox VALUES ('{user}@mail.test', '{stored}', {active})")
    return Account(user, "mail.test", "pencil")


def stored_mailbox(user):
    return fixture.maria.query(f"SELECT password FROM mailbox WHERE username = '{user}@mail.test'")


@case("a mail system's table: each hash lets its user in, and is upgraded by that login")
async def _(environment, stack):
    equal(offered(environment, "mail.test"), {"PLAIN"}, "where not all have keys, SCRAM is not offered")
    people = People(environment, stack)
    for name, stored in HASHES.items():
        with about(name):
            account = mailbox(name, stored)
            for wrong in ("wrong", stored):
                equal(attempt(environment, account, password=wrong), "not-authorized", "wrong")
            equal(stored_mailbox(name), stored, "untouched by wrong passwords")
            if name == "sha512crypt":
                await people.join(account, mechanism="PLAIN", roster=False, presence=False)
            else:
                equal(attempt(environment, account), "success", "the right one")
            deadline = time.monotonic() + 8
            while not stored_mailbox(name).startswith("SCRAM-SHA-1$4096:"):
                check(time.monotonic() < deadline, f"never upgraded: {stored_mailbox(name)[:12]}")
                await asyncio.sleep(0.05)
            equal(attempt(environment, account), "success", "after the upgrade")
            equal(attempt(environment, account, password="wrong"), "not-authorized", "wrong, after it")
    equal(ctl("change-password", "bcrypt@mail.test", "new")[0], 0, "change-password")
    check(stored_mailbox("bcrypt").startswith("$2y$"), "new passwords are in the first format")
    equal(attempt(environment, Account("bcrypt", "mail.test", "new")), "success", "the new password")


@case("SCRAM keys of few rounds, or of one hash, are replaced at a login with PLAIN")
def _(environment):
    stored, server, salt = scram_columns("pencil", b"0123456789abcdef")
    old = f"SCRAM-SHA-1$4096:{salt}${stored}:{server}"
    fixture.pg.query("INSERT INTO nuncio_accounts (domain, username, password) VALUES "
                     f"('upgrade.test', 'ana', '{old}')")
    ana = Account("ana", "upgrade.test", "pencil")

    def stored_now():
        return fixture.pg.query("SELECT password FROM nuncio_accounts WHERE domain = 'upgrade.test'")

    equal(attempt(environment, ana, "SCRAM-SHA-1"), "success", "with the old keys")
    equal(attempt(environment, ana, password="wrong"), "not-authorized", "wrong")
    equal(stored_now(), old, "untouched so far")
    equal(attempt(environment, ana), "success", "PLAIN")
    fixture.server.expect_line("upgrade.test: upgraded")
    rows = stored_now().splitlines()
    equal([row.partition(":")[0] for row in rows], [f"{m}$4097" for m in SCRAMS], "the new keys")
    for mechanism in (*SCRAMS, "PLAIN"):
        equal(attempt(environment, ana, mechanism), "success", mechanism)
    equal(stored_now().splitlines(), rows, "once is enough")


@case("an account that is switched off says so to its owner only")
def _(environment):
    account = mailbox("off", HASHES["bcrypt"], active=0)
    equal(attempt(environment, account), "account-disabled", "the right password")
    equal(attempt(environment, account, password="wrong"), "not-authorized", "a wrong one")
    account = environment.account("off", "own-pg.test")
    fixture.pg.query(f"UPDATE nuncio_accounts SET disabled = 1 WHERE username = '{account.user}'")
    equal(attempt(environment, account), "account-disabled", "own tables")
    for mechanism in SCRAMS:
        equal(attempt(environment, account, mechanism), "account-disabled", mechanism)
        equal(attempt(environment, account, mechanism, "wrong"), "not-authorized", mechanism)
    fixture.pg.query(f"UPDATE nuncio_accounts SET disabled = 0 WHERE username = '{account.user}'")
    equal(attempt(environment, account, "SCRAM-SHA-256"), "success", "on again")


@case("a stored password that is out of the settings is a failure of ours, not a wrong password")
def _(environment):
    account = mailbox("md5", "{MD5-CRYPT}$1$saltsalt$wCrc3hcrR95SV83Xh8Z.41")
    equal(attempt(environment, account), "temporary-auth-failure", "MD5")
    line = fixture.server.expect_line("legacy")
    check("{MD5-CRYPT}" in line and "wCrc3hcr" not in line, f"the log names the scheme: {line}")
    equal(attempt(environment, mailbox("locked", "!"), password="!"), "not-authorized", "locked")


def challenge_salt(environment, host, user, mechanism="SCRAM-SHA-256"):
    with Wire(environment, host) as wire:
        wire.start_tls()
        answer = wire.auth(mechanism, base64.b64encode(f"n,,n={user},r=abc".encode()).decode())
        equal(answer.tag, SASL + "challenge", "the first answer")
        return base64.b64decode(answer.text).decode().split(",")[1]


@case("plain passwords still give SCRAM, with the same salt every time")
async def _(environment, stack):
    account = environment.account("ana", "plain.test", password="pâß '\"")
    equal(fixture.pg.query(f"SELECT password FROM people WHERE name = '{account.user}'"),
          account.password, "stored plain")
    for mechanism in (*SCRAMS, "PLAIN"):
        equal(attempt(environment, account, mechanism), "success", mechanism)
        equal(attempt(environment, account, mechanism, "wrong"), "not-authorized", mechanism)
    await People(environment, stack).join(account, mechanism="SCRAM-SHA-1", roster=False,
                                          presence=False)
    for user in (account.user, "nobody"):
        equal(challenge_salt(environment, "plain.test", user),
              challenge_salt(environment, "plain.test", user), f"the salt of {user}")
    fixture.pg.query(f"UPDATE people SET password = 'changed' WHERE name = '{account.user}'")
    equal(attempt(environment, account, "SCRAM-SHA-256"), "not-authorized", "the old one")
    equal(attempt(environment, account, "SCRAM-SHA-256", "changed"), "success", "changed behind us")
    fixture.pg.query(f"UPDATE people SET password = NULL WHERE name = '{account.user}'")
    equal(attempt(environment, account, password="changed"), "not-authorized", "NULL")


@case("the database compares, where there is a check_query")
def _(environment):
    equal(offered(environment, "check.test"), {"PLAIN"}, "offered")
    account = environment.account("ana", "check.test", password="it's")
    equal(attempt(environment, account), "success", "right")
    equal(attempt(environment, account, password="its"), "not-authorized", "wrong")
    equal(attempt(environment, account._replace(user="nobody")), "not-authorized", "nobody")


@case("who the database takes for somebody else is nobody")
def _(environment):
    fixture.maria.query("INSERT INTO folding VALUES ('ana', 'pencil')")
    equal(attempt(environment, Account("ana", "folding.test", "pencil")), "success", "ana")
    for user in ("ána", "anà"):
        equal(attempt(environment, Account(user, "folding.test", "pencil")), "not-authorized", user)


@case("an answer of too many rows or too long a field is a failure of ours, one within the bounds is not")
def _(environment):
    fixture.pg.query("""
INSERT INTO many SELECT name, 'pw' || n FROM (VALUES ('eight', 8), ('nine', 9)) AS v (name, count),
    LATERAL generate_series(1, count) AS n;
INSERT INTO many VALUES ('long', repeat('x', 65536)), ('longer', repeat('x', 65537))""")
    fixture.maria.query("INSERT INTO folding VALUES ('long', repeat('x', 65536)), "
                        "('longer', repeat('x', 65537))")
    for host in ("many.test", "many-odbc.test", "folding.test"):
        with about(host):
            if host != "folding.test":
                equal(attempt(environment, Account("eight", host, "pw8")), "success", "eight rows")
                equal(attempt(environment, Account("nine", host, "pw9")), "temporary-auth-failure", "nine")
            equal(attempt(environment, Account("long", host, "x")), "not-authorized", "64 KiB")
            equal(attempt(environment, Account("longer", host, "x")), "temporary-auth-failure",
                  "a byte more")
            equal(attempt(environment, Account("long", host, "x")), "not-authorized", "afterwards")


@case("a chain of two: those of the other backend do not need the database")
def _(environment):
    inside = environment.account("ana", "both.test")
    equal(attempt(environment, inside, "SCRAM-SHA-256"), "success", "the first backend's")
    ctl("register", "bea@own-pg.test", "pencil")
    fixture.pg.query("INSERT INTO nuncio_accounts (domain, username, password) SELECT 'both.test', "
                     "username, password FROM nuncio_accounts WHERE username = 'bea'")
    bea = Account("bea", "both.test", "pencil")
    for mechanism in ("PLAIN", *SCRAMS):
        equal(attempt(environment, bea, mechanism), "success", f"the second one's, {mechanism}")


@case("nobody takes as long as somebody with a wrong password")
def _(environment):
    cost = "$2b$10$abcdefghijklmnopqrstuuTaW1pYWhvd2V2ZXJub3RyaWdodDEyMzQ1"
    known = mailbox("slow", cost)

    def shortest(account):
        times = []
        for _ in range(4):
            with Wire(environment, account.host) as wire:
                wire.start_tls()
                began = time.monotonic()
                wire.auth("PLAIN", plain(account.user, "wrong"))
                times.append(time.monotonic() - began)
        return min(times)

    somebody, nobody = shortest(known), shortest(known._replace(user="nobody"))
    check(0.5 < nobody / somebody < 2, f"somebody {somebody * 1e3:.1f} ms, nobody {nobody * 1e3:.1f} ms")


@case("a token ends when the password is changed in the database, and the new password lets in")
def _(environment):
    def change_own(account, password):
        fixture.pg.query(f"UPDATE nuncio_accounts SET password = '{stored_keys('SCRAM-SHA-256', password)}' "
                         f"WHERE domain = '{account.host}' AND username = '{account.user}'")

    def change_plain(account, password):
        fixture.pg.query(f"UPDATE people SET password = '{password}' WHERE name = '{account.user}'")

    for host, change in (("own-pg.test", change_own), ("odbc-pg.test", change_own), ("plain.test", change_plain)):
        with about(host):
            account = environment.account("token", host)
            bystander = KnownClient(environment, environment.account("bystander", host))
            phone, laptop = (KnownClient(environment, account) for _ in range(2))
            for client in (bystander, phone, laptop):
                equal(client.by_password(), "success", "the first time")
                for _ in range(2):
                    equal(client.by_token(), "success", "by its token")
            change(account, "5econd-one")
            equal(phone.by_token(), "credentials-expired", "the token of the old password")
            equal(phone.by_token(), "not-authorized", "the same one again: it is forgotten")
            equal(phone.by_password(), "not-authorized", "the old password")
            equal(phone.by_password("5econd-one"), "success", "the new password")
            equal(phone.by_token(), "success", "the new token")
            equal(laptop.by_token(), "credentials-expired", "the other client's token")
            equal(bystander.by_token(), "success", "somebody else's token")
            # Back to what it was: what was forgotten stays forgotten.
            change(account, account.password)
            equal(laptop.by_token(), "not-authorized", "the other client's token")
    stored = fixture.server.directory / "data"
    rows = b"".join(file.read_bytes() for file in stored.rglob("*") if file.is_file())
    check(b"5econd-one" not in rows and b"HT-SHA-256-NONE" in rows, "a plain password is among the tokens")


@case("where the database compares, nobody can tell: the token stays, as the guide says")
def _(environment):
    client = KnownClient(environment, environment.account("token", "check.test"))
    equal(client.by_password(), "success", "the first time")
    fixture.pg.query(f"UPDATE people SET password = '5econd-one' WHERE name = '{client.account.user}'")
    equal(client.by_token(), "success", "by its token")
    fixture.pg.query(f"DELETE FROM people WHERE name = '{client.account.user}'")
    equal(client.by_token(), "not-authorized", "removed")


@case("who was switched off, locked or removed in the database does not come in by token")
def _(environment):
    account = environment.account("token", "own-maria.test")
    client = KnownClient(environment, account)

    def write(text):
        fixture.maria.query(f"{text} WHERE domain = '{account.host}' AND username = '{account.user}'")

    equal(client.by_password(), "success", "the first time")
    write("UPDATE nuncio_accounts SET disabled = 1")
    equal(client.by_token(), "account-disabled", "switched off")
    write("UPDATE nuncio_accounts SET disabled = 0")
    equal(client.by_token(), "success", "on again")
    write("DELETE FROM nuncio_accounts")
    equal(client.by_token(), "not-authorized", "removed")

    fixture.pg.query("INSERT INTO staff VALUES ('token', 'right', false)")
    client = KnownClient(environment, Account("token", "expiring.test", "right"))
    equal(client.by_password(), "success", "the first time")
    fixture.pg.query("UPDATE staff SET expired = true WHERE name = 'token'")
    equal(client.by_token(), "credentials-expired", "the password has expired")
    fixture.pg.query("UPDATE staff SET expired = false, password = '!' WHERE name = 'token'")
    equal(client.by_token(), "credentials-expired", "another password")


@case("while the database does not answer, a token is neither believed nor refused")
def _(environment):
    client = KnownClient(environment, environment.account("token", "storm-pg.test"))
    inside = [KnownClient(environment, environment.account("token", host)) for host in ("inside.test", "both.test")]
    for one in (client, *inside):
        equal(one.by_password(), "success", "the first time")
    fixture.pg.hang()
    try:
        equal(client.by_token(), "temporary-auth-failure", "hung")
        for one in inside:
            equal(one.by_token(), "success", f"{one.account.jid} needs no database")
    finally:
        fixture.pg.go_on()
    deadline = time.monotonic() + 10
    while (answer := client.by_token()) == "temporary-auth-failure":
        check(time.monotonic() < deadline, "the database never came back")
    equal(answer, "success", "afterwards")


def storm_job(environment, account, password=None):
    def attempt_once():
        mechanism = "SCRAM-SHA-256" if random.random() < 0.5 else "PLAIN"
        return attempt(environment, account, mechanism, password)

    return account.host, password is not None, attempt_once


@case("databases killed, hung and restarted in a storm of logins: no wrong answer, no stuck login")
def _(environment):
    databases = ("storm-pg.test", "storm-maria.test", "storm-odbc.test")
    accounts = [environment.account("storm", host) for host in (*databases, "inside.test")
                for _ in range(6)]
    wrong = [environment.account("storm", host) for host in databases]
    jobs = [storm_job(environment, a) for a in accounts] + [storm_job(environment, a, "wrong") for a in wrong]
    with Storm(jobs) as storm:
        storm.wait_for((*databases, "inside.test"), "success")
        for break_it, mend_it in (("kill", "start"), ("hang", "go_on")):
            for database in (fixture.pg, fixture.maria):
                getattr(database, break_it)()
            try:
                storm.wait_for(databases, "temporary-auth-failure")
                storm.forget_times()
                storm.wait_for(databases, "temporary-auth-failure")
                storm.wait_for(("inside.test",), "success", 10)
                inside = storm.slowest["inside.test"]

                print(f"note {break_it}: slowest login of the internal backend {inside:.2f} s, "
                      + ", ".join(f"{h} {storm.slowest[h]:.2f} s" for h in databases), flush=True)
                check(inside < 2, f"a login elsewhere took {inside:.1f} s")
            finally:
                for database in (fixture.pg, fixture.maria):
                    getattr(database, mend_it)()
            storm.wait_for((*databases, "inside.test"), "success", 10)
    storm.judge()
    for host in OWN[:6]:  # their connections broke while they were idle
        account = environment.account("after", host)
        equal(attempt(environment, account), "success", f"{host} afterwards")


@case("what was logged holds no password, and nothing was an error")
def _(environment):
    text = fixture.server.log.read_text(errors="replace")
    for secret in (PASSWORD, "pencil", "pâß", HOSTILE_PASSWORDS[0]):
        check(secret not in text, f"the log has {secret!r}")
    equal(fixture.server.complaints() + fixture.twin.complaints(), [], "complaints")
    for server in (fixture.server, fixture.twin):
        equal(server.stop(), None, "the end")


if __name__ == "__main__":
    try:
        with Fixture(Path(Environment.load().tools)) as fixture:
            run()
    except Skipped as lacking:
        print(f"plan accounts in SQL\nskip accounts in SQL: {lacking}\ndone")
