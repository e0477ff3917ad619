# RFC 6121 §2: the roster.
from support.cases import case, check, equal, run
from support.client import ET, People, fence, refused, roster_items, roster_of, settled

ROSTER = "{jabber:iq:roster}"


def roster_set(client, *items, **attributes):
    iq = client.make_iq_set()
    query = ET.SubElement(iq.xml, ROSTER + "query", attributes)
    for jid, options in items:
        entry = ET.SubElement(query, ROSTER + "item", {"jid": jid} if jid else {})
        for key, value in options.items():
            if key != "groups":
                entry.set(key, value)
        for group in options.get("groups", ()):
            ET.SubElement(entry, ROSTER + "group").text = group
    return iq.send(timeout=8)


def groups(entry):
    return sorted(g.text for g in entry.iter(ROSTER + "group"))


@case("a new account has an empty roster")
async def _(environment, stack):
    alice = await People(environment, stack).join(environment.account("alice"))
    equal(roster_items(await roster_of(alice)), {}, "the items")


@case("set, change and remove an item with name and groups")
async def _(environment, stack):
    alice = await People(environment, stack).join(environment.account("alice"))
    await alice.client_roster.update("bob@example.org", name="Bob", groups=["Friends", "Work"])
    entry = roster_items(await roster_of(alice))["bob@example.org"]
    equal((entry.get("name"), groups(entry), entry.get("subscription")),
          ("Bob", ["Friends", "Work"], "none"), "the item")
    await roster_set(alice, ("bob@example.org", {"name": "Robert ☃ & Co", "groups": ["Work"]}))
    entry = roster_items(await roster_of(alice))["bob@example.org"]
    equal((entry.get("name"), groups(entry)), ("Robert ☃ & Co", ["Work"]), "the changed item")
    await roster_set(alice, ("bob@example.org", {"subscription": "remove"}))
    equal(roster_items(await roster_of(alice)), {}, "the items at last")


@case("a client cannot grant itself a subscription by a roster set")
async def _(environment, stack):
    # RFC 6121 §2.1.2.5: any subscription but "remove" is ignored.
    people = People(environment, stack)
    alice, bob = await people.join(environment.account("alice")), await people.join(environment.account("bob"))
    await roster_set(alice, (bob.boundjid.bare, {"subscription": "both", "ask": "subscribe"}))
    entry = roster_items(await roster_of(alice))[bob.boundjid.bare]
    equal((entry.get("subscription"), entry.get("ask")), ("none", None), "the item")
    bob.send_presence(pshow="away")
    await fence(bob, alice)
    check(not [s for s in alice.unread if s.name == "presence" and s["from"].bare == bob.boundjid.bare],
          "presence leaked")


@case("pushes go to the interested resources only, the one that asked included")
async def _(environment, stack):
    people, account = People(environment, stack), environment.account("alice")
    desk, phone = await people.join(account, "desk"), await people.join(account, "phone")
    sensor = await people.join(account, "sensor", roster=False)
    await roster_set(desk, ("bob@example.org", {"name": "Bob"}))
    for client in (desk, phone):
        push = await client.expect_push("bob@example.org")
        check(str(push["from"]) in ("", account.jid), f"a push comes from {push['from']}")
    await fence(desk, sensor)
    sensor.silent("iq")


@case("a stranger cannot push")
async def _(environment, stack):
    people = People(environment, stack)
    alice, mallory = await people.join(environment.account("alice")), await people.join(environment.account("mallory"))
    forged = mallory.make_iq_set(ito=alice.boundjid.bare)
    query = ET.SubElement(forged.xml, ROSTER + "query")
    ET.SubElement(query, ROSTER + "item", {"jid": "mallory@example.org"})
    await refused(forged.send(timeout=8), "forbidden", "not-allowed", "service-unavailable")
    equal(roster_items(await roster_of(alice)), {}, "alice's roster")
    read = mallory.make_iq_get(ito=alice.boundjid.bare)
    ET.SubElement(read.xml, ROSTER + "query")
    await refused(read.send(timeout=8), "forbidden", "not-allowed", "service-unavailable")


@case("a set of two items, or of none, is a bad request")
async def _(environment, stack):
    # RFC 6121 §2.3.3.
    alice = await People(environment, stack).join(environment.account("alice"))
    await refused(roster_set(alice, ("a@example.org", {}), ("b@example.org", {})), "bad-request")
    await refused(roster_set(alice), "bad-request")
    equal(roster_items(await roster_of(alice)), {}, "the roster")


