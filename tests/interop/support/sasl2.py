# The client's side of SASL2 (XEP-0388) with Bind 2 (XEP-0386) and FAST (XEP-0484), on a Wire.
import base64
import hmac

from support.cases import check, equal
from support.scram import BINDINGS, Scram
from support.wire import base64_text

SASL2 = "{urn:xmpp:sasl:2}"
BIND2 = "{urn:xmpp:bind:0}"
FAST = "{urn:xmpp:fast:0}"
TOKEN_BINDINGS = {"EXPR": "tls-exporter", "ENDP": "tls-server-end-point", "NONE": None}


def binding_data(wire, mechanism):
    binding = TOKEN_BINDINGS[mechanism.rsplit("-", 1)[1]]
    return BINDINGS[binding](wire.socket) if binding else b""


def agent(client_id):
    return f"<user-agent id='{client_id}'><software>wire</software><device>a test</device></user-agent>"


def bind(tag="wire"):
    return f"<bind xmlns='{BIND2[1:-1]}'><tag>{tag}</tag></bind>"


def request_token(mechanism):
    return f"<request-token xmlns='{FAST[1:-1]}' mechanism='{mechanism}'/>"


def fast(attributes=""):
    return f"<fast xmlns='{FAST[1:-1]}'{' ' + attributes if attributes else ''}/>"


def authenticate(wire, mechanism, message, *beside):
    """One element; the answer is the next one."""
    wire.send(f"<authenticate xmlns='{SASL2[1:-1]}' mechanism='{mechanism}'>"
              f"<initial-response>{base64_text(message)}</initial-response>{''.join(beside)}</authenticate>")
    return wire.next()


def scram(wire, mechanism, account, binding, *beside, before_proof=None):
    data = BINDINGS[binding](wire.socket) if binding else b""
    client = Scram(mechanism, account.user, account.password, binding, data)
    answer = authenticate(wire, mechanism, client.first(), *beside)
    if answer.tag != SASL2 + "challenge":
        return answer
    if before_proof:
        before_proof()
    wire.send(f"<response xmlns='{SASL2[1:-1]}'>"
              f"{base64_text(client.final(base64.b64decode(answer.text)))}</response>")
    answer = wire.next()
    if answer.tag == SASL2 + "success":
        check(client.verified(base64.b64decode(answer.findtext(SASL2 + "additional-data"))),
              "the server proves itself")
    return answer


def token(wire, mechanism, user, secret, *beside):
    """draft-schmaus-kitten-sasl-ht: one message, one answer."""
    algorithm = "sha" + mechanism.split("-")[2]
    data = binding_data(wire, mechanism)
    proof = hmac.digest(secret.encode(), b"Initiator" + data, algorithm)
    answer = authenticate(wire, mechanism, user.encode() + b"\0" + proof, *beside)
    if answer.tag == SASL2 + "success":
        equal(base64.b64decode(answer.findtext(SASL2 + "additional-data")),
              hmac.digest(secret.encode(), b"Responder" + data, algorithm), "the server's proof")
    return answer


def token_of(success):
    element = success.find(FAST + "token")
    return None if element is None else element.get("token")


def identity(success):
    equal(success.tag, SASL2 + "success", "the outcome")
    return success.findtext(SASL2 + "authorization-identifier")
