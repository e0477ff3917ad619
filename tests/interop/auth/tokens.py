# The jwt backend: real clients log in with tokens that another library (PyJWT) has made, honest ones and forged
# ones, while their keys are replaced.
import base64
import hashlib
import hmac
import json
import os
import tempfile
import time
from pathlib import Path

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from support.cases import Failure, about, case, check, equal, run
from support.client import Client, LoginFailed, settled
from support.environment import Account
from support.password_logins import DISABLED, EXPIRED, LATER, SUCCESS, WRONG, Storm, expect, log_in, note
from support.own_server import OwnServer

SECRET = base64.b64encode(os.urandom(48)).decode()



def pem(key):
    return key.public_key().public_bytes(serialization.Encoding.PEM,
                                         serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def jwk(key, name):
    """By PyJWT's own writer, so that the reader is tested against somebody else."""
    if isinstance(key, rsa.RSAPrivateKey):
        table = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        numbers, size = key.public_key().public_numbers(), (key.curve.key_size + 7) // 8
        table = {"kty": "EC", "crv": {256: "P-256", 384: "P-384", 521: "P-521"}[key.curve.key_size],
                 "x": url64(numbers.x.to_bytes(size, "big")), "y": url64(numbers.y.to_bytes(size, "big"))}
    else:
        table = json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(key.public_key()))
    return {**{k: v for k, v in table.items() if k != "key_ops"}, "kid": name}


def url64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def replace(path, text):
    new = path.with_suffix(".new")
    new.write_text(text)
    new.chmod(0o600)
    new.rename(path)


def now():
    return int(time.time())


class Place:
    """Keys of every kind, a file for each, and a server with a host for each way to use them."""

    def __init__(self, environment):
        self.folder = Path(tempfile.mkdtemp(dir=environment.directory))
        self.rsa, self.other_rsa = (rsa.generate_private_key(65537, 2048) for _ in range(2))
        self.keys = {
            "RS256": self.rsa, "RS384": self.rsa, "RS512": self.rsa, "PS256": self.rsa, "PS384": self.rsa,
            "PS512": self.rsa, "ES256": ec.generate_private_key(ec.SECP256R1()),
            "ES384": ec.generate_private_key(ec.SECP384R1()), "ES512": ec.generate_private_key(ec.SECP521R1()),
            "EdDSA": ed25519.Ed25519PrivateKey.generate(), "HS256": SECRET, "HS384": SECRET, "HS512": SECRET}
        hosts = {}
        for name, key in self.keys.items():
            path = self.file(f"{name}.key", SECRET + "\n" if key == SECRET else pem(key))
            hosts[f"{name.lower()}.test"] = {"key_file": path, "algorithms": [name]}
        rs256 = hosts["rs256.test"]
        self.set = self.file("set.json", json.dumps({"keys": [
            jwk(self.rsa, "one"), jwk(self.keys["ES384"], "two"), jwk(self.keys["EdDSA"], "three"),
            {"kty": "oct", "k": url64(SECRET.encode()), "kid": "four"}]}))
        self.swapped = Path(self.file("swapped.pem", pem(self.rsa)))
        self.rotated = Path(self.file("rotated.json", json.dumps({"keys": [jwk(self.rsa, "old")]})))
        self.late = self.folder / "late.pem"
        hosts |= {
            "ed448.test": {"key_file": self.file("ed448.pem", pem(ed448.Ed448PrivateKey.generate())),
                           "algorithms": ["EdDSA"]},
            "set.test": {"key_file": self.set, "algorithms": ["RS256", "ES384", "EdDSA", "HS256"]},
            # Whoever writes this means well, and opens no door.
            "confused.test": {**rs256, "algorithms": ["RS256", "HS256"]},
            "confused2.test": {**rs256, "algorithms": ["HS256"]},
            "strict.test": {**rs256, "issuers": ["https://id.test"], "audiences": ["xmpp"], "max_age": "1h",
                            "leeway": "10s"},
            "jid.test": {**rs256, "account_claim": "jid"},
            "lax.test": {**rs256, "require_expiry": False},
            "short.test": {**rs256, "token_bytes": 600},
            "all.test": {**rs256, "accounts": "all"},
            "swapped.test": {"key_file": str(self.swapped), "leeway": "0s"},
            "rotated.test": {"key_file": str(self.rotated), "algorithms": ["RS256", "ES256"]},
            "late.test": {"key_file": str(self.late)},
        }
        tables = {host: 'auth = ["jwt"]\n[.plugins.jwt]\n' + "\n".join(
            f"{key} = {json.dumps(value)}" for key, value in options.items()) for host, options in hosts.items()}
        tables["both.test"] = ('auth = ["internal", "jwt"]\n[.plugins.internal]\n[.plugins.jwt]\n'
                               f'key_file = "{rs256["key_file"]}"\n')
        self.server = OwnServer(environment, tables)
        self.server.plugins = (*OwnServer.plugins, "offline")
        self.server.__enter__()

    def file(self, name, text):
        path = self.folder / name
        replace(path, text)
        return str(path)

    def token(self, algorithm="RS256", key=None, header=None, **claims):
        claims = {"sub": "ana", "exp": now() + 600, **claims}
        return jwt.encode({k: v for k, v in claims.items() if v is not None}, key or self.keys[algorithm], algorithm,
                          headers=header)


