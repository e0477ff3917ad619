# Profanity, a person's client on a terminal (C, libstrophe).
import tempfile
from pathlib import Path

from support.cases import case, run
from support.client import People
from support.programs import Terminal, needed


def home(environment, account, stack):
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=environment.directory)))
    (folder / "profanity").mkdir()
    (folder / "profanity" / "profrc").write_text(f"""
[ui]
splash=false
[logging]
chlog=false
""")
    (folder / "profanity" / "accounts").write_text(f"""
[{account.jid}]
enabled=true
jid={account.jid}
server={environment.address}
port={environment.port}
tls.policy=force
password={account.password}
resource=profanity
presence.last=online
presence.login=online
""")
    # OpenSSL's own way to name what is trusted: Profanity would ask the person otherwise.
    return folder, {"HOME": folder, "XDG_CONFIG_HOME": folder, "XDG_DATA_HOME": folder,
                    "SSL_CERT_FILE": environment.certificates[account.host]}


@case("a person logs in, sends and reads")
async def _(environment, stack):
    profanity = needed("profanity")
    bob = await People(environment, stack).join(environment.account("bob"))
    alice = environment.account("alice")
    folder, settings = home(environment, alice, stack)
    async with Terminal(folder, [profanity, "-a", alice.jid], settings) as screen:
        await screen.see(f"{alice.jid}/profanity logged in successfully")
        await screen.type(f"/msg {bob.boundjid.bare} hello from a terminal")
        await bob.expect_message("hello from a terminal", timeout=15)
        bob.send_message(mto=alice.jid, mbody="read it on the screen ☃", mtype="chat")
        await screen.see("read it on the screen ☃")
        # The rest of a day: a subscription, presence, good bye.
        await screen.type(f"/sub request {bob.boundjid.bare}")
        await bob.expect_presence(alice.jid, "subscribe", timeout=15)
        bob.send_presence(pto=alice.jid, ptype="subscribed")
        bob.send_presence(pto=alice.jid, ptype="subscribe")
        await screen.type("/win 1")
        await screen.see(f"Received authorization request from {bob.boundjid.bare}",
                         f"{bob.boundjid.bare} wants")
        await screen.type(f"/sub allow {bob.boundjid.bare}")
        await bob.expect_presence(alice.jid, "subscribed", timeout=15)
        await bob.expect_presence(f"{alice.jid}/profanity", "available", timeout=15)
        await screen.type("/status set away")
        await bob.expect_presence(f"{alice.jid}/profanity", "away", timeout=15)
        await screen.type("/quit")
        await bob.expect_presence(f"{alice.jid}/profanity", "unavailable", timeout=15)


@case("a wrong password is shown as such")
async def _(environment, stack):
    profanity = needed("profanity")
    alice = environment.account("alice")._replace(password="wrong")
    folder, settings = home(environment, alice, stack)
    async with Terminal(folder, [profanity, "-a", alice.jid], settings) as screen:
        await screen.see("Login failed")


if __name__ == "__main__":
    run()
