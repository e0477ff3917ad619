# The servers the tests can be run against: each one knows how to write its configuration, start,
# say that it is ready, make an account, stop, and what in its log means trouble.
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

HOSTS = ("localhost", "example.test")
HERE = Path(__file__).resolve().parent


class StartFailed(Exception):
    pass


def free_ports(count, first):
    found = []
    for port in range(first, first + 400):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise StartFailed(f"no {count} free ports from {first} on")


def make_certificates(directory, hosts):
    """One self-signed certificate per virtual host: whoever trusts one cannot accept the other."""
    made = {}
    for host in hosts:
        certificate, key = directory / f"{host}.crt", directory / f"{host}.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                        f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}", "-keyout", str(key),
                        "-out", str(certificate)], check=True, capture_output=True)
        made[host] = (certificate, key)
    return made


def make_authority(directory):
    """Who vouches for clients' certificates at the first host; tests sign with its key."""
    certificate, key = directory / "clients.crt", directory / "clients.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                    "-nodes", "-days", "2", "-subj", "/CN=authority", "-addext",
                    "basicConstraints=critical,CA:TRUE", "-keyout", str(key), "-out", str(certificate)],
                   check=True, capture_output=True)
    return certificate


class Server:
    """`limits` is what the hostile tests aim at; the ordinary tests get roomy ones."""

    hosts = HOSTS

    def __init__(self, directory, limits, first_port, build):
        self.directory = directory
        self.build = build
        self.limits = limits
        self.port, self.direct_tls_port = free_ports(2, first_port)
        self.certificates = make_certificates(directory, self.hosts)
        self.authority = make_authority(directory)
        self.log = directory / "server.log"
        self.process = None

    def start(self):
        self.configure()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, cwd=self.directory)
        deadline = time.monotonic() + 20
        while not self._listens():
            if self.process.poll() is not None:
                raise StartFailed(f"the server ended with {self.process.returncode}:\n{self._tail()}")
            if time.monotonic() > deadline:
                self.stop()
                raise StartFailed(f"the server did not listen within 20 s:\n{self._tail()}")
            time.sleep(0.02)

    def _listens(self):
        for port in (self.port, self.direct_tls_port):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) != 0:
                    return False
        return True

    def _tail(self):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])

    def stop(self):
        """SIGTERM, as an administrator would; the answer is what went wrong while ending."""
        if self.process is None or self.process.poll() is not None:
            return None if self.process is None else f"it had ended by itself with {self.process.returncode}"
        self.process.terminate()
        try:
            code = self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return "it did not stop within 20 s of SIGTERM"
        return None if code in self.clean_exits else f"it ended with {code}"

    def has_ended(self):
        return self.process.poll() is not None

    clean_exits = (0,)

    def complaints(self):
        """The log's lines that should not be there; a sanitizer's report counts on any server."""
        lines = self.log.read_text(errors="replace").splitlines()
        sanitizer = re.compile(r"ERROR: (Address|Leak|Thread|Memory)Sanitizer|runtime error:|"
                               r"WARNING: ThreadSanitizer|Assertion .* failed")
        return [line for line in lines if sanitizer.search(line) or self.is_error(line)]

    def facts(self):
        return {"server": self.name, "address": "127.0.0.1", "port": self.port,
                "direct_tls_port": self.direct_tls_port, "hosts": list(self.hosts),
                "certificates": {h: str(c) for h, (c, _) in self.certificates.items()},
                "limits": self.limits, "pid": self.process.pid, "directory": str(self.directory),
                "register": self.register_command()}


class NoServer:
    """For tests that start servers of their own."""

    name = "nuncio"

    def __init__(self, directory, limits, _first_port, _build):
        self.directory = directory
        self.limits = limits

    def start(self):
        pass

    def stop(self):
        return None

    def has_ended(self):
        return False

    def complaints(self):
        return []

    def facts(self):
        return {"server": self.name, "limits": self.limits, "directory": str(self.directory)}


