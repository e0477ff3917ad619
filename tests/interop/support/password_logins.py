# Logins at a server of a test's own: one, and a storm of them while something happens to what they lean on.
import collections
import threading
import time

from support.cases import Failure, about, check, equal
from support.wire import SASL, Wire, plain

WRONG, LATER, EXPIRED, DISABLED = ("not-authorized", "temporary-auth-failure", "credentials-expired",
                                   "account-disabled")
SUCCESS = "success"
PATIENCE = 12.0


def log_in(server, host, user, password, patience=PATIENCE):
    """What SASL says: "success", or the condition of the failure."""
    with Wire(server.environment, host=host, patience=patience) as wire:
        wire.start_tls()
        answer = wire.auth("PLAIN", plain(user, password))
        if answer.tag != SASL + "success":
            return answer[0].tag.removeprefix(SASL)
        wire.open()
        jid = wire.bind()
        check(jid.endswith(f"@{host}/wire"), f"bound {jid}")
        return SUCCESS


def expect(server, host, user, password, wanted, what=None):
    with about(what or f"{user!r} at {host} with {password!r}"):
        equal(log_in(server, host, user, password), wanted, "the answer")


def note(text):
    print(f"note {text}", flush=True)


class Storm:
    """Logins from several threads until the block ends. `question(number)` makes one for a thread: user, password
    and a function that tells which answers it may get now. Any is right that may be given when the login begins or
    when it ends, so whoever changes what is right first allows both."""

    def __init__(self, server, host, question, threads=6):
        self.server, self.host, self.question = server, host, question
        self.answers, self.wrong, self.slowest = [], [], 0.0
        self._news = threading.Condition()
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(n,), daemon=True) for n in range(threads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        for thread in self._threads:
            thread.join(30)
            check(not thread.is_alive(), "a login is stuck")

    def _work(self, number):
        while not self._end.is_set():
            user, password, rights = self.question(number)
            may_be, began = set(rights()), time.monotonic()
            try:
                answer = log_in(self.server, self.host, user, password, patience=20)
            except Exception as error:  # stuck, or the connection broke
                answer = f"{type(error).__name__}: {error}"
            with self._news:
                self.answers.append(answer)
                self.slowest = max(self.slowest, time.monotonic() - began)
                may_be |= set(rights())
                if answer not in may_be:
                    self.wrong.append(f"{user} heard {answer} instead of {' or '.join(sorted(may_be))}")
                self._news.notify_all()

    def wait_for(self, wanted, count=1, seconds=25):
        """`count` more of these answers."""
        with self._news:
            start, end = len(self.answers), time.monotonic() + seconds
            while self.answers[start:].count(wanted) < count:
                if not self._news.wait(end - time.monotonic()):
                    raise Failure(f"the storm never saw {count} {wanted}; last: {self.answers[-6:]}; {self.wrong[:3]}")

    def judge(self):
        equal(self.wrong, [], "wrong answers")
        tally = collections.Counter(self.answers)
        return (", ".join(f"{answer}: {n}" for answer, n in sorted(tally.items()))
                + f"; the slowest took {self.slowest:.2f} s")
