# A server of a test's own, for what needs hosts with auth backends of their own.
import json
import os
import re
import time
from pathlib import Path

from servers import Nuncio, make_certificates
from support.cases import check
from support.databases import ENDS_WITH_US, free_port


def toml(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml(v) for v in value) + "]"
    # JSON's escapes are TOML's, too.
    return str(value) if isinstance(value, int) else json.dumps(str(value))


class BackendServer(Nuncio):
    """`hosts`: by name the auth backends, in the order of the chain, and the options of each;
    `plugins`: enabled everywhere, beside those that each of these servers has; `settings`: what
    all or single hosts have of their own, by host or None, then by option."""

    def __init__(self, directory, build, hosts, plugins=(), settings=None, storage="storage-sqlite"):
        self.hosts = hosts
        self.storage = storage
        self.plugins = plugins
        self.settings = settings or {}
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.build = Path(build)
        self.limits = {}
        self.port, self.direct_tls_port = free_port(), free_port()
        self.certificates = make_certificates(self.directory, hosts)
        self.log = self.directory / "server.log"
        self.process = None

    def configure(self):
        lines = [f"""
[server]
data_dir = "{self.directory}/data"
runtime_dir = "{self.directory}/run"
plugin_path = ["{self.build}/plugins"]

[limits]
connections_per_address = 1000
auth_attempts = 10

[watchdog]
warn_after = "2s"
stall_after = "10s"

[plugins.{self.storage}]
{'synchronous = "normal"' if self.storage == "storage-sqlite" else ""}

[plugins.accounts]
exempt_loopback = true
min_password_length = 1
"""]
        lines += [f"[plugins.{name}]\n" for name in self.plugins]
        for port, tls in ((self.port, ""), (self.direct_tls_port, 'tls = "direct"')):
            lines.append(f'[[listen]]\naddresses = ["127.0.0.1"]\nport = {port}\n{tls}\n')
        for host, backends in self.hosts.items():
            certificate, key = self.certificates[host]
            lines.append(f'[hosts."{host}"]\ncertificate = "{certificate}"\nkey = "{key}"\n'
                         f"auth = {toml(list(backends))}")
            for key, value in {**self.settings.get(None, {}), **self.settings.get(host, {})}.items():
                lines.append(f"{key} = {toml(value)}")
            for name, options in backends.items():
                lines.append(f'[hosts."{host}".plugins.{name}]')
                lines += [f"{key} = {toml(value)}" for key, value in options.items()]
        folder = self.directory / "conf.d"
        folder.mkdir(exist_ok=True)
        (folder / "test.toml").write_text("\n".join(lines))

    def command(self):
        return [*ENDS_WITH_US, *super().command()]

    def facts(self):
        return {**super().facts(), "tools": str(self.build)}

    def announce(self):
        """From here on the cases of this process are about this server."""
        path = self.directory / "interop.json"
        path.write_text(json.dumps(self.facts()))
        os.environ["NUNCIO_INTEROP"] = str(path)

    def lines(self, pattern):
        return [line for line in self.log.read_text(errors="replace").splitlines()
                if re.search(pattern, line)]

    def expect_line(self, pattern, seconds=5):
        """The log is written behind what happens."""
        deadline = time.monotonic() + seconds
        while not self.lines(pattern):
            check(time.monotonic() < deadline, f"the log never said {pattern}")
            time.sleep(0.02)
        return self.lines(pattern)[0]
