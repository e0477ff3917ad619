# A client made of bytes, for what no client library would ever send. Standard library only.
import base64
import socket
import ssl
import time
import xml.etree.ElementTree as ET

from support.cases import Failure, check, equal
from support.scram import BINDINGS, Scram

STREAM = "{http://etherx.jabber.org/streams}"
ERRORS = "{urn:ietf:params:xml:ns:xmpp-streams}"
SASL = "{urn:ietf:params:xml:ns:xmpp-sasl}"
TLS = "{urn:ietf:params:xml:ns:xmpp-tls}"
BIND = "{urn:ietf:params:xml:ns:xmpp-bind}"
STANZAS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"
CLIENT = "{jabber:client}"
PATIENCE = 8.0


class Closed(Failure):
    """The server ended the connection; `stream_ended` says whether it closed the stream first."""

    def __init__(self, why, stream_ended):
        super().__init__(why)
        self.stream_ended = stream_ended


def base64_text(data):
    return base64.b64encode(data if isinstance(data, bytes) else data.encode()).decode()


def plain(user, password, authzid=""):
    return base64_text(f"{authzid}\0{user}\0{password}")


class Wire:
    def __init__(self, environment, host=None, port=None, patience=PATIENCE, address=None, source=""):
        """`source`: the address that we come from; the system chooses."""
        self.environment = environment
        self.host = host or environment.host
        self.socket = socket.create_connection((address or environment.address, port or environment.port), patience,
                                               (source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.patience = patience
        self.round_trips = 0  # how often we spoke, and had to wait for what came of it
        self._has_spoken = False
        self.fresh_stream()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def fresh_stream(self):
        self._parser = ET.XMLPullParser(("start", "end"))
        self._depth = 0
        self.stream = None
        self._ready = []
        self._ended = False

    # -- speaking -----------------------------------------------------------------------------

    def send(self, data):
        self._has_spoken = True
        self.socket.sendall(data.encode() if isinstance(data, str) else data)

    def header(self, to=None, version="1.0", namespace="jabber:client",
               stream="http://etherx.jabber.org/streams", extra=""):
        to = self.host if to is None else to
        return ("<?xml version='1.0'?><stream:stream" + (f" to='{to}'" if to else "")
                + (f" version='{version}'" if version else "")
                + f" xmlns='{namespace}' xmlns:stream='{stream}'{extra}>")

    def open(self, **options):
        self.fresh_stream()
        self.send(self.header(**options))
        return self.features()

    def wrap(self, context=None):
        """TLS from here on; only this host's certificate is acceptable."""
        if context is None:
            context = ssl.create_default_context(cafile=self.environment.certificates[self.host])
        self.socket = context.wrap_socket(self.socket, server_hostname=self.host)

    def start_tls(self):
        self.open()
        self.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        equal(self.next().tag, TLS + "proceed", "the answer to starttls")
        self.wrap()
        return self.open()

    def auth(self, mechanism, initial=None):
        text = "" if initial is None else initial
        self.send(f"<auth xmlns='{SASL[1:-1]}' mechanism='{mechanism}'>{text}</auth>")
        return self.next()

    def scram(self, mechanism, user, password, binding=None, flag=None, binding_data=None):
        """The whole exchange; the answer is the last element the server sent."""
        if binding_data is None:
            binding_data = BINDINGS[binding](self.socket) if binding else b""
        scram = Scram(mechanism, user, password, binding, binding_data, flag)
        answer = self.auth(mechanism, base64_text(scram.first()))
        if answer.tag != SASL + "challenge":
            return answer
        self.send(f"<response xmlns='{SASL[1:-1]}'>"
                  f"{base64_text(scram.final(base64.b64decode(answer.text)))}</response>")
        answer = self.next()
        if answer.tag == SASL + "success":
            check(scram.verified(base64.b64decode(answer.text or "")), "the server proves itself")
        return answer

    def login(self, account, resource="wire"):
        """All the way: STARTTLS, PLAIN, bind. The answer is the bound address."""
        self.start_tls()
        equal(self.auth("PLAIN", plain(account.user, account.password)).tag, SASL + "success", "PLAIN")
        self.open()
        return self.bind(resource)

    def bind(self, resource="wire"):
        self.send(f"<iq type='set' id='bind'><bind xmlns='{BIND[1:-1]}'>"
                  f"<resource>{resource}</resource></bind></iq>")
        answer = self.next()
        equal(answer.get("type"), "result", "the answer to bind")
        return answer.findtext(f"{BIND}bind/{BIND}jid")

    # -- hearing ------------------------------------------------------------------------------

    def _feed(self):
        if not self._ready and self._ended:
            raise Closed("the server closed the stream", True)
        self.round_trips += self._has_spoken
        self._has_spoken = False
        try:
            data = self.socket.recv(65536)
        except socket.timeout:
            raise Failure("the server said nothing more") from None
        except (ConnectionError, ssl.SSLError) as error:
            raise Closed(f"the connection broke: {error}", self._ended) from None
        if not data:
            raise Closed("the server closed the connection", self._ended)
        self._parser.feed(data)
        for event, element in self._parser.read_events():
            if event == "start":
                if self._depth == 0:
                    self.stream = element
                self._depth += 1
                continue
            self._depth -= 1
            if self._depth == 1:
                self._ready.append(element)
            elif self._depth == 0:
                self._ended = True

    def next(self, timeout=None):
        """The next element below the stream's root."""
        self.socket.settimeout(timeout or self.patience)
        while not self._ready:
            self._feed()
        return self._ready.pop(0)

    def features(self):
        element = self.next()
        if element.tag == STREAM + "error":
            raise Failure(f"the stream was refused with {condition(element)}")
        equal(element.tag, STREAM + "features", "the first element of a stream")
        return element

    def mechanisms(self, features):
        return [m.text for m in features.iter(SASL + "mechanism")]

    def expect_stream_error(self, *conditions, timeout=None):
        """RFC 6120 §4.9: the error, the closing tag and the end of the connection."""
        while True:
            element = self.next(timeout)
            if element.tag == STREAM + "error":
                break
        found = condition(element)
        check(found in conditions, f"stream error {found}, wanted {' or '.join(conditions)}")
        self.expect_closed(timeout)
        check(self._ended, "the error was not followed by a closing tag")

    def expect_closed(self, timeout=None):
        self.socket.settimeout(timeout or self.patience)
        try:
            while True:
                if self._ended:
                    # The stream is over; what remains is the end of the connection.
                    while self.socket.recv(65536):
                        pass
                    return
                self._feed()
                self._ready.clear()
        except (Closed, ConnectionError, ssl.SSLError):
            return
        except socket.timeout:
            raise Failure("the connection stayed open") from None

    def expect_failure(self, *conditions):
        """A SASL failure with one of these conditions."""
        element = self.next()
        equal(element.tag, SASL + "failure", "the answer")
        check_failure(element, *conditions)


def check_failure(element, *conditions):
    check(element.tag == SASL + "failure", f"wanted a SASL failure, got {element.tag}")
    found = element[0].tag.removeprefix(SASL)
    check(found in conditions, f"SASL failure {found}, wanted {' or '.join(conditions)}")


def condition(error):
    for child in error:
        if child.tag.startswith(ERRORS) and child.tag != ERRORS + "text":
            return child.tag.removeprefix(ERRORS)
    return "no condition"


def stanza_condition(stanza):
    error = stanza.find(CLIENT + "error")
    for child in ([] if error is None else error):
        if child.tag.startswith(STANZAS) and child.tag != STANZAS + "text":
            return child.tag.removeprefix(STANZAS)
    return None


def seconds_since(start):
    return time.monotonic() - start
