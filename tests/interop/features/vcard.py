# XEP-0054: vcard-temp, and XEP-0153: the avatar's hash in presence.
import hashlib

from support.cases import case, check, equal, run
from support.client import ET, People, fence, refused

PLUGINS = ["xep_0054"]
PHOTO = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4
HASH = hashlib.sha1(PHOTO).hexdigest()
UPDATE = "{vcard-temp:x:update}"


def card(client, name, photo=None):
    made = client["xep_0054"].make_vcard()
    made["FN"] = name
    if photo:
        made["PHOTO"]["TYPE"] = "image/png"
        made["PHOTO"]["BINVAL"] = photo
    return made


def hash_in(presence):
    return presence.xml.findtext(f"{UPDATE}x/{UPDATE}photo")


@case("one's own card is kept and replaced")
async def _(environment, stack):
    people, account = People(environment, stack), environment.account("alice")
    alice = await people.join(account, "desk", plugins=PLUGINS)
    await alice["xep_0054"].publish_vcard(card(alice, "Alice Ünicode ☃"), timeout=8)
    await alice.leave()
    alice = await people.join(account, "desk", plugins=PLUGINS)
    answer = await alice["xep_0054"].get_vcard(alice.boundjid.bare, timeout=8)
    equal(answer["vcard_temp"]["FN"], "Alice Ünicode ☃", "the name")
    await alice["xep_0054"].publish_vcard(card(alice, "Alice B."), timeout=8)
    answer = await alice["xep_0054"].get_vcard(alice.boundjid.bare, timeout=8)
    equal(answer["vcard_temp"]["FN"], "Alice B.", "the name")


@case("anybody may read a card, also of somebody who is away")
async def _(environment, stack):
    people = People(environment, stack)
    alice = await people.join(environment.account("alice"), plugins=PLUGINS)
    bob = await people.join(environment.account("bob"), plugins=PLUGINS)
    await alice["xep_0054"].publish_vcard(card(alice, "Alice", PHOTO), timeout=8)
    await alice.leave()
    answer = await bob["xep_0054"].get_vcard(alice.boundjid.bare, cached=False, timeout=8)
    equal(answer["vcard_temp"]["FN"], "Alice", "the name")
    equal(answer["vcard_temp"]["PHOTO"]["BINVAL"], PHOTO, "the photo")


@case("nobody writes another's card")
async def _(environment, stack):
    people = People(environment, stack)
    alice = await people.join(environment.account("alice"), plugins=PLUGINS)
    mallory = await people.join(environment.account("mallory"), plugins=PLUGINS)
    await refused(mallory["xep_0054"].publish_vcard(card(mallory, "forged"), jid=alice.boundjid.bare,
                                                     timeout=8),
                  "forbidden", "not-allowed", "service-unavailable")


@case("no card: an empty one of one's own, item-not-found or service-unavailable of another")
async def _(environment, stack):
    people = People(environment, stack)
    alice = await people.join(environment.account("alice"), plugins=PLUGINS)
    for target in (None, environment.account("bob").jid, f"nobody-at-all@{environment.host}"):
        iq = alice.make_iq_get(ito=target)
        ET.SubElement(iq.xml, "{vcard-temp}vCard")
        try:
            answer = await iq.send(timeout=8)
        except Exception as error:  # noqa: BLE001
            check(error.condition in ("item-not-found", "service-unavailable"),
                  f"{target} answers {error.condition}")
        else:
            # XEP-0054 §3.1: an empty card is the other answer that is allowed.
            found = answer.xml.find("{vcard-temp}vCard")
            check(found is None or len(found) == 0, f"{target} answers {answer}")


@case("the server has a card", {"prosody": "has none"})
async def _(environment, stack):
    alice = await People(environment, stack).join(environment.account("alice"), plugins=PLUGINS)
    iq = alice.make_iq_get(ito=environment.host)
    ET.SubElement(iq.xml, "{vcard-temp}vCard")
    answer = await iq.send(timeout=8)
    check(len(answer.xml.find("{vcard-temp}vCard")) > 0, "an empty card")


@case("the client's avatar hash passes in its presence")
async def _(environment, stack):
    people = People(environment, stack)
    alice = await people.join(environment.account("alice"), plugins=PLUGINS + ["xep_0153"])
    bob = await people.join(environment.account("bob"))
    await people.friends(alice, bob)
    await alice["xep_0153"].set_avatar(avatar=PHOTO, mtype="image/png", timeout=8)
    heard = await bob.expect(lambda s: s.name == "presence" and hash_in(s) == HASH, "the hash")
    equal(str(heard["from"]), str(alice.boundjid), "from")


@case("presence without a hash gets the one of the card")
async def _(environment, stack):
    # XEP-0153 §4.1 with XEP-0398 §3: clients that do not know of avatars have one all the same.
    people = People(environment, stack)
    alice = await people.join(environment.account("alice"), plugins=PLUGINS)
    bob = await people.join(environment.account("bob"))
    await people.friends(alice, bob)
    await alice["xep_0054"].publish_vcard(card(alice, "Alice", PHOTO), timeout=8)
    bob.forget()
    alice.send_presence(pshow="away")
    heard = await bob.expect_presence(alice.boundjid, "away")
    equal(hash_in(heard), HASH, "the hash in her presence")
    # It is in what a later arrival is told, too.
    phone = await people.join(bob.account, "phone")
    heard = await phone.expect_presence(alice.boundjid, "away")
    equal(hash_in(heard), HASH, "the hash in the answer to a probe")
    await fence(alice, bob)


if __name__ == "__main__":
    run()
