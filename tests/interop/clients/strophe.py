# libstrophe (C, its own SASL and OpenSSL use), through ../strophe_chat.c.
from support.cases import case, check, equal, run
from support.client import People
from support.programs import Program
from support.strophe import built


@case("STARTTLS, SCRAM, iq and a chat with slixmpp")
async def _(environment, stack):
    bob = await People(environment, stack).join(environment.account("bob"))
    alice = environment.account("alice")
    command = [built(environment, "strophe_chat"), f"{alice.jid}/strophe", alice.password, environment.address,
               str(environment.port), environment.certificates[alice.host], str(bob.boundjid)]
    async with Program(command) as strophe:
        mechanism = await strophe.line("mechanism")
        check("SCRAM-SHA-" in mechanism, f"it chose {mechanism}")
        equal(await strophe.line("connected"), f"connected {alice.jid}/strophe", "the bound address")
        equal(await strophe.line("secured"), "secured yes", "TLS")
        await bob.expect_message("strophe is here")
        equal((await strophe.line("version")).lower(), f"version {environment.server}", "the iq's answer")
        for text in ("hello", "ünïcode ☃ <&>", "x" * 5000):
            bob.send_message(mto=f"{alice.jid}/strophe", mbody=text, mtype="chat")
            await bob.expect_message(f"strophe heard: {text}")
        bob.send_message(mto=alice.jid, mbody="quit", mtype="chat")
        equal(await strophe.end(), 0, "its exit status")


@case("a wrong password does not get in")
async def _(environment):
    alice = environment.account("alice")
    command = [built(environment, "strophe_chat"), alice.jid, "wrong", environment.address, str(environment.port),
               environment.certificates[alice.host], alice.jid]
    async with Program(command) as strophe:
        equal(await strophe.end(), 1, "its exit status")
        check(not any(line.startswith("connected") for line in strophe.lines), "it got in")


if __name__ == "__main__":
    run()
