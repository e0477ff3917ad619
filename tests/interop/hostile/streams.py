# RFC 6120 §4, §5 and §8.1 by clients that get it wrong: headers, order of steps, addresses.
from support.cases import about, case, check, equal, run
from support.wire import CLIENT, SASL, STREAM, TLS, Closed, Wire, condition, plain, stanza_condition

PING = "<ping xmlns='urn:xmpp:ping'/>"


def refused_header(name, conditions, differs=None, **options):
    @case(name, differs)
    def _(environment):
        with Wire(environment) as wire:
            wire.send(wire.header(**options))
            wire.expect_stream_error(*conditions)
            check(wire.stream is not None, "RFC 6120 §4.9.1.1: our own header comes before the error")


UNCHECKED = {"prosody": "0.12 looks at the stream's namespace only"}

refused_header("a host that is not ours", ("host-unknown",), to="not-ours.example")
refused_header("an address that is none", ("host-unknown", "improper-addressing"), to="a@b@c")
refused_header("no host", ("host-unknown", "improper-addressing"), to="")
refused_header("another stream namespace", ("invalid-namespace", "bad-namespace-prefix"),
               stream="http://example.org/streams")
refused_header("a server's namespace from a client", ("invalid-namespace",), namespace="jabber:server",
               differs=UNCHECKED)
refused_header("an unknown content namespace", ("invalid-namespace",), namespace="urn:example:content",
               differs=UNCHECKED)
refused_header("a version before 1.0", ("unsupported-version",), version="0.9",
               differs={"prosody": "takes it for a client of 2003"})
refused_header("no version", ("unsupported-version",), version=None,
               differs={"prosody": "takes it for a client of 2003"})
refused_header("a version that is no number", ("unsupported-version", "invalid-xml", "bad-format"), version="one",
               differs={"prosody": "takes it for a client of 2003"})


@case("a later version is answered with ours")
def _(environment):
    # RFC 6120 §4.7.5: the lower of the two.
    with Wire(environment) as wire:
        wire.open(version="1.7")
        equal(wire.stream.get("version"), "1.0", "the version")


@case("a root that is no stream")
def _(environment):
    for text in ("<iq xmlns='jabber:client' type='get' id='1'/>", "<html><body/></html>",
                 "<stream:streams xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:client'>"):
        with Wire(environment) as wire:
            wire.send(text)
            try:
                wire.expect_stream_error("invalid-namespace", "bad-format", "invalid-xml", "not-well-formed",
                                         "bad-namespace-prefix", "unsupported-stanza-type")
            except Closed as closed:
                check(environment.server == "prosody", f"{text}: {closed}")


@case("another prefix for the stream is as good, if the content is prefixed right")
def _(environment):
    # RFC 6120 §4.8.5 allows it; bad-namespace-prefix is the other answer it allows.
    with Wire(environment) as wire:
        wire.send(f"<s:stream xmlns:s='http://etherx.jabber.org/streams' xmlns='jabber:client' "
                  f"to='{environment.host}' version='1.0'>")
        element = wire.next()
        check(element.tag == STREAM + "features" or condition(element) == "bad-namespace-prefix", element.tag)


@case("a stanza before authentication is not-authorized",
      {"prosody": "0.12 answers the stanza and keeps the stream"})
def _(environment):
    for secured in (False, True):
        for stanza in (f"<iq type='get' id='1' to='{environment.host}'>{PING}</iq>",
                       f"<message to='x@{environment.host}'><body>x</body></message>", "<presence/>"):
            with Wire(environment) as wire:
                wire.start_tls() if secured else wire.open()
                wire.send(stanza)
                wire.expect_stream_error("not-authorized")


@case("a stanza before bind is not-authorized, and goes nowhere",
      {"prosody": "0.12 answers the stanza and keeps the stream"})
def _(environment):
    # RFC 6120 §7.1. Openfire let these pass until 2023 (OF-2565).
    account, victim = environment.account("mallory"), environment.account("victim")
    with Wire(environment) as watcher:
        watcher.login(victim)
        watcher.send("<presence/>")
        equal(watcher.next().tag, CLIENT + "presence", "our own presence")
        for stanza in (f"<message to='{victim.jid}'><body>x</body></message>",
                       f"<presence to='{victim.jid}'/>",
                       f"<iq type='get' id='1' to='{victim.jid}/wire'>{PING}</iq>"):
            with Wire(environment) as wire:
                wire.start_tls()
                wire.auth("PLAIN", plain(account.user, account.password))
                wire.open()
                wire.send(stanza)
                wire.expect_stream_error("not-authorized")
        watcher.send(f"<iq type='get' id='fence' to='{environment.host}'>{PING}</iq>")
        equal(watcher.next().get("id"), "fence", "what the victim hears next")


