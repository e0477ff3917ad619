# What a test process knows about the server under test: the runner writes it down once as JSON
# and hands over the file's name in NUNCIO_INTEROP.
import json
import os
import secrets
import subprocess
from collections import namedtuple


class Account(namedtuple("Account", "user host password")):
    @property
    def jid(self):
        return f"{self.user}@{self.host}"


class Environment:
    def __init__(self, facts):
        self.server = facts["server"]
        self.limits = facts["limits"]
        self.directory = facts["directory"]
        self.tools = facts["tools"]
        # Those below are there where a server was started for the test.
        self.address = facts.get("address")
        self.port = facts.get("port")
        self.direct_tls_port = facts.get("direct_tls_port")
        self.hosts = facts.get("hosts")
        self.certificates = facts.get("certificates")
        self.pid = facts.get("pid")
        self._register = facts.get("register")

    @staticmethod
    def load():
        with open(os.environ["NUNCIO_INTEROP"], encoding="utf-8") as file:
            return Environment(json.load(file))

    @property
    def host(self):
        return self.hosts[0]

    def account(self, name, host=None, password=None):
        """A new account, made by the administrator's command; every case uses its own."""
        made = Account(f"{name}-{secrets.token_hex(3)}", host or self.host,
                       password or f"pass-{secrets.token_hex(4)}")
        words = {"user": made.user, "host": made.host, "jid": made.jid, "password": made.password}
        command = [part.format(**words) for part in self._register]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"cannot register {made.jid}: {done.stdout}{done.stderr}".strip())
        return made
