# A server of a test file's own, with the hosts and backends that it needs.
import asyncio
import re
import socket
import tempfile
from pathlib import Path

from servers import Nuncio
from support.environment import Environment


def free_ports(count):
    """As the system gives them out."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


class OwnServer(Nuncio):
    """`with OwnServer(environment, {"a.test": 'auth = ["external"]'}) as server:`, and `async with` where clients of
    this process are still connected at the end: they close their streams while the server waits for that."""

    plugins = ("storage-memory", "roster", "presence", "disco", "accounts")

    def __init__(self, environment, hosts):
        """`hosts` has the TOML of each host, tables below it included as `[.plugins.NAME]`."""
        self.hosts = tuple(hosts)
        self._tables = hosts
        super().__init__(Path(tempfile.mkdtemp(dir=environment.directory)), environment.limits,
                         27000, Path(environment.tools))
        self.port, self.direct_tls_port = free_ports(2)

    def host_settings(self):
        return {}

    def __enter__(self):
        self.start()
        self.environment = Environment({**self.facts(), "tools": str(self.build)})
        return self

    def __exit__(self, *_):
        self.trouble = self.stop()

    async def __aenter__(self):
        return self.__enter__()

    async def __aexit__(self, *_):
        self.trouble = await asyncio.to_thread(self.stop)

    def configure(self):
        super().configure()
        file = self.directory / "conf.d" / "interop.toml"
        text = file.read_text().replace(f'plugin_path = ["{self.build}/plugins"]',
                                        f'plugin_path = ["{self.build}/plugins", "{self.build}/auth-backends"]')
        for host, table in self._tables.items():
            title = f'[hosts."{host}"]\n'
            assert title in text
            own, *below = re.split(r"^\[\.", table, flags=re.M)
            rest = "".join(f'[hosts."{host}".{part}' for part in below)
            text = text.replace(title, title + own.strip() + "\n") + "\n" + rest
        file.write_text(text)

    def log_text(self):
        return self.log.read_text(errors="replace")

    def children(self):
        """Process ids of the programs that it has started and that run."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(") ")[2].split()
                program = (stat.parent / "cmdline").read_bytes()
            except OSError:
                continue
            # Forked, but no program of its own yet: whoever stops it then stops the server, which waits for that.
            if program.startswith(str(self.build / "bin" / "nunciod").encode()):
                continue
            if int(fields[1]) == self.process.pid and fields[0] != "Z":
                found.append(int(stat.parent.name))
        return found
