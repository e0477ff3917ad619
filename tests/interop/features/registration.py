# XEP-0077: In-Band Registration.
import secrets

from support.cases import case, check, equal, run
from support.client import IqError, LoginFailed, People, condition_of, refused
from support.environment import Account
from support.wire import CLIENT, Wire, stanza_condition

PLUGINS = ["xep_0004", "xep_0030", "xep_0066", "xep_0077"]
REGISTER = "{jabber:iq:register}"


def newcomer(environment):
    return Account(f"new-{secrets.token_hex(3)}", environment.host, "first-password")


def ask(wire, user, password, extra=""):
    wire.send(f"<iq type='set' id='r'><query xmlns='jabber:iq:register'><username>{user}</username>"
              f"<password>{password}</password>{extra}</query></iq>")
    return wire.next()


@case("a newcomer registers in the stream and logs in at once")
async def _(environment, stack):
    account = newcomer(environment)
    people = People(environment, stack)
    seen = []

    async def register(form):
        seen.append(set(form["register"]["fields"]))
        iq = client.make_iq_set()
        iq["register"]["username"] = account.user
        iq["register"]["password"] = account.password
        await iq.send(timeout=8)

    client = people.client(account, plugins=PLUGINS)
    client.add_event_handler("register", register)
    # slixmpp 1.8.3 holds every iq back until there is a session, its own registration too.
    client._always_send_everything = True
    await client.login()
    check({"username", "password"} <= (seen or [set()])[0], f"the form asked for {seen}")
    await client.leave()
    await people.join(account)


@case("registration is announced inside TLS only")
def _(environment):
    feature = "{http://jabber.org/features/iq-register}register"
    with Wire(environment) as wire:
        check(wire.open().find(feature) is None, "announced in the clear")
    with Wire(environment) as wire:
        check(wire.start_tls().find(feature) is not None, "not announced inside TLS")


@case("a name that is taken is a conflict, in any spelling")
def _(environment):
    account = environment.account("alice")
    for name in (account.user, account.user.upper()):
        with Wire(environment) as wire:
            wire.start_tls()
            equal(stanza_condition(ask(wire, name, "x")), "conflict", f"the answer for {name}")


@case("a name or password that is missing or impossible is not acceptable")
def _(environment):
    for user, password in (("", "x"), ("somebody", ""), ("some body", "x"), ("a@b", "x"), ("a" * 1100, "x")):
        with Wire(environment) as wire:
            wire.start_tls()
            found = stanza_condition(ask(wire, user, password))
            check(found in ("not-acceptable", "bad-request", "jid-malformed"),
                  f"{user[:20]!r} with {password!r} gives {found}")


@case("the password is changed from within and the old one is dead")
async def _(environment, stack):
    account = environment.account("alice")
    people = People(environment, stack)
    alice = await people.join(account, "desk", plugins=PLUGINS)
    await alice["xep_0077"].change_password("second ☃ password", jid=environment.host, timeout=8)
    await alice.leave()
    await people.join(account, "desk", password="second ☃ password")
    try:
        await people.join(account, "phone")
    except LoginFailed as failure:
        check("not-authorized" in str(failure), str(failure))
        return
    check(False, "the old password still works")


@case("nobody changes another's password")
async def _(environment, stack):
    people = People(environment, stack)
    victim = environment.account("victim")
    mallory = await people.join(environment.account("mallory"), plugins=PLUGINS)
    iq = mallory.make_iq_set(ito=environment.host)
    iq["register"]["username"] = victim.user
    iq["register"]["password"] = "stolen"
    try:
        await iq.send(timeout=8)
    except IqError as error:
        check(condition_of(error) in ("bad-request", "forbidden", "not-allowed", "not-authorized",
                                      "not-acceptable"), condition_of(error))
    await people.join(victim)


@case("one who is registered is told so")
async def _(environment, stack):
    alice = await People(environment, stack).join(environment.account("alice"), plugins=PLUGINS)
    answer = await alice["xep_0077"].get_registration(jid=environment.host, timeout=8)
    check(answer.xml.find(f"{REGISTER}query/{REGISTER}registered") is not None, "<registered/>")
    equal(answer["register"]["username"], alice.boundjid.user, "the user name")


@case("cancelling ends every session and the account")
async def _(environment, stack):
    account = environment.account("alice")
    people = People(environment, stack)
    desk = await people.join(account, "desk", plugins=PLUGINS)
    phone = await people.join(account, "phone")
    desk_gone, phone_gone = desk.disconnected, phone.disconnected
    await desk["xep_0077"].cancel_registration(jid=environment.host, timeout=8)
    await desk_gone
    await phone_gone
    try:
        await people.join(account)
    except LoginFailed as failure:
        check("not-authorized" in str(failure), str(failure))
        return
    check(False, "the account is still there")


@case("a cancelled account leaves nothing to the next of that name")
async def _(environment, stack):
    account = environment.account("alice")
    people = People(environment, stack)
    bob = await people.join(environment.account("bob"))
    alice = await people.join(account, plugins=PLUGINS)
    await people.friends(alice, bob)
    gone = alice.disconnected
    address = str(alice.boundjid)
    await alice["xep_0077"].cancel_registration(jid=environment.host, timeout=8)
    await gone
    await bob.expect_presence(address, "unavailable")
    with Wire(environment) as wire:
        wire.start_tls()
        answer = ask(wire, account.user, account.password)
    if environment.server == "prosody" and answer.get("type") == "error":
        return  # Prosody keeps the names of the dead
    equal(answer.get("type"), "result", "registering the name again")
    again = await people.join(account, roster=False)
    iq = again.make_iq_get(queryxmlns="jabber:iq:roster")
    answer = await iq.send(timeout=8)
    equal(len(answer.xml.find("{jabber:iq:roster}query") or ()), 0, "the roster of the new account")
    await refused(again.make_iq_get(ito=bob.boundjid.bare, queryxmlns="jabber:iq:last").send(timeout=8),
                  "forbidden", "service-unavailable", "subscription-required", "not-authorized")


@case("a registration before TLS is refused")
def _(environment):
    with Wire(environment) as wire:
        wire.open()
        wire.send("<iq type='get' id='r'><query xmlns='jabber:iq:register'/></iq>")
        element = wire.next()
        check(element.tag != CLIENT + "iq" or element.get("type") == "error", "a form came in the clear")


if __name__ == "__main__":
    run()
