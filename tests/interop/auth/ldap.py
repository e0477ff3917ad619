# The ldap backend against OpenLDAP's slapd: with TLS, failover, policies, hostile names and servers, and
# with its death in the middle of a login storm.
import asyncio
import atexit
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

from support.cases import Failure, about, case, check, equal, run
from support.client import Client, LoginFailed, settled
from support.environment import Account
from support.known_client import KnownClient
from support.own_server import OwnServer
from support.password_logins import DISABLED, EXPIRED, LATER, SUCCESS, WRONG, Storm, expect, log_in, note
from support.slapd import (BASE, READER, READER_PASSWORD, START_TLS_SUCCESS, Impostor, Slapd, dn_value,
                           make_certificate, person, reserve)
from support.wire import SASL, Wire, plain

AGED = "pwdPolicySubentry: cn=aging,ou=policies," + BASE + "\n"
# So that dn, names and values of bulky0 are 1024 bytes.
BULK = 1024 - len(f"uid=bulky0,ou=people,{BASE}" "uid" "bulky0" "description")
PEOPLE = [
    person("ana", "pencil", more="telephoneNumber: 123\ntelephoneNumber: 456\n"),
    person("bob", "crayon"), person("ümit", "kalem"), person("st*r(1)", "asterisk"), person("strasse", "road"),
    person("password-with-ümläut", "pâß wörd ☃"),
    person("twin", "one"), person("twin", "two", "others"),
    person("locked", "pencil", more="pwdAccountLockedTime: 000001010000Z\n"),
    person("comes-again", "pencil", more="pwdChangedTime: 20260101000000Z\n"), person("is-switched-off", "pencil"),
    person("aged", "pencil", more=AGED + "pwdChangedTime: 20200101000000Z\n"),
    person("reset", "pencil", more=AGED + "pwdReset: TRUE\n"),
    *(person(f"bulky{n}", "x", more=f"description: {'d' * (BULK + n)}\n") for n in (0, 1)),
    person("stranger", "pencil", "others"), person("decoy", "nobody knows", "others"),
    *(person(f"user{n:04}", "x", "many") for n in range(1200)),
    f"dn: cn=chat,{BASE}\nobjectClass: groupOfNames\ncn: chat\nmember: uid=ana,ou=people,{BASE}\n"
    f"member: uid={dn_value('st*r(1)')},ou=people,{BASE}\n\n",
]


class Server(OwnServer):
    plugins = (*OwnServer.plugins, "fast")


