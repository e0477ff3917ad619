# Sizes: each limit is taken at N and refused at N + 1, and a refusal costs the sender's stream only.
from support.cases import case, check, equal, run
from support.wire import CLIENT, Closed, Wire

TOO_MUCH = ("policy-violation",)


def message_of(size, to):
    start, end = f"<message to='{to}'><body>", "</body></message>"
    return start + "x" * (size - len(start) - len(end)) + end


@case("a stanza of the limit's size passes, one byte more does not",
      {"prosody": "0.12 counts with a tolerance"})
def _(environment):
    limit = environment.limits["stanza_bytes"]
    with Wire(environment) as wire:
        jid = wire.login(environment.account("alice"))
        wire.send(message_of(limit, jid))
        equal(wire.next().tag, CLIENT + "message", "the stanza of the limit's size")
        wire.send(message_of(limit + 1, jid))
        wire.expect_stream_error(*TOO_MUCH)


@case("before authentication the smaller limit holds")
def _(environment):
    limit = environment.limits["unauthenticated_stanza_bytes"]
    with Wire(environment) as wire:
        wire.start_tls()
        wire.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{'A' * 2 * limit}</auth>")
        wire.expect_stream_error(*TOO_MUCH)


@case("a header without an end is refused at the limit")
def _(environment):
    with Wire(environment) as wire:
        refused_while_sending(wire, b"<stream:stream xmlns:stream='", b"x" * 1000, 100)


@case("a tag without an end is refused at the limit")
def _(environment):
    with Wire(environment) as wire:
        wire.login(environment.account("alice"))
        refused_while_sending(wire, b"<message id='", b"x" * 1000, 1000)


@case("text without an end is refused at the limit")
def _(environment):
    with Wire(environment) as wire:
        wire.login(environment.account("alice"))
        refused_while_sending(wire, b"<message><body>", b"y" * 1000, 1000)


@case("children without an end are refused at the limit")
def _(environment):
    with Wire(environment) as wire:
        wire.login(environment.account("alice"))
        refused_while_sending(wire, b"<message>", b"<x/>" * 250, 1000)


def refused_while_sending(wire, start, piece, pieces):
    try:
        wire.send(start)
        for _ in range(pieces):
            wire.send(piece)
    except (ConnectionError, OSError):
        pass  # the server has stopped listening, as it should
    try:
        wire.expect_stream_error(*TOO_MUCH)
    except Closed:
        # Our own last bytes met a closed socket, and the reset took the error away with it.
        pass


def nested(depth, to):
    inner = depth - 1
    return f"<message to='{to}'>" + "<x xmlns='urn:example:x'>" * inner + "</x>" * inner + "</message>"


@case("nesting to the limit passes, one level more does not", {"prosody": "0.12 has no limit of depth"})
def _(environment):
    limit = environment.limits["depth"]
    with Wire(environment) as wire:
        jid = wire.login(environment.account("alice"))
        wire.send(nested(limit, jid))
        equal(wire.next().tag, CLIENT + "message", "the stanza of the limit's depth")
        wire.send(nested(limit + 1, jid))
        wire.expect_stream_error(*TOO_MUCH)


@case("a thousand levels at once and in pieces")
def _(environment):
    for pieces in (1, 40):
        with Wire(environment) as wire:
            wire.login(environment.account("alice"))
            refused_while_sending_or_kept(wire, b"<x>" * (6000 // pieces), pieces)


def refused_while_sending_or_kept(wire, piece, pieces):
    try:
        wire.send(b"<message>")
        for _ in range(pieces):
            wire.send(piece)
        wire.send(b"</message>")  # never right: the levels are not closed
    except (ConnectionError, OSError):
        pass
    try:
        wire.expect_stream_error("policy-violation", "not-well-formed")
    except Closed:
        pass


@case("hundreds of attributes are refused or carried, never fatal",
      {"prosody": "0.12 says nothing to them"})
def _(environment):
    with Wire(environment) as wire:
        jid = wire.login(environment.account("alice"))
        attributes = " ".join(f"a{n}='{n}'" for n in range(800))
        wire.send(f"<message to='{jid}'><x xmlns='urn:example:x' {attributes}/></message>")
        element = wire.next()
        check(element.tag in (CLIENT + "message", "{http://etherx.jabber.org/streams}error"), element.tag)


@case("an address of 1023 bytes passes, of 1024 is malformed")
def _(environment):
    with Wire(environment) as wire:
        wire.login(environment.account("alice"))
        for size, wanted in ((1023, None), (1024, "jid-malformed")):
            wire.send(f"<iq type='get' id='j{size}' to='{'u' * size}@{environment.host}'>"
                      "<ping xmlns='urn:xmpp:ping'/></iq>")
            answer = wire.next()
            equal(answer.get("id"), f"j{size}", "the answer")
            malformed = answer.find(f"{CLIENT}error/{{urn:ietf:params:xml:ns:xmpp-stanzas}}jid-malformed")
            equal(malformed is not None, wanted is not None, f"jid-malformed for {size} bytes")


if __name__ == "__main__":
    run()