class Prosody(Server):
    """The distribution's Prosody: proof that a script asks for what a stock server does."""

    name = "prosody"

    @staticmethod
    def available():
        return shutil.which("prosody") is not None

    def configure(self):
        hosts = "\n".join(
            f'VirtualHost "{host}"\n  ssl = {{ certificate = "{certificate}"; key = "{key}" }}\n'
            for host, (certificate, key) in self.certificates.items())
        echoes = "\n".join(f'Component "echo.{host}" "echo"\n' for host in HOSTS)
        (self.directory / "data").mkdir(exist_ok=True)
        (self.directory / "prosody.cfg.lua").write_text(f"""
run_as_root = true
data_path = "{self.directory}/data"
pidfile = "{self.directory}/prosody.pid"
plugin_paths = {{ "{HERE}/prosody" }}
certificates = "{self.directory}"
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {self.port} }}
c2s_direct_tls_ports = {{ {self.direct_tls_port} }}
modules_enabled = {{ "roster", "saslauth", "tls", "disco", "private", "pep", "vcard_legacy", "version", "uptime",
  "time", "ping", "lastactivity", "register", "server_contact_info", "cputime" }}
modules_disabled = {{ "s2s" }}
contact_info = {{ abuse = {{ "mailto:abuse@example.test" }}, admin = {{ "xmpp:admin@localhost" }} }}
allow_registration = true
authentication = "internal_hashed"
network_settings = {{ ssl_handshake_timeout = {self.limits["negotiation_seconds"]} }}
c2s_timeout = {self.limits["negotiation_seconds"]}
c2s_stanza_size_limit = {self.limits["stanza_bytes"]}
c2s_unauthed_stanza_size_limit = {self.limits["unauthenticated_stanza_bytes"]}
log = {{ info = "*console" }}
{hosts}
{echoes}""")

    def command(self):
        return ["prosody", "-F", "--config", str(self.directory / "prosody.cfg.lua")]

    def register_command(self):
        return ["prosodyctl", "--root", "--config", str(self.directory / "prosody.cfg.lua"),
                "register", "{user}", "{host}", "{password}"]

    @staticmethod
    def is_error(line):
        # Its s2s module is switched off here, which it reports when somebody asks for it.
        return "\terror\t" in line and "s2s" not in line


class Nuncio(Server):
    name = "nuncio"
    plugins = ("storage-sqlite", "roster", "presence", "offline", "disco", "register", "fast", "ping",
               "version", "time", "last", "private", "vcard", "echo", "cputime", "accounts")

    def host_settings(self):
        """What single hosts have of their own, as TOML."""
        return {HOSTS[0]: f'client_ca = "{self.authority}"\nauth = ["internal", "certificate"]\n'
                          f'[hosts."{HOSTS[0]}".plugins.certificate]\nsources = ["xmpp", "file"]\nfile = "owners"\n'
                          "trusted_only = false\n"}

    def configure(self):
        own = self.host_settings()
        hosts = "\n".join(
            f'[hosts."{host}"]\ncertificate = "{certificate}"\nkey = "{key}"\n{own.get(host, "")}'
            for host, (certificate, key) in self.certificates.items())
        options = {
            "offline": f"limit = {self.limits['offline_messages']}",
            "register": "open = true\nexempt_loopback = true",
            "fast": "clients = 3",
            # Wrong passwords are what many of the tests are about, and all of them come from here.
            "accounts": "exempt_loopback = true\nmin_password_length = 1",
            "disco": 'abuse_addresses = ["mailto:abuse@example.test"]\n'
                     'admin_addresses = ["xmpp:admin@localhost"]',
        }
        plugins = "\n".join(f"[plugins.{name}]\n{options.get(name, '')}" for name in self.plugins)
        folder = self.directory / "conf.d"
        folder.mkdir()
        (folder / "owners").write_text("# FINGERPRINT USER\n")
        (folder / "interop.toml").write_text(f"""
[server]
data_dir = "{self.directory}/data"
runtime_dir = "{self.directory}/run"
plugin_path = ["{self.build}/plugins"]

[limits]
negotiation_time = "{self.limits['negotiation_seconds']}s"
stanza_bytes = {self.limits['stanza_bytes']}
stanza_bytes_before_auth = {self.limits['unauthenticated_stanza_bytes']}
xml_depth = {self.limits['depth']}
connections_per_address = {self.limits['connections_per_address']}

[log]
level = "info"

[[listen]]
addresses = ["127.0.0.1"]
port = {self.port}

[[listen]]
addresses = ["127.0.0.1"]
port = {self.direct_tls_port}
tls = "direct"

{hosts}
{plugins}
""")

    def command(self):
        return [str(self.build / "bin" / "nunciod"), "--config", str(self.directory / "conf.d")]

    def register_command(self):
        return [str(self.build / "bin" / "nuncioctl"), "--socket",
                str(self.directory / "run" / "nuncioctl.sock"), "register", "{jid}", "{password}"]

    def ctl(self, *words):
        done = subprocess.run([str(self.build / "bin" / "nuncioctl"), "--socket",
                               str(self.directory / "run" / "nuncioctl.sock"), *words],
                              capture_output=True, text=True, timeout=20, check=False)
        return done.returncode, done.stdout + done.stderr

    @staticmethod
    def is_error(line):
        # TIME LEVEL AREA MESSAGE: nothing a client does may be the administrator's business.
        return line.split(" ")[1:2] == ["error"]


SERVERS = {"nuncio": Nuncio, "prosody": Prosody}
