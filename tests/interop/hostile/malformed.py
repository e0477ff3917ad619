# What is not XML, or not the XML that RFC 6120 §11 allows, ends the stream with the right error.
from support.cases import case, check, equal, run
from support.wire import Closed, Wire

NOT_WELL_FORMED = ("not-well-formed",)
RESTRICTED = ("restricted-xml",)
# RFC 6120 §4.9.3.13 and §4.9.3.2 both fit a prefix that nothing binds.
PREFIX = ("bad-namespace-prefix", "not-well-formed")
# Bytes that are not UTF-8: §4.9.3.22 or §4.9.3.13.
ENCODING = ("unsupported-encoding", "not-well-formed")
# An entity other than the five is restricted (§11.1), and undefined, hence not well-formed.
ENTITY = ("restricted-xml", "not-well-formed")

STANZAS = {
    "tags that don't match": (b"<message><body>x</message></body>", NOT_WELL_FORMED),
    "an end tag nobody opened": (b"</message>", NOT_WELL_FORMED),
    "an attribute without quotes": (b"<message to=x/>", NOT_WELL_FORMED),
    "an attribute without a value": (b"<message to/>", NOT_WELL_FORMED),
    "an attribute twice": (b"<message id='1' id='2'/>", NOT_WELL_FORMED),
    "an attribute twice by two prefixes":
        (b"<message xmlns:a='u' xmlns:b='u' a:x='1' b:x='2'/>", PREFIX),
    "attributes without white space between": (b"<message id='1'to='2'/>", NOT_WELL_FORMED),
    "a less-than sign in an attribute": (b"<message id='<'/>", NOT_WELL_FORMED),
    "a name that starts with a digit": (b"<1message/>", NOT_WELL_FORMED),
    "a name with two colons": (b"<a:b:c/>", PREFIX),
    "an empty prefix": (b"<:message/>", PREFIX),
    "a prefix nobody declared": (b"<message><x:y/></message>", PREFIX),
    "an attribute's prefix nobody declared": (b"<message x:y='1'/>", PREFIX),
    "a prefix bound to nothing": (b"<message xmlns:x=''/>", PREFIX),
    "the prefix xmlns declared": (b"<message xmlns:xmlns='u'/>", PREFIX),
    "the prefix xml bound elsewhere": (b"<message xmlns:xml='u'/>", PREFIX),
    "a bare ampersand": (b"<message><body>a & b</body></message>", ENTITY),
    "an entity of HTML": (b"<message><body>&nbsp;</body></message>", ENTITY),
    "an entity without an end": (b"<message><body>&amp </body></message>", ENTITY),
    "a reference to no character": (b"<message><body>&#0;</body></message>", NOT_WELL_FORMED),
    "a reference to a control": (b"<message><body>&#x1;</body></message>", NOT_WELL_FORMED),
    "a reference to a surrogate": (b"<message><body>&#xD800;</body></message>", NOT_WELL_FORMED),
    "a reference beyond Unicode": (b"<message><body>&#x110000;</body></message>", NOT_WELL_FORMED),
    "a reference that overflows": (b"<message><body>&#99999999999999999999;</body></message>",
                                   NOT_WELL_FORMED),
    "a NUL byte": (b"<message><body>\0</body></message>", ENCODING),
    "a control character": (b"<message><body>\x01</body></message>", ENCODING),
    "U+FFFE": (b"<message><body>\xef\xbf\xbe</body></message>", ENCODING),
    "the end of CDATA in text": (b"<message><body>]]></body></message>", NOT_WELL_FORMED),
    "a byte that UTF-8 never has": (b"<message><body>\xff</body></message>", ENCODING),
    "an overlong slash": (b"<message><body>\xc0\xaf</body></message>", ENCODING),
    "a surrogate in UTF-8": (b"<message><body>\xed\xa0\x80</body></message>", ENCODING),
    "a character beyond Unicode": (b"<message><body>\xf4\x90\x80\x80</body></message>", ENCODING),
    "a sequence cut short": (b"<message><body>\xe2\x98</body></message>", ENCODING),
    "a comment": (b"<!-- x -->", RESTRICTED),
    "a comment inside a stanza": (b"<message><!-- x --></message>", RESTRICTED),
    "a processing instruction": (b"<?php x ?>", RESTRICTED),
    "a processing instruction inside a stanza": (b"<message><?x y?></message>", RESTRICTED),
    "a document type inside the stream":
        (b"<!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]>", ENTITY),
    "an XML declaration inside the stream": (b"<?xml version='1.0'?>", ENTITY),
    "text between the stanzas": (b"hello", ("not-well-formed", "bad-format", "invalid-xml",
                                            "unsupported-stanza-type", "restricted-xml")),
    "CDATA between the stanzas": (b"<![CDATA[hello]]>", ("not-well-formed", "bad-format", "invalid-xml",
                                                         "unsupported-stanza-type", "restricted-xml")),
}

