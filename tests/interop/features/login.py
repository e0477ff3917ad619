# RFC 6120 §5–§7 with XEP-0368 (direct TLS), XEP-0440 (channel-binding types) and RFC 9266.
from support.cases import case, check, equal, run
from support.client import LoginFailed, People, settled
from support.wire import SASL, TLS, Wire, base64_text, check_failure, plain

SCRAMS = ("SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512")
ONE_HASH = {"prosody": "keeps keys for one hash only"}
NO_PLUS = {"prosody": "0.12 has no channel binding on TLS 1.3"}


def login_with(mechanism):
    async def body(environment, stack):
        account = environment.account("alice")
        alice = await People(environment, stack).join(account, mechanism=mechanism)
        equal(alice["feature_mechanisms"].mech.name, mechanism, "the mechanism used")
        await settled(alice)

    return body


for _mechanism in SCRAMS + ("PLAIN",):
    case(f"{_mechanism} after STARTTLS",
         ONE_HASH if _mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512") else None)(login_with(_mechanism))


def login_bound(mechanism, binding):
    def body(environment):
        account = environment.account("alice")
        with Wire(environment) as wire:
            features = wire.start_tls()
            check(mechanism in wire.mechanisms(features), f"{mechanism} is not offered")
            types = [e.get("type") for e in features.iter("{urn:xmpp:sasl-cb:0}channel-binding")]
            check(binding in types, f"XEP-0440 should list {binding}, lists {types}")
            answer = wire.scram(mechanism, account.user, account.password, binding)
            equal(answer.tag, SASL + "success", "the outcome")
            wire.open()
            wire.bind()

    return body


for _hash in SCRAMS:
    for _binding in ("tls-exporter", "tls-server-end-point"):
        case(f"{_hash}-PLUS bound by {_binding}", NO_PLUS)(login_bound(_hash + "-PLUS", _binding))


@case("a wrong channel binding is refused", NO_PLUS)
def _(environment):
    account = environment.account("alice")
    with Wire(environment) as wire:
        wire.start_tls()
        answer = wire.scram("SCRAM-SHA-256-PLUS", account.user, account.password, "tls-exporter",
                            binding_data=bytes(32))
        check_failure(answer, "not-authorized", "malformed-request")


@case("a client that thinks we have no -PLUS is a downgrade", NO_PLUS)
def _(environment):
    account = environment.account("alice")
    with Wire(environment) as wire:
        wire.start_tls()
        # RFC 5802 §6: `y` while we do offer -PLUS means that somebody removed it on the way.
        answer = wire.scram("SCRAM-SHA-1", account.user, account.password, flag="y")
        check_failure(answer, "not-authorized", "malformed-request")


@case("slixmpp as it comes, choosing by itself, gets in")
async def _(environment, stack):
    # Its tls-unique is refused on TLS 1.3 where -PLUS is offered; what counts is that the retry on
    # the same stream works (RFC 6120 §6.4.5 allows several attempts).
    alice = await People(environment, stack).join(environment.account("alice"), channel_binding=True)
    await settled(alice)


@case("direct TLS")
async def _(environment, stack):
    alice = await People(environment, stack).join(environment.account("alice"), direct_tls=True)
    check(alice.tls_version in ("TLSv1.2", "TLSv1.3"), f"the connection uses {alice.tls_version}")


@case("STARTTLS negotiates TLS 1.3")
async def _(environment, stack):
    alice = await People(environment, stack).join(environment.account("alice"))
    equal(alice.tls_version, "TLSv1.3", "the version")


async def refused_login(environment, stack, account, **options):
    try:
        await People(environment, stack).join(account, **options)
    except LoginFailed as failure:
        check("not-authorized" in str(failure), f"wanted not-authorized, got {failure}")
        return
    check(False, "logged in")


for _mechanism in ("SCRAM-SHA-1", "PLAIN"):
    @case(f"a wrong password is not-authorized ({_mechanism})")
    async def _(environment, stack, mechanism=_mechanism):
        await refused_login(environment, stack, environment.account("alice"), password="wrong",
                            mechanism=mechanism)

    @case(f"an unknown user is not-authorized, like a wrong password ({_mechanism})",
          {"prosody": "0.12 ends SCRAM for an unknown user at the first message"}
          if _mechanism.startswith("SCRAM") else None)
    async def _(environment, stack, mechanism=_mechanism):
        nobody = environment.account("alice")._replace(user="nobody-at-all")
        if mechanism == "PLAIN":
            return await refused_login(environment, stack, nobody, mechanism=mechanism)
        # A challenge with a dummy salt must come first, or accounts could be enumerated.
        with Wire(environment) as wire:
            wire.start_tls()
            answer = wire.auth(mechanism, base64_text("n,,n=nobody-at-all,r=abc"))
            equal(answer.tag, SASL + "challenge", "the first answer")


@case("PLAIN is neither offered nor taken without TLS")
def _(environment):
    account = environment.account("alice")
    with Wire(environment) as wire:
        features = wire.open()
        check("PLAIN" not in wire.mechanisms(features), "PLAIN is offered in the clear")
        check(features.find(TLS + "starttls") is not None, "STARTTLS is not offered")
        wire.send(f"<auth xmlns='{SASL[1:-1]}' mechanism='PLAIN'>"
                  f"{plain(account.user, account.password)}</auth>")
        element = wire.next()
        if element.tag == SASL + "failure":
            check_failure(element, "encryption-required", "invalid-mechanism")
        else:
            # RFC 6120 §5.3.1: where STARTTLS is mandatory, anything else may end the stream.
            check(element.tag.endswith("error"), f"wanted a refusal, got {element.tag}")


@case("the stream header names the host, an id, the version and a language")
def _(environment):
    with Wire(environment) as wire:
        wire.open()
        equal(wire.stream.get("from"), environment.host, "from")
        equal(wire.stream.get("version"), "1.0", "version")
        check(wire.stream.get("id"), "id is missing")
        check(wire.stream.get("{http://www.w3.org/XML/1998/namespace}lang"), "xml:lang is missing")
        first = wire.stream.get("id")
        with Wire(environment) as other:
            other.open()
            check(other.stream.get("id") != first, "two streams share an id")


@case("a login in a user's own capitals is the same account")
async def _(environment, stack):
    account = environment.account("alice")
    loud = account._replace(user=account.user.upper())
    alice = await People(environment, stack).join(loud, mechanism="PLAIN")
    equal(alice.boundjid.bare, account.jid, "the bound address")


@case("a password beyond ASCII")
async def _(environment, stack):
    await People(environment, stack).join(environment.account("alice", password="pâß wörd ☃ € 密码"),
                                          mechanism="SCRAM-SHA-1")


@case("binding: the server makes a resource when asked for none")
def _(environment):
    account = environment.account("alice")
    with Wire(environment) as wire:
        wire.start_tls()
        wire.auth("PLAIN", plain(account.user, account.password))
        wire.open()
        wire.send("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
        jid = wire.next().findtext(".//{urn:ietf:params:xml:ns:xmpp-bind}jid")
        check(jid.startswith(account.jid + "/") and len(jid) > len(account.jid) + 4, f"bound {jid}")


@case("binding a resource that is in use replaces the older session")
async def _(environment, stack):
    people = People(environment, stack)
    account = environment.account("alice")
    old = await people.join(account, "desk")
    gone = old.disconnected
    new = await people.join(account, "desk")
    await gone
    equal(str(new.boundjid), f"{account.jid}/desk", "the bound address")
    check(any("conflict" in str(s) for s in old.unread if s.name == "error")
          or any("conflict" in str(s) for s in old.unread), "the older stream ends with conflict")


if __name__ == "__main__":
    run()
