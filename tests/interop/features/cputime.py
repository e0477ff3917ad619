# The developers guide's first example: the namespace ejabberd:cputime.
import re

from support.cases import case, check, run
from support.client import ET, People, refused

CPUTIME = "{ejabberd:cputime}"


def request(client, kind, to):
    iq = client.make_iq_get(ito=to) if kind == "get" else client.make_iq_set(ito=to)
    ET.SubElement(iq.xml, CPUTIME + "query")
    return iq.send(timeout=8)


@case("get answers the processor time with three decimals, and it never falls")
async def _(environment, stack):
    alice = await People(environment, stack).join(environment.account("alice"))
    earlier = 0.0
    for _ in range(5):
        answer = await request(alice, "get", environment.host)
        text = answer.xml.findtext(f"{CPUTIME}query/{CPUTIME}cputime")
        check(re.fullmatch(r"\d+\.\d{3}", text or ""), f"cputime is {text!r}")
        check(float(text) >= earlier, f"{text} after {earlier}")
        earlier = float(text)


@case("set is not-allowed")
async def _(environment, stack):
    alice = await People(environment, stack).join(environment.account("alice"))
    await refused(request(alice, "set", environment.host), "not-allowed")


if __name__ == "__main__":
    run()
