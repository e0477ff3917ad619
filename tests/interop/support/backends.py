# Every auth backend with what it leans on: the rows of the conformance table. A new one is a class here, an entry in
# BACKENDS, and a row in docs/authentication.md.
import time
from pathlib import Path

import jwt

from servers import make_authority
from support.cases import Skipped
from support.certificates import Certificate
from support.databases import PASSWORD as DATABASE_PASSWORD
from support.databases import MariaDB, PostgreSQL
from support.logins import Secret
from support.pam import PamStack, sweep
from support.slapd import BASE, READER, READER_PASSWORD, Slapd, make_certificate, person
from support.web_service import WebService

# With what a script, a directory's text form and XML might trip over.
PASSWORD = "r0m30 & <my> r0m30"
SAMPLES = Path(__file__).resolve().parents[3] / "auth-backends" / "external" / "samples"


class Backend:
    """One row: what its host asks, and how its users come to be."""

    name = None
    settings = {}  # of the host

    def __init__(self, directory, tools, users):
        """Starts what it needs, or is Skipped."""
        self.directory = directory
        self.tools = tools
        self.users = users

    @property
    def host(self):
        return f"{self.name.replace(', ', '-').replace(' ', '-').lower()}.test"

    def chain(self):
        """Auth backends and their options."""
        raise NotImplementedError

    def make_users(self, server):
        """Once the server runs."""

    def secret(self, user):
        return Secret(PASSWORD)

    def wrong_secret(self, user, mechanism):
        """None: there is none, as nothing is asked."""
        if mechanism == "ANONYMOUS":
            return None
        if mechanism.startswith("HT-"):
            right = self.secret(user)
            return Secret(right.password, right.certificate, added_to_token="x")
        return Secret(PASSWORD[:-1])

    def stop(self):
        pass


class Registered(Backend):
    """Whose accounts are made by nuncioctl."""

    def make_users(self, server):
        for user in self.users:
            server.ctl("register", f"{user}@{self.host}", PASSWORD)


class Internal(Registered):
    name = "internal"

    def chain(self):
        return {"internal": {}}


class External(Backend):
    name = "external"

    def chain(self):
        accounts = self.directory / "accounts"
        accounts.write_text("".join(f"{user}:{PASSWORD}\n" for user in self.users))
        return {"external": {"command": [SAMPLES / "check.py", accounts]}}


class Ldap(Backend):
    name = "ldap"

    def __init__(self, *facts):
        super().__init__(*facts)
        self.slapd = Slapd(self.directory / "slapd", [person(user, PASSWORD) for user in self.users])
        self.slapd.start()

    def chain(self):
        return {"ldap": {"servers": [self.slapd.url], "tls_ca_file": self.slapd.certificate,
                         "base": f"ou=people,{BASE}", "bind_dn": READER, "bind_password": READER_PASSWORD}}

    def stop(self):
        self.slapd.stop()


class Pam(Backend):
    name = "pam"

    def __init__(self, *facts):
        super().__init__(*facts)
        self.stack = PamStack(self.directory, self.tools,
                              "".join(f"{user}:{PASSWORD}:nuncio\n" for user in self.users))

    def chain(self):
        return {"pam": {"helper": self.stack.helper, "service": "nuncio", "processes": 2}}

    def stop(self):
        sweep()


class SqlPostgres(Registered):
    name = "sql, PostgreSQL"

    def __init__(self, *facts):
        super().__init__(*facts)
        self.database = PostgreSQL()
        self.database.set_up()

    def chain(self):
        return {"sql": {"driver": "postgresql", "host": self.database.directory, "port": self.database.port}}

    def stop(self):
        self.database.end()


class SqlMaria(Registered):
    name = "sql, MariaDB"

    def __init__(self, *facts):
        super().__init__(*facts)
        self.database = MariaDB()
        self.database.set_up()

    def chain(self):
        return {"sql": {"driver": "mariadb", "host": self.database.socket, "password": DATABASE_PASSWORD}}

    def stop(self):
        self.database.end()


class SqlSqlite(Registered):
    name = "sql, SQLite by ODBC"

    def __init__(self, *facts):
        super().__init__(*facts)
        self.driver = next(Path("/usr/lib").glob("*/odbc/libsqlite3odbc.so"), None)
        if self.driver is None:
            raise Skipped("the ODBC driver of SQLite is not installed (package libsqliteodbc)")

    def chain(self):
        return {"sql": {"driver": "odbc", "connect_string":
                        f"Driver={self.driver};Database={self.directory}/accounts.sqlite;Timeout=2000"}}


class Http(Backend):
    name = "http"

    def __init__(self, *facts):
        super().__init__(*facts)
        self.certificate = make_certificate(self.directory, "service", "IP:127.0.0.1")
        self.service = WebService(dict.fromkeys(self.users, PASSWORD), self.certificate).start()

    def chain(self):
        return {"http": {"urls": [self.service.url()], "tls_ca_file": self.certificate[0]}}

    def stop(self):
        self.service.stop()


class Jwt(Backend):
    """The password is a token, and a wrong one says the same, signed with the key of somebody else."""

    name = "jwt"

    def __init__(self, *facts):
        super().__init__(*facts)
        self.ours, self.theirs = (make_certificate(self.directory, name, f"DNS:{name}.test")
                                  for name in ("ours", "theirs"))
        self.expiry = int(time.time()) + 3600

    def chain(self):
        return {"jwt": {"key_file": self.ours[0], "algorithms": ["ES256"]}}

    def token(self, user, signer):
        return jwt.encode({"sub": user, "exp": self.expiry}, signer[1].read_text(), "ES256")

    def secret(self, user):
        return Secret(self.token(user, self.ours))

    def wrong_secret(self, user, mechanism):
        return super().wrong_secret(user, mechanism) if mechanism.startswith("HT-") else \
            Secret(self.token(user, self.theirs))


class Anonymous(Backend):
    name = "anonymous"

    def chain(self):
        return {"anonymous": {}}


class OfCertificates(Backend):
    name = "certificate"

    def __init__(self, *facts):
        super().__init__(*facts)
        self.settings = {"client_ca": make_authority(self.directory)}
        self.shown = {}

    def chain(self):
        return {"certificate": {"create": True}}

    def make_users(self, server):
        for user in self.users:
            address = f"{user}@{self.host}"
            self.shown[user] = (Certificate(self, user, [address]),
                                Certificate(self, f"self-signed-{user}", [address], issuer=None))

    def secret(self, user):
        return Secret(PASSWORD, self.shown[user][0])

    def wrong_secret(self, user, mechanism):
        return super().wrong_secret(user, mechanism) if mechanism != "EXTERNAL" else \
            Secret(PASSWORD, self.shown[user][1])


BACKENDS = (Internal, External, Ldap, Pam, SqlPostgres, SqlMaria, SqlSqlite, Http, Jwt, Anonymous, OfCertificates)
