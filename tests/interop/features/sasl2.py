# XEP-0388 (SASL2), XEP-0386 (Bind 2) and XEP-0484 (FAST), spoken by hand over real TLS.
import hashlib
import json
import subprocess
import uuid

from support import sasl2
from support.cases import case, check, equal, run
from support.client import People, settled
from support.sasl2 import BIND2, SASL2
from support.wire import CLIENT, SASL, STREAM, Wire, base64_text

NONE_YET = {"prosody": "0.12 has no SASL2"}


def connect(environment, account):
    """Up to the stream features behind TLS."""
    wire = Wire(environment)
    wire.start_tls()
    return wire


def in_session(wire, jid):
    wire.send(f"<message to='{jid}' id='echo' type='chat'><body>here</body></message>")
    message = wire.next()
    equal((message.tag, message.get("from")), (CLIENT + "message", jid), "what comes back")


def refused(answer, *conditions):
    equal(answer.tag, SASL2 + "failure", "the outcome")
    found = answer[0].tag.removeprefix(SASL)
    check(found in conditions, f"SASL failure {found}, wanted {' or '.join(conditions)}")


def given_token(environment, account, mechanism, client_id, *beside):
    with connect(environment, account) as wire:
        success = sasl2.scram(wire, "SCRAM-SHA-256", account, None, sasl2.agent(client_id),
                              sasl2.request_token(mechanism), *beside)
        found = sasl2.token_of(success)
        check(found, "no token was given")
        return sasl2.identity(success), found


def known_client(mechanism):
    def body(environment):
        account, client_id = environment.account("alice"), str(uuid.uuid4())
        jid, secret = given_token(environment, account, mechanism, client_id, sasl2.bind())
        check(jid.startswith(account.jid + "/wire/"), f"bound as {jid}")
        check(client_id not in jid, "the client's id is in its resource")
        with connect(environment, account) as wire:
            before = wire.round_trips
            success = sasl2.token(wire, mechanism, account.user, secret, sasl2.agent(client_id),
                                  sasl2.fast(), sasl2.bind())
            equal(sasl2.identity(success), jid, "the address")
            check(success.find(BIND2 + "bound") is not None, "not bound")
            equal(wire.next().tag, STREAM + "features", "what follows the success")
            equal(wire.round_trips - before, 1, "round trips after the stream features")
            in_session(wire, jid)
            equal(wire.round_trips - before, 2, "round trips after the first message")

    return body


for _mechanism in ("HT-SHA-256-EXPR", "HT-SHA-256-ENDP", "HT-SHA-256-NONE", "HT-SHA-512-EXPR"):
    case(f"a known client is in session after one round trip, with {_mechanism}",
         NONE_YET)(known_client(_mechanism))


@case("with a password and channel binding it takes two", NONE_YET)
def _(environment):
    account = environment.account("alice")
    with connect(environment, account) as wire:
        before = wire.round_trips
        success = sasl2.scram(wire, "SCRAM-SHA-512-PLUS", account, "tls-exporter", sasl2.bind())
        jid = sasl2.identity(success)
        wire.next()
        equal(wire.round_trips - before, 2, "round trips after the stream features")
        in_session(wire, jid)


@case("a client that binds as RFC 6120 has it is not restarted", NONE_YET)
def _(environment):
    account = environment.account("alice")
    with connect(environment, account) as wire:
        equal(sasl2.identity(sasl2.authenticate(wire, "PLAIN", f"\0{account.user}\0{account.password}")),
              account.jid, "the identity")
        equal(wire.next().tag, STREAM + "features", "what follows the success")
        equal(wire.bind("here"), account.jid + "/here", "the address")