@case("bytes behind <starttls/> are never read as if TLS had carried them")
def _(environment):
    # The injection of CVE-2011-0411: plain text that waits in a buffer until the stream is trusted.
    account = environment.account("alice")
    with Wire(environment) as wire:
        wire.open()
        injected = wire.header() + f"<auth xmlns='{SASL[1:-1]}' mechanism='PLAIN'>" \
            f"{plain(account.user, account.password)}</auth>"
        wire.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>" + injected)
        answer = b""
        while not any(word in answer for word in (b"<proceed", b"<failure", b"error")):
            piece = wire.socket.recv(65536)
            answer += piece
            if not piece:
                break
        check(b"<success" not in answer, "the injected auth was executed in the clear")
        try:
            wire.wrap()
        except OSError:
            return  # refused outright, or the bytes spoilt the handshake: both are safe
        features = wire.open()
        # A success here would be the answer to what was injected.
        check(wire.mechanisms(features), "the stream starts anew")
        wire.send(f"<response xmlns='{SASL[1:-1]}'/>")
        try:
            answer = wire.next()
            check(answer.tag != SASL + "success", "the injected auth was executed")
        except Closed:
            pass


@case("STARTTLS inside TLS is refused")
def _(environment):
    with Wire(environment) as wire:
        features = wire.start_tls()
        check(features.find(TLS + "starttls") is None, "STARTTLS is offered again")
        wire.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        element = wire.next()
        check(element.tag in (TLS + "failure", STREAM + "error"), element.tag)


@case("a TLS handshake that is none ends the connection")
def _(environment):
    with Wire(environment) as wire:
        wire.open()
        wire.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        equal(wire.next().tag, TLS + "proceed", "the answer")
        wire.send(b"<stream:stream>this is not TLS</stream:stream>" * 10)
        wire.expect_closed()


@case("an old TLS is refused")
def _(environment):
    import ssl
    with Wire(environment) as wire:
        wire.open()
        wire.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        wire.next()
        context = ssl.create_default_context(cafile=environment.certificates[wire.host])
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
        try:
            wire.wrap(context)
        except (ssl.SSLError, OSError):
            return
        check(False, "TLS 1.1 was accepted")


@case("an unknown top-level element ends a session with unsupported-stanza-type")
def _(environment):
    for text in ("<unknown/>", "<message xmlns='urn:example:other'/>", "<iq xmlns='jabber:server' type='get' id='1'/>",
                 "<stream:features/>"):
        with Wire(environment) as wire:
            wire.login(environment.account("alice"))
            wire.send(text)
            with about(text):
                wire.expect_stream_error("unsupported-stanza-type", "invalid-namespace")


@case("a forged sender is invalid-from", {"prosody": "0.12 overwrites the sender, as RFC 3920 did"})
def _(environment):
    # RFC 6120 §8.1.2.1.
    victim = environment.account("victim")
    for sender in (victim.jid, f"{victim.jid}/x", environment.host, "nobody@elsewhere.example"):
        with Wire(environment) as wire:
            jid = wire.login(environment.account("mallory"))
            wire.send(f"<message from='{sender}' to='{jid}'><body>x</body></message>")
            wire.expect_stream_error("invalid-from")


@case("one's own addresses are taken as senders, and stamped in full")
def _(environment):
    account = environment.account("alice")
    with Wire(environment) as wire:
        jid = wire.login(account)
        for sender in (account.jid, jid):
            wire.send(f"<message from='{sender}' to='{jid}'><body>x</body></message>")
            equal(wire.next().get("from"), jid, f"the sender for {sender}")


