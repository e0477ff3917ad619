# RFC 6121 §5 and §8: where a message goes.
import xml.etree.ElementTree as ET

from support.cases import case, check, equal, run
from support.client import People, fence, settled

XML = "{http://www.w3.org/XML/1998/namespace}"


@case("a message to a full address reaches that resource only")
async def _(environment, stack):
    people = People(environment, stack)
    alice = await people.join(environment.account("alice"))
    bob = environment.account("bob")
    desk, phone = await people.join(bob, "desk"), await people.join(bob, "phone")
    await fence(desk, phone)
    await fence(phone, desk)
    desk.forget(), phone.forget()
    alice.send_message(mto=desk.boundjid, mbody="to the desk", mtype="chat")
    heard = await desk.expect_message("to the desk")
    equal(str(heard["from"]), str(alice.boundjid), "from is stamped with the full address")
    equal(heard["type"], "chat", "type")
    await fence(alice, phone)
    phone.silent()


@case("a message to the bare address reaches every resource of the highest priority")
async def _(environment, stack):
    # RFC 6121 §8.5.2.1.1 leaves the choice; nuncio delivers to all that share the top priority.
    people = People(environment, stack)
    alice, bob = await people.join(environment.account("alice")), environment.account("bob")
    tops = [await people.join(bob, name, priority=5) for name in ("desk", "phone")]
    low = await people.join(bob, "fridge", priority=1)
    alice.send_message(mto=bob.jid, mbody="hello bob", mtype="chat")
    for top in tops:
        await top.expect_message("hello bob")
    await fence(alice, low)
    low.silent("message")


@case("a negative priority hears nothing sent to the bare address")
async def _(environment, stack):
    people = People(environment, stack)
    alice, bob = await people.join(environment.account("alice")), environment.account("bob")
    hermit = await people.join(bob, "hermit", priority=-1)
    desk = await people.join(bob, "desk", priority=0)
    alice.send_message(mto=bob.jid, mbody="for those who listen", mtype="chat")
    await desk.expect_message("for those who listen")
    await fence(alice, hermit)
    hermit.silent("message")
    alice.send_message(mto=hermit.boundjid, mbody="by name it is reached", mtype="chat")
    await hermit.expect_message("by name it is reached")


@case("a headline to the bare address reaches every resource that is not negative")
async def _(environment, stack):
    # RFC 6121 §8.5.2.1.1: headline goes to all non-negative resources, whatever their priority.
    people = People(environment, stack)
    alice, bob = await people.join(environment.account("alice")), environment.account("bob")
    desk = await people.join(bob, "desk", priority=5)
    phone = await people.join(bob, "phone", priority=0)
    hermit = await people.join(bob, "hermit", priority=-1)
    alice.send_message(mto=bob.jid, mbody="news", mtype="headline")
    await desk.expect_message("news")
    await phone.expect_message("news")
    await fence(alice, hermit)
    hermit.silent("message")


@case("a headline to an absent user disappears without an error")
async def _(environment, stack):
    people = People(environment, stack)
    alice, bob = await people.join(environment.account("alice")), environment.account("bob")
    alice.send_message(mto=bob.jid, mbody="missed", mtype="headline")
    await settled(alice)
    alice.silent()
    desk = await people.join(bob, "desk")
    await fence(alice, desk)
    desk.silent("message")


@case("groupchat to a user's bare address is an error")
async def _(environment, stack):
    # RFC 6121 §8.5.2.1.1: never delivered to a resource, answered with service-unavailable.
    people = People(environment, stack)
    alice, bob = await people.join(environment.account("alice")), await people.join(environment.account("bob"))
    alice.send_message(mto=bob.boundjid.bare, mbody="no room here", mtype="groupchat")
    error = await alice.expect(lambda s: s.name == "message" and s["type"] == "error", "an error")
    equal(error["error"]["condition"], "service-unavailable", "the condition")
    await fence(alice, bob)
    bob.silent("message")


@case("chat to a resource that is gone is treated as sent to the bare address")
async def _(environment, stack):
    # RFC 6121 §8.5.3.2.1.
    people = People(environment, stack)
    alice, bob = await people.join(environment.account("alice")), await people.join(environment.account("bob"), "desk")
    alice.send_message(mto=f"{bob.boundjid.bare}/gone", mbody="still for bob", mtype="chat")
    await bob.expect_message("still for bob")


@case("groupchat and headline to a resource that is gone reach nobody")
async def _(environment, stack):
    # RFC 6121 §8.5.3.2.1: groupchat is answered with an error, a headline is ignored.
    people = People(environment, stack)
    alice, bob = await people.join(environment.account("alice")), await people.join(environment.account("bob"), "desk")
    gone = f"{bob.boundjid.bare}/gone"
    alice.send_message(mto=gone, mbody="lost", mtype="headline")
    alice.send_message(mto=gone, mbody="refused", mtype="groupchat")
    error = await alice.expect(lambda s: s.name == "message" and s["type"] == "error", "an error")
    equal(error["error"]["condition"], "service-unavailable", "the condition")
    await fence(alice, bob)
    bob.silent("message")
    alice.silent("message")


