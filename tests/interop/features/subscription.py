# RFC 6121 §3: the life of a subscription.
from support.cases import case, check, equal, run
from support.client import People, fence, roster_items, roster_of, settled


async def strangers(environment, stack):
    people = People(environment, stack)
    return (people, await people.join(environment.account("alice"), "desk"),
            await people.join(environment.account("bob"), "desk"))


async def item(client, jid):
    """(subscription, ask) of one roster item as the server has it now; None without an item."""
    answer = await roster_of(client)
    found = roster_items(answer).get(str(jid))
    return None if found is None else (found.get("subscription"), found.get("ask"))


@case("subscribe, subscribed: presence flows one way")
async def _(environment, stack):
    _, alice, bob = await strangers(environment, stack)
    alice.send_presence(pto=bob.boundjid.bare, ptype="subscribe", pstatus="it is me")
    push = await alice.expect_push(bob.boundjid.bare)
    pushed = roster_items(push)[bob.boundjid.bare]
    equal((pushed.get("subscription"), pushed.get("ask")), ("none", "subscribe"), "the push to alice")
    heard = await bob.expect_presence(alice.boundjid.bare, "subscribe")
    equal(heard["status"], "it is me", "the request keeps its text")
    bob.send_presence(pto=alice.boundjid.bare, ptype="subscribed")
    await alice.expect_presence(bob.boundjid.bare, "subscribed")
    await alice.expect_presence(bob.boundjid, "available")
    equal(await item(alice, bob.boundjid.bare), ("to", None), "alice's item")
    equal(await item(bob, alice.boundjid.bare), ("from", None), "bob's item")
    bob.forget()
    alice.send_presence(pshow="away")
    await fence(alice, bob)
    bob.silent()


@case("both ways: the items say both and both hear each other")
async def _(environment, stack):
    people, alice, bob = await strangers(environment, stack)
    await people.friends(alice, bob)
    equal(await item(alice, bob.boundjid.bare), ("both", None), "alice's item")
    equal(await item(bob, alice.boundjid.bare), ("both", None), "bob's item")
    for speaker, hearer in ((alice, bob), (bob, alice)):
        speaker.send_presence(pshow="xa")
        await hearer.expect_presence(speaker.boundjid, "xa")


@case("a request that nobody answered waits for the next login")
async def _(environment, stack):
    people = People(environment, stack)
    alice, bob = await people.join(environment.account("alice")), environment.account("bob")
    alice.send_presence(pto=bob.jid, ptype="subscribe")
    await alice.expect_push(bob.jid)
    for _ in range(2):
        # RFC 6121 §3.1.3: each time the contact comes online, until he answers.
        desk = await people.join(bob, "desk")
        await desk.expect_presence(alice.boundjid.bare, "subscribe")
        equal(await item(desk, alice.boundjid.bare), None, "bob's item while he has not answered")
        await desk.leave()


@case("asking again what was already granted asks nobody and changes nothing")
async def _(environment, stack):
    # RFC 6121 §3.1.3 rule 2: bob's server answers "subscribed" by itself, and by §3.1.6 alice's
    # server, which is not waiting for it, doesn't pass it on.
    people, alice, bob = await strangers(environment, stack)
    await people.friends(alice, bob)
    alice.send_presence(pto=bob.boundjid.bare, ptype="subscribe")
    await fence(alice, bob)
    await fence(bob, alice)
    for client in (alice, bob):
        types = [s["type"] for s in client.unread if s.name == "presence" and s["type"] != "available"]
        equal(types, [], f"what {client.boundjid} heard")
    equal(await item(alice, bob.boundjid.bare), ("both", None), "alice's item")


@case("a refusal is unsubscribed, and leaves no subscription")
async def _(environment, stack):
    _, alice, bob = await strangers(environment, stack)
    alice.send_presence(pto=bob.boundjid.bare, ptype="subscribe")
    await bob.expect_presence(alice.boundjid.bare, "subscribe")
    bob.send_presence(pto=alice.boundjid.bare, ptype="unsubscribed")
    await alice.expect_presence(bob.boundjid.bare, "unsubscribed")
    equal(await item(alice, bob.boundjid.bare), ("none", None), "alice's item")
    await fence(bob, alice)
    check(not [s for s in alice.unread if s["type"] == "available" and s.name == "presence"
               and s["from"].bare == bob.boundjid.bare], "presence leaked")


@case("unsubscribe ends one direction and the other side hears of it")
async def _(environment, stack):
    people, alice, bob = await strangers(environment, stack)
    await people.friends(alice, bob)
    alice.send_presence(pto=bob.boundjid.bare, ptype="unsubscribe")
    await bob.expect_presence(alice.boundjid.bare, "unsubscribe")
    equal(await item(alice, bob.boundjid.bare), ("from", None), "alice's item")
    equal(await item(bob, alice.boundjid.bare), ("to", None), "bob's item")
    alice.send_presence(pshow="dnd")
    await bob.expect_presence(alice.boundjid, "dnd")


@case("unsubscribe takes the contact's presence back", {"prosody": "0.12 leaves it standing"})
async def _(environment, stack):
    # RFC 6121 §3.3.3 rule 3.
    people, alice, bob = await strangers(environment, stack)
    await people.friends(alice, bob)
    alice.send_presence(pto=bob.boundjid.bare, ptype="unsubscribe")
    await alice.expect_presence(bob.boundjid, "unavailable")


