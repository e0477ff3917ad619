# XEP-0202: Entity Time, in the profile of XEP-0082.
import re
from datetime import datetime, timezone

from support.cases import case, check, run
from support.client import People, refused

TIME = "{urn:xmpp:time}"


@case("the server tells the time, in UTC and with its offset")
async def _(environment, stack):
    alice = await People(environment, stack).join(environment.account("alice"), plugins=["xep_0202"])
    answer = await alice["xep_0202"].get_entity_time(environment.host, timeout=8)
    utc = answer.xml.findtext(f"{TIME}time/{TIME}utc")
    offset = answer.xml.findtext(f"{TIME}time/{TIME}tzo")
    check(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", utc or ""), f"utc is {utc!r}")
    check(re.fullmatch(r"Z|[+-]\d\d:\d\d", offset or ""), f"tzo is {offset!r}")
    told = datetime.fromisoformat(utc.replace("Z", "+00:00"))
    check(abs((datetime.now(timezone.utc) - told).total_seconds()) < 10, f"the time told is {utc}")


@case("nobody sets the server's time")
async def _(environment, stack):
    alice = await People(environment, stack).join(environment.account("alice"))
    iq = alice.make_iq_set(ito=environment.host)
    iq.append(alice.make_iq().xml.makeelement(TIME + "time", {}))
    await refused(iq.send(timeout=8), "not-allowed", "service-unavailable", "feature-not-implemented",
                  "bad-request")


if __name__ == "__main__":
    run()
