# go-sendxmpp (Go: its own TLS, XML and SASL).
from support.cases import case, check, equal, run
from support.client import People
from support.programs import Program, needed


def command(environment, account, *arguments, direct_tls=False):
    port = environment.direct_tls_port if direct_tls else environment.port
    return [needed("go-sendxmpp"), "-u", account.jid, "-p", account.password,
            "-j", f"{environment.address}:{port}", *(["-t"] if direct_tls else []), *arguments]


def trust(environment, account):
    # Go's way to name the certificates that are trusted; they are verified like any other.
    return {"SSL_CERT_FILE": environment.certificates[account.host], "SSL_CERT_DIR": "/nonexistent"}


for _direct in (False, True):
    @case(f"it sends a message to slixmpp by {'direct TLS' if _direct else 'STARTTLS'}")
    async def _(environment, stack, direct=_direct):
        bob = await People(environment, stack).join(environment.account("bob"))
        alice = environment.account("alice")
        words = command(environment, alice, bob.boundjid.bare, direct_tls=direct)
        async with Program(words, trust(environment, alice)) as program:
            program.process.stdin.write("hello from Go ☃ <&>\n".encode())
            program.process.stdin.close()
            heard = await bob.expect_message("hello from Go ☃ <&>", timeout=15)
            equal(heard["from"].bare, alice.jid, "from")
            equal(await program.end(), 0, f"its exit status ({program.lines})")


@case("it listens and prints what slixmpp sends")
async def _(environment, stack):
    people = People(environment, stack)
    bob, alice = await people.join(environment.account("bob")), environment.account("alice")
    async with Program(command(environment, alice, "--listen"), trust(environment, alice)) as program:
        # Bob has no subscription and cannot see it come online: the message may go by offline
        # storage, and arrives either way.
        bob.send_message(mto=alice.jid, mbody="are you listening?", mtype="chat")
        check(bob.boundjid.bare in await program.line("are you listening?"), "the sender is named")
        bob.send_message(mto=alice.jid, mbody="good", mtype="chat")
        await program.line("good")


@case("a message to somebody who is away arrives later")
async def _(environment, stack):
    bob, alice = environment.account("bob"), environment.account("alice")
    async with Program(command(environment, alice, bob.jid), trust(environment, alice)) as program:
        program.process.stdin.write(b"read this tomorrow\n")
        program.process.stdin.close()
        equal(await program.end(), 0, f"its exit status ({program.lines})")
    await (await People(environment, stack).join(bob)).expect_message("read this tomorrow")


@case("a certificate that is not trusted stops it")
async def _(environment):
    alice, other = environment.account("alice"), environment.account("bob", environment.hosts[1])
    async with Program(command(environment, alice, alice.jid), trust(environment, other)) as program:
        program.process.stdin.write(b"never\n")
        program.process.stdin.close()
        check(await program.end() != 0, "it went on")
        check(any("certificate" in line for line in program.lines), f"it said {program.lines}")


if __name__ == "__main__":
    run()