@case("an item without an address, or with a broken one, is refused")
async def _(environment, stack):
    alice = await People(environment, stack).join(environment.account("alice"))
    await refused(roster_set(alice, (None, {"name": "who"})), "bad-request")
    await refused(roster_set(alice, ("@example.org", {})), "bad-request", "jid-malformed")


@case("removing what is not there is item-not-found")
async def _(environment, stack):
    # RFC 6121 §2.5.3.
    alice = await People(environment, stack).join(environment.account("alice"))
    await refused(roster_set(alice, ("nobody@example.org", {"subscription": "remove"})), "item-not-found")


@case("a group named twice is a bad request", {"prosody": "merges the groups"})
async def _(environment, stack):
    # RFC 6121 §2.3.3.
    alice = await People(environment, stack).join(environment.account("alice"))
    await refused(roster_set(alice, ("bob@example.org", {"groups": ["A", "A"]})), "bad-request")


@case("an empty group or a huge name is not acceptable", {"prosody": "keeps whatever it is given"})
async def _(environment, stack):
    # RFC 6121 §2.3.3: the limits are the server's, so the name is as large as a stanza may be.
    alice = await People(environment, stack).join(environment.account("alice"))
    await refused(roster_set(alice, ("bob@example.org", {"groups": [""]})), "not-acceptable", "bad-request")
    await refused(roster_set(alice, ("bob@example.org", {"name": "n" * 60000})), "not-acceptable")


@case("addresses are compared after preparation")
async def _(environment, stack):
    alice = await People(environment, stack).join(environment.account("alice"))
    await roster_set(alice, ("Bob@EXAMPLE.org", {"name": "one"}))
    await roster_set(alice, ("bob@example.org", {"name": "two"}))
    entries = roster_items(await roster_of(alice))
    equal([(j, e.get("name")) for j, e in entries.items()], [("bob@example.org", "two")], "the items")


@case("versioning: nothing is sent again to who is up to date")
async def _(environment, stack):
    # RFC 6121 §2.6.
    people, account = People(environment, stack), environment.account("alice")
    alice = await people.join(account, "desk")
    check("rosterver" in alice.features, "versioning is not announced")
    await roster_set(alice, ("bob@example.org", {"name": "Bob"}))
    push = await alice.expect_push("bob@example.org")
    version = push.xml.find(ROSTER + "query").get("ver")
    check(version is not None, "a push carries a version")
    await alice.leave()
    alice = await people.join(account, "desk", roster=False)
    answer = await roster_of(alice, version)
    check(answer.xml.find(ROSTER + "query") is None, f"an empty result was due, got {answer}")


@case("versioning: what changed meanwhile arrives")
async def _(environment, stack):
    people, account = People(environment, stack), environment.account("alice")
    alice = await people.join(account, "desk")
    await roster_set(alice, ("bob@example.org", {"name": "Bob"}))
    version = (await alice.expect_push("bob@example.org")).xml.find(ROSTER + "query").get("ver")
    await roster_set(alice, ("carol@example.org", {}))
    await roster_set(alice, ("bob@example.org", {"subscription": "remove"}))
    phone = await people.join(account, "phone", roster=False)
    answer = await roster_of(phone, version)
    if answer.xml.find(ROSTER + "query") is not None:
        # The whole roster is always allowed, and then says it is.
        equal(list(roster_items(answer)), ["carol@example.org"], "the whole roster")
    else:
        await phone.expect_push("carol@example.org")
        push = await phone.expect_push("bob@example.org")
        equal(roster_items(push)["bob@example.org"].get("subscription"), "remove", "bob")


@case("versioning: an unknown version gets the whole roster")
async def _(environment, stack):
    people, account = People(environment, stack), environment.account("alice")
    alice = await people.join(account, "desk")
    await roster_set(alice, ("bob@example.org", {"name": "Bob"}))
    for version in ("", "no such version", "999999999999999999999999"):
        answer = await roster_of(alice, version)
        equal(list(roster_items(answer)), ["bob@example.org"], f"the roster for version {version!r}")


@case("a change made by one resource is there for the next login")
async def _(environment, stack):
    people, account = People(environment, stack), environment.account("alice")
    alice = await people.join(account, "desk")
    for number in range(30):
        await roster_set(alice, (f"friend{number}@example.org", {"groups": [f"g{number % 3}"]}))
    await alice.drop()
    alice = await people.join(account, "desk")
    equal(len(roster_items(await roster_of(alice))), 30, "the items")
    await settled(alice)


if __name__ == "__main__":
    run()
