# Two domains in one process: their own certificates (by SNI), accounts and data.
from support.cases import Failure, case, check, equal, run
from support.client import ET, LoginFailed, People, fence, refused, settled
from support.environment import Account
from support.wire import Wire, plain


@case("each host shows its own certificate, by STARTTLS and by direct TLS")
async def _(environment, stack):
    people = People(environment, stack)
    for host in environment.hosts:
        account = environment.account("alice", host)
        for direct in (False, True):
            # The client trusts this host's certificate alone and checks the name in it.
            client = await people.join(account, direct_tls=direct)
            await settled(client)


@case("a certificate of the other host is not accepted")
async def _(environment, stack):
    first, second = environment.hosts
    try:
        await People(environment, stack).join(environment.account("alice", second),
                                              certificate=environment.certificates[first])
    except LoginFailed as failure:
        check("certificate" in str(failure).lower(), f"refused for another reason: {failure}")
        return
    raise Failure("the client accepted it")


@case("STARTTLS without SNI shows the certificate of the stream's host")
def _(environment):
    # RFC 6120 §5.4.3.1: the header's "to" has already said which host this is.
    import ssl
    for host in environment.hosts:
        with Wire(environment, host) as wire:
            wire.open()
            wire.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
            wire.next()
            context = ssl.create_default_context(cafile=environment.certificates[host])
            context.check_hostname = False
            wire.socket = context.wrap_socket(wire.socket)
            wire.open()


@case("an account of one host is unknown to the other")
async def _(environment, stack):
    people = People(environment, stack)
    first, second = environment.hosts
    account = environment.account("alice", first)
    try:
        await people.join(Account(account.user, second, account.password))
    except LoginFailed as failure:
        check("not-authorized" in str(failure), str(failure))
        return
    raise Failure("logged in to the wrong host")


@case("the same name on both hosts is two people")
async def _(environment, stack):
    people = People(environment, stack)
    here = environment.account("alice", environment.hosts[0], "one")
    there = environment.account("alice", environment.hosts[1], "two")
    a, b = await people.join(here, "desk"), await people.join(there, "desk")
    await a.client_roster.update("friend@example.org", name="only here")
    await settled(a)
    answer = await b.get_roster(timeout=8)
    check("friend@example.org" not in str(answer), "the roster is shared")
    await b.leave()
    b = await people.join(there, "desk")
    await fence(a, b)
    b.silent("message", "iq")


@case("people of two hosts of one server talk without leaving it")
async def _(environment, stack):
    people = People(environment, stack)
    a = await people.join(environment.account("alice", environment.hosts[0]))
    b = await people.join(environment.account("bob", environment.hosts[1]))
    await people.friends(a, b)
    a.send_message(mto=b.boundjid.bare, mbody="across", mtype="chat")
    heard = await b.expect_message("across")
    equal(str(heard["from"]), str(a.boundjid), "from")
    a.send_presence(pshow="away")
    await b.expect_presence(a.boundjid, "away")


@case("a message waits for somebody of the other host")
async def _(environment, stack):
    people = People(environment, stack)
    a = await people.join(environment.account("alice", environment.hosts[0]))
    b = environment.account("bob", environment.hosts[1])
    a.send_message(mto=b.jid, mbody="across and later", mtype="chat")
    await settled(a)
    await (await people.join(b)).expect_message("across and later")


@case("a header for one host does not log in to another by its user name")
def _(environment):
    first, second = environment.hosts
    account = environment.account("alice", first)
    with Wire(environment, second) as wire:
        wire.start_tls()
        answer = wire.auth("PLAIN", plain(account.user, account.password))
        check(answer.tag.endswith("failure"), f"the answer is {answer.tag}")


@case("a domain that is not ours is remote-server-not-found", {"prosody": "its s2s is switched off"})
async def _(environment, stack):
    alice = await People(environment, stack).join(environment.account("alice"))
    iq = alice.make_iq_get(ito="somebody@not-ours.invalid")
    ET.SubElement(iq.xml, "{urn:xmpp:ping}ping")
    await refused(iq.send(timeout=8), "remote-server-not-found")


if __name__ == "__main__":
    run()