_places = []


def place(environment):
    if not _places:
        _places.append(Place(environment))
    return _places[0]


def forged(header, claims, sign=lambda text: b""):
    text = ".".join(url64(json.dumps(part).encode()) for part in (header, claims))
    return text + "." + url64(sign(text.encode()))


def hmac_with(secret):
    return lambda text: hmac.new(secret, text, hashlib.sha256).digest()


@case("a token of every algorithm lets its owner in, and nobody else")
def _(environment):
    here = place(environment)
    for algorithm in here.keys:
        with about(algorithm):
            token = here.token(algorithm)
            expect(here.server, f"{algorithm.lower()}.test", "ana", token, SUCCESS)
            expect(here.server, f"{algorithm.lower()}.test", "bob", token, WRONG)
            head, body, signature = token.split(".")
            expect(here.server, f"{algorithm.lower()}.test", "bob",
                   ".".join((head, url64(json.dumps({"sub": "bob", "exp": now() + 600}).encode()), signature)), WRONG)


@case("real clients come in with tokens by RS256, ES256 and HS256, and hear of one that has expired")
async def _(environment, stack):
    here = place(environment)
    for algorithm in ("RS256", "ES256", "HS256"):
        account = Account("ana", f"{algorithm.lower()}.test", here.token(algorithm))
        client = Client(here.server.environment, account, mechanism="PLAIN")
        stack.push_async_callback(client.leave)
        await client.login(roster=False)
        await settled(client)
        equal(client.boundjid.bare, account.jid, "the address")
        late = Client(here.server.environment, account, mechanism="PLAIN",
                      password=here.token(algorithm, exp=now() - 60))
        stack.push_async_callback(late.leave)
        try:
            await late.login()
        except LoginFailed as failure:
            check(EXPIRED in str(failure), f"wanted {EXPIRED}, got {failure}")
        else:
            raise Failure("a token that has expired got in")


@case("tokens without a signature, of another key or another algorithm are nobody's")
def _(environment):
    here = place(environment)
    claims = {"sub": "ana", "exp": now() + 600}
    attempts = {
        "none": forged({"alg": "none"}, claims),
        "None": forged({"alg": "None"}, claims),
        "none with a signature": forged({"alg": "none"}, claims, hmac_with(b"x")),
        "RS256 without a signature": forged({"alg": "RS256"}, claims),
        "another key": here.token(key=here.other_rsa),
        "another algorithm of the same key": here.token("RS512"),
        "PSS": here.token("PS256"),
        "a key of the token's own": forged({"alg": "RS256", "jwk": jwk(here.other_rsa, "x")}, claims),
        "an extension": here.token(header={"crit": ["b64"], "b64": True}),
        "not a token": "pencil",
        "dots": "..",
        "five parts": here.token() + ".a.b",
        "padding": here.token() + "=",
    }
    for name, token in attempts.items():
        expect(here.server, "rs256.test", "ana", token, WRONG, name)
    expect(here.server, "rs256.test", "ana", here.token(), SUCCESS)


@case("the public key is not taken for a secret, whatever the token or the administrator says")
def _(environment):
    here = place(environment)
    public = pem(here.rsa)
    for host in ("rs256.test", "confused.test", "confused2.test"):
        for header in ({"alg": "HS256"}, {"alg": "RS256"}):
            for secret in (public, public.strip(), public.replace("\n", "\r\n")):
                token = forged(header, {"sub": "ana", "exp": now() + 600}, hmac_with(secret.encode()))
                expect(here.server, host, "ana", token, WRONG, f"{header} at {host}")
    expect(here.server, "confused.test", "ana", here.token(), SUCCESS)


