# XEP-0199: XMPP Ping.
from support.cases import case, check, run
from support.client import People, refused


@case("the server answers a ping")
async def _(environment, stack):
    alice = await People(environment, stack).join(environment.account("alice"), plugins=["xep_0199"])
    took = await alice["xep_0199"].ping(environment.host, timeout=5)
    check(took >= 0, "slixmpp measures a round trip")


@case("a user's own bare address answers a ping")
async def _(environment, stack):
    alice = await People(environment, stack).join(environment.account("alice"), plugins=["xep_0199"])
    await alice["xep_0199"].ping(alice.boundjid.bare, timeout=5)


@case("a ping to a full address is the client's to answer")
async def _(environment, stack):
    people = People(environment, stack)
    alice = await people.join(environment.account("alice"), plugins=["xep_0199"])
    bob = await people.join(environment.account("bob"), plugins=["xep_0199"])
    await alice["xep_0199"].send_ping(bob.boundjid, timeout=5)


@case("a ping to nobody is service-unavailable",
      {"prosody": "answers for any bare address of its own, whether it exists or not"})
async def _(environment, stack):
    alice = await People(environment, stack).join(environment.account("alice"), plugins=["xep_0199"])
    # RFC 6121 §8.5.1: the user does not exist, so the server answers for him.
    nobody = f"nobody-at-all@{environment.host}"
    await refused(alice["xep_0199"].send_ping(nobody, timeout=5), "service-unavailable")


if __name__ == "__main__":
    run()