class Place:
    """Two directories with the same entries, and a server with a host for each way to ask them."""

    def __init__(self, environment):
        self.folder = Path(tempfile.mkdtemp(dir=environment.directory))
        self.first = Slapd(self.folder / "first", PEOPLE)
        self.second = Slapd(self.folder / "second", PEOPLE, (self.first.certificate, self.first.key))
        # GnuTLS' words, as are Debian's slapd and libldap.
        self.old = Slapd(self.folder / "old", PEOPLE[:1], (self.first.certificate, self.first.key),
                         "NORMAL:-VERS-ALL:+VERS-TLS1.1")
        self.other_ca, _ = make_certificate(self.folder, "other", "IP:127.0.0.1")
        self.mute, self.deaf = Impostor(), Impostor(START_TLS_SUCCESS)
        # A header of BER that promises what never comes, one that promises too much, and no BER at all.
        self.half, self.huge = Impostor(bytes.fromhex("3084000000")), Impostor(bytes.fromhex("308406000000") + b"x" * 64)
        self.babbler = Impostor(b"HTTP/1.0 400 Bad Request\r\n\r\n")
        atexit.register(self.close)
        self.first.start()
        self.second.start()
        self.old.start()
        self.nobody, port = reserve()
        self.dead = f"ldap://127.0.0.1:{port}"
        # What another program's ldap.conf says shall not open a door here.
        os.environ.update(LDAPTLS_REQCERT="never", LDAPTLS_CACERT="/dev/null", LDAPBASE="dc=elsewhere",
                          LDAPDEREF="always", LDAPSIZELIMIT="1", LDAPURI="ldap://nowhere.test")
        hosts = {"localhost": 'auth = ["internal"]'}
        for name, options in self.hosts().items():
            hosts[name] = 'auth = ["ldap"]\n[.plugins.ldap]\n' + "\n".join(
                f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in options.items())
        self.server = Server(environment, hosts)
        self.server.__enter__()

    def hosts(self):
        first = self.first
        common = {"tls_ca_file": str(first.certificate), "base": f"ou=people,{BASE}", "bind_dn": READER,
                  "bind_password": READER_PASSWORD, "servers": [first.url], "timeout": "1s",
                  "login_timeout": "5s", "rest": "100ms", "longest_rest": "500ms", "server_rest": "1s"}
        direct = {**common, "user_dn": f"uid=%u,ou=people,{BASE}"}
        impostors = {"mute": f"ldap://127.0.0.1:{self.mute.port}", "mutetls": f"ldaps://127.0.0.1:{self.mute.port}",
                     "deaf": f"ldap://127.0.0.1:{self.deaf.port}", "babbler": f"ldap://127.0.0.1:{self.babbler.port}",
                     "babblertls": f"ldaps://127.0.0.1:{self.babbler.port}"}
        plain_ones = {"half": self.half.port, "huge": self.huge.port, "mutebind": self.mute.port}
        return {
            "ldap.test": {**common, "tell_locked": True},
            "ldaps.test": {**common, "servers": [first.tls_url]},
            "quiet.test": common,
            "failover.test": {**common, "servers": [self.dead, self.second.url]},
            "both.test": {**common, "servers": [first.url, self.second.url]},
            "untrusted.test": {**common, "tls_ca_file": str(self.other_ca)},
            "untrusteds.test": {**common, "tls_ca_file": str(self.other_ca), "servers": [first.tls_url]},
            "blind.test": {**common, "tls_ca_file": str(self.other_ca), "tls_reqcert": "never"},
            # The certificate is for 127.0.0.1 only.
            "misnamed.test": {**common, "servers": [first.url.replace("127.0.0.1", "localhost")]},
            "oldtls.test": {**common, "servers": [self.old.url]},
            "oldtlsanyway.test": {**common, "servers": [self.old.url], "tls_ciphers": "NORMAL"},
            "noca.test": {**common, "tls_ca_file": "/nonexistent/ca.pem"},
            "plaintext.test": {**common, "tls": "none"},
            "decoy.test": {**common, "decoy_dn": f"uid=decoy,ou=others,{BASE}"},
            "mail.test": {**common, "user_attributes": ["mail=%u@ldap.test"]},
            "bulky.test": {**common, "lookup_bytes": 1024},
            "phone.test": {**common, "user_attributes": ["telephoneNumber"]},
            "wide.test": {**common, "base": BASE},
            "group.test": {**common, "dn_filter": "(&(objectClass=groupOfNames)(cn=chat)(member=%D))",
                           "dn_filter_base": BASE},
            "attribute.test": {**common, "dn_filter": "(&(uid=%u)(mail=%{mail})(telephoneNumber=456))"},
            "filtered.test": {**common, "filter": "(&(objectClass=inetOrgPerson)(mail=%u@ldap.test)(!(uid=bob)))"},
            "direct.test": direct,
            "directgroup.test": {**direct, "dn_filter": "(&(cn=chat)(member=%D))", "dn_filter_base": BASE},
            "directfilter.test": {**direct, "filter": "(!(uid=bob))"},
            "referral.test": {**common, "base": f"ou=elsewhere,{BASE}"},
            "misbound.test": {**common, "bind_password": "not the reader's"},
            "many.test": {**common, "base": BASE, "page_size": 100},
            "manytoo.test": {**common, "base": f"ou=many,{BASE}", "page_size": 100, "list_limit": 1200},
            "toomany.test": {**common, "base": f"ou=many,{BASE}", "page_size": 100, "list_limit": 1199},
            "writer.test": {**common, "allow_set_password": True},
            "careless.test": {**common, "password_changed": []},
            "aging.test": {**common, "connection_lifetime": "1s"},
            **{f"{name}.test": {**common, "servers": [url]} for name, url in impostors.items()},
            **{f"{name}.test": {**common, "servers": [f"ldap://127.0.0.1:{port}"], "tls": "none"}
               for name, port in plain_ones.items()},
        }

    def close(self):
        self.server.stop()
        for one in (self.first, self.second, self.old, self.mute, self.deaf, self.half, self.huge, self.babbler):
            one.stop()


