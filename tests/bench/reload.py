#!/usr/bin/python3 -B
"""Reloads plugins in turn under a chat load, and fails if anybody noticed.

    tests/bench/reload.py                                     # a short storm, for every test run
    tests/bench/reload.py --rounds 1000 --users 500 --rate 2000     # by hand

Nothing may be lost, repeated, reordered or refused, no stream may end (nuncio-load counts), every reload
must succeed, and of every plugin one generation must be mapped in the end. Prints how long stanzas waited
while plugins handed over. Ends with `N passed, N failed`.
"""
import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RELOADED = ["echo", "roster", "offline", "presence", "internal", "storage-sqlite", "lua", "register", "last"]
PLUGINS = ["storage-sqlite", "roster", "presence", "offline", "disco", "register", "ping", "version",
           "time", "last", "private", "vcard", "echo", "lua"]
OPTIONS = {"register": "open = true\nallow_unencrypted = true\nexempt_loopback = true\n",
           "lua": f'folder = "{ROOT}/tests/bench/policies"\nscripts = ["each"]\n'}


def configuration(folder, plugins, port):
    tables = "".join(f"\n[plugins.{name}]\n{OPTIONS.get(name, '')}" for name in plugins)
    return f"""
[server]
loops = 2
data_dir = "{folder}/data"
runtime_dir = "{folder}/run"
plugin_path = ["{plugins_folder}"]

[limits]
connections_per_address = 10000

[watchdog]
warn_after = "1 min"
stall_after = "5 min"

[log]
target = "file"
file = "{folder}/nuncio.log"

[[listen]]
addresses = ["127.0.0.1"]
port = {port}
tls = "none"

[hosts."localhost"]
auth = ["internal"]
require_encryption = false
{tables}"""