@case("an error to a resource that is gone is not answered")
async def _(environment, stack):
    people = People(environment, stack)
    alice, bob = await people.join(environment.account("alice")), await people.join(environment.account("bob"), "desk")
    lost = alice.make_message(mto=f"{bob.boundjid.bare}/gone", mbody="x", mtype="error")
    lost["error"]["condition"] = "item-not-found"
    lost.send()
    await settled(alice)
    alice.silent("message")
    await fence(alice, bob)
    bob.silent("message")


@case("a message to an account that does not exist is service-unavailable")
async def _(environment, stack):
    # RFC 6121 §8.5.1, the same answer as for somebody who cannot be reached.
    alice = await People(environment, stack).join(environment.account("alice"))
    alice.send_message(mto=f"nobody-at-all@{environment.host}", mbody="anybody?", mtype="chat")
    error = await alice.expect(lambda s: s.name == "message" and s["type"] == "error", "an error")
    equal(error["error"]["condition"], "service-unavailable", "the condition")


@case("an iq to a resource that is gone is service-unavailable")
async def _(environment, stack):
    people = People(environment, stack)
    alice, bob = await people.join(environment.account("alice")), await people.join(environment.account("bob"))
    iq = alice.make_iq_get(ito=f"{bob.boundjid.bare}/gone", queryxmlns="urn:example:nothing")
    iq.send(callback=lambda _: None)
    answer = await alice.expect(lambda s: s.name == "iq" and s["type"] == "error", "an error")
    equal(answer["error"]["condition"], "service-unavailable", "the condition")


@case("an unknown request to the server or to a bare address is service-unavailable")
async def _(environment, stack):
    people = People(environment, stack)
    alice, bob = await people.join(environment.account("alice")), await people.join(environment.account("bob"))
    for target in (environment.host, bob.boundjid.bare, alice.boundjid.bare):
        iq = alice.make_iq_get(ito=target, queryxmlns="urn:example:nothing")
        iq.send(callback=lambda _: None)
        answer = await alice.expect(lambda s: s.name == "iq" and s["type"] == "error", "an error")
        check(answer["error"]["condition"] in ("service-unavailable", "feature-not-implemented"),
              f"{target} answers {answer['error']['condition']}")
    await fence(alice, bob)
    bob.silent("message", "iq")


@case("a stranger's bystander hears nothing of a conversation")
async def _(environment, stack):
    people = People(environment, stack)
    alice, bob, carol = [await people.join(environment.account(n)) for n in ("alice", "bob", "carol")]
    for number in range(20):
        alice.send_message(mto=bob.boundjid, mbody=f"a{number}", mtype="chat")
        bob.send_message(mto=alice.boundjid, mbody=f"b{number}", mtype="chat")
    await alice.expect_message("b19")
    await bob.expect_message("a19")
    await fence(alice, carol)
    await fence(bob, carol)
    carol.silent()


@case("five hundred messages arrive once each and in order")
async def _(environment, stack):
    people = People(environment, stack)
    alice, bob = await people.join(environment.account("alice")), await people.join(environment.account("bob"))
    for number in range(500):
        alice.send_message(mto=bob.boundjid, mbody=str(number), mtype="chat")
    await fence(alice, bob)
    bodies = [s["body"] for s in bob.unread if s.name == "message"]
    equal(bodies, [str(n) for n in range(500)], "the bodies")


@case("unknown children, entities and languages pass unchanged")
async def _(environment, stack):
    people = People(environment, stack)
    alice, bob = await people.join(environment.account("alice")), await people.join(environment.account("bob"))
    text = "<&>\"' \u00e9 \u2603 \U0001F600 \t\n end"
    message = alice.make_message(mto=bob.boundjid, mbody=text, mtype="chat")
    message["lang"] = "eo"
    # slixmpp keeps a prefix only for the xml: namespace, so that is the prefixed attribute here.
    child = ET.Element("{urn:example:a}outer", {"x": "1 \"&<", XML + "space": "preserve"})
    ET.SubElement(child, "{urn:example:c}inner").text = "  "
    message.append(child)
    message.send()
    heard = await bob.expect_message(text)
    outer = heard.xml.find("{urn:example:a}outer")
    check(outer is not None, "the child is gone")
    equal(outer.findtext("{urn:example:c}inner"), "  ", "white space in a grandchild")
    equal((outer.get("x"), outer.get(XML + "space")), ("1 \"&<", "preserve"), "attributes")
    equal(heard.xml.get(XML + "lang"), "eo", "xml:lang")


@case("a message to oneself arrives")
async def _(environment, stack):
    alice = await People(environment, stack).join(environment.account("alice"))
    alice.send_message(mto=alice.boundjid, mbody="note to self", mtype="chat")
    await alice.expect_message("note to self")


if __name__ == "__main__":
    run()