_places = []


def place(environment):
    if not _places:
        _places.append(Place(environment))
    return _places[0]


@case("right, wrong, unknown and other people's passwords, with StartTLS, LDAPS and without a search")
def _(environment):
    server = place(environment).server
    for host in ("ldap.test", "ldaps.test", "quiet.test", "direct.test", "blind.test"):
        expect(server, host, "ana", "pencil", SUCCESS)
        expect(server, host, "ana", "pen", WRONG)
        expect(server, host, "ana", "crayon", WRONG)
        expect(server, host, "nobody-at-all", "pencil", WRONG)
        expect(server, host, "stranger", "pencil", WRONG)  # not below the base
        expect(server, host, "bob", "crayon", SUCCESS)


@case("a real client logs in and out, and is bound to its account")
async def _(environment, stack):
    server = place(environment).server
    client = Client(server.environment, Account("ana", "ldap.test", "pencil"), mechanism="PLAIN")
    stack.push_async_callback(client.leave)
    await client.login(roster=False)
    await settled(client)
    equal(client.boundjid.bare, "ana@ldap.test", "the address")
    other = Client(server.environment, Account("ana", "ldap.test", "pen"), mechanism="PLAIN")
    stack.push_async_callback(other.leave)
    try:
        await other.login()
    except LoginFailed as failure:
        check(WRONG in str(failure), f"wanted {WRONG}, got {failure}")
    else:
        raise Failure("a wrong password got in")


@case("only PLAIN is offered, and only within TLS")
def _(environment):
    with Wire(place(environment).server.environment, host="ldap.test") as wire:
        equal(wire.mechanisms(wire.open()), [], "mechanisms without TLS")
    with Wire(place(environment).server.environment, host="ldap.test") as wire:
        equal(wire.mechanisms(wire.start_tls()), ["PLAIN"], "mechanisms")


@case("an empty password is nobody's: a directory would take it for an anonymous bind (RFC 4513 §5.1.2)")
def _(environment):
    server = place(environment).server
    for host in ("ldap.test", "direct.test"):
        for password in ("", "\u00ad", "\u200b"):
            answer = log_in(server, host, "ana", password)
            check(answer in (WRONG, "malformed-request"), f"{password!r} at {host}: {answer}")


@case("names beyond ASCII, and passwords")
def _(environment):
    server = place(environment).server
    for host in ("ldap.test", "direct.test"):
        expect(server, host, "ümit", "kalem", SUCCESS)
        expect(server, host, "ÜMIT", "kalem", SUCCESS)
        expect(server, host, "umit", "kalem", WRONG)
        expect(server, host, "password-with-ümläut", "pâß wörd ☃", SUCCESS)