class Storm:
    def __init__(self, options, folder):
        self.options = options
        self.folder = folder
        self.bin = options.build / "bin"
        self.waits = {name: [] for name in RELOADED}
        self.rounds = self.given_up = 0
        self.seconds = 0.0
        self.failures = []

    def ctl(self, *words):
        done = subprocess.run([self.bin / "nuncioctl", "--socket", self.folder / "run/nuncioctl.sock",
                               "--json", *words], capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout, done.stderr

    def start(self):
        (self.folder / "conf.d").mkdir()
        (self.folder / "conf.d/storm.toml").write_text(
            configuration(self.folder, PLUGINS, self.options.port))
        output = open(self.folder / "output", "wb")
        self.server = subprocess.Popen([self.bin / "nunciod", "--config", self.folder / "conf.d"],
                                       stdout=output, stderr=output)
        for _ in range(600):
            if self.server.poll() is not None:
                break
            if (self.folder / "run/nuncioctl.sock").exists() and self.ctl("status")[0] == 0:
                return
            time.sleep(0.1)
        sys.exit("the server did not start:\n" + (self.folder / "output").read_text())

    def load(self, scenario, *words, first=0, users=0):
        log = open(self.folder / "load.log", "ab")
        return subprocess.Popen(
            [self.options.load, scenario, "--port", str(self.options.port), "--transport", "plain",
             "--first", str(first), "--users", str(users), "--scram-cache",
             self.folder / f"scram-{scenario}", *words], stdout=log, stderr=log)

    def begin_loads(self):
        """Chat, presence to subscribers, and logins, each with accounts of its own."""
        options = self.options
        measured = ["--seconds", str(options.seconds), "--grace", "20"]
        return [
            self.load("chat", "--rate", str(options.rate), *measured, users=options.users),
            self.load("presence", "--rate", str(options.rate // 10 or 1), "--subscribers", "5", *measured,
                      first=options.users, users=20),
            self.load("login", "--concurrency", "2", *measured, first=options.users + 20, users=10),
        ]

    def reload(self, name):
        status, out, err = self.ctl("plugin", "reload", name)
        if status == 0:
            self.waits[name].append(json.loads(out)["longest_hold_ms"])
        elif "(limits.handover_time)" in err or "(limits.handover_stanzas)" in err:
            self.given_up += 1  # on a busy machine; the former generation went on
        else:
            self.failures.append(f"reload of {name}: {err.strip()}")

    def run(self):
        if self.load("register", "--seconds", "280", users=self.options.users + 30).wait(timeout=300) != 0:
            self.failures.append("the accounts could not be made: " + self.load_log())
            return
        loads = self.begin_loads()
        began = time.monotonic()
        while not self.failures and self.server.poll() is None:
            is_enough = self.options.rounds and self.rounds >= self.options.rounds
            if all(load.poll() is not None for load in loads):
                if not self.options.rounds or is_enough or any(load.returncode for load in loads):
                    break
                loads = self.begin_loads()
            if is_enough:
                break
            self.reload(RELOADED[self.rounds % len(RELOADED)])
            self.rounds += 1
        self.seconds = time.monotonic() - began
        for load in loads:
            if load.wait(timeout=self.options.seconds + 300) != 0:
                self.failures.append(f"{load.args[1]} ended with {load.returncode}: {self.load_log()}")

    def load_log(self):
        return (self.folder / "load.log").read_text()[-3000:]

    def check(self):
        if self.server.poll() is not None:
            self.failures.append(f"the server ended with {self.server.returncode}: "
                                 + (self.folder / "output").read_text()[-4000:])
            return
        rows = json.loads(self.ctl("plugin", "list")[1])
        for row in rows:
            if row["state"] != "running":
                self.failures.append(f"{row['name']} generation {row['generation']} is {row['state']}")
        for name, waits in self.waits.items():
            if not waits and self.rounds >= 4 * len(RELOADED):
                self.failures.append(f"no reload of {name} succeeded")
        if not self.is_sanitized():
            maps = Path(f"/proc/{self.server.pid}/maps").read_text()
            for name in PLUGINS + ["internal"]:
                copies = set(re.findall(rf"/plugins/({name}-[0-9a-f]+-\d+\.so)", maps))
                if len(copies) != 1:
                    self.failures.append(f"of {name} are mapped: {sorted(copies)}")
        for line in (self.folder / "nuncio.log").read_text().splitlines():
            if re.search(r"\b(error|warn)\b", line[:60]):
                self.failures.append("the server's log: " + line)

    def is_sanitized(self):
        cache = (self.options.build / "CMakeCache.txt").read_text()
        return bool(re.search(r"^NUNCIO_SANITIZE:\w+=.+$", cache, re.M))

    def stop(self):
        if self.server.poll() is None:
            self.server.send_signal(signal.SIGTERM)
            try:
                self.server.wait(timeout=60)
            except subprocess.TimeoutExpired:
                self.server.kill()
                self.failures.append("the server did not stop")
        if self.server.returncode not in (0, None):
            self.failures.append(f"the server ended with {self.server.returncode}: "
                                 + (self.folder / "output").read_text()[-4000:])

    def print(self):
        done = sum(len(waits) for waits in self.waits.values())
        print(f"{done} reloads in {self.seconds:.1f} s, {self.given_up} given up")
        for line in (self.folder / "load.log").read_text().splitlines():
            if re.match(r"(chat|presence|login) |  latency", line):
                print("  " + line)
        everything = []
        for name, waits in self.waits.items():
            if not waits:
                continue
            everything += waits
            waits.sort()
            print(f"  {name:16} {len(waits):4} reloads, longest hold: p50 {waits[len(waits) // 2]:7.3f} ms, "
                  f"p99 {waits[int(len(waits) * 0.99)]:7.3f} ms, max {waits[-1]:7.3f} ms")
        if everything:
            everything.sort()
            print(f"  {'all':16} {len(everything):4} reloads, longest hold: "
                  f"p99 {everything[int(len(everything) * 0.99)]:7.3f} ms, max {everything[-1]:7.3f} ms")


def main():
    global plugins_folder
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build/release")
    parser.add_argument("--load", type=Path, default=ROOT / "build/release/bin/nuncio-load")
    parser.add_argument("--rounds", type=int, default=0, help="reloads; 0: as many as the load lasts")
    parser.add_argument("--users", type=int, default=100)
    parser.add_argument("--rate", type=int, default=500, help="messages per second")
    parser.add_argument("--seconds", type=int, default=8, help="of one load")
    parser.add_argument("--port", type=int, default=25400)
    options = parser.parse_args()
    options.build = options.build.resolve()
    plugins_folder = options.build / "plugins"
    os.environ.setdefault("ASAN_OPTIONS", "detect_stack_use_after_return=1")
    with tempfile.TemporaryDirectory(prefix="nuncio-reload-") as name:
        storm = Storm(options, Path(name))
        storm.start()
        try:
            storm.run()
            storm.check()
        finally:
            storm.stop()
        storm.print()
        for failure in storm.failures:
            print("not ok", failure)
        print(f"{0 if storm.failures else 1} passed, {len(storm.failures)} failed")
        sys.exit(1 if storm.failures else 0)


if __name__ == "__main__":
    main()
