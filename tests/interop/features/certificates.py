# XEP-0178 §2: logins with clients' certificates (SASL EXTERNAL), made by openssl.
import hashlib
import ssl
from pathlib import Path

from support.cases import case, check, equal, run
from support.certificates import Certificate, context_with, openssl
from support.client import LoginFailed, People, settled
from support.wire import SASL, TLS, Wire, base64_text, check_failure, plain

NOT_FOR_CLIENTS = {"prosody": "has EXTERNAL between servers only"}


class CertifiedWire(Wire):
    """Shows a certificate; `session` resumes an earlier one of the same context."""

    def start_tls(self, context, session=None):
        self.open()
        self.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        equal(self.next().tag, TLS + "proceed", "the answer to starttls")
        self.socket = context.wrap_socket(self.socket, server_hostname=self.host, session=session)
        return self.open()


def external(wire, authzid=None):
    return wire.auth("EXTERNAL", "=" if authzid is None else base64_text(authzid))


for _direct in (False, True):
    @case(f"slixmpp logs in with its certificate ({'direct TLS' if _direct else 'STARTTLS'})", NOT_FOR_CLIENTS)
    async def _(environment, stack, direct=_direct):
        account = environment.account("alice")
        certificate = Certificate(environment, account.user, [account.jid])
        client = People(environment, stack).client(account, mechanism="EXTERNAL")
        client.certfile, client.keyfile = certificate.path, certificate.key
        await client.login(direct_tls=direct)
        equal(client.boundjid.bare, account.jid, "the address")
        await settled(client)


@case("slixmpp cannot log in with a certificate for somebody else")
async def _(environment, stack):
    account = environment.account("alice")
    certificate = Certificate(environment, f"not-{account.user}", [environment.account("bob").jid])
    client = People(environment, stack).client(account, mechanism="EXTERNAL")
    client.certfile, client.keyfile = certificate.path, certificate.key
    try:
        await client.login()
        # It sends no name, so it is whom the certificate says, and no one else.
        check(client.boundjid.bare != account.jid, "it became the account that it has no certificate of")
    except LoginFailed:
        pass


@case("with several addresses the client has to say which", NOT_FOR_CLIENTS)
def _(environment):
    one, other = environment.account("alice"), environment.account("bob")
    stranger = environment.account("carol")
    certificate = Certificate(environment, f"both-{one.user}", [one.jid, other.jid, "x@elsewhere.example"])
    with CertifiedWire(environment) as wire:
        features = wire.start_tls(context_with(environment, certificate))
        check("EXTERNAL" in wire.mechanisms(features), "EXTERNAL is not offered")
        check_failure(external(wire), "invalid-authzid")
        check_failure(external(wire, stranger.jid), "invalid-authzid")
        check_failure(external(wire, "x@elsewhere.example"), "invalid-authzid")
        equal(external(wire, other.jid).tag, SASL + "success", "the outcome")
        wire.open()
        equal(wire.bind().split("/")[0], other.jid, "the address")


def not_offered(environment, certificate, account):
    """The handshake goes well all the same, and a password opens."""
    with CertifiedWire(environment) as wire:
        features = wire.start_tls(context_with(environment, certificate))
        check("EXTERNAL" not in wire.mechanisms(features), "EXTERNAL is offered")
        check_failure(external(wire, account.jid), "invalid-mechanism", "not-authorized")
        equal(wire.auth("PLAIN", plain(account.user, account.password)).tag, SASL + "success", "the outcome")


@case("an expired certificate is worth nothing, and ends no connection")
def _(environment):
    account = environment.account("alice")
    not_offered(environment, Certificate(environment, account.user, [account.jid], days=-1), account)


@case("a self-signed certificate is worth nothing, and ends no connection")
def _(environment):
    account = environment.account("alice")
    not_offered(environment, Certificate(environment, account.user, [account.jid], issuer=None), account)


@case("a self-signed certificate opens as soon as its fingerprint stands in the file", NOT_FOR_CLIENTS)
def _(environment):
    account = environment.account("alice")
    certificate = Certificate(environment, f"pinned-{account.user}", [], issuer=None)
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate.path.read_text())).hexdigest()
    owners = Path(environment.directory) / "conf.d" / "owners"
    with CertifiedWire(environment) as wire:
        features = wire.start_tls(context_with(environment, certificate))
        check("EXTERNAL" not in wire.mechanisms(features), "EXTERNAL is offered")
    with open(owners, "a", encoding="utf-8") as file:
        file.write(f"{digest} {account.user}\n")
    with CertifiedWire(environment) as wire:
        wire.start_tls(context_with(environment, certificate))
        equal(external(wire).tag, SASL + "success", "the outcome")
        wire.open()
        equal(wire.bind().split("/")[0], account.jid, "the address")


@case("a certificate of an unknown authority is worth nothing, and ends no connection")
def _(environment):
    account = environment.account("alice")
    authority = Path(environment.directory) / f"other-{account.user}"
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", "/CN=other authority", "-addext", "basicConstraints=critical,CA:TRUE", "-keyout",
            f"{authority}.key", "-out", f"{authority}.crt")
    certificate = Certificate(environment, account.user, [account.jid], issuer=authority.name)
    not_offered(environment, certificate, account)


@case("a certificate of nobody who has an account here is not offered EXTERNAL")
def _(environment):
    account = environment.account("alice")
    certificate = Certificate(environment, f"no-{account.user}", [f"nobody-{account.user}@{account.host}"])
    not_offered(environment, certificate, account)


@case("a host that asks for no certificates offers no EXTERNAL")
def _(environment):
    host = environment.hosts[1]
    account = environment.account("alice", host)
    certificate = Certificate(environment, f"elsewhere-{account.user}", [account.jid])
    with CertifiedWire(environment, host) as wire:
        features = wire.start_tls(context_with(environment, certificate, host))
        check("EXTERNAL" not in wire.mechanisms(features), "EXTERNAL is offered")


for _version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
    @case(f"after a resumption the certificate counts all the same ({_version.name})", NOT_FOR_CLIENTS)
    def _(environment, version=_version):
        account = environment.account("alice")
        certificate = Certificate(environment, f"{account.user}-{version.name}", [account.jid])
        context = context_with(environment, certificate, version=version)
        session = None
        for _ in range(3):
            with CertifiedWire(environment) as wire:
                features = wire.start_tls(context, session)
                check("EXTERNAL" in wire.mechanisms(features), "EXTERNAL is not offered")
                equal(external(wire).tag, SASL + "success", "the outcome")
                wire.open()
                session = wire.socket.session


if __name__ == "__main__":
    run()