@case("names that are filters or DNs mean themselves")
def _(environment):
    server = place(environment).server
    hostile = ["*", "a*", "an*", "*)(uid=*", "*)(uid=*))(|(uid=*", "ana)(uid=ana", "ana)(|(uid=*)", "(ana", "ana)",
               "\\2a", "\\", "ana\\", "ana,ou=people", "ana,ou=people,dc=example,dc=org", "ana+cn=ana", "ana#", "#616e61",
               "ana;b", "ana=b", "%u", "%d", "%{uid}", "ana%00", "ana\\00", "!ana", "|ana", "x)(objectClass=*"]
    for host in ("ldap.test", "direct.test", "mail.test", "group.test", "filtered.test"):
        for name in hostile:
            for password in ("pencil", "asterisk"):
                expect(server, host, name, password, WRONG)
    # And who is really called so gets in.
    for host in ("ldap.test", "direct.test", "group.test", "mail.test"):
        expect(server, host, "st*r(1)", "asterisk", SUCCESS)


@case("a name that the directory holds for equal to another is not let in as a second account")
def _(environment):
    server = place(environment).server
    expect(server, "ldap.test", "strasse", "road", SUCCESS)
    for alike in ("straße", "ſtrasse", "strasſe"):
        expect(server, "ldap.test", alike, "road", WRONG)
    # RFC 4517 §4.2.29: telephoneNumberMatch does not see hyphens.
    expect(server, "phone.test", "123", "pencil", SUCCESS)
    for alike in ("1-23", "123-", "--123"):
        expect(server, "phone.test", alike, "pencil", WRONG)


@case("certificates: another authority, another name, old TLS, no authorities: never a plain bind, never a no")
def _(environment):
    server = place(environment).server
    for host in ("untrusted.test", "untrusteds.test", "misnamed.test", "oldtls.test", "noca.test", "plaintext.test"):
        expect(server, host, "ana", "pencil", LATER)
        expect(server, host, "ana", "pen", LATER)
    expect(server, "oldtlsanyway.test", "ana", "pencil", SUCCESS)


@case("filters: the user's name and the domain, a group, attributes of the entry")
def _(environment):
    server = place(environment).server
    expect(server, "mail.test", "ana", "pencil", SUCCESS)
    expect(server, "filtered.test", "ana", "pencil", SUCCESS)
    expect(server, "filtered.test", "bob", "crayon", WRONG)
    expect(server, "attribute.test", "ana", "pencil", SUCCESS)
    expect(server, "attribute.test", "bob", "crayon", WRONG)
    for host in ("group.test", "directgroup.test"):
        expect(server, host, "ana", "pencil", SUCCESS)
        expect(server, host, "bob", "crayon", WRONG)
        expect(server, host, "nobody", "crayon", WRONG)
    expect(server, "directfilter.test", "ana", "pencil", SUCCESS)
    expect(server, "directfilter.test", "bob", "crayon", WRONG)


@case("what only the administrator can mend is not the user's wrong password")
def _(environment):
    server = place(environment).server
    expect(server, "wide.test", "twin", "one", LATER)  # two entries
    expect(server, "wide.test", "stranger", "pencil", SUCCESS)
    expect(server, "referral.test", "ana", "pencil", LATER)
    expect(server, "misbound.test", "ana", "pencil", LATER)


@case("password policy: expired and to be changed are told to who has the password, locked when wished")
def _(environment):
    server = place(environment).server
    for host in ("ldap.test", "direct.test"):
        expect(server, host, "aged", "pencil", EXPIRED)
        expect(server, host, "aged", "pen", WRONG)
        expect(server, host, "reset", "pencil", EXPIRED)
        expect(server, host, "reset", "pen", WRONG)
    # slapd does not look at the password of a locked account.
    expect(server, "ldap.test", "locked", "pencil", DISABLED)
    expect(server, "ldap.test", "locked", "pen", DISABLED)
    expect(server, "quiet.test", "locked", "pencil", WRONG)
    expect(server, "quiet.test", "locked", "pen", WRONG)


@case("a server that is dead is passed over, and health says so")
def _(environment):
    server = place(environment).server
    for _ in range(3):
        expect(server, "failover.test", "ana", "pencil", SUCCESS)
    code, text = server.ctl("auth", "status", "--host", "failover.test", "--json")
    equal(code, 0, text)
    status = json.loads(text)[0]
    equal([s["state"] for s in status["servers"]], ["failing", "ok"], "the servers")
    check(status["servers"][0]["last_error"], "the dead server has no error")
    equal(status["state"], "ok", "the whole")


