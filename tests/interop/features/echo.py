# The developers guide's second example: a service on a domain of its own that echoes.
from support.cases import case, check, equal, run
from support.client import People, fence, settled


def echo(environment):
    return f"echo.{environment.host}"


@case("a message comes back from where it was sent to")
async def _(environment, stack):
    alice = await People(environment, stack).join(environment.account("alice"))
    for target in (echo(environment), f"anybody@{echo(environment)}", f"anybody@{echo(environment)}/x"):
        alice.send_message(mto=target, mbody=f"hello {target}", mtype="chat")
        heard = await alice.expect_message(f"hello {target}")
        equal((str(heard["from"]), str(heard["to"]), heard["type"]),
              (target, str(alice.boundjid), "chat"), "from, to and type")


@case("many messages come back once each and in order")
async def _(environment, stack):
    alice = await People(environment, stack).join(environment.account("alice"))
    for number in range(100):
        alice.send_message(mto=echo(environment), mbody=str(number), mtype="chat")
    for number in range(100):
        heard = await alice.expect(lambda s: s.name == "message", "the next echo")
        equal(heard["body"], str(number), "the order")


@case("an error is never echoed")
async def _(environment, stack):
    # Two such services would otherwise talk to each other for ever.
    alice = await People(environment, stack).join(environment.account("alice"))
    broken = alice.make_message(mto=echo(environment), mbody="broken", mtype="error")
    broken["error"]["condition"] = "item-not-found"
    broken.send()
    result = alice.make_iq_result(id="nobody-asked", ito=f"user@{echo(environment)}")
    result.send()
    alice.send_message(mto=echo(environment), mbody="after", mtype="chat")
    heard = await alice.expect(lambda s: s.name == "message", "the first echo")
    equal(heard["body"], "after", "what is echoed first")
    await settled(alice)
    alice.silent("message")


@case("the service says what it is")
async def _(environment, stack):
    alice = await People(environment, stack).join(environment.account("alice"), plugins=["xep_0030"])
    info = (await alice["xep_0030"].get_info(jid=echo(environment), timeout=8))["disco_info"]
    check(info["identities"], "no identity")


@case("a bystander hears no echo")
async def _(environment, stack):
    people = People(environment, stack)
    alice, bob = await people.join(environment.account("alice")), await people.join(environment.account("bob"))
    alice.send_message(mto=echo(environment), mbody="mine", mtype="chat")
    await alice.expect_message("mine")
    await fence(alice, bob)
    bob.silent()


if __name__ == "__main__":
    run()
