# XEP-0049: Private XML Storage.
from support.cases import case, equal, run
from support.client import ET, People, refused

PRIVATE = "{jabber:iq:private}query"
NOTES = "{urn:example:notes}notes"


def store(client, *elements, to=None):
    iq = client.make_iq_set(ito=to)
    query = ET.SubElement(iq.xml, PRIVATE)
    query.extend(elements)
    return iq.send(timeout=8)


async def retrieve(client, tag, to=None):
    iq = client.make_iq_get(ito=to)
    ET.SubElement(ET.SubElement(iq.xml, PRIVATE), tag)
    answer = await iq.send(timeout=8)
    return answer.xml.find(f"{PRIVATE}/{tag}")


def notes(text):
    made = ET.Element(NOTES)
    ET.SubElement(made, "{urn:example:notes}note", {"id": "1"}).text = text
    return made


@case("what was stored comes back, at the next login too")
async def _(environment, stack):
    people, account = People(environment, stack), environment.account("alice")
    alice = await people.join(account, "desk")
    await store(alice, notes("remember ☃ <&>"))
    await alice.leave()
    alice = await people.join(account, "desk")
    equal((await retrieve(alice, NOTES)).findtext("{urn:example:notes}note"), "remember ☃ <&>", "the note")
    await store(alice, notes("replaced"))
    equal((await retrieve(alice, NOTES)).findtext("{urn:example:notes}note"), "replaced", "the note")


@case("what was never stored comes back empty")
async def _(environment, stack):
    alice = await People(environment, stack).join(environment.account("alice"))
    found = await retrieve(alice, "{urn:example:nothing}x")
    equal((len(found), found.text), (0, None), "the element")


@case("elements of one name and two namespaces are two elements")
async def _(environment, stack):
    alice = await People(environment, stack).join(environment.account("alice"))
    for namespace in ("urn:example:a", "urn:example:b"):
        element = ET.Element(f"{{{namespace}}}x")
        element.text = namespace
        await store(alice, element)
    for namespace in ("urn:example:a", "urn:example:b"):
        equal((await retrieve(alice, f"{{{namespace}}}x")).text, namespace, "the text")


@case("slixmpp's bookmarks live there")
async def _(environment, stack):
    people, account = People(environment, stack), environment.account("alice")
    plugins = ["xep_0030", "xep_0045", "xep_0060", "xep_0163", "xep_0223", "xep_0049", "xep_0048"]
    alice = await people.join(account, plugins=plugins)
    from slixmpp.plugins.xep_0048.stanza import Bookmarks
    bookmarks = Bookmarks()
    bookmarks.add_conference("room@conference.example.test", "ali", autojoin=True, name="A room")
    await alice["xep_0048"].set_bookmarks(bookmarks, method="xep_0049", timeout=8)
    answer = await alice["xep_0048"].get_bookmarks(method="xep_0049", timeout=8)
    rooms = [str(c["jid"]) for c in answer["private"]["bookmarks"]["conferences"]]
    equal(rooms, ["room@conference.example.test"], "the rooms")


@case("a stranger's storage is closed")
async def _(environment, stack):
    people = People(environment, stack)
    alice, mallory = await people.join(environment.account("alice")), await people.join(environment.account("mallory"))
    await store(alice, notes("secret"))
    await refused(retrieve(mallory, NOTES, alice.boundjid.bare), "forbidden", "service-unavailable", "not-allowed")
    await refused(store(mallory, notes("forged"), to=alice.boundjid.bare), "forbidden", "service-unavailable", "not-allowed")
    equal((await retrieve(alice, NOTES)).findtext("{urn:example:notes}note"), "secret", "the note")


@case("a request that names nothing is refused", {"prosody": "answers bad-format, which is no stanza error"})
async def _(environment, stack):
    # XEP-0049 §2.3: bad-request, or not-acceptable for a namespace that is not its own.
    alice = await People(environment, stack).join(environment.account("alice"))
    await refused(store(alice), "bad-request", "not-acceptable")


if __name__ == "__main__":
    run()