@case("a token is good for its mechanism, its client and its account only", NONE_YET)
def _(environment):
    account, client_id = environment.account("alice"), str(uuid.uuid4())
    other = environment.account("bob")
    _jid, secret = given_token(environment, account, "HT-SHA-256-EXPR", client_id)
    attempts = [("HT-SHA-256-NONE", account, client_id, secret), ("HT-SHA-256-ENDP", account, client_id, secret),
                ("HT-SHA-512-EXPR", account, client_id, secret),
                ("HT-SHA-256-EXPR", account, str(uuid.uuid4()), secret),
                ("HT-SHA-256-EXPR", other, client_id, secret),
                ("HT-SHA-256-EXPR", account, client_id, secret + "0")]
    for mechanism, who, client, text in attempts:
        with connect(environment, account) as wire:
            refused(sasl2.token(wire, mechanism, who.user, text, sasl2.agent(client), sasl2.fast()),
                    "not-authorized")
    with connect(environment, account) as wire:
        sasl2.identity(sasl2.token(wire, "HT-SHA-256-EXPR", account.user, secret,
                                   sasl2.agent(client_id.upper()), sasl2.fast()))


@case("what was said in one TLS session is worth nothing in another", NONE_YET)
def _(environment):
    account, client_id = environment.account("alice"), str(uuid.uuid4())
    _jid, secret = given_token(environment, account, "HT-SHA-256-EXPR", client_id)
    said = []
    with connect(environment, account) as wire:
        send = wire.send
        wire.send = lambda data: (said.append(data), send(data))
        sasl2.identity(sasl2.token(wire, "HT-SHA-256-EXPR", account.user, secret,
                                   sasl2.agent(client_id), sasl2.fast()))
    with connect(environment, account) as wire:
        wire.send(said[0])
        refused(wire.next(), "not-authorized")


@case("a use that was counted before is refused", NONE_YET)
def _(environment):
    account, client_id = environment.account("alice"), str(uuid.uuid4())
    _jid, secret = given_token(environment, account, "HT-SHA-256-NONE", client_id)

    def use(count):
        with connect(environment, account) as wire:
            return sasl2.token(wire, "HT-SHA-256-NONE", account.user, secret, sasl2.agent(client_id),
                               sasl2.fast(f"count='{count}'"))

    sasl2.identity(use(7))
    refused(use(7), "not-authorized")
    refused(use(6), "not-authorized")
    sasl2.identity(use(8))


@case("two tokens: the former is good until the new one was used", NONE_YET)
def _(environment):
    account, client_id = environment.account("alice"), str(uuid.uuid4())

    def use(secret, *beside):
        with connect(environment, account) as wire:
            return sasl2.token(wire, "HT-SHA-256-NONE", account.user, secret, sasl2.agent(client_id),
                               sasl2.fast(), *beside)

    _jid, first = given_token(environment, account, "HT-SHA-256-NONE", client_id)
    second = sasl2.token_of(use(first, sasl2.request_token("HT-SHA-256-NONE")))
    check(second and second != first, "a new token")
    sasl2.identity(use(first))
    sasl2.identity(use(second))
    refused(use(first), "not-authorized")
    sasl2.identity(use(second))


@case("who logs out or changes the password needs the password", NONE_YET)
def _(environment):
    account, client_id = environment.account("alice"), str(uuid.uuid4())

    def use(secret, attributes="", *beside):
        with connect(environment, account) as wire:
            return sasl2.token(wire, "HT-SHA-256-NONE", account.user, secret, sasl2.agent(client_id),
                               sasl2.fast(attributes), *beside)

    _jid, secret = given_token(environment, account, "HT-SHA-256-NONE", client_id)
    equal(sasl2.token_of(use(secret, "invalidate='true'")), None, "the token of who logs out")
    refused(use(secret), "not-authorized")
    # Unless it asks for another one in the same breath.
    _jid, secret = given_token(environment, account, "HT-SHA-256-NONE", client_id)
    other = sasl2.token_of(use(secret, "invalidate='true'", sasl2.request_token("HT-SHA-256-NONE")))
    refused(use(secret), "not-authorized")
    sasl2.identity(use(other))

    _jid, secret = given_token(environment, account, "HT-SHA-256-NONE", client_id)
    with connect(environment, account) as wire:
        jid = sasl2.identity(sasl2.token(wire, "HT-SHA-256-NONE", account.user, secret,
                                         sasl2.agent(client_id), sasl2.fast(), sasl2.bind()))
        wire.next()
        wire.send(f"<iq type='set' id='new' to='{account.host}'><query xmlns='jabber:iq:register'>"
                  f"<username>{account.user}</username><password>another</password></query></iq>")
        equal(wire.next().get("type"), "result", "the change of the password")
        in_session(wire, jid)
    refused(use(secret), "not-authorized")
    changed = account._replace(password="another")
    given_token(environment, changed, "HT-SHA-256-NONE", client_id)


