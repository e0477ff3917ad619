# XEP-0160: messages for those who are away, with XEP-0203 stamps.
from datetime import datetime, timedelta, timezone

from support.cases import case, check, equal, run
from support.client import People, fence, settled

PLUGINS = ["xep_0203"]


@case("messages wait, arrive in order, once, with stamps")
async def _(environment, stack):
    people = People(environment, stack)
    alice, bob = await people.join(environment.account("alice")), environment.account("bob")
    before = datetime.now(timezone.utc) - timedelta(seconds=5)
    for number in range(10):
        alice.send_message(mto=bob.jid, mbody=f"m{number}", mtype="chat" if number % 2 else "normal")
    await settled(alice)
    alice.silent()
    desk = await people.join(bob, "desk", plugins=PLUGINS)
    for number in range(10):
        heard = await desk.expect(lambda s: s.name == "message", "the next message")
        equal(heard["body"], f"m{number}", "the order")
        stamp = heard["delay"]["stamp"]
        check(stamp and before <= stamp <= datetime.now(timezone.utc) + timedelta(seconds=5),
              f"the stamp is {stamp}")
        equal(heard["delay"]["from"].domain, environment.host, "who stamped it")
    await desk.leave()
    again = await people.join(bob, "desk")
    await fence(alice, again)
    again.silent("message")


@case("they wait for a resource that is not negative",
      {"prosody": "0.12 hands them out with the first presence of a session only"})
async def _(environment, stack):
    people = People(environment, stack)
    alice, bob = await people.join(environment.account("alice")), environment.account("bob")
    alice.send_message(mto=bob.jid, mbody="for a person", mtype="chat")
    await settled(alice)
    sensor = await people.join(bob, "sensor", priority=-1)
    await fence(alice, sensor)
    sensor.silent("message")
    # XEP-0160 §3: the priority that rises brings them as a login would.
    await sensor.come_online(1)
    await sensor.expect_message("for a person")


@case("a session without presence does not receive them")
async def _(environment, stack):
    people = People(environment, stack)
    alice, bob = await people.join(environment.account("alice")), environment.account("bob")
    alice.send_message(mto=bob.jid, mbody="later", mtype="chat")
    await settled(alice)
    desk = await people.join(bob, "desk", presence=False)
    await settled(desk)
    desk.silent("message")
    await desk.come_online()
    await desk.expect_message("later")


@case("headlines, errors and groupchat are not kept")
async def _(environment, stack):
    people = People(environment, stack)
    alice, bob = await people.join(environment.account("alice")), environment.account("bob")
    alice.send_message(mto=bob.jid, mbody="news", mtype="headline")
    broken = alice.make_message(mto=bob.jid, mbody="broken", mtype="error")
    broken["error"]["condition"] = "item-not-found"
    broken.send()
    alice.send_message(mto=bob.jid, mbody="room", mtype="groupchat")
    alice.send_message(mto=bob.jid, mbody="kept", mtype="chat")
    await settled(alice)
    desk = await people.join(bob, "desk")
    await desk.expect_message("kept")
    await fence(alice, desk)
    desk.silent("message")


@case("a chat state alone is not kept", {"prosody": "0.12 keeps every chat message"})
async def _(environment, stack):
    # XEP-0160 §3: content with only chat states SHOULD NOT be stored.
    people = People(environment, stack)
    alice, bob = await people.join(environment.account("alice"), plugins=["xep_0085"]), environment.account("bob")
    typing = alice.make_message(mto=bob.jid, mtype="chat")
    typing["chat_state"] = "composing"
    typing.send()
    alice.send_message(mto=bob.jid, mbody="typed", mtype="chat")
    await settled(alice)
    desk = await people.join(bob, "desk")
    heard = await desk.expect(lambda s: s.name == "message", "a message")
    equal(heard["body"], "typed", "the first that arrives")


@case("beyond the limit the sender is told", {"prosody": "0.12 keeps without a limit"})
async def _(environment, stack):
    people = People(environment, stack)
    alice, bob = await people.join(environment.account("alice")), environment.account("bob")
    limit = environment.limits["offline_messages"]
    for number in range(limit):
        alice.send_message(mto=bob.jid, mbody=f"m{number}", mtype="chat")
    await settled(alice)
    alice.silent("message")
    alice.send_message(mto=bob.jid, mbody="one too many", mtype="chat")
    # XEP-0160 §3: as if the server did not store at all, RFC 6121 §8.5.2.2.1.
    error = await alice.expect(lambda s: s.name == "message" and s["type"] == "error", "an error")
    equal(error["error"]["condition"], "service-unavailable", "the condition")
    desk = await people.join(bob, "desk")
    for number in range(limit):
        heard = await desk.expect(lambda s: s.name == "message", "the next message")
        equal(heard["body"], f"m{number}", "what was kept")
    await fence(alice, desk)
    desk.silent("message")


@case("a message to the full address of somebody who left is kept too")
async def _(environment, stack):
    people = People(environment, stack)
    alice, bob = await people.join(environment.account("alice")), environment.account("bob")
    desk = await people.join(bob, "desk")
    address = str(desk.boundjid)
    await desk.leave()
    alice.send_message(mto=address, mbody="you just left", mtype="chat")
    await settled(alice)
    desk = await people.join(bob, "desk")
    await desk.expect_message("you just left")


@case("offline storage is announced")
async def _(environment, stack):
    alice = await People(environment, stack).join(environment.account("alice"), plugins=["xep_0030"])
    info = await alice["xep_0030"].get_info(jid=environment.host, timeout=8)
    check("msgoffline" in info["disco_info"]["features"], "the feature msgoffline")


if __name__ == "__main__":
    run()