@case("a JWK set: each key for its own algorithm, chosen by its name")
def _(environment):
    here = place(environment)
    for algorithm, name in (("RS256", "one"), ("ES384", "two"), ("EdDSA", "three"), ("HS256", "four")):
        expect(here.server, "set.test", "ana", here.token(algorithm, header={"kid": name}), SUCCESS)
        expect(here.server, "set.test", "ana", here.token(algorithm), SUCCESS)
        expect(here.server, "set.test", "ana", here.token(algorithm, header={"kid": "five"}), WRONG)
    expect(here.server, "set.test", "ana", here.token("RS256", header={"kid": "two"}), WRONG)
    expect(here.server, "set.test", "ana", here.token("ES256"), WRONG)


@case("claims: whose, from whom, for whom, from when and until when")
def _(environment):
    here = place(environment)

    def try_it(host, wanted, **claims):
        expect(here.server, host, "ana", here.token(**claims), wanted, f"{claims} at {host}")

    for sub in ("ana", "ANA", "ana@rs256.test", "Ana@RS256.test"):
        try_it("rs256.test", SUCCESS, sub=sub)
    for sub in ("bob", "", "ana@rs384.test", "ana@rs256.test/x", "@rs256.test", None):
        try_it("rs256.test", WRONG, sub=sub)
    try_it("jid.test", SUCCESS, jid="ana@jid.test", sub="somebody-else")
    try_it("jid.test", WRONG, jid="bob@jid.test")
    try_it("jid.test", WRONG)
    try_it("rs256.test", EXPIRED, exp=now() - 31)
    try_it("rs256.test", SUCCESS, exp=now() - 20)  # within the leeway
    try_it("rs256.test", WRONG, exp=None)
    try_it("lax.test", SUCCESS, exp=None)
    try_it("lax.test", EXPIRED, exp=now() - 60)
    try_it("rs256.test", WRONG, nbf=now() + 60)
    try_it("rs256.test", SUCCESS, nbf=now() + 20)
    try_it("rs256.test", WRONG, iat=now() + 60)
    try_it("rs256.test", WRONG, sub="bob", exp=now() - 60)  # expired, but not this user's
    try_it("rs256.test", SUCCESS, aud="rs256.test")
    try_it("rs256.test", WRONG, aud="mail")
    good = {"iss": "https://id.test", "aud": ["mail", "xmpp"], "iat": now()}
    try_it("strict.test", SUCCESS, **good)
    try_it("strict.test", WRONG, **{**good, "iss": "https://evil.test"})
    try_it("strict.test", WRONG, **{**good, "aud": "mail"})
    try_it("strict.test", WRONG, **{**good, "aud": None})
    try_it("strict.test", WRONG, **{**good, "iat": None})
    try_it("strict.test", EXPIRED, **{**good, "iat": now() - 3700})
    # exp may not be a text; PyJWT would not write that.
    token = forged({"alg": "HS256"}, {"sub": "ana", "exp": str(now() + 600)}, hmac_with(SECRET.encode()))
    expect(here.server, "hs256.test", "ana", token, WRONG)


def of_size(here, size):
    """A token of exactly so many bytes. Base64url has no text of 4n + 1 bytes, but two parts together may."""
    for name in ("", "k", "kk", "kkk"):
        header = {"kid": name}
        padding = (size - len(here.token(header=header))) * 3 // 4 - 16
        for more in range(24):
            token = here.token(header=header, pad="x" * max(0, padding + more))
            if len(token) == size:
                return token
    raise Failure(f"no token has {size} bytes")


@case("a token of token_bytes is looked at, and one byte more is not")
def _(environment):
    here = place(environment)
    expect(here.server, "short.test", "ana", of_size(here, 600), SUCCESS, "600 bytes")
    expect(here.server, "short.test", "ana", of_size(here, 601), WRONG, "601 bytes")
    expect(here.server, "rs256.test", "ana", of_size(here, 4096), SUCCESS, "4096 bytes")
    equal(log_in(here.server, "rs256.test", "ana", of_size(here, 4097)), "malformed-request", "4097 bytes")