@case("attributes of a user, and what is not there")
def _(environment):
    server = place(environment).server

    def ask(jid, names):
        code, text = server.ctl("ldap", "user", jid, "--attributes", names, "--json")
        return (code, json.loads(text) if code == 0 else text)

    code, found = ask("ana@ldap.test", "TELEPHONENUMBER,mail,nosuch")
    equal(code, 0, found)
    equal(sorted(found["TELEPHONENUMBER"]), ["123", "456"], "telephoneNumber")
    equal(found["mail"], ["ana@ldap.test"], "mail")
    check("nosuch" not in found, "an attribute that is not there")
    equal(ask("ümit@ldap.test", "cn")[1]["cn"], ["ümit"], "cn")
    code, text = ask("nobody@ldap.test", "cn")
    check(code != 0 and "no user" in text, text)
    equal(ask("bob@group.test", "cn")[0] != 0, True, "who may not log in is not shown")
    equal(ask("bulky0@bulky.test", "description")[0], 0, "1024 bytes")
    check("lookup_bytes" in ask("bulky1@bulky.test", "description")[1], "1025 bytes")
    equal(ask("ana@ldap.test", ",".join(["cn"] * 64))[0], 0, "64 attributes")
    check(ask("ana@ldap.test", ",".join(["cn"] * 65))[0] != 0, "65 attributes")


@case("a list of all users, page by page, and no longer than it may be (RFC 2696)")
def _(environment):
    server = place(environment).server

    def names(host, *words):
        code, text = server.ctl("ldap", "users", "--host", host, "--json", *words)
        return [row["user"] for row in json.loads(text)] if code == 0 else text

    everybody = names("manytoo.test", "--limit", "5000")
    equal(everybody, [f"user{n:04}" for n in range(1200)], "all")
    equal(names("manytoo.test", "--limit", "3"), everybody[:3], "the first three")
    equal(names("manytoo.test", "--limit", "2", "--after", "user0002"), everybody[3:5], "the next two")
    equal(names("manytoo.test", "--after", "user1199"), [], "after the last")
    check("list_limit" in names("toomany.test"), "one more than list_limit")
    equal(names("group.test"), ["ana", "st*r(1)"], "by dn_filter")
    check("bob" not in names("filtered.test") and "ana" in names("filtered.test"), "by filter")
    check("straße" not in names("ldap.test") and "ümit" in names("ldap.test"), "names beyond ASCII")


@case("setting a password, where it is allowed (RFC 3062)")
def _(environment):
    server = place(environment).server
    code, text = server.ctl("change-password", "bob@ldap.test", "chalk")
    check(code != 0, f"it was not allowed: {text}")
    code, text = server.ctl("change-password", "nobody@writer.test", "chalk")
    check(code != 0, f"there is nobody: {text}")
    code, text = server.ctl("change-password", "bob@writer.test", "chalk ☃")
    equal(code, 0, text)
    try:
        expect(server, "writer.test", "bob", "chalk ☃", SUCCESS)
        expect(server, "ldap.test", "bob", "crayon", WRONG)
    finally:
        code, text = server.ctl("change-password", "bob@writer.test", "crayon")
        equal(code, 0, text)
    expect(server, "ldap.test", "bob", "crayon", SUCCESS)


