# Database servers as ordinary processes in folders of their own: a fresh PostgreSQL and a fresh
# MariaDB, on a Unix socket and a port of loopback, with TLS.
import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from support.cases import Skipped

PATIENCE = 90.0
PASSWORD = "db's \"secret\"; -- ü"


ENDS_WITH_US = ["setpriv", "--pdeathsig=KILL"]  # "us" is a thread: prctl(2)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def program(name, *folders):
    for folder in (None, *folders):
        found = shutil.which(name, path=folder)
        if found:
            return found
    raise Skipped(f"{name} is not installed")


class DatabaseServer:
    """Started anew in the same folder after kill(). Ends with the thread that started it, so that
    nothing is left of a test that is ended from without."""

    account = "nobody"  # database servers refuse to run as root

    def __init__(self):
        self.directory = Path(tempfile.mkdtemp(prefix=f"nuncio-{self.name}-"))
        self.port = free_port()
        self.log = open(self.directory / "log", "ab")
        self.process = None
        self.certificate = self.directory / "server.crt"
        self._make_certificate()
        if os.getuid() == 0:
            owner = pwd.getpwnam(self.account)
            for path in (self.directory, self.certificate, self.directory / "server.key"):
                os.chown(path, owner.pw_uid, owner.pw_gid)

    def _make_certificate(self):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                        "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout",
                        str(self.directory / "server.key"), "-out", str(self.certificate)],
                       check=True, capture_output=True)

    def as_owner(self, command):
        if os.getuid() != 0:
            return [*ENDS_WITH_US, *command]
        owner = pwd.getpwnam(self.account)
        return [*ENDS_WITH_US, f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups",
                *command]

    def run_tool(self, command, text=None):
        done = subprocess.run(self.as_owner(command), input=text, capture_output=True, text=True,
                              timeout=PATIENCE, check=False, cwd=self.directory)
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]}: {done.stdout[-600:]}{done.stderr[-600:]}")
        return done.stdout

    def start(self):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            # Memory that a killed one leaves may be held until the last of its children is gone.
            self.process = subprocess.Popen(self.as_owner(self.command()), stdin=subprocess.DEVNULL,
                                            stdout=self.log, stderr=self.log, cwd=self.directory)
            while self.process.poll() is None and time.monotonic() < deadline:
                with contextlib.suppress(RuntimeError, subprocess.TimeoutExpired):
                    self.query("SELECT 1")
                    return self
                time.sleep(0.05)
        raise RuntimeError(f"{self.name} did not start: "
                           + (self.directory / "log").read_text(errors="replace")[-800:])

    def signal(self, number):
        # PostgreSQL's children lead sessions of their own, so no group has them all.
        family = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        for pid in (self.process.pid, *map(int, family.split())):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def hang(self):
        self.signal(signal.SIGSTOP)

    def go_on(self):
        self.signal(signal.SIGCONT)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.process.wait()

    def end(self):
        if self.process is not None and self.process.poll() is None:
            self.kill()
        self.log.close()
        shutil.rmtree(self.directory, ignore_errors=True)


class PostgreSQL(DatabaseServer):
    name = "postgresql"
    account = "postgres"

    def __init__(self):
        versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
        self.folders = [str(v) for v in versions]
        program("postgres", *self.folders)
        super().__init__()

    def set_up(self):
        secret = self.directory / "pw"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        self.run_tool([program("initdb", *self.folders), "-D", str(self.directory / "data"), "-U",
                       "nuncio", "--auth-local=trust", "--auth-host=scram-sha-256", "--no-sync",
                       "--encoding=UTF8", "--locale=C.UTF-8", f"--pwfile={secret}"])
        self.start()
        self.query("CREATE DATABASE nuncio")
        return self

    def command(self):
        settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": self.directory,
                    "fsync": "off", "ssl": "on", "ssl_cert_file": self.certificate,
                    "ssl_key_file": self.directory / "server.key", "max_connections": 100,
                    "shared_buffers": "16MB"}
        return [program("postgres", *self.folders), "-D", str(self.directory / "data"), "-p",
                str(self.port), *(w for k, v in settings.items() for w in ("-c", f"{k}={v}"))]

    def query(self, text, database=None):
        database = database or ("postgres" if text.startswith(("CREATE DATABASE", "SELECT 1"))
                                else "nuncio")
        return self.run_tool([program("psql", *self.folders), "-h", str(self.directory), "-p",
                              str(self.port), "-U", "nuncio", "-d", database, "-X", "-q", "-A", "-t",
                              "-v", "ON_ERROR_STOP=1"], text).strip()


class MariaDB(DatabaseServer):
    name = "mariadb"

    def __init__(self):
        program("mariadbd", "/usr/sbin")
        super().__init__()
        self.socket = self.directory / "socket"

    def set_up(self):
        self.run_tool([program("mariadb-install-db"), "--no-defaults",
                       f"--datadir={self.directory}/data", "--auth-root-authentication-method=normal",
                       "--skip-test-db", "--skip-name-resolve"])
        self.start()
        quoted = PASSWORD.replace("'", "''")
        self.query("CREATE DATABASE nuncio CHARACTER SET utf8mb4", "mysql")
        for host in ("localhost", "127.0.0.1"):
            self.query(f"CREATE USER nuncio@'{host}' IDENTIFIED BY '{quoted}'; "
                       f"GRANT ALL ON *.* TO nuncio@'{host}'", "mysql")
        return self

    def command(self):
        # What was acknowledged survives a kill, though not a power failure: that is enough here.
        return [program("mariadbd", "/usr/sbin"), "--no-defaults", f"--datadir={self.directory}/data",
                f"--socket={self.socket}", f"--port={self.port}", "--bind-address=127.0.0.1",
                f"--pid-file={self.directory}/pid", f"--ssl-cert={self.certificate}",
                f"--ssl-key={self.directory}/server.key", "--innodb-flush-log-at-trx-commit=2",
                "--innodb-buffer-pool-size=16M", "--skip-name-resolve"]

    def query(self, text, database=None):
        database = database or ("mysql" if text == "SELECT 1" else "nuncio")
        return self.run_tool([program("mariadb"), "--no-defaults", f"--socket={self.socket}", "-u",
                              "root", "-N", "-B", "--default-character-set=utf8mb4", database],
                             text).strip()