@case("whoever has come in once has an account, and can be forgotten")
def _(environment):
    here = place(environment)

    def knows(jid):
        code, text = here.server.ctl("auth", "test", jid, "", "--json")
        equal(code, 0, text)
        return json.loads(text)[0]["knows"]

    equal(knows("carol@rs256.test"), "no", "before")
    expect(here.server, "rs256.test", "carol", here.token(sub="carol", exp=now() - 60), EXPIRED)
    equal(knows("carol@rs256.test"), "no", "after a token that had expired")
    expect(here.server, "rs256.test", "carol", here.token(sub="carol"), SUCCESS)
    equal(knows("carol@rs256.test"), "yes", "after a login")
    equal(knows("carol@all.test"), "yes", "where every name is one")
    equal(here.server.ctl("plugin", "reload", "jwt")[0], 0, "reload")
    equal(knows("carol@rs256.test"), "yes", "after a reload")
    code, text = here.server.ctl("unregister", "carol@rs256.test")
    equal(code, 0, text)
    equal(knows("carol@rs256.test"), "no", "forgotten")
    check(here.server.ctl("register", "carol@rs256.test", "pencil")[0] != 0, "tokens are not made here")


@case("messages wait for who has come in once, and for nobody who was made up")
async def _(environment, stack):
    here = place(environment)
    host = "es256.test"
    expect(here.server, host, "dora", here.token("ES256", sub="dora"), SUCCESS)
    ana = Client(here.server.environment, Account("ana", host, here.token("ES256")), mechanism="PLAIN")
    stack.push_async_callback(ana.leave)
    await ana.login(roster=False)
    for user in ("dora", "madeup"):
        ana.send_message(f"{user}@{host}", f"hello {user}", mtype="chat")
    error = await ana.expect(lambda s: s.name == "message" and s["type"] == "error", "an error")
    equal(error["from"].bare, f"madeup@{host}", "who is unknown")
    await settled(ana)
    dora = Client(here.server.environment, Account("dora", host, here.token("ES256", sub="dora")), mechanism="PLAIN")
    stack.push_async_callback(dora.leave)
    await dora.login(roster=False)
    await dora.expect_message("hello dora")


@case("accounts that came in with tokens are listed, disabled and enabled as others are")
def _(environment):
    here = place(environment)
    key = here.file("listed.pem", pem(here.rsa))
    table = f'auth = ["jwt"]\n[.plugins.jwt]\nkey_file = "{key}"\n'
    with OwnServer(environment, {"listed.test": table}) as server:
        for user in ("bob", "ana"):
            expect(server, "listed.test", user, here.token(sub=user), SUCCESS)
        code, text = server.ctl("accounts", "listed.test", "--json")
        equal(code, 0, text)
        check(text.index("ana") < text.index("bob"), text)
        equal(server.ctl("disable", "ana@listed.test")[0], 0, "disable")
        expect(server, "listed.test", "ana", here.token(), DISABLED)
        expect(server, "listed.test", "ana", here.token(key=here.other_rsa), WRONG)
        expect(server, "listed.test", "bob", here.token(sub="bob"), SUCCESS)
        equal(server.ctl("enable", "ana@listed.test")[0], 0, "enable")
        expect(server, "listed.test", "ana", here.token(), SUCCESS)
    check(not server.trouble, server.trouble)


@case("passwords and tokens side by side")
def _(environment):
    here = place(environment)
    equal(here.server.ctl("register", "ana@both.test", "pencil")[0], 0, "register")
    expect(here.server, "both.test", "ana", "pencil", SUCCESS)
    expect(here.server, "both.test", "ana", "pen", WRONG)
    expect(here.server, "both.test", "ana", here.token(), SUCCESS)
    expect(here.server, "both.test", "ana", here.token(exp=now() - 60), EXPIRED)
    expect(here.server, "both.test", "ana", here.token(key=here.other_rsa), WRONG)


@case("jwt check tells the administrator why")
def _(environment):
    here = place(environment)

    def why(jid, token):
        code, text = here.server.ctl("jwt", "check", jid, token, "--json")
        equal(code, 0, text)
        found = json.loads(text)
        return found["accepted"], found.get("why", "")

    equal(why("ana@rs256.test", here.token()), (True, ""), "a good one")
    for token, words in ((here.token(exp=now() - 60), "expired"), (here.token("RS512"), "algorithms"),
                         (here.token(sub="bob"), '"bob"'), (here.token(key=here.other_rsa), "signature"),
                         ("pencil", "three parts")):
        is_good, text = why("ana@rs256.test", token)
        check(not is_good and words in text, f"wanted {words!r}, got {text!r}")