@case("a token ends when the password is changed in the directory, and the new password lets in")
def _(environment):
    server = place(environment).server

    def known(host, user="comes-again"):
        client = KnownClient(server.environment, Account(user, host, "pencil"))
        equal(client.by_password(), "success", f"the first time at {host}")
        for _ in range(2):
            equal(client.by_token(), "success", f"by its token at {host}")
        return client

    ends = [known(host) for host in ("ldap.test", "direct.test")]
    stays = [known("careless.test"), known("ldap.test", "is-switched-off")]
    # To these hosts the directory's other users are somebody else.
    code, text = server.ctl("change-password", "comes-again@writer.test", "chalk")
    equal(code, 0, text)
    for client in ends:
        with about(client.account.host):
            equal(client.by_token(), EXPIRED, "the token of the old password")
            equal(client.by_token(), WRONG, "the same one again: it is forgotten")
            equal(client.by_password(), WRONG, "the old password")
            equal(client.by_password("chalk"), "success", "the new password")
            equal(client.by_token(), "success", "the new token")
    for client in stays:
        equal(client.by_token(), "success", f"{client.account.user} at {client.account.host}")


@case("who is switched off in the directory does not come in by token, and a dead directory says nothing of it")
def _(environment):
    here = place(environment)
    client = KnownClient(here.server.environment, Account("is-switched-off", "ldap.test", "pencil"))
    equal(client.by_password(), "success", "the first time")
    here.first.kill()
    try:
        equal(client.by_token(), LATER, "nobody to ask")
        here.first.modify("is-switched-off", "add: pwdAccountLockedTime\npwdAccountLockedTime: 000001010000Z\n")
    finally:
        here.first.start()

    def answer():
        end = time.monotonic() + 10
        while (found := client.by_token()) == LATER:
            check(time.monotonic() < end, "the directory never came back")
        return found

    equal(answer(), DISABLED, "switched off")
    equal(client.by_password(), DISABLED, "by the password")


@case("who does not exist takes as long as who does (told, not judged)")
def _(environment):
    server = place(environment).server
    for host in ("ldap.test", "decoy.test", "group.test", "direct.test"):
        times = {}
        for _ in range(15):
            for user in ("ana", "nobody-at-all"):
                with Wire(server.environment, host=host) as wire:
                    wire.start_tls()
                    began = time.perf_counter()
                    answer = wire.auth("PLAIN", plain(user, "not it"))
                    times.setdefault(user, []).append((time.perf_counter() - began) * 1000)
                    equal(answer[0].tag, SASL + WRONG, user)
        expect(server, host, "nobody-at-all", "nobody knows", WRONG)  # the decoy's own
        note(f"{host}: " + ", ".join(f"{user}: median {statistics.median(t):.2f} ms" for user, t in times.items()))


@case("servers that are silent, stop half way, promise too much or talk nonsense: an answer in time")
def _(environment):
    server = place(environment).server
    names = ["mute", "mutetls", "deaf", "mutebind", "half", "huge", "babbler", "babblertls"]
    for name in names:
        before, began = processor_time(server.process.pid), time.monotonic()
        expect(server, f"{name}.test", "ana", "pencil", LATER)
        note(f"{name}: an answer after {time.monotonic() - began:.2f} s, "
             f"{processor_time(server.process.pid) - before:.2f} s of the processor meanwhile")
    # No thread is left behind, waiting or spinning: libldap's own handshake does without the time-out.
    for name in names:
        end = time.monotonic() + 15
        while (status := json.loads(server.ctl("auth", "status", "--host", f"{name}.test", "--json")[1])[0])["busy"]:
            check(time.monotonic() < end, f"{name}: {status['busy']} connections are busy for ever")
            time.sleep(0.1)
    # The breaker is open now, and still nobody hears that the password is wrong.
    for name in names:
        for _ in range(3):
            expect(server, f"{name}.test", "ana", "pencil", LATER)


