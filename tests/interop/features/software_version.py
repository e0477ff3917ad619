# XEP-0092: Software Version.
from support.cases import case, check, equal, run
from support.client import People


@case("the server names itself and its version")
async def _(environment, stack):
    alice = await People(environment, stack).join(environment.account("alice"), plugins=["xep_0092"])
    answer = await alice["xep_0092"].get_version(environment.host, timeout=8)
    equal(answer["software_version"]["name"].lower(), environment.server, "name")
    check(answer["software_version"]["version"], "version is empty")


@case("another client's version is that client's to tell")
async def _(environment, stack):
    people = People(environment, stack)
    alice = await people.join(environment.account("alice"), plugins=["xep_0092"])
    bob = await people.join(environment.account("bob"), plugins=["xep_0092"])
    bob["xep_0092"].software_name = "Bob's client"
    answer = await alice["xep_0092"].get_version(bob.boundjid, timeout=8)
    equal(answer["software_version"]["name"], "Bob's client", "name")


if __name__ == "__main__":
    run()