@case("a key file that is not there yet: later, not wrong; and used as soon as it is there")
def _(environment):
    here = place(environment)
    here.late.unlink(missing_ok=True)
    for token in (here.token(), here.token(key=here.other_rsa)):
        expect(here.server, "late.test", "ana", token, LATER)
    expect(here.server, "late.test", "ana", "an ordinary password", WRONG)
    code, text = here.server.ctl("auth", "status", "--host", "late.test", "--json")
    status = json.loads(text)[0]
    equal((status["state"], status["keys"]), ("failing", 0), "the status")
    check("No such file" in status["last_error"], text)
    replace(here.late, pem(here.rsa))
    expect(here.server, "late.test", "ana", here.token(), SUCCESS)
    equal(json.loads(here.server.ctl("auth", "status", "--host", "late.test", "--json")[1])[0]["state"], "ok", "mended")


def status_of(here, host):
    return json.loads(here.server.ctl("auth", "status", "--host", host, "--json")[1])[0]


@case("the key file is replaced in a storm of logins: at once, and a broken one changes nothing")
def _(environment):
    here = place(environment)
    first, second = here.token(), here.token(key=here.other_rsa)
    # Which token may be right now; a change is made while nobody may rely on either.
    rights = {"first": (SUCCESS,), "second": (WRONG,)}

    def question(number):
        which, token = ("first", first) if number % 2 else ("second", second)
        return "ana", token, lambda: rights[which]

    def change(text, right, wrong):
        rights.update({right: (SUCCESS, WRONG), wrong: (SUCCESS, WRONG)})
        replace(here.swapped, text)
        expect(here.server, "swapped.test", "ana", first if right == "first" else second, SUCCESS, "at once")
        expect(here.server, "swapped.test", "ana", second if right == "first" else first, WRONG, "at once")
        rights.update({right: (SUCCESS,), wrong: (WRONG,)})

    with Storm(here.server, "swapped.test", question) as storm:
        storm.wait_for(SUCCESS, 5)
        change(pem(here.other_rsa), "second", "first")
        storm.wait_for(SUCCESS, 10)
        for broken in ("", "-----BEGIN PUBLIC KEY-----\nAAAA\n", "{", "x" * 300_000):
            replace(here.swapped, broken)
            storm.wait_for(SUCCESS, 5)
        status = status_of(here, "swapped.test")
        equal((status["state"], status["keys"]), ("failing", 1), "the status with a broken file")
        here.swapped.unlink()
        storm.wait_for(SUCCESS, 5)
        change(pem(here.rsa), "first", "second")
        storm.wait_for(SUCCESS, 10)
    note(f"keys replaced in a storm: {storm.judge()}")
    equal(status_of(here, "swapped.test")["state"], "ok", "the status at the end")
    told = [line for line in here.server.log_text().splitlines() if "stay in use" in line and "swapped.pem" in line]
    check(4 <= len(told) <= 5, f"each broken file is told once: {told}")


@case("keys rotate as sites do it, the new one beside the old one for a while: no login fails")
def _(environment):
    here = place(environment)
    new = ec.generate_private_key(ec.SECP256R1())
    use = {"token": here.token(header={"kid": "old"})}
    with Storm(here.server, "rotated.test", lambda _: ("ana", use["token"], lambda: (SUCCESS,))) as storm:
        storm.wait_for(SUCCESS, 10)
        replace(here.rotated, json.dumps({"keys": [jwk(here.rsa, "old"), jwk(new, "new")]}))
        storm.wait_for(SUCCESS, 10)
        use["token"] = here.token("ES256", key=new, header={"kid": "new"})
        storm.wait_for(SUCCESS, 14)  # none with the old token is under way any more
        replace(here.rotated, json.dumps({"keys": [jwk(new, "new")]}))
        storm.wait_for(SUCCESS, 10)
    note(f"keys rotated in a storm: {storm.judge()}")
    expect(here.server, "rotated.test", "ana", here.token(header={"kid": "old"}), WRONG)


@case("the log tells why tokens are refused, and holds neither tokens nor secrets; the server ends in good order")
def _(environment):
    here = place(environment)
    trouble = here.server.stop()
    check(not trouble, trouble)
    text = here.server.log_text()
    for words in ("a token for ana is refused: its signature is wrong", "it is for", "not among `algorithms`",
                  "it is longer than token_bytes", "keys for verifying tokens"):
        check(words in text, f"the log does not say: {words}")
    for secret in ("eyJ", SECRET, SECRET[:16], "AAAA"):
        check(secret not in text, f"{secret} is in the log")
    mistakes = [line for line in here.server.complaints() if "late.pem" not in line and "swapped.pem" not in line]
    equal(mistakes, [], "errors in the log")


if __name__ == "__main__":
    run()
