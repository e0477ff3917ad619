# The http backend against a web service with TLS: the protocols that services in the field speak, answers that are
# none, connections that are kept, and the service's death in the middle of a login storm.
import asyncio
import atexit
import base64
import itertools
import json
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from support.cases import Failure, about, case, check, equal, run
from support.client import Client, LoginFailed, settled
from support.environment import Account
from support.password_logins import DISABLED, EXPIRED, LATER, SUCCESS, WRONG, Storm, expect, log_in, note
from support.own_server import OwnServer
from support.slapd import Impostor, make_certificate, reserve
from support.web_service import WebService

HARD = "p&ä=1 %41+?#/:\"\\\U0001F512"
PEOPLE = {"ana": "pencil", "bob": "crayon", "ümit": HARD, "o'hara": "x y", "disabled": "d", "expired": "e",
          **{f"user{n}": f"pass{n}" for n in range(40)}}
CREDENTIALS, TOKEN = "nuncio:s3cret of ours", "t0ken-of-ours"
ALL = ["check_password", "user_exists", "register", "set_password", "remove_user"]


class Place:
    """Services of every kind, and a server with a host for each way to ask them."""

    def __init__(self, environment):
        self.folder = Path(tempfile.mkdtemp(dir=environment.directory))
        certificate = make_certificate(self.folder, "service", "IP:127.0.0.1")
        client = make_certificate(self.folder, "client", "DNS:nuncio")
        misnamed = make_certificate(self.folder, "misnamed", "DNS:other.test")
        basic = "Basic " + base64.b64encode(CREDENTIALS.encode()).decode()
        self.authorization = self.file("authorization", basic)
        self.bearer = self.file("bearer", f"Bearer {TOKEN}")
        self.credentials, self.token = self.file("credentials", CREDENTIALS + "\n"), self.file("token", TOKEN + "\n")
        self.plain = WebService(PEOPLE)
        self.secure = WebService(PEOPLE, certificate)
        self.second = WebService(PEOPLE, certificate)
        self.guarded = WebService(PEOPLE, certificate, authorization_file=self.authorization)
        self.tokens = WebService(PEOPLE, authorization_file=self.bearer)
        self.mutual = WebService(PEOPLE, certificate, client_ca=client[0])
        self.misnamed = WebService(PEOPLE, misnamed)
        self.pooled = WebService(PEOPLE, certificate, work=0.02)
        self.services = [self.plain, self.secure, self.second, self.guarded, self.tokens, self.mutual, self.misnamed,
                         self.pooled]
        self.mute, self.babbler = Impostor(), Impostor(b"SSH-2.0-OpenSSH_9.2\r\n")
        self.nobody, dead = reserve()
        atexit.register(self.close)
        for service in self.services:
            service.start()
        secure = {"urls": [self.secure.url("/xmpp")], "tls_ca_file": str(certificate[0]), "positive_ttl": "0s",
                  "request_timeout": "1s", "connect_timeout": "1s", "timeout": "4s", "rest": "100ms",
                  "longest_rest": "500ms", "server_rest": "1s"}
        plain = {**secure, "urls": [self.plain.url("/xmpp")]}
        self.hosts = {
            "rest.test": {**secure, "operations": ALL},
            "plain.test": plain,
            "post.test": {**secure, "method": "POST"},
            "json.test": {**secure, "urls": [self.secure.url("/json")], "protocol": "json", "operations": ALL},
            "custom.test": {**plain, "urls": [self.plain.url("/custom")], "protocol": "json",
                            "operations": ["check_password"]},
            "basic.test": {**plain, "urls": [self.plain.url("/{server}/{user}/basic")], "protocol": "basic"},
            "jids.test": {**plain, "urls": [self.plain.url("/basic")], "protocol": "basic", "names": "jid"},
            "guarded.test": {**secure, "urls": [self.guarded.url()], "credentials_file": str(self.credentials)},
            "bearer.test": {**plain, "urls": [self.tokens.url()], "credentials_file": str(self.token),
                            "authorization": "bearer"},
            "stranger.test": {**secure, "urls": [self.guarded.url()]},
            "nocredentials.test": {**secure, "urls": [self.guarded.url()], "credentials_file": "/nonexistent/file"},
            "mutual.test": {**secure, "urls": [self.mutual.url()], "tls_certificate": str(client[0]),
                            "tls_key": str(client[1])},
            "mutualwithout.test": {**secure, "urls": [self.mutual.url()]},
            "untrusted.test": {**secure, "tls_ca_file": str(client[0])},
            "misnamed.test": {**secure, "tls_ca_file": str(misnamed[0]), "urls": [self.misnamed.url()]},
            "noca.test": {**secure, "tls_ca_file": "/nonexistent/ca.pem"},
            "statuses.test": {**plain, "no_statuses": ["404"]},
            "bounded.test": {**plain, "answer_bytes": 1024},
            "cached.test": {**plain, "positive_ttl": "1h", "operations": ALL},
            "failover.test": {**secure, "urls": [f"https://127.0.0.1:{dead}", self.second.url()]},
            "both.test": {**secure, "urls": [self.secure.url(), self.second.url()]},
            "dead.test": {**plain, "urls": [f"http://127.0.0.1:{dead}"]},
            "mute.test": {**plain, "urls": [f"http://127.0.0.1:{self.mute.port}"]},
            "mutetls.test": {**secure, "urls": [f"https://127.0.0.1:{self.mute.port}"]},
            "babbler.test": {**plain, "urls": [f"http://127.0.0.1:{self.babbler.port}"]},
            "babblertls.test": {**secure, "urls": [f"https://127.0.0.1:{self.babbler.port}"]},
            "rests.test": {**plain, "operations": ALL, "rest": "60s", "longest_rest": "60s", "connections": 3},
            "pooled.test": {**secure, "urls": [self.pooled.url()], "connections": 3},
            "storm.test": {**secure, "connections": 4},
        }
        tables = {"localhost": 'auth = ["internal"]'}
        for host, options in self.hosts.items():
            tables[host] = 'auth = ["http"]\n[.plugins.http]\n' + "\n".join(
                f"{key} = {json.dumps(value)}" for key, value in options.items())
        # A proxy in the environment must not be told anything.
        os.environ.update(http_proxy=f"http://127.0.0.1:{dead}", https_proxy=f"http://127.0.0.1:{dead}",
                          ALL_PROXY=f"http://127.0.0.1:{dead}")
        self.server = OwnServer(environment, tables)
        self.server.__enter__()

    def file(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def status(self, host):
        code, text = self.server.ctl("auth", "status", "--host", host, "--json")
        equal(code, 0, text)
        return json.loads(text)[0]

    def close(self):
        self.server.stop()
        for one in (*self.services, self.mute, self.babbler):
            one.stop()


_places = []


def place(environment):
    if not _places:
        _places.append(Place(environment))
    return _places[0]


@case("right, wrong and unknown, in every protocol")
def _(environment):
    server = place(environment).server
    for host in ("rest.test", "plain.test", "post.test", "json.test", "custom.test", "basic.test", "jids.test",
                 "guarded.test", "bearer.test", "mutual.test", "failover.test", "both.test"):
        expect(server, host, "ana", "pencil", SUCCESS)
        expect(server, host, "ana", "pen", WRONG)
        expect(server, host, "ana", "crayon", WRONG)
        expect(server, host, "nobody", "pencil", WRONG)


@case("names and passwords with anything in them arrive as they are")
def _(environment):
    server = place(environment).server
    for host in ("rest.test", "post.test", "json.test", "custom.test", "basic.test", "jids.test"):
        expect(server, host, "ümit", HARD, SUCCESS)
        for other in (HARD.replace("%41", "A"), HARD.replace("+", " "), HARD + "\u00a0", HARD[:-1]):
            expect(server, host, "ümit", other, WRONG)
        expect(server, host, "o'hara".replace("'", "\\27"), "x y", WRONG)  # no such name at the service


@case("a real client logs in and is bound to its account")
async def _(environment, stack):
    server = place(environment).server
    client = Client(server.environment, Account("ana", "rest.test", "pencil"), mechanism="PLAIN")
    stack.push_async_callback(client.leave)
    await client.login(roster=False)
    await settled(client)
    equal(client.boundjid.bare, "ana@rest.test", "the address")
    other = Client(server.environment, Account("ana", "rest.test", "pen"), mechanism="PLAIN")
    stack.push_async_callback(other.leave)
    try:
        await other.login()
    except LoginFailed as failure:
        check(WRONG in str(failure), f"wanted {WRONG}, got {failure}")
    else:
        raise Failure("a wrong password got in")


def last_seen(service, operation):
    return [row for row in service.counts()["seen"] if row[2] == operation][-1]


@case("what is asked is what MongooseIM and Prosody ask")
def _(environment):
    here = place(environment)
    expect(here.server, "rest.test", "ana", "pencil", SUCCESS)
    equal(last_seen(here.secure, "check_password")[:6],
          ["GET", "/xmpp/check_password", "check_password", "ana", "rest.test", None], "rest")
    expect(here.server, "post.test", "ana", "pencil", SUCCESS)
    equal(last_seen(here.secure, "check_password")[:5],
          ["POST", "/xmpp/check_password", "check_password", "ana", "post.test"], "rest with POST")
    expect(here.server, "basic.test", "ana", "pencil", SUCCESS)
    equal(last_seen(here.plain, "check_password")[:6],
          ["GET", "/basic.test/ana/basic", "check_password", "ana", "",
           "Basic " + base64.b64encode(b"ana:pencil").decode()], "basic")
    expect(here.server, "jids.test", "ana", "pencil", SUCCESS)
    equal(last_seen(here.plain, "check_password")[5],
          "Basic " + base64.b64encode(b"ana@jids.test:pencil").decode(), "basic with addresses")


@case("accounts are made, changed and removed through the service")
def _(environment):
    server = place(environment).server
    for host in ("rest.test", "json.test"):
        user = f"new-{host.partition('.')[0]}"
        jid = f"{user}@{host}"
        expect(server, host, user, "first", WRONG)
        equal(server.ctl("register", jid, "first")[0], 0, "register")
        code, text = server.ctl("register", jid, "again")
        check(code != 0 and "exists" in text, text)
        expect(server, host, user, "first", SUCCESS)
        equal(server.ctl("change-password", jid, "second ☃")[0], 0, "change-password")
        expect(server, host, user, "first", WRONG)
        expect(server, host, user, "second ☃", SUCCESS)
        equal(server.ctl("unregister", jid)[0], 0, "unregister")
        expect(server, host, user, "second ☃", WRONG)
        check(server.ctl("change-password", jid, "third")[0] != 0, "there is nobody any more")
    check(server.ctl("register", "x@plain.test", "first")[0] != 0, "register is not among its operations")


def knows(server, jid):
    code, text = server.ctl("auth", "test", jid, "", "--json")
    equal(code, 0, text)
    return json.loads(text)[0]["knows"]


@case("who exists: by asking, or whoever has come in")
def _(environment):
    server = place(environment).server
    equal((knows(server, "bob@rest.test"), knows(server, "nobody@rest.test")), ("yes", "no"), "asked")
    equal((knows(server, "bob@json.test"), knows(server, "nobody@json.test")), ("yes", "no"), "asked with JSON")
    for host in ("basic.test", "custom.test"):
        equal(knows(server, f"bob@{host}"), "no", "before")
        expect(server, host, "bob", "pen", WRONG)
        equal(knows(server, f"bob@{host}"), "no", "after a wrong password")
        expect(server, host, "bob", "crayon", SUCCESS)
        equal(knows(server, f"bob@{host}"), "yes", "after a login")
        equal(server.ctl("unregister", f"bob@{host}")[0], 0, "forgotten here")
        equal(knows(server, f"bob@{host}"), "no", "forgotten")


@case("a service may say that an account is disabled, or its password expired")
def _(environment):
    server = place(environment).server
    expect(server, "json.test", "disabled", "d", DISABLED)
    expect(server, "json.test", "disabled", "x", WRONG)
    expect(server, "json.test", "expired", "e", EXPIRED)
    expect(server, "json.test", "expired", "x", WRONG)


@case("certificates: another authority, another name, none of ours, no authorities: never a no")
def _(environment):
    server = place(environment).server
    for host in ("untrusted.test", "misnamed.test", "noca.test", "mutualwithout.test"):
        expect(server, host, "ana", "pencil", LATER)
        expect(server, host, "ana", "pen", LATER)
    check("certificate" in place(environment).status("untrusted.test")["last_error"], "the reason is not told")


@case("our own credentials: refused, they say nothing of a user; replaced, they are read anew")
def _(environment):
    here = place(environment)
    for host in ("stranger.test", "nocredentials.test"):
        expect(here.server, host, "ana", "pencil", LATER)
        expect(here.server, host, "ana", "pen", LATER)
    expect(here.server, "guarded.test", "ana", "pencil", SUCCESS)
    here.authorization.write_text("Basic " + base64.b64encode(b"nuncio:another").decode())
    expect(here.server, "guarded.test", "ana", "pencil", LATER)
    expect(here.server, "guarded.test", "ana", "pen", LATER)
    check("credentials_file" in here.status("guarded.test")["last_error"], "the reason is not told")
    here.credentials.write_text("nuncio:another\n")
    end = time.monotonic() + 15
    while log_in(here.server, "guarded.test", "ana", "pencil") != SUCCESS:  # the breaker may have opened
        check(time.monotonic() < end, "the new credentials are not used")
        time.sleep(0.1)
    expect(here.server, "guarded.test", "ana", "pen", WRONG)


@case("only true is a yes and only false a no; all else is asked again later, and nobody else has to wait")
def _(environment):
    server = place(environment).server
    for status in (201, 204, 301, 302, 307, 400, 401, 403, 404, 418, 429, 500, 501, 502, 503, 504):
        expect(server, "plain.test", f"status-{status}", "pencil", LATER)
        expect(server, "plain.test", "ana", "pencil", SUCCESS)
    for text in (b"", b"True", b"1", b"yes", b"<html>true</html>", b"true\0", b"\xff", b"truefalse", b'"true"'):
        expect(server, "plain.test", f"says-{text.hex()}", "pencil", LATER)
    expect(server, "plain.test", f"says-{b' true '.hex()}", "pencil", SUCCESS)
    expect(server, "plain.test", f"says-{b'false'.hex()}", "pencil", WRONG)
    expect(server, "statuses.test", "status-404", "pencil", WRONG)
    expect(server, "statuses.test", "status-403", "pencil", LATER)
    expect(server, "basic.test", "status-401", "pencil", WRONG)
    expect(server, "basic.test", "status-302", "pencil", LATER)
    for text, wanted in ((b'{"result":true}', SUCCESS), (b'{"result":"true"}', LATER), (b"{", LATER), (b"[]", LATER)):
        expect(server, "json.test", f"says-{text.hex()}", "pencil", wanted)


@case("an answer of answer_bytes is read, and one byte more is not; endless ones end")
def _(environment):
    server = place(environment).server
    expect(server, "bounded.test", "size-1024", "pencil", SUCCESS)
    expect(server, "bounded.test", "size-1025", "pencil", LATER)
    for mood in ("endless", "headers"):
        before = resident(server.process.pid)
        expect(server, "bounded.test", mood, "pencil", LATER)
        check(resident(server.process.pid) - before < 20_000, f"{mood}: it was kept")
        expect(server, "bounded.test", "ana", "pencil", SUCCESS)


def resident(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4


@case("a service that hangs, drips, breaks off or talks nonsense: an answer in time, and it is none")
def _(environment):
    here = place(environment)
    for mood in ("hanging", "dripping", "half", "leaving", "garbage"):
        with about(mood):
            began = time.monotonic()
            equal(log_in(here.server, "rest.test", mood, "pencil"), LATER, "the answer")
            check(time.monotonic() - began < 8, "it took long")
            end = time.monotonic() + 10
            while log_in(here.server, "rest.test", "ana", "pencil") != SUCCESS:
                check(time.monotonic() < end, "nobody comes in any more")
    for host in ("dead.test", "mute.test", "mutetls.test", "babbler.test", "babblertls.test"):
        for _ in range(4):  # the breaker opens meanwhile
            began = time.monotonic()
            expect(here.server, host, "ana", "pencil", LATER)
            check(time.monotonic() - began < 8, f"{host} took long")
        equal(here.status(host)["state"], "failing", host)


@case("a service that hangs for some names only is left alone for nobody else")
def _(environment):
    here = place(environment)
    for _ in range(2):
        with ThreadPoolExecutor(3) as pool:  # as many as open the breaker, and as there are connections
            answers = list(pool.map(lambda n: log_in(here.server, "rests.test", f"hanging-{n}", "x"), range(3)))
        equal(answers, [LATER] * 3, "for these names")
        end = time.monotonic() + 8  # its rest would be a minute
        while log_in(here.server, "rests.test", "ana", "pencil") != SUCCESS:
            check(time.monotonic() < end, "nobody else comes in any more")
    equal(here.status("rests.test")["state"], "ok", "the state")


@case("answers are kept until somebody says so, and passwords changed here are known at once")
def _(environment):
    here = place(environment)

    def asked():
        return here.plain.counts()["requests_by_name"].get("user7", 0)

    before = asked()
    for _ in range(3):
        expect(here.server, "cached.test", "user7", "pass7", SUCCESS)
    equal(asked() - before, 1, "questions for three logins")
    for _ in range(2):
        expect(here.server, "cached.test", "user7", "wrong", WRONG)
    equal(asked() - before, 3, "a no is not kept")
    code, text = here.server.ctl("http", "forget", "cached.test", "--user", "user7")
    equal(code, 0, text)
    expect(here.server, "cached.test", "user7", "pass7", SUCCESS)
    equal(asked() - before, 4, "asked anew")
    equal(here.server.ctl("change-password", "user7@cached.test", "new")[0], 0, "change-password")
    expect(here.server, "cached.test", "user7", "pass7", WRONG)
    expect(here.server, "cached.test", "user7", "new", SUCCESS)
    equal(here.server.ctl("change-password", "user7@cached.test", "pass7")[0], 0, "change-password")


_turns = itertools.count()


def many(number):
    user = next(_turns) % 40
    if number % 3 == 2:
        return f"user{user}", "wrong", lambda: (WRONG,)
    return f"user{user}", f"pass{user}", lambda: (SUCCESS,)


@case("connections are kept: a storm of logins takes as many as there may be, and no more")
def _(environment):
    here = place(environment)
    with Storm(here.server, "pooled.test", many, threads=8) as storm:
        storm.wait_for(SUCCESS, 60)
    note(f"pool: {storm.judge()}")
    counts, status = here.pooled.counts(), here.status("pooled.test")
    check(counts["requests"] >= 60, f"{counts['requests']} requests")
    # Besides our own look at its counts.
    check(counts["connections"] <= 3, f"{counts['connections']} connections for {counts['requests']} requests")
    equal((status["connects"], status["requests"]), (counts["connections"], counts["requests"]), "what health says")
    note(f"pool: {counts['requests']} requests over {counts['connections']} connections")


@case("an address that is dead is passed over, and health says so")
def _(environment):
    here = place(environment)
    for _ in range(3):
        expect(here.server, "failover.test", "ana", "pencil", SUCCESS)
    status = here.status("failover.test")
    equal([row["state"] for row in status["servers"]], ["failing", "ok"], "the addresses")
    check(status["servers"][0]["last_error"], "the dead address has no error")
    equal(status["state"], "ok", "the whole")


def mixed(number):
    user, password = (("ana", "pencil"), ("bob", "crayon"), ("ana", "wrong"))[number % 3]
    return user, password, lambda: (WRONG if password == "wrong" else SUCCESS, LATER)


async def chat(client, times, stop):
    while not stop.is_set():
        began = time.monotonic()
        await settled(client)
        times.append((time.monotonic() - began) * 1000)
        await asyncio.sleep(0.005)


async def storm_with_bystander(environment, stack, host, acts):
    """The acts run in a thread, while somebody on a host with accounts of its own must not notice."""
    here = place(environment)
    bystander = Client(here.server.environment, here.server.environment.account("carol", "localhost"))
    stack.push_async_callback(bystander.leave)
    await bystander.login(roster=False)
    times, stop = [], asyncio.Event()
    talk = asyncio.create_task(chat(bystander, times, stop))
    storm = Storm(here.server, host, mixed)

    def play():
        with storm:
            acts(here, storm)

    try:
        await asyncio.get_running_loop().run_in_executor(None, play)
    finally:
        stop.set()
    await talk
    note(f"{host}: {storm.judge()}")
    check(len(times) > 20 and max(times) < 2000, f"the bystander waited {max(times):.0f} ms")
    note(f"bystander: {len(times)} pings, worst {max(times):.1f} ms")


@case("a storm of logins while the service is killed and started again: no wrong answer, nothing stuck")
async def _(environment, stack):
    def acts(here, storm):
        storm.wait_for(SUCCESS, 10)
        here.secure.kill()
        storm.wait_for(LATER, 20)
        here.secure.start()
        storm.wait_for(SUCCESS, 10)
        for _ in range(3):  # in the middle of questions, so that connections that were kept are found closed
            here.secure.kill()
            here.secure.start()
            storm.wait_for(SUCCESS, 5)

    await storm_with_bystander(environment, stack, "storm.test", acts)


@case("a storm of logins while the service hangs and goes on: no wrong answer, nothing stuck")
async def _(environment, stack):
    def acts(here, storm):
        storm.wait_for(SUCCESS, 10)
        here.secure.hang()
        try:
            storm.wait_for(LATER, 12)
        finally:
            here.secure.go_on()
        storm.wait_for(SUCCESS, 10)

    await storm_with_bystander(environment, stack, "storm.test", acts)


@case("a storm of logins while the first of two addresses hangs and dies: the second takes over")
async def _(environment, stack):
    def acts(here, storm):
        storm.wait_for(SUCCESS, 10)
        here.secure.hang()
        storm.wait_for(SUCCESS, 20)
        here.secure.kill()
        storm.wait_for(SUCCESS, 20)
        here.secure.start()
        storm.wait_for(SUCCESS, 10)

    await storm_with_bystander(environment, stack, "both.test", acts)


@case("a reload in a storm of logins is not noticed")
def _(environment):
    here = place(environment)
    with Storm(here.server, "pooled.test", many) as storm:
        for _ in range(3):
            storm.wait_for(SUCCESS, 5)
            code, text = here.server.ctl("plugin", "reload", "http")
            equal(code, 0, text)
        storm.wait_for(SUCCESS, 5)
    note(f"reloads: {storm.judge()}")


@case("passwords are not sent to other machines over http unless the administrator insists")
def _(environment):
    here = place(environment)
    file = here.server.directory / "conf.d" / "interop.toml"
    text = file.read_text()
    former = f'urls = ["{here.plain.url("/xmpp")}"]'
    try:
        for more, is_refused in (("", True), ("insecure = true\n", False)):
            file.write_text(text.replace(former, f'urls = ["http://192.0.2.1/x"]\n{more}', 1))
            _, said = here.server.ctl("reload")
            equal("expected https, or insecure = true" in said, is_refused, f"with {more!r}: {said}")
            # Refused, the former settings go on.
            expect(here.server, "plain.test", "ana", "pencil", SUCCESS if is_refused else LATER)
    finally:
        file.write_text(text)
        code, said = here.server.ctl("reload")
        equal(code, 0, said)
    expect(here.server, "plain.test", "ana", "pencil", SUCCESS)


@case("the log tells what is wrong with a service, and no password; the server ends in good order")
def _(environment):
    here = place(environment)
    trouble = here.server.stop()
    check(not trouble, trouble)
    equal(here.server.complaints(), [], "errors in the log")
    text = here.server.log_text()
    for words in ("cannot be used", "can be used again", "nobody can log in by the web service now",
                  "the web service answers", "redirects are not followed", "answered 500", "unencrypted"):
        check(words in text, f"the log does not say: {words}")
    for secret in ("pencil", "crayon", "s3cret", TOKEN, "☃", "pass=", "pass7",
                   base64.b64encode(b"ana:pencil").decode()):
        check(secret not in text, f"{secret} is in the log")


if __name__ == "__main__":
    run()
