# RFC 6121 §4: presence between people who are already subscribed, and directed presence.
from support.cases import case, equal, run
from support.client import People, fence, settled


async def pair(environment, stack):
    people = People(environment, stack)
    alice, bob = await people.join(environment.account("alice"), "desk"), await people.join(environment.account("bob"), "desk")
    await people.friends(alice, bob)
    return people, alice, bob


@case("a change of show, status and priority is broadcast")
async def _(environment, stack):
    _, alice, bob = await pair(environment, stack)
    alice.send_presence(pshow="dnd", pstatus="writing", ppriority=7)
    heard = await bob.expect_presence(alice.boundjid, "dnd")
    equal((heard["status"], heard["priority"]), ("writing", 7), "status and priority")


@case("a resource that comes online hears the others' presence by probe")
async def _(environment, stack):
    people, alice, bob = await pair(environment, stack)
    bob.send_presence(pshow="away", pstatus="tea")
    await alice.expect_presence(bob.boundjid, "away")
    phone = await people.join(alice.account, "phone")
    heard = await phone.expect_presence(bob.boundjid, "away")
    equal(heard["status"], "tea", "status")
    await phone.expect_presence(alice.boundjid, "available")
    await alice.expect_presence(phone.boundjid, "available")
    await bob.expect_presence(phone.boundjid, "available")


@case("leaving politely is unavailable, with the last words")
async def _(environment, stack):
    _, alice, bob = await pair(environment, stack)
    alice.send_presence(ptype="unavailable", pstatus="good night")
    heard = await bob.expect_presence(alice.boundjid, "unavailable")
    equal(heard["status"], "good night", "status")


@case("a closed stream is unavailable")
async def _(environment, stack):
    _, alice, bob = await pair(environment, stack)
    await alice.leave()
    await bob.expect_presence(alice.boundjid, "unavailable")


@case("a dropped connection is unavailable")
async def _(environment, stack):
    _, alice, bob = await pair(environment, stack)
    address = str(alice.boundjid)
    await alice.drop()
    await bob.expect_presence(address, "unavailable")


@case("somebody without a subscription hears nothing")
async def _(environment, stack):
    people, alice, bob = await pair(environment, stack)
    carol = await people.join(environment.account("carol"))
    alice.send_presence(pshow="away")
    await bob.expect_presence(alice.boundjid, "away")
    await fence(alice, carol)
    carol.silent()


@case("directed presence reaches a stranger, and so does its end")
async def _(environment, stack):
    people = People(environment, stack)
    alice, carol = await people.join(environment.account("alice")), await people.join(environment.account("carol"))
    alice.send_presence(pto=carol.boundjid, pshow="chat")
    await carol.expect_presence(alice.boundjid, "chat")
    # RFC 6121 §4.6.3: broadcasts don't follow it, but going offline does.
    alice.send_presence(pshow="away")
    await fence(alice, carol)
    carol.silent()
    address = str(alice.boundjid)
    await alice.drop()
    await carol.expect_presence(address, "unavailable")


@case("directed presence that was taken back is not ended twice")
async def _(environment, stack):
    people = People(environment, stack)
    alice, carol = await people.join(environment.account("alice"), "desk"), await people.join(environment.account("carol"))
    helper = await people.join(alice.account, "phone")
    alice.send_presence(pto=carol.boundjid)
    await carol.expect_presence(alice.boundjid, "available")
    alice.send_presence(pto=carol.boundjid, ptype="unavailable")
    await carol.expect_presence(alice.boundjid, "unavailable")
    await alice.leave()
    await helper.expect_presence(alice.boundjid, "unavailable")
    await fence(helper, carol)
    carol.silent()


@case("a probe by somebody who is subscribed is answered")
async def _(environment, stack):
    _, alice, bob = await pair(environment, stack)
    bob.send_presence(pto=alice.boundjid.bare, ptype="probe")
    await bob.expect_presence(alice.boundjid, "available")
    await fence(bob, alice)
    alice.silent()


@case("a probe by a stranger, or for nobody, tells nothing about presence")
async def _(environment, stack):
    # RFC 6121 §4.3.2: "unsubscribed" or silence, never an error that tells the two apart.
    people, alice, _ = await pair(environment, stack)
    carol = await people.join(environment.account("carol"))
    for target in (alice.boundjid.bare, f"nobody-at-all@{environment.host}"):
        carol.send_presence(pto=target, ptype="probe")
    await settled(carol)
    await fence(alice, carol)
    told = [s["type"] for s in carol.unread if s.name == "presence" and s["type"] != "unsubscribed"]
    equal(told, [], "presence told to a stranger")


@case("no presence is sent before the initial one")
async def _(environment, stack):
    people, alice, bob = await pair(environment, stack)
    quiet = await people.join(bob.account, "quiet", presence=False)
    await settled(quiet)
    alice.send_presence(pshow="xa")
    await bob.expect_presence(alice.boundjid, "xa")
    await fence(alice, quiet)
    quiet.silent()
    await alice.expect_presence(alice.boundjid, "xa")  # her own broadcast
    alice.silent()


if __name__ == "__main__":
    run()
