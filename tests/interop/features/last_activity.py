# XEP-0012: Last Activity.
from support.cases import case, check, equal, run
from support.client import People, refused

PLUGINS = ["xep_0012"]


async def asked(client, jid):
    return (await client["xep_0012"].get_last_activity(jid, timeout=8))["last_activity"]


@case("the server tells its uptime")
async def _(environment, stack):
    alice = await People(environment, stack).join(environment.account("alice"), plugins=PLUGINS)
    seconds = (await asked(alice, environment.host))["seconds"]
    check(0 <= seconds < 3600, f"{seconds} seconds")


@case("somebody who is there has been away for zero seconds")
async def _(environment, stack):
    people = People(environment, stack)
    alice = await people.join(environment.account("alice"), plugins=PLUGINS)
    bob = await people.join(environment.account("bob"))
    await people.friends(alice, bob)
    equal((await asked(alice, bob.boundjid.bare))["seconds"], 0, "seconds")


@case("somebody who left is told with the last words")
async def _(environment, stack):
    people = People(environment, stack)
    alice = await people.join(environment.account("alice"), plugins=PLUGINS)
    bob = await people.join(environment.account("bob"))
    await people.friends(alice, bob)
    bob.send_presence(ptype="unavailable", pstatus="gone fishing")
    await alice.expect_presence(bob.boundjid, "unavailable")
    await bob.leave()
    last = await asked(alice, bob.boundjid.bare)
    check(0 <= last["seconds"] < 60, f"{last['seconds']} seconds")
    equal(last["status"], "gone fishing", "the last words")


@case("a stranger is not told")
async def _(environment, stack):
    # XEP-0012 §4: forbidden unless the asker may see the user's presence. The condition is the same
    # for an account that does not exist, or it would tell.
    people = People(environment, stack)
    alice = await people.join(environment.account("alice"), plugins=PLUGINS)
    bob = await people.join(environment.account("bob"))
    await refused(alice["xep_0012"].get_last_activity(bob.boundjid.bare, timeout=8),
                  "forbidden", "service-unavailable")


@case("a resource answers for itself")
async def _(environment, stack):
    people = People(environment, stack)
    alice = await people.join(environment.account("alice"), plugins=PLUGINS)
    bob = await people.join(environment.account("bob"), plugins=PLUGINS)
    await people.friends(alice, bob)
    await bob["xep_0012"].set_last_activity(bob.boundjid, seconds=123)
    check((await asked(alice, bob.boundjid))["seconds"] >= 123, "bob's client said 123")


if __name__ == "__main__":
    run()
