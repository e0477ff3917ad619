# mcabber (C, libloudmouth: its own XML parser, GnuTLS).
import tempfile
from pathlib import Path

from support.cases import case, run
from support.client import People
from support.programs import Terminal, needed


async def of_mcabber(bob, alice, kind):
    return await bob.expect(lambda s: s.name == "presence" and s["type"] == kind
                            and s["from"].bare == alice.jid, f"{kind} presence from mcabber", 15)


@case("a person logs in, sends and reads")
async def _(environment, stack):
    mcabber = needed("mcabber")
    people = People(environment, stack)
    bob, alice = await people.join(environment.account("bob")), environment.account("alice")
    # mcabber shows a conversation with somebody of the roster: they are friends already.
    before = await people.join(alice)
    await people.friends(before, bob)
    await before.leave()
    bob.forget()
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=environment.directory)))
    settings = folder / "mcabberrc"
    settings.write_text(f"""
set jid = {alice.jid}
set password = {alice.password}
set server = {environment.address}
set port = {environment.port}
set tls = 1
set ssl_ca = {environment.certificates[alice.host]}
set resource = mcabber
set beep_on_message = 0
""")
    settings.chmod(0o600)
    async with Terminal(folder, [mcabber, "-f", str(settings)], {"HOME": folder}) as screen:
        here = await of_mcabber(bob, alice, "available")
        assert here["from"].resource.startswith("mcabber."), here["from"]  # it adds a random tail
        await screen.type(f"/say_to {bob.boundjid.bare} hello from mcabber")
        await bob.expect_message("hello from mcabber", timeout=15)
        bob.send_message(mto=alice.jid, mbody="shown by mcabber", mtype="chat")
        await screen.type(f"/roster search {bob.boundjid.user}")
        await screen.type("")  # enter shows the conversation
        await screen.see("shown by mcabber")
        await screen.type("/status away back soon")
        heard = await of_mcabber(bob, alice, "away")
        assert heard["status"] == "back soon", heard["status"]
        await screen.type("/quit")
        await of_mcabber(bob, alice, "unavailable")


if __name__ == "__main__":
    run()