def processor_time(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def mixed(number):
    user, password = (("ana", "pencil"), ("bob", "crayon"), ("ana", "wrong"))[number % 3]
    return user, password, lambda: (WRONG if password == "wrong" else SUCCESS, LATER)


async def chat(environment, client, times, stop):
    while not stop.is_set():
        began = time.monotonic()
        await settled(client)
        times.append((time.monotonic() - began) * 1000)
        await asyncio.sleep(0.005)


async def storm_with_bystander(environment, stack, host, acts):
    """The acts run in a thread, while somebody on a host with accounts of its own must not notice."""
    here = place(environment)
    server = here.server
    bystander = Client(server.environment, server.environment.account("carol", "localhost"))
    stack.push_async_callback(bystander.leave)
    await bystander.login(roster=False)
    quiet, stormy, stop = [], [], asyncio.Event()
    talk = asyncio.create_task(chat(environment, bystander, quiet, stop))
    await asyncio.sleep(1)
    stop.set()
    await talk
    stop.clear()
    talk = asyncio.create_task(chat(environment, bystander, stormy, stop))
    storm = Storm(server, host, mixed)

    def play():
        with storm:
            acts(here, storm)

    try:
        await asyncio.get_running_loop().run_in_executor(None, play)
    finally:
        stop.set()
    await talk
    note(f"{host}: {storm.judge()}")

    def told(times):
        return f"{len(times)} pings, p50 {statistics.median(times):.1f} ms, worst {max(times):.1f} ms"

    note(f"bystander without the storm: {told(quiet)}; with it: {told(stormy)}")


def killed_and_started(host):
    async def body(environment, stack):
        def acts(here, storm):
            storm.wait_for(SUCCESS, 10)
            here.first.kill()
            storm.wait_for(LATER, 20)
            here.first.start()
            storm.wait_for(SUCCESS, 10)

        await storm_with_bystander(environment, stack, host, acts)

    return body


# With a search it is nearly always the search that finds slapd dead; without one it is the bind.
for _host in ("ldap.test", "direct.test"):
    case(f"a storm of logins at {_host} while slapd is killed and started again: no wrong answer, nothing stuck")(
        killed_and_started(_host))


@case("a storm of logins while slapd hangs and goes on: no wrong answer, nothing stuck")
async def _(environment, stack):
    def acts(here, storm):
        storm.wait_for(SUCCESS, 10)
        here.first.hang()
        try:
            storm.wait_for(LATER, 12)
        finally:
            here.first.go_on()
        storm.wait_for(SUCCESS, 10)

    await storm_with_bystander(environment, stack, "ldaps.test", acts)


@case("a storm of logins while the first of two servers hangs and dies: the second takes over")
async def _(environment, stack):
    def acts(here, storm):
        storm.wait_for(SUCCESS, 10)
        here.first.hang()
        storm.wait_for(SUCCESS, 20)
        here.first.kill()
        storm.wait_for(SUCCESS, 20)
        here.first.start()
        storm.wait_for(SUCCESS, 10)

    await storm_with_bystander(environment, stack, "both.test", acts)


@case("connections are made anew when they have served their time, and after slapd closed them")
def _(environment):
    here = place(environment)
    expect(here.server, "aging.test", "ana", "pencil", SUCCESS)
    time.sleep(1.1)  # the lifetime is what is tested
    expect(here.server, "aging.test", "ana", "pencil", SUCCESS)
    expect(here.server, "both.test", "ana", "pencil", SUCCESS)
    here.first.kill()
    here.first.start()
    for host in ("aging.test", "both.test", "ldap.test"):
        expect(here.server, host, "ana", "pencil", SUCCESS)


@case("the log tells what is wrong with a directory, and no password; the server ends in good order")
def _(environment):
    here = place(environment)
    trouble = here.server.stop()
    check(not trouble, trouble)
    equal(here.server.complaints(), [], "errors in the log")
    text = here.server.log_text()
    for word in ("several entries", "cannot be used", "can be used again", "nobody can log in by the directory now"):
        check(word in text, f"the log does not say: {word}")
    for secret in (READER_PASSWORD, "pencil", "crayon", "chalk", "asterisk", "kalem", "not the reader's"):
        check(secret not in text, f"{secret} is in the log")


if __name__ == "__main__":
    run()
