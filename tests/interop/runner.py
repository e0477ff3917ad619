# Starts a server, runs every test file as a process of its own with a deadline, reports.
import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from servers import SERVERS, NoServer, StartFailed

HERE = Path(__file__).resolve().parent
# Roomy for the tests of features; tight for the hostile ones, which must see the limits act. RFC
# 6120 §13.12 forbids a stanza limit under 10,000 bytes.
ROOMY = {"negotiation_seconds": 30, "stanza_bytes": 262144, "unauthenticated_stanza_bytes": 10000,
         "depth": 64, "offline_messages": 20, "connections_per_address": 1000}
TIGHT = {"negotiation_seconds": 3, "stanza_bytes": 20000, "unauthenticated_stanza_bytes": 10000,
         "depth": 32, "offline_messages": 20, "connections_per_address": 200}
PORTS_PER_ROOM = 100


class Score:
    def __init__(self):
        self.passed = self.failed = 0
        self._lock = threading.Lock()

    def say(self, verdict, name, why=None):
        with self._lock:
            self.passed += verdict == "ok"
            self.failed += verdict == "not ok"
            print(f"{verdict} {name}" + (f": {why}" if why else ""), flush=True)


def read_verdicts(score, test, output):
    """Returns the cases that were announced and got no verdict."""
    pending = []
    for line in output.splitlines():
        if line.startswith("plan "):
            pending = [n for n in line[5:].split("\t") if n]
            continue
        if line.startswith("note "):
            print(f"# {test}: {line[5:]}", flush=True)
        for verdict in ("ok", "not ok", "differs", "skip"):
            if line.startswith(verdict + " "):
                rest = line[len(verdict) + 1:]
                name = next((n for n in pending if rest == n or rest.startswith(n + ": ")), None)
                if name is not None:
                    pending.remove(name)
                    score.say(verdict, f"{test}: {name}", rest[len(name) + 2:])
                break
    return pending


def run_test(score, path, words, environment, deadline, server):
    test = str(path.relative_to(HERE).with_suffix(""))
    if server.has_ended():
        score.say("not ok", test, "the server had ended before")
        return
    command = ["/usr/bin/python3", "-B", str(path), *words]
    began = time.monotonic()
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True,
                              timeout=deadline, check=False, cwd=HERE)
        output, errors, why = done.stdout, done.stderr, f"the test ended with {done.returncode}"
    except subprocess.TimeoutExpired as late:
        output = (late.stdout or b"").decode(errors="replace")
        errors, why = (late.stderr or b"").decode(errors="replace"), f"not done within {deadline:g} s"
    left = read_verdicts(score, test, output)
    print(f"# {test} took {time.monotonic() - began:.1f} s", flush=True)
    if os.environ.get("NUNCIO_INTEROP_TRACE"):
        sys.stderr.write(errors)
    finished = "\ndone" in "\n" + output
    last = errors.strip().splitlines()[-1:] or [""]
    for name in left:
        score.say("not ok", f"{test}: {name}", f"{why} {last[0]}".strip())
    if not finished and not left:
        score.say("not ok", test, f"{why} {last[0]}".strip())