@case("unsubscribed cancels what had been granted")
async def _(environment, stack):
    people, alice, bob = await strangers(environment, stack)
    await people.friends(alice, bob)
    bob.send_presence(pto=alice.boundjid.bare, ptype="unsubscribed")
    # RFC 6121 §3.2.2: unavailable comes with it.
    await alice.expect_presence(bob.boundjid, "unavailable")
    await alice.expect_presence(bob.boundjid.bare, "unsubscribed")
    alice.forget()
    bob.send_presence(pshow="dnd")
    await fence(bob, alice)
    alice.silent()
    equal(await item(alice, bob.boundjid.bare), ("from", None), "alice's item")


@case("removing the item cancels both directions")
async def _(environment, stack):
    people, alice, bob = await strangers(environment, stack)
    await people.friends(alice, bob)
    # RFC 6121 §2.5.2: the server sends unsubscribe and unsubscribed on the user's behalf.
    await alice.del_roster_item(bob.boundjid.bare)
    await bob.expect_presence(alice.boundjid.bare, "unsubscribe")
    await bob.expect_presence(alice.boundjid.bare, "unsubscribed")
    equal(await item(alice, bob.boundjid.bare), None, "alice's item")
    equal(await item(bob, alice.boundjid.bare), ("none", None), "bob's item")


@case("removing the item takes presence back on both sides", {"prosody": "0.12 leaves it standing"})
async def _(environment, stack):
    # RFC 6121 §3.2.2 and §3.3.3, which the removal amounts to.
    people, alice, bob = await strangers(environment, stack)
    await people.friends(alice, bob)
    await alice.del_roster_item(bob.boundjid.bare)
    await bob.expect_presence(alice.boundjid, "unavailable")
    await alice.expect_presence(bob.boundjid, "unavailable")


@case("a subscription approved beforehand is granted without asking")
async def _(environment, stack):
    # RFC 6121 §3.4, announced by the stream feature that slixmpp looks for.
    _, alice, bob = await strangers(environment, stack)
    check("preapproval" in bob.features, "pre-approval is not announced")
    bob.send_presence(pto=alice.boundjid.bare, ptype="subscribed")
    await fence(bob, alice)
    alice.silent()
    alice.send_presence(pto=bob.boundjid.bare, ptype="subscribe")
    await alice.expect_presence(bob.boundjid.bare, "subscribed")
    await alice.expect_presence(bob.boundjid, "available")
    await fence(alice, bob)
    check(not [s for s in bob.unread if s["type"] == "subscribe"], "bob was asked all the same")


@case("an approval beforehand is pushed as such", {"prosody": "0.12 keeps the flag to itself"})
async def _(environment, stack):
    # RFC 6121 §3.4.2.
    _, alice, bob = await strangers(environment, stack)
    bob.send_presence(pto=alice.boundjid.bare, ptype="subscribed")
    entry = roster_items(await bob.expect_push(alice.boundjid.bare))[alice.boundjid.bare]
    equal((entry.get("approved"), entry.get("subscription")), ("true", "none"), "the item")


@case("subscription requests are stamped with the bare address")
async def _(environment, stack):
    _, alice, bob = await strangers(environment, stack)
    # Even when the client asks a full address: RFC 6121 §3.1.2 rewrites both ends.
    alice.send_presence(pto=bob.boundjid.full, ptype="subscribe")
    heard = await bob.expect_presence(alice.boundjid.bare, "subscribe")
    equal(str(heard["to"]), bob.boundjid.bare, "to")


@case("every interested resource hears a request, an uninterested one doesn't",
      {"prosody": "0.12 gives a request to every available resource"})
async def _(environment, stack):
    # RFC 6121 §3.1.3 rule 3.
    people = People(environment, stack)
    alice, bob = await people.join(environment.account("alice")), environment.account("bob")
    interested = [await people.join(bob, name) for name in ("desk", "phone")]
    other = await people.join(bob, "sensor", roster=False, priority=-1)
    alice.send_presence(pto=bob.jid, ptype="subscribe")
    for client in interested:
        await client.expect_presence(alice.boundjid.bare, "subscribe")
    await fence(alice, other)
    check(not [s for s in other.unread if s["type"] == "subscribe"], "the sensor was asked")


@case("a subscription survives both being offline")
async def _(environment, stack):
    people, alice, bob = await strangers(environment, stack)
    await people.friends(alice, bob)
    await alice.leave()
    await bob.leave()
    alice = await people.join(alice.account, "desk")
    bob = await people.join(bob.account, "desk")
    await alice.expect_presence(bob.boundjid, "available")
    await bob.expect_presence(alice.boundjid, "available")


@case("subscribing to nobody leaves the request open and tells nothing")
async def _(environment, stack):
    alice = await People(environment, stack).join(environment.account("alice"))
    nobody = f"nobody-at-all@{environment.host}"
    alice.send_presence(pto=nobody, ptype="subscribe")
    await alice.expect_push(nobody)
    await settled(alice)
    # RFC 6121 §3.1.3 rule 1 allows silence or unsubscribed; "unavailable" tells no more.
    told = {s["type"] for s in alice.unread if s.name == "presence"} - {"unsubscribed", "unavailable"}
    equal(told, set(), "what alice heard")


if __name__ == "__main__":
    run()
