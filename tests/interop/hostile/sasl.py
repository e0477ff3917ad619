# RFC 6120 §6 by clients that get it wrong, on purpose or not.
import base64

from support.cases import case, check, equal, run
from support.scram import Scram
from support.wire import ERRORS, SASL, STREAM, Closed, Wire, base64_text, check_failure, condition, plain

NS = SASL[1:-1]


def secured(environment):
    wire = Wire(environment)
    wire.start_tls()
    return wire


def refusal(answer, failures, errors=()):
    """A SASL failure, or where the RFC leaves that open a stream error."""
    if answer.tag == STREAM + "error":
        found = condition(answer)
        check(found in errors, f"stream error {found}, wanted {failures} or {errors}")
    else:
        check_failure(answer, *failures)


def answered(name, sent, failures, errors=(), differs=None):
    @case(name, differs)
    def _(environment):
        with secured(environment) as wire:
            wire.send(sent)
            refusal(wire.next(), failures, errors)


def auth(mechanism, text):
    return f"<auth xmlns='{NS}' mechanism='{mechanism}'>{text}</auth>"


OUT_OF_PLACE = ("malformed-request", "not-authorized", "aborted")
UNEXPECTED = ("not-authorized", "unsupported-stanza-type", "policy-violation", "bad-format", "invalid-xml",
              "undefined-condition")

answered("a response without auth", f"<response xmlns='{NS}'>AAAA</response>", OUT_OF_PLACE, UNEXPECTED)
answered("a mechanism nobody knows", auth("HOLY-WATER", "AAAA"), ("invalid-mechanism",))
answered("no mechanism at all", f"<auth xmlns='{NS}'>AAAA</auth>", ("invalid-mechanism", "malformed-request"))
answered("an empty mechanism", auth("", "AAAA"), ("invalid-mechanism", "malformed-request"))
answered("characters that are not base64", auth("PLAIN", "!!!not base64!!!"), ("incorrect-encoding",))
answered("base64 cut short", auth("PLAIN", "AGFsaWNlAHNlY3JldA="), ("incorrect-encoding",),
         differs={"prosody": "decodes what it can"})
# RFC 6120 §6.4.2: "=" is an initial response of no bytes, which is no PLAIN message.
answered("an empty initial response", auth("PLAIN", "="), ("malformed-request", "not-authorized"))
answered("PLAIN without a separator", auth("PLAIN", base64_text("alice")), ("malformed-request", "not-authorized"))
answered("PLAIN with one separator too many", auth("PLAIN", base64_text("\0a\0b\0c")),
         ("malformed-request", "not-authorized"))
answered("PLAIN without a name", auth("PLAIN", plain("", "secret")), ("malformed-request", "not-authorized"))
answered("PLAIN with a name that is none", auth("PLAIN", plain("a b@c/d", "secret")),
         ("malformed-request", "not-authorized", "invalid-authzid"))
answered("PLAIN that is not UTF-8", auth("PLAIN", base64_text(b"\0\xff\xfe\0\xff")),
         ("malformed-request", "not-authorized"))
for _text, _what in (("n", "nothing but a flag"), ("n,,", "no name"), ("n,,n=alice", "no nonce"),
                     ("x,,n=alice,r=abc", "an unknown flag"), ("n,,m=x,n=alice,r=abc", "an extension we must know"),
                     ("n,,n=al=ZZice,r=abc", "a bad escape"), ("p=tls-unique,,n=alice,r=abc", "a binding without -PLUS")):
    answered(f"SCRAM with {_what}", auth("SCRAM-SHA-1", base64_text(_text)),
             ("malformed-request", "not-authorized", "invalid-authzid"))

@case("SCRAM with a name of many kilobytes leads nowhere")
def _(environment):
    with secured(environment) as wire:
        answer = wire.auth("SCRAM-SHA-1", base64_text("n,,n=" + "a" * 6000 + ",r=abc"))
        if answer.tag == SASL + "challenge":  # as for any name that is nobody's
            wire.send(f"<response xmlns='{NS}'>{base64_text('c=biws,r=abc,p=AAAA')}</response>")
            answer = wire.next()
        check_failure(answer, "malformed-request", "not-authorized")


@case("abort in the middle is aborted, and another attempt may follow")
def _(environment):
    account = environment.account("alice")
    with secured(environment) as wire:
        equal(wire.auth("SCRAM-SHA-1", base64_text(f"n,,n={account.user},r=abc")).tag, SASL + "challenge", "SCRAM")
        wire.send(f"<abort xmlns='{NS}'/>")
        wire.expect_failure("aborted")
        equal(wire.auth("PLAIN", plain(account.user, account.password)).tag, SASL + "success", "PLAIN")


