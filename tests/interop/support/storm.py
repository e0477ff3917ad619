# Logins without end from many threads, while something is done to what they lean on.
import threading
import time

from support.cases import check, equal

SUCCESS, LATER, WRONG = "success", "temporary-auth-failure", "not-authorized"


class Storm:
    """`jobs`: (host, whether the secret is wrong, what logs in and says what came of it), each in a thread of its own.
    Outcomes are counted by host, wrong and outcome."""

    def __init__(self, jobs):
        self.jobs = jobs
        self.is_over = threading.Event()
        self.news = threading.Condition()
        self.counts = {}
        self.slowest = {}
        self.broken = []

    def __enter__(self):
        self.threads = [threading.Thread(target=self._log_in, args=job) for job in self.jobs]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        for thread in self.threads:
            thread.join(20)
            if thread.is_alive():
                self.broken.append("a login is stuck")

    def _log_in(self, host, is_wrong, attempt):
        while not self.is_over.is_set():
            began = time.monotonic()
            try:
                outcome = attempt()
            except Exception as error:  # noqa: BLE001: whatever it is, it is a login that failed
                outcome = "broken"
                self.broken.append(f"{host}: {type(error).__name__}: {error}")
            key = (host, is_wrong, outcome)
            with self.news:
                self.counts[key] = self.counts.get(key, 0) + 1
                took = time.monotonic() - began
                self.slowest[host] = max(took, self.slowest.get(host, 0))
                self.news.notify_all()

    def wait_for(self, hosts, outcome, count=3, seconds=12):
        """`count` more logins with the right secret end like this, on each host."""
        begin = dict(self.counts)
        keys = [(host, False, outcome) for host in hosts]

        def is_enough():
            return all(self.counts.get(k, 0) >= begin.get(k, 0) + count for k in keys)

        with self.news:
            check(self.news.wait_for(is_enough, seconds), f"no {count} × {outcome}: {self.counts}")

    def forget_times(self):
        with self.news:
            self.slowest.clear()

    def judge(self):
        """Once it is over: nobody was told that a right secret is wrong, or let in by a wrong one, or left waiting."""
        equal(self.broken[:3], [], "logins without an answer")
        allowed = {(SUCCESS, False), (LATER, False), (WRONG, True), (LATER, True)}
        bad = {k: n for k, n in self.counts.items() if (k[2], k[1]) not in allowed}
        equal(bad, {}, "wrong answers")
        print("note logins: " + ", ".join(f"{h} {'wrong ' if w else ''}{o} {n}" for (h, w, o), n
                                          in sorted(self.counts.items())), flush=True)
