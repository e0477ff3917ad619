# XEP-0030, XEP-0115 in the stream features, XEP-0128 and XEP-0157.
import base64
import hashlib

from support.cases import case, check, equal, run
from support.client import ET, People, refused
from support.wire import Wire, plain

CAPS = "{http://jabber.org/protocol/caps}c"
INFO = "{http://jabber.org/protocol/disco#info}"
DATA = "{jabber:x:data}"
PLUGINS = ["xep_0030", "xep_0004", "xep_0128"]


async def alone(environment, stack):
    return await People(environment, stack).join(environment.account("alice"), plugins=PLUGINS)


def verification(query):
    """XEP-0115 §5.1, computed here from the answer, so that slixmpp's way is not the only one."""
    def field(entry, name):
        return sorted(v.text or "" for f in entry.iter(DATA + "field") if f.get("var") == name
                      for v in f.iter(DATA + "value"))

    lang = "{http://www.w3.org/XML/1998/namespace}lang"
    text = "".join(sorted(f"{i.get('category')}/{i.get('type')}/{i.get(lang, '')}/{i.get('name', '')}<"
                          for i in query.iter(INFO + "identity")))
    text += "".join(sorted(f.get("var") + "<" for f in query.iter(INFO + "feature")))
    for form in sorted(query.iter(DATA + "x"), key=lambda f: field(f, "FORM_TYPE")):
        text += "".join(t + "<" for t in field(form, "FORM_TYPE"))
        for name in sorted(f.get("var") for f in form.iter(DATA + "field") if f.get("var") != "FORM_TYPE"):
            text += name + "<" + "".join(v + "<" for v in field(form, name))
    return base64.b64encode(hashlib.sha1(text.encode()).digest()).decode()


@case("the server says that it is an instant-messaging server and what it can do")
async def _(environment, stack):
    alice = await alone(environment, stack)
    info = (await alice["xep_0030"].get_info(jid=environment.host, timeout=8))["disco_info"]
    check(("server", "im") in {(i[0], i[1]) for i in info["identities"]}, f"identities {info['identities']}")
    wanted = {"http://jabber.org/protocol/disco#info", "http://jabber.org/protocol/disco#items",
              "urn:xmpp:ping", "jabber:iq:version", "urn:xmpp:time", "jabber:iq:last",
              "jabber:iq:private", "vcard-temp", "jabber:iq:register", "msgoffline",
              "ejabberd:cputime"}
    if environment.server == "prosody":
        # They are there, but Prosody doesn't announce all it answers.
        wanted -= {"jabber:iq:private"}
    missing = wanted - set(info["features"])
    equal(missing, set(), "features that are missing")
    features = [f.get("var") for f in info.xml.iter(INFO + "feature")]
    equal(len(features), len(set(features)), "features, with and without repetition")


@case("the items of the server name its services")
async def _(environment, stack):
    alice = await alone(environment, stack)
    items = (await alice["xep_0030"].get_items(jid=environment.host, timeout=8))["disco_items"]["items"]
    check(f"echo.{environment.host}" in {str(i[0]) for i in items}, f"the items are {items}")


@case("a node that does not exist is item-not-found")
async def _(environment, stack):
    alice = await alone(environment, stack)
    await refused(alice["xep_0030"].get_info(jid=environment.host, node="urn:example:none", timeout=8),
                  "item-not-found")


@case("one's own account is a registered account")
async def _(environment, stack):
    alice = await alone(environment, stack)
    info = (await alice["xep_0030"].get_info(jid=alice.boundjid.bare, timeout=8))["disco_info"]
    check(("account", "registered") in {(i[0], i[1]) for i in info["identities"]},
          f"identities {info['identities']}")


@case("a stranger's account, and nobody's, give the same answer")
async def _(environment, stack):
    # XEP-0030 §8: presence leaks must not happen; whether an account exists is none of her business.
    alice = await alone(environment, stack)
    bob = environment.account("bob")
    for target in (bob.jid, f"nobody-at-all@{environment.host}"):
        await refused(alice["xep_0030"].get_info(jid=target, timeout=8), "service-unavailable")


@case("a request to somebody's resource is answered there")
async def _(environment, stack):
    people = People(environment, stack)
    alice = await people.join(environment.account("alice"), plugins=PLUGINS)
    bob = await people.join(environment.account("bob"), plugins=PLUGINS)
    bob["xep_0030"].add_feature("urn:example:bob")
    info = (await alice["xep_0030"].get_info(jid=bob.boundjid, timeout=8))["disco_info"]
    check("urn:example:bob" in info["features"], "bob's feature")


@case("contact addresses are in the extended information")
async def _(environment, stack):
    # XEP-0157; the runner's configuration sets these two.
    alice = await alone(environment, stack)
    answer = await alice["xep_0030"].get_info(jid=environment.host, timeout=8)
    fields = {f.get("var"): [v.text for v in f.iter(DATA + "value")]
              for f in answer.xml.iter(DATA + "field")}
    equal(fields.get("FORM_TYPE"), ["http://jabber.org/network/serverinfo"], "FORM_TYPE")
    equal(fields.get("abuse-addresses"), ["mailto:abuse@example.test"], "abuse")
    equal(fields.get("admin-addresses"), ["xmpp:admin@localhost"], "admin")


@case("the capabilities in the stream features are those of the answer")
async def _(environment, stack):
    # XEP-0115 §6.3.
    account = environment.account("alice")
    with Wire(environment) as wire:
        wire.start_tls()
        wire.auth("PLAIN", plain(account.user, account.password))
        caps = wire.open().find(CAPS)
    check(caps is not None, "no capabilities in the stream features")
    equal(caps.get("hash"), "sha-1", "the hash")
    alice = await alone(environment, stack)
    node = f"{caps.get('node')}#{caps.get('ver')}"
    for asked in (None, node):
        answer = await alice["xep_0030"].get_info(jid=environment.host, node=asked, timeout=8)
        query = answer.xml.find(INFO + "query")
        equal(verification(query), caps.get("ver"), f"the verification string for node {asked}")
        equal(query.get("node"), asked, "the node of the answer")


@case("a request to the server by set is refused")
async def _(environment, stack):
    alice = await alone(environment, stack)
    iq = alice.make_iq_set(ito=environment.host)
    ET.SubElement(iq.xml, INFO + "query")
    await refused(iq.send(timeout=8), "not-allowed", "service-unavailable", "feature-not-implemented",
                  "bad-request")


if __name__ == "__main__":
    run()