@case("auth while another is going on is refused or starts anew, and never lets in")
def _(environment):
    account = environment.account("alice")
    with secured(environment) as wire:
        first = base64_text(f"n,,n={account.user},r=abc")
        wire.send(auth("SCRAM-SHA-1", first) + auth("PLAIN", plain(account.user, "wrong")))
        answers = [wire.next()]
        try:
            answers.append(wire.next())
        except Closed:
            pass
        check(not any(a.tag == SASL + "success" for a in answers), "it let us in")


@case("the wrong proof, nonce or header of the final message is not-authorized")
def _(environment):
    account = environment.account("alice")
    changes = {"proof": lambda final: final[:-8] + b"AAAAAAA=",
               "nonce": lambda final: final.replace(b",r=", b",r=x"),
               "header": lambda final: b"c=eSws" + final[final.index(b","):],
               "nothing": lambda final: b"", "no proof": lambda final: final[:final.index(b",p=")]}
    for name, change in changes.items():
        with secured(environment) as wire:
            scram = Scram("SCRAM-SHA-1", account.user, account.password)
            challenge = base64.b64decode(wire.auth("SCRAM-SHA-1", base64_text(scram.first())).text)
            wire.send(f"<response xmlns='{NS}'>{base64_text(change(scram.final(challenge)))}</response>")
            check_failure(wire.next(), "not-authorized", "malformed-request")


@case("a final message cannot be replayed on another stream")
def _(environment):
    account = environment.account("alice")
    with secured(environment) as wire:
        scram = Scram("SCRAM-SHA-1", account.user, account.password)
        first = base64_text(scram.first())
        final = scram.final(base64.b64decode(wire.auth("SCRAM-SHA-1", first).text))
        wire.send(f"<response xmlns='{NS}'>{base64_text(final)}</response>")
        equal(wire.next().tag, SASL + "success", "the first time")
    with secured(environment) as wire:
        equal(wire.auth("SCRAM-SHA-1", first).tag, SASL + "challenge", "the second time")
        wire.send(f"<response xmlns='{NS}'>{base64_text(final)}</response>")
        check_failure(wire.next(), "not-authorized", "malformed-request")


@case("nobody becomes another by an authorization identity")
def _(environment):
    account, victim = environment.account("mallory"), environment.account("victim")
    for identity in (victim.jid, victim.user):
        with secured(environment) as wire:
            answer = wire.auth("PLAIN", plain(account.user, account.password, identity))
            if answer.tag == SASL + "success":
                wire.open()
                jid = wire.bind()
                check(jid.startswith(account.jid + "/"), f"{account.jid} became {jid}")
            else:
                check_failure(answer, "invalid-authzid", "not-authorized", "malformed-request")


@case("one's own authorization identity is fine")
def _(environment):
    account = environment.account("alice")
    with secured(environment) as wire:
        answer = wire.auth("PLAIN", plain(account.user, account.password, account.jid))
        equal(answer.tag, SASL + "success", "the answer")


@case("white space in base64 is refused", {"prosody": "decodes what it can"})
def _(environment):
    # RFC 6120 §6.4.2 refers to RFC 4648, whose §3.1 and §3.3 forbid it.
    account = environment.account("alice")
    text = plain(account.user, account.password)
    with secured(environment) as wire:
        check_failure(wire.auth("PLAIN", text[:8] + "\n " + text[8:]), "incorrect-encoding")


@case("guessing on one stream comes to an end")
def _(environment):
    account = environment.account("alice")
    with secured(environment) as wire:
        try:
            for _ in range(50):
                answer = wire.auth("PLAIN", plain(account.user, "guess"))
                if answer.tag == STREAM + "error":
                    check(condition(answer) in ("policy-violation", "not-authorized"), condition(answer))
                    return
                check_failure(answer, "not-authorized")
        except (Closed, OSError):
            return
        check(environment.server == "prosody", "fifty guesses on one stream")


@case("auth after success and without a restart is refused")
def _(environment):
    account = environment.account("alice")
    with secured(environment) as wire:
        text = plain(account.user, account.password)
        equal(wire.auth("PLAIN", text).tag, SASL + "success", "the first")
        # RFC 6120 §6.4.6: the client must now send a new header. This is none; the server may open
        # its own stream in order to say so.
        wire.fresh_stream()
        wire.send(auth("PLAIN", text))
        try:
            while True:
                element = wire.next()
                check(element.tag != SASL + "success", "a second success")
                if element.tag == STREAM + "error":
                    return
        except Closed:
            return


@case("auth in a session is refused")
def _(environment):
    account = environment.account("alice")
    with Wire(environment) as wire:
        wire.login(account)
        wire.send(auth("PLAIN", plain(account.user, account.password)))
        element = wire.next()
        check(element.tag != SASL + "success", "a second success")
        check(element.tag in (STREAM + "error", SASL + "failure"), element.tag)
        if element.tag == STREAM + "error":
            check(element.find(ERRORS + condition(element)) is not None, "a condition")


if __name__ == "__main__":
    run()
