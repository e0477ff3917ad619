# The client's side of SCRAM (RFC 5802), with the channel bindings that slixmpp 1.8 lacks:
# tls-exporter (RFC 9266) and tls-server-end-point (RFC 5929); and the keys that a server keeps.
import base64
import ctypes
import hashlib
import hmac
import secrets


def exporter(tls):
    """Python's ssl module has no keying-material exporter, OpenSSL beneath it has: the SSL pointer
    is the second field behind the object's header, in CPython 3.11 as Debian 12 ships it."""
    openssl = ctypes.CDLL("libssl.so.3")
    pointer = ctypes.c_void_p.from_address(id(tls._sslobj) + object.__basicsize__ + 8)
    label, out = b"EXPORTER-Channel-Binding", ctypes.create_string_buffer(32)
    done = openssl.SSL_export_keying_material(pointer, out, ctypes.c_size_t(32), label,
                                              ctypes.c_size_t(len(label)), b"", ctypes.c_size_t(0), 1)
    if done != 1:
        raise RuntimeError("SSL_export_keying_material failed")
    return out.raw


def end_point(tls):
    # RFC 5929 §4.1: the hash of the certificate's signature; SHA-256 for the ones the runner makes.
    return hashlib.sha256(tls.getpeercert(True)).digest()


def stored_keys(mechanism, password, rounds=4096, salt=b"a salt of its own"):
    """RFC 5802 §3 as RFC 5803 writes it: what a server keeps, made by a hand that is not the server's."""
    name = "sha" + mechanism.removeprefix("SCRAM-SHA-")
    salted = hashlib.pbkdf2_hmac(name, password.encode(), salt, rounds)
    client_key = hmac.digest(salted, b"Client Key", name)
    parts = (salt, hashlib.new(name, client_key).digest(), hmac.digest(salted, b"Server Key", name))
    in_text, stored, server = (base64.b64encode(part).decode() for part in parts)
    return f"{mechanism}${rounds}:{in_text}${stored}:{server}"


BINDINGS = {"tls-exporter": exporter, "tls-server-end-point": end_point}


class Scram:
    def __init__(self, mechanism, user, password, binding=None, binding_data=b"", flag=None):
        self.hash = "sha" + mechanism.removesuffix("-PLUS").removeprefix("SCRAM-SHA-")
        self.password = password.encode()
        self.nonce = secrets.token_hex(12)
        self.header = f"{flag or ('p=' + binding if binding else 'n')},,"
        self.binding_data = binding_data
        name = user.replace("=", "=3D").replace(",", "=2C")
        self.first_bare = f"n={name},r={self.nonce}"

    def first(self):
        return (self.header + self.first_bare).encode()

    def _hmac(self, key, text):
        return hmac.digest(key, text, self.hash)

    def final(self, challenge, proof=None):
        fields = dict(part.split("=", 1) for part in challenge.decode().split(","))
        if not fields["r"].startswith(self.nonce):
            raise ValueError("the server's nonce does not continue ours")
        bound = base64.b64encode(self.header.encode() + self.binding_data).decode()
        without = f"c={bound},r={fields['r']}"
        salted = hashlib.pbkdf2_hmac(self.hash, self.password, base64.b64decode(fields["s"]),
                                     int(fields["i"]))
        key = self._hmac(salted, b"Client Key")
        message = f"{self.first_bare},{challenge.decode()},{without}".encode()
        signature = self._hmac(hashlib.new(self.hash, key).digest(), message)
        if proof is None:
            proof = bytes(a ^ b for a, b in zip(key, signature))
        self.expected = self._hmac(self._hmac(salted, b"Server Key"), message)
        return f"{without},p={base64.b64encode(proof).decode()}".encode()

    def verified(self, success):
        return success == b"v=" + base64.b64encode(self.expected)