BEFORE = {
    "an HTTP request": (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", NOT_WELL_FORMED + ("bad-format",)),
    "a document type": (b"<!DOCTYPE x [<!ENTITY a 'aaaa'>]><stream:stream>", ENTITY),
    "a billion laughs": (b"<?xml version='1.0'?><!DOCTYPE l [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;'>"
                         b"<!ENTITY c '&b;&b;&b;&b;'>]><stream:stream to='&c;'>", ENTITY),
    "an external entity": (b"<!DOCTYPE x [<!ENTITY f SYSTEM 'file:///etc/passwd'>]><x>&f;</x>", ENTITY),
    "UTF-16": ("\ufeff<?xml version='1.0'?><stream:stream>".encode("utf-16-le"), ENCODING),
    "another encoding declared":
        (b"<?xml version='1.0' encoding='ISO-8859-1'?><stream:stream xmlns='jabber:client' "
         b"xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>", ENCODING),
    "a comment before the header": (b"<!-- hello --><stream:stream>", RESTRICTED + NOT_WELL_FORMED),
    "nonsense": (bytes(range(128, 256)) * 4, ENCODING + ("bad-format",)),
}


def in_session(data, conditions):
    def body(environment):
        account = environment.account("mallory")
        with Wire(environment) as wire:
            wire.login(account)
            # The stanza behind the bad bytes must not be looked at.
            wire.send(data + b"<iq type='get' id='after'><ping xmlns='urn:xmpp:ping'/></iq>")
            wire.expect_stream_error(*conditions)

    return body



# What Prosody 0.12 does otherwise.
DIFFERS = {name: {"prosody": "calls it not-well-formed"} for name in STANZAS
           if "comment" in name or "instruction" in name}
DIFFERS |= {name: {"prosody": "skips it"} for name in STANZAS if "between the stanzas" in name}

for _name, (_data, _conditions) in STANZAS.items():
    case(f"in a session: {_name}", DIFFERS.get(_name))(in_session(_data, _conditions))


def at_the_start(data, conditions):
    def body(environment):
        with Wire(environment) as wire:
            wire.send(data)
            try:
                wire.expect_stream_error(*conditions)
            except Closed as closed:
                # RFC 6120 §4.9.1.1: a header should come first even then; a plain end is tolerated
                # for something that never was a stream.
                check(wire.stream is None, f"after a header an error was due: {closed}")

    return body


for _name, (_data, _conditions) in BEFORE.items():
    case(f"at the start: {_name}")(at_the_start(_data, _conditions))


@case("what is unusual and allowed is taken")
def _(environment):
    account = environment.account("alice")
    with Wire(environment) as wire:
        wire.login(account)
        for text in (b"  \r\n\t ", b"<iq type='get' id='u1'  ><ping xmlns=\"urn:xmpp:ping\" ></ping></iq >",
                     b"<iq type=\"&#x67;et\" id='u&#49;' to='&#108;ocalhost'><p:ping xmlns:p='urn:xmpp:ping'/></iq>",
                     b"<c:iq xmlns:c='jabber:client' type='get' id='u1'><ping xmlns='urn:xmpp:ping'/></c:iq>"):
            wire.send(text)
            if text.strip():
                answer = wire.next()
                equal((answer.get("type"), answer.get("id")), ("result", "u1"), f"the answer to {text}")
        jid = f"{account.jid}/wire"
        wire.send(f"<message to='{jid}'><body><![CDATA[<&>]]> &#x2603;</body></message>")
        equal(wire.next().findtext("{jabber:client}body"), "<&> \u2603", "CDATA and a reference")


@case("a stanza may come one byte at a time")
def _(environment):
    with Wire(environment) as wire:
        wire.login(environment.account("alice"))
        for byte in "<iq type='get' id='slow'><ping xmlns='urn:xmpp:ping'/></iq>\n".encode():
            wire.send(bytes([byte]))
        equal(wire.next().get("id"), "slow", "the answer")


@case("a byte order mark before the header is white space of a kind")
def _(environment):
    # XML 1.0 §4.3.3 allows it in UTF-8.
    with Wire(environment) as wire:
        wire.send(b"\xef\xbb\xbf" + wire.header().encode())
        wire.features()


if __name__ == "__main__":
    run()
