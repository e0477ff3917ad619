# OpenLDAP's slapd in a folder of its own, and servers that only look like one.
import contextlib
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

from support.cases import Failure, Skipped

SLAPD = shutil.which("slapd", path="/usr/sbin:/usr/lib/openldap:/usr/bin")
MODULES = next((p for p in map(Path, ("/usr/lib/ldap", "/usr/lib64/openldap")) if p.is_dir()), None)
BASE = "dc=example,dc=org"
READER, READER_PASSWORD = f"cn=reader,{BASE}", "reads everything"
PATIENCE = 15.0


def dn_value(text):
    return "".join(f"\\{ord(c):02x}" if c in ',+"\\<>;=# *' else c for c in text)


def person(uid, password, unit="people", more=""):
    return (f"dn: uid={dn_value(uid)},ou={unit},{BASE}\nobjectClass: inetOrgPerson\nuid: {uid}\ncn: {uid}\n"
            f"sn: Example\nmail: {uid}@ldap.test\nuserPassword: {password}\n{more}\n")


def entries(people):
    def unit(name):
        return f"dn: ou={name},{BASE}\nobjectClass: organizationalUnit\nou: {name}\n\n"

    def policy(name, more):
        return (f"dn: cn={name},ou=policies,{BASE}\nobjectClass: device\nobjectClass: pwdPolicy\ncn: {name}\n"
                f"pwdAttribute: userPassword\npwdLockout: TRUE\n{more}\n")

    return "".join((
        f"dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: Example\n\n",
        unit("people"), unit("others"), unit("policies"), unit("many"),
        policy("default", ""), policy("aging", "pwdMaxAge: 86400\npwdMustChange: TRUE\n"),
        f"dn: {READER}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: reader\n"
        f"userPassword: {READER_PASSWORD}\n\n",
        f"dn: ou=elsewhere,{BASE}\nobjectClass: referral\nobjectClass: extensibleObject\nou: elsewhere\n"
        "ref: ldap://nowhere.test/dc=nowhere\n\n",
        *people))


def make_certificate(directory, name, names):
    certificate, key = directory / f"{name}.crt", directory / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                    "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName={names}",
                    "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    return certificate, key


def reserve():
    """A port that refuses connections until a server takes it, and that nobody else gets meanwhile: Linux lets
    two sockets with SO_REUSEADDR be bound to it as long as one does not listen."""
    kept = socket.socket()
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    kept.bind(("127.0.0.1", 0))
    return kept, kept.getsockname()[1]


class Slapd:
    """One server. `people` are entries in LDIF."""

    def __init__(self, directory, people, certificate=None, ciphers="NORMAL"):
        if SLAPD is None or MODULES is None:
            raise Skipped("slapd is not installed (package slapd)")
        self.directory = Path(directory)
        (self.directory / "data").mkdir(parents=True)
        self.certificate, self.key = certificate or make_certificate(self.directory, "slapd", "IP:127.0.0.1")
        (self._kept, self.port), (self._kept_too, self.tls_port) = reserve(), reserve()
        self.url, self.tls_url = (f"{scheme}://127.0.0.1:{port}" for scheme, port in
                                  (("ldap", self.port), ("ldaps", self.tls_port)))
        self.process = None
        self.log = self.directory / "slapd.log"
        self.configuration = self.directory / "slapd.conf"
        # simple_bind=128: a password that comes without TLS is refused, so that no test passes by
        # having sent one.
        self.configuration.write_text(f"""
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath {MODULES}
moduleload back_mdb
moduleload ppolicy
pidfile {self.directory}/slapd.pid
argsfile {self.directory}/slapd.args
TLSCertificateFile {self.certificate}
TLSCertificateKeyFile {self.key}
TLSCipherSuite {ciphers}
security simple_bind=128
sizelimit 400
access to attrs=userPassword by dn.exact="{READER}" write by anonymous auth by self write by * none
access to * by users read by anonymous auth
database mdb
suffix "{BASE}"
directory {self.directory}/data
maxsize 67108864
index objectClass,uid,mail,member eq
limits dn.exact="{READER}" size.prtotal=unlimited
overlay ppolicy
ppolicy_default "cn=default,ou=policies,{BASE}"
ppolicy_use_lockout
""")
        done = subprocess.run(["/usr/sbin/slapadd", "-q", "-f", str(self.configuration)], input=entries(people),
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failure(f"slapadd: {done.stderr[-300:]}")

    def modify(self, uid, change, unit="people"):
        """While it does not run; `change` as in LDIF."""
        done = subprocess.run(["/usr/sbin/slapmodify", "-f", str(self.configuration)], capture_output=True, text=True,
                              input=f"dn: uid={uid},ou={unit},{BASE}\nchangetype: modify\n{change}\n", check=False)
        if done.returncode != 0:
            raise Failure(f"slapmodify: {done.stderr[-300:]}")

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [SLAPD, "-h", f"{self.url} {self.tls_url}", "-f", str(self.configuration), "-d", "0"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + PATIENCE
        for port in (self.port, self.tls_port):
            while True:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                if self.process.poll() is not None or time.monotonic() > end:
                    raise Failure(f"slapd does not start: {self.log.read_text()[-300:]}")
                time.sleep(0.02)
        return self

    def kill(self):
        """The power is cut."""
        self.process.kill()
        self.process.wait()

    def hang(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.go_on()
            self.process.terminate()
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill()


# RFC 4511 §4.12 and §4.14.2: ExtendedResponse, success, to the first message.
START_TLS_SUCCESS = bytes.fromhex("300c02010178070a010004000400")


class Impostor:
    """Listens, and says `answer` to the first words of each connection; then nothing more."""

    def __init__(self, answer=b""):
        self.answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        self._taken = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._taken.append(connection)
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection):
        with contextlib.suppress(OSError):
            if connection.recv(4096):
                connection.sendall(self.answer)

    def stop(self):
        self._listener.close()
        for connection in self._taken:
            connection.close()