@case("a proof that is held back until the password was changed comes in, but not again by its token", NONE_YET)
def _(environment):
    account, client_id = environment.account("alice"), str(uuid.uuid4())

    def change():
        subprocess.run([environment.tools + "/bin/nuncioctl", "--socket",
                        environment.directory + "/run/nuncioctl.sock", "change-password", account.jid, "another"],
                       check=True, capture_output=True, timeout=20)

    with connect(environment, account) as wire:
        success = sasl2.scram(wire, "SCRAM-SHA-256", account, None, sasl2.agent(client_id),
                              sasl2.request_token("HT-SHA-256-NONE"), before_proof=change)
        sasl2.identity(success)
        secret = sasl2.token_of(success)
        check(secret, "no token was given")
    with connect(environment, account) as wire:
        refused(sasl2.token(wire, "HT-SHA-256-NONE", account.user, secret, sasl2.agent(client_id), sasl2.fast()),
                "credentials-expired")
    given_token(environment, account._replace(password="another"), "HT-SHA-256-NONE", client_id)


@case("the administrator sees whose clients have tokens, and takes them away", NONE_YET)
def _(environment):
    account, one, other = environment.account("alice"), str(uuid.uuid4()), str(uuid.uuid4())

    def ctl(*words):
        done = subprocess.run([environment.tools + "/bin/nuncioctl", "--socket",
                               environment.directory + "/run/nuncioctl.sock", "--json", *words],
                              capture_output=True, text=True, timeout=20, check=False)
        equal((done.returncode, done.stderr), (0, ""), " ".join(words))
        return json.loads(done.stdout)

    def use(client_id, secret):
        with connect(environment, account) as wire:
            return sasl2.token(wire, "HT-SHA-256-NONE", account.user, secret, sasl2.agent(client_id),
                               sasl2.fast())

    secrets = {each: given_token(environment, account, "HT-SHA-256-NONE", each)[1] for each in (one, other)}
    listed = ctl("token", "list", account.jid)
    equal([client["software"] for client in listed], ["wire", "wire"], "the clients")
    check(not any(secret in str(listed) for secret in secrets.values()), "a list tells secrets")
    check(one not in str(listed), "a list tells the client's id")
    mine = hashlib.sha256(one.encode()).hexdigest()[:12]
    equal(ctl("token", "revoke", account.jid, "--client", mine), {"revoked": 1}, "one of them")
    refused(use(one, secrets[one]), "not-authorized")
    sasl2.identity(use(other, secrets[other]))
    equal(ctl("token", "revoke", account.jid), {"revoked": 1}, "the rest")
    refused(use(other, secrets[other]), "not-authorized")
    equal(ctl("token", "list", account.jid), [], "nobody is left")


@case("one client more than may have tokens takes the place of the one that came first", NONE_YET)
def _(environment):
    account, clients = environment.account("alice"), [str(uuid.uuid4()) for _ in range(4)]
    secrets = [given_token(environment, account, "HT-SHA-256-NONE", client)[1] for client in clients]

    def use(index):
        with connect(environment, account) as wire:
            return sasl2.token(wire, "HT-SHA-256-NONE", account.user, secrets[index],
                               sasl2.agent(clients[index]), sasl2.fast())

    for index in (1, 2, 3):
        sasl2.identity(use(index))
    refused(use(0), "not-authorized")


@case("the two forms of SASL do not mix, and slixmpp chooses the old one", NONE_YET)
async def _(environment, stack):
    account = environment.account("alice")
    with connect(environment, account) as wire:
        equal(sasl2.authenticate(wire, "SCRAM-SHA-1", f"n,,n={account.user},r=abc").tag,
              SASL2 + "challenge", "SCRAM")
        wire.send(f"<auth xmlns='{SASL[1:-1]}' mechanism='PLAIN'>{base64_text('x')}</auth>")
        wire.expect_stream_error("policy-violation")
    alice = await People(environment, stack).join(account)
    await settled(alice)


if __name__ == "__main__":
    run()
