# Two people who chat while the hostile tests run. They hear every message once and in order, and
# soon enough; told to end by the closing of standard input.
import asyncio
import sys
import time

from support.cases import check, equal, case, run
from support.client import People

SOON = 5.0  # seconds from one side to the other and back, on a busy test machine


@case("a pair chatting throughout loses nothing and waits for nothing")
async def _(environment, stack):
    people = People(environment, stack)
    alice, bob = await people.join(environment.account("alice")), await people.join(environment.account("bob"))
    await people.friends(alice, bob)
    bob.add_event_handler("message", lambda m: m.reply(m["body"]).send())
    print("ready", flush=True)
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    number, slowest = 0, 0.0
    while not ended.done() or number == 0:
        alice.forget(), bob.forget()
        start = time.monotonic()
        alice.send_message(mto=bob.boundjid, mbody=str(number), mtype="chat")
        heard = await alice.expect(lambda s: s.name == "message", f"the answer to {number}", SOON)
        equal(heard["body"], str(number), "the next answer")
        slowest = max(slowest, time.monotonic() - start)
        number += 1
        await asyncio.wait([ended], timeout=0.02)
    check(not [s for s in alice.unread + bob.unread if s.name != "message"],
          "something else than their messages arrived")
    print(f"note {number} messages each way, the slowest pair took {slowest * 1000:.0f} ms", flush=True)


if __name__ == "__main__":
    run()