class Bystanders:
    """hostile/_bystanders.py, for as long as the block lasts."""

    def __init__(self, score, environment):
        self.score = score
        self.environment = environment

    def __enter__(self):
        self.process = subprocess.Popen(
            ["/usr/bin/python3", "-B", str(HERE / "hostile" / "_bystanders.py")],
            env={**self.environment, "NUNCIO_INTEROP_CASE_DEADLINE": "86400"},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE)
        self.lines = []
        for line in self.process.stdout:
            self.lines.append(line)
            if line.startswith(("ready", "done")):
                break

    def __exit__(self, *_):
        try:
            output, _ = self.process.communicate("", timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            output, _ = self.process.communicate()
        for name in read_verdicts(self.score, "hostile/bystanders", "".join(self.lines) + output):
            self.score.say("not ok", f"hostile/bystanders: {name}", "they did not come to an end")


def run_room(score, options, turn, first_port, room, tests, limits):
    """One server, and the tests of one folder against it, each when it has its `turn`."""
    directory = Path(tempfile.mkdtemp(prefix=f"nuncio-interop-{room}-"))
    try:
        kind = NoServer if room == "auth" else SERVERS[options.server]
        server = kind(directory, limits, first_port, options.build)
        server.start()
    except (StartFailed, OSError, subprocess.CalledProcessError) as error:
        score.say("not ok", f"{room}: the server starts", str(error))
        shutil.rmtree(directory, ignore_errors=True)
        return
    try:
        facts = directory / "interop.json"
        facts.write_text(json.dumps({**server.facts(), "tools": str(options.build)}))
        environment = {**os.environ, "NUNCIO_INTEROP": str(facts), "PYTHONPATH": str(HERE),
                       "PYTHONDONTWRITEBYTECODE": "1"}
        hostile = room == "hostile"
        others = Bystanders(score, environment) if hostile else contextlib.nullcontext()

        def run_one(path, words):
            # Those of `auth` make and start database servers and the like first.
            deadline = options.deadline * (3 if room == "auth" else 1)
            with turn:
                run_test(score, path, words, environment, deadline, server)

        with others, ThreadPoolExecutor(1 if hostile else options.jobs) as pool:
            for path, words in tests:
                pool.submit(run_one, path, words)
    finally:
        trouble = server.stop()
    complaints = server.complaints()
    if room == "auth":
        pass  # the tests look at the ends of their own servers
    elif trouble or complaints:
        score.say("not ok", f"{room}: the server's log and end are clean",
                  "; ".join(([trouble] if trouble else []) + complaints[:5]))
    else:
        score.say("ok", f"{room}: the server's log and end are clean")
    if options.keep:
        print(f"kept {directory}", file=sys.stderr)
    else:
        shutil.rmtree(directory, ignore_errors=True)


def choose(selection):
    """TEST is a folder, a file's name, or FILE:TEXT for the cases whose name has TEXT."""
    rooms = {}
    for room in ("auth", "hostile", "features", "clients"):
        for path in sorted((HERE / room).glob("*.py")):
            if path.stem.startswith("_"):
                continue
            words = [s.partition(":")[2] for s in selection
                     if s.partition(":")[0] in (room, path.stem, f"{room}/{path.stem}")]
            if words or not selection:
                rooms.setdefault(room, []).append((path, [w for w in words if w]))
    return rooms


def main():
    parser = argparse.ArgumentParser(prog="tests/interop/run.sh")
    parser.add_argument("--server", choices=sorted(SERVERS), default="nuncio")
    parser.add_argument("--build", type=lambda given: Path(given).resolve(),
                        default=HERE.parent.parent / "build" / "release", help="where nuncio was built")
    parser.add_argument("--port", type=int, default=25400, help="first port to try")
    parser.add_argument("--jobs", type=int, default=3, help="test files at a time")
    parser.add_argument("--deadline", type=float, default=60, help="seconds for one test file")
    parser.add_argument("--keep", action="store_true", help="keep the server's folder and log")
    parser.add_argument("tests", nargs="*", metavar="TEST", help=choose.__doc__)
    options = parser.parse_args()
    score = Score()
    rooms = choose(options.tests)
    if options.server != "nuncio":
        rooms.pop("auth", None)  # its tests start servers of their own
    if not rooms:
        parser.error(f"no such test: {' '.join(options.tests)}")
    turn = threading.Semaphore(options.jobs)
    with ThreadPoolExecutor(len(rooms)) as pool:
        for number, (room, tests) in enumerate(rooms.items()):
            limits = TIGHT if room == "hostile" else ROOMY
            first_port = options.port + PORTS_PER_ROOM * number
            pool.submit(run_room, score, options, turn, first_port, room, tests, limits)
    print(f"{score.passed} passed, {score.failed} failed")
    return 1 if score.failed or not score.passed else 0


if __name__ == "__main__":
    sys.exit(main())