@case("an address that is none is jid-malformed")
def _(environment):
    with Wire(environment) as wire:
        wire.login(environment.account("alice"))
        for address in ("@localhost", "a@", "a@/x", "a@b@c", "/x", "user@localhost/"):
            wire.send(f"<iq type='get' id='1' to='{address}'>{PING}</iq>")
            answer = wire.next()
            if answer.tag == STREAM + "error":
                check(False, f"{address}: the stream ended with {condition(answer)}")
            equal(stanza_condition(answer), "jid-malformed", f"the answer for {address!r}")


@case("an iq without id or with a wrong type is a bad request")
def _(environment):
    for attributes in ("type='get'", "id='1'", "id='1' type='ask'"):
        with Wire(environment) as wire:
            wire.login(environment.account("alice"))
            wire.send(f"<iq {attributes} to='{environment.host}'>{PING}</iq>")
            with about(attributes):
                answer = wire.next()
            if answer.tag == STREAM + "error":
                equal(condition(answer), "invalid-xml", f"the stream error for {attributes}")
            else:
                equal(stanza_condition(answer), "bad-request", f"the answer for {attributes}")


@case("an iq request has exactly one child")
def _(environment):
    # RFC 6120 §8.2.3 rule 3.
    with Wire(environment) as wire:
        wire.login(environment.account("alice"))
        for content in ("", PING + PING, "text only"):
            wire.send(f"<iq type='get' id='c' to='{environment.host}'>{content}</iq>")
            answer = wire.next()
            equal(answer.get("id"), "c", "the answer")
            equal(stanza_condition(answer), "bad-request", f"the condition for {content!r}")


@case("results and errors that nobody asked for are not answered")
def _(environment):
    with Wire(environment) as wire:
        wire.login(environment.account("alice"))
        for target in (environment.host, f"nobody@{environment.host}", f"nobody@{environment.host}/x"):
            for kind in ("result", "error"):
                wire.send(f"<iq type='{kind}' id='{kind}' to='{target}'/>")
        wire.send(f"<iq type='get' id='fence' to='{environment.host}'>{PING}</iq>")
        equal(wire.next().get("id"), "fence", "the first answer")


@case("a message of an unknown type is taken as normal")
def _(environment):
    # RFC 6121 §5.2.2.
    with Wire(environment) as wire:
        jid = wire.login(environment.account("alice"))
        wire.send(f"<message type='telepathy' to='{jid}'><body>x</body></message>")
        equal(wire.next().findtext(CLIENT + "body"), "x", "the body")


@case("binding twice is refused and the first binding stays")
def _(environment):
    with Wire(environment) as wire:
        wire.login(environment.account("alice"), "one")
        wire.send("<iq type='set' id='b2'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
                  "<resource>two</resource></bind></iq>")
        answer = wire.next()
        check(answer.tag == STREAM + "error" or answer.get("type") == "error",
              "a second binding was granted")


@case("a resource that cannot be is refused or replaced")
def _(environment):
    account = environment.account("alice")
    for resource in ("x" * 1024, "\u0009", "a\u2028"):
        with Wire(environment) as wire:
            wire.start_tls()
            wire.auth("PLAIN", plain(account.user, account.password))
            wire.open()
            wire.send("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
                      f"<resource>{resource}</resource></bind></iq>")
            answer = wire.next()
            if answer.get("type") == "error":
                check(stanza_condition(answer) in ("bad-request", "jid-malformed", "not-acceptable"),
                      f"{stanza_condition(answer)}")


@case("a second header in a session is an error")
def _(environment):
    with Wire(environment) as wire:
        wire.login(environment.account("alice"))
        wire.send(wire.header())
        try:
            wire.expect_stream_error("not-well-formed", "unsupported-stanza-type", "invalid-xml", "bad-format",
                                     "restricted-xml", "policy-violation", "invalid-namespace")
        except Closed:
            pass


@case("a closing tag is answered, and what follows it is not read")
def _(environment):
    account = environment.account("alice")
    with Wire(environment) as watcher, Wire(environment) as wire:
        target = watcher.login(account, "watcher")
        wire.login(environment.account("bob"))
        wire.send(f"</stream:stream><message to='{target}'><body>late</body></message>")
        wire.expect_closed()
        check(wire._ended, "no closing tag came back")
        watcher.send(f"<iq type='get' id='fence' to='{environment.host}'>{PING}</iq>")
        equal(watcher.next().get("id"), "fence", "what the watcher hears next")


if __name__ == "__main__":
    run()
