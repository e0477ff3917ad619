#!/usr/bin/python3 -B
"""Reloads plugins in turn under a chat load, adds and removes a host, and fails if anybody noticed.

    tests/bench/reload.py                                     # a short storm, for every test run
    tests/bench/reload.py --rounds 1000 --users 500 --rate 2000     # by hand

Nothing may be lost, repeated, reordered or refused, no stream may end (nuncio-load counts), every reload
must succeed, and of every plugin one generation must be mapped in the end. The guests of the host that comes
and goes, who talk all the time, must hear host-gone, and find their account again when it is back. Prints how
long stanzas waited while plugins handed over. Ends with `N passed, N failed`.
"""
import argparse
import base64
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RELOADED = ["echo", "roster", "offline", "presence", "internal", "storage-sqlite", "lua", "register", "last"]
PLUGINS = ["storage-sqlite", "roster", "presence", "offline", "disco", "register", "ping", "version",
           "time", "last", "private", "vcard", "echo", "lua"]
GUESTHOUSE = "guests.localhost"
GUESTS_PAUSE = 0.1  # seconds between their letters: the load that is measured is another one
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


GUESTHOUSE_TABLE = f"""
[hosts."{GUESTHOUSE}"]
auth = ["internal"]
require_encryption = false
allow_plain_without_tls = true
"""


class Guest(threading.Thread):
    """Somebody on the host that goes: logs in as far as `stage`, talks to themselves and to strangers on both
    hosts until the stream ends, and keeps what was heard last."""
    HEADER = (f"<stream:stream to='{GUESTHOUSE}' version='1.0' xmlns='jabber:client' "
              "xmlns:stream='http://etherx.jabber.org/streams'>")

    def __init__(self, port, name, stage):
        super().__init__(daemon=True)
        self.name, self.stage = name, stage
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.heard = ""
        self.is_ready = threading.Event()
        self.failure = None
        self.start()

    def exchange(self, xml, until):
        self.socket.sendall(xml.encode())
        self.heard = ""
        while until not in self.heard:
            more = self.socket.recv(65536).decode(errors="replace")
            if not more:
                raise EOFError(f"{self.name} at {self.stage}: expected {until}, heard {self.heard}")
            self.heard += more

    def run(self):
        try:
            self.log_in()
            self.is_ready.set()
            self.talk()
        except (EOFError, OSError) as failure:
            self.failure = failure
        self.is_ready.set()
        self.socket.close()

    def log_in(self):
        self.exchange(self.HEADER, "</stream:features>")
        if self.stage == "header":
            return
        secret = base64.b64encode(f"\0{self.name}\0secret".encode()).decode()
        self.exchange("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>" + secret + "</auth>",
                      "<success")
        self.exchange(self.HEADER, "</stream:features>")
        if self.stage == "authenticated":
            return
        self.exchange("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>", "</iq>")
        self.exchange("<presence/>", "<presence")

    def talk(self):
        letters = "".join(
            f"<message to='{to}' type='chat' id='m'><body>{'guest ' * 20}</body></message>" for to in
            (f"{self.name}@{GUESTHOUSE}", f"nobody@{GUESTHOUSE}", "nobody@localhost"))
        letters += f"<iq to='{GUESTHOUSE}' type='get' id='i'><query xmlns='jabber:iq:version'/></iq>"
        tail = ""
        while "</stream:stream>" not in tail:
            if self.stage == "bound":
                time.sleep(GUESTS_PAUSE)
                try:
                    self.socket.sendall(letters.encode())
                except OSError:
                    pass  # it has ended: what it has said comes first
            more = self.socket.recv(65536).decode(errors="replace")
            if not more:
                break
            tail = (tail + more)[-500:]
        self.heard = tail


class Storm:
    def __init__(self, options, folder):
        self.options = options
        self.folder = folder
        self.bin = options.build / "bin"
        self.waits = {name: [] for name in RELOADED}
        self.rounds = self.given_up = 0
        self.seconds = 0.0
        self.failures = []
        self.guests = []
        self.visits = 0

    def ctl(self, *words):
        done = subprocess.run([self.bin / "nuncioctl", "--socket", self.folder / "run/nuncioctl.sock",
                               "--json", *words], capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout, done.stderr

    def start(self):
        (self.folder / "conf.d").mkdir()
        self.configure()
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

    def configure(self, tables=""):
        (self.folder / "conf.d/storm.toml").write_text(
            configuration(self.folder, PLUGINS, self.options.port) + tables)

    def reload_hosts(self, what):
        status, out, err = self.ctl("reload")
        answer = json.loads(out) if status == 0 else {}
        if status != 0 or "notes" in answer:
            self.failures.append(f"{what}: {err.strip()} {answer}")
        return status == 0

    def open_guesthouse(self):
        self.configure(GUESTHOUSE_TABLE)
        if not self.reload_hosts("the guests' host comes"):
            return
        self.visits += 1
        for name in ("anna", "bela", "carl"):
            if self.visits == 1 and self.ctl("register", f"{name}@{GUESTHOUSE}", "secret")[0] != 0:
                self.failures.append(f"{name} could not be registered")
            self.guests += [Guest(self.options.port, name, stage)
                            for stage in ("header", "authenticated", "bound", "bound")]
        for guest in self.guests:
            guest.is_ready.wait(60)

    def close_guesthouse(self):
        self.configure()
        if not self.reload_hosts("the guests' host goes"):
            return
        for guest in self.guests:
            guest.join(60)
            if guest.failure or guest.is_alive() or "<host-gone" not in guest.heard:
                self.failures.append(f"{guest.name} ({guest.stage}) did not hear host-gone: "
                                     f"{guest.failure or guest.heard}")
        self.guests = []
        hosts = json.loads(self.ctl("status")[1])["hosts"]
        if [host["domain"] for host in hosts] != ["localhost"]:
            self.failures.append(f"after the guests' host has gone there are {hosts}")

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
            if self.rounds % 3 == 0:
                self.close_guesthouse() if self.guests else self.open_guesthouse()
        if self.guests:
            self.close_guesthouse()
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
        print(f"{done} reloads in {self.seconds:.1f} s, {self.given_up} given up; "
              f"a host came and went {self.visits} times")
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
