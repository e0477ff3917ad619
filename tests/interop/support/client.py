# A slixmpp client that keeps what it hears, so that a case can wait for one stanza and prove that
# another never came.
import asyncio
import logging
import os
import ssl
import sys
from pathlib import Path

import slixmpp
from slixmpp.xmlstream import ET  # noqa: F401  (for the tests)
from slixmpp.exceptions import IqError, IqTimeout  # noqa: F401  (for the tests)

from support.cases import Failure, check

PATIENCE = 8.0
logging.basicConfig(stream=sys.stderr,
                    level=logging.DEBUG if os.environ.get("NUNCIO_INTEROP_TRACE") else logging.CRITICAL)


class LoginFailed(Failure):
    pass


class Client(slixmpp.ClientXMPP):
    def __init__(self, environment, account, resource=None, mechanism=None, password=None,
                 certificate=None, plugins=(), channel_binding=False):
        jid = f"{account.jid}/{resource}" if resource else account.jid
        # Left to itself slixmpp 1.8 tries every -PLUS first, always with tls-unique; one case of
        # login.py does that, the others come in directly.
        mechanism = mechanism or (None if channel_binding else "SCRAM-SHA-1")
        super().__init__(jid, password or account.password, sasl_mech=mechanism)
        self.environment = environment
        self.account = account
        self.ca_certs = Path(certificate or environment.certificates[account.host])
        # The tests decide about subscriptions; slixmpp would otherwise answer by itself.
        self.auto_authorize = None
        self.auto_subscribe = False
        if not channel_binding:
            self._forget_channel_binding()
        for plugin in plugins:
            self.register_plugin(plugin)
        self.unread = []
        self.failures = []
        self._news = asyncio.Event()
        self.add_filter("in", self._keep)
        self.add_event_handler("failed_auth", lambda f: self.failures.append(f["condition"]))

    def _forget_channel_binding(self):
        # slixmpp 1.8 knows tls-unique only, and offers it on TLS 1.3 too, where RFC 9266 §3 rules
        # it out. It says `y` when it picks a mechanism without -PLUS, which is a downgrade to a
        # server that offers -PLUS (RFC 5802 §6). Without the credential it says `n`.
        mechanisms = self["feature_mechanisms"]
        original = mechanisms.sasl_callback

        def credentials(required, optional):
            found = original(required, optional)
            found.pop("channel_binding", None)
            return {**found, **({"channel_binding": None} if "channel_binding" in optional else {})}

        mechanisms.sasl_callback = credentials

    async def _pick_dns_answer(self, domain, service=None):
        return None  # the address is given: nobody is asked

    def _keep(self, stanza):
        self.unread.append(stanza)
        self._news.set()
        return stanza

    # -- life ---------------------------------------------------------------------------------

    async def login(self, presence=True, priority=None, direct_tls=False, tls=True, roster=True):
        outcome = asyncio.get_running_loop().create_future()

        def settle(value):
            if not outcome.done():
                outcome.set_result(value)

        self.add_event_handler("session_start", lambda _: settle("started"))
        self.add_event_handler("failed_all_auth", lambda _: settle("refused"))
        self.add_event_handler("connection_failed", lambda e: settle(f"no connection: {e}"))
        self.add_event_handler("ssl_invalid_chain", lambda e: settle(f"certificate: {e}"))
        self.add_event_handler("disconnected", lambda e: settle(f"disconnected: {e}"))
        # slixmpp learns the domain from connect()'s host name, which is a bare address here; without
        # it direct TLS would have neither SNI nor a name to check.
        self.default_domain = self.account.host
        port = self.environment.direct_tls_port if direct_tls else self.environment.port
        self.connect((self.environment.address, port), use_ssl=direct_tls,
                     force_starttls=tls and not direct_tls, disable_starttls=not tls or direct_tls)
        result = await asyncio.wait_for(outcome, PATIENCE)
        if result != "started":
            conditions = ", ".join(self.failures)
            self.cancel_connection_attempt()
            raise LoginFailed(f"{self.account.jid}: {result} ({conditions})")
        if roster:
            # RFC 6121 §2.2: this makes it an interested resource, as ordinary clients are; only
            # those hear of subscriptions and roster pushes.
            await self.get_roster(timeout=PATIENCE)
        if presence:
            await self.come_online(priority)
        self.unread = [s for s in self.unread if s.name in ("message", "presence")]
        return self

    async def come_online(self, priority=None):
        # RFC 6121 §4.2.2: the server broadcasts a user's presence to the user's own resources as
        # well, so our own echo is the sign that the presence has been processed.
        self.send_presence(ppriority=priority)
        await self.expect_presence(self.boundjid, "available")

    async def leave(self):
        if self.is_connected():
            await asyncio.wait_for(self.disconnect(wait=2.0), PATIENCE)

    async def drop(self):
        """The cable is pulled: the TCP connection ends without a closing tag."""
        gone = self.disconnected
        self.abort()
        await asyncio.wait_for(asyncio.shield(gone), PATIENCE)

    @property
    def tls_version(self):
        return self.socket.version() if isinstance(self.socket, (ssl.SSLSocket, ssl.SSLObject)) else None

    # -- hearing ------------------------------------------------------------------------------

    async def expect(self, matches, what, timeout=PATIENCE):
        deadline = asyncio.get_running_loop().time() + timeout
        while True:
            for index, stanza in enumerate(self.unread):
                if matches(stanza):
                    return self.unread.pop(index)
            self._news.clear()
            remaining = deadline - asyncio.get_running_loop().time()
            try:
                await asyncio.wait_for(self._news.wait(), remaining)
            except asyncio.TimeoutError:
                raise Failure(f"{self.boundjid} never heard {what}; unread: {self.heard()}") from None

    async def expect_message(self, body, timeout=PATIENCE):
        return await self.expect(lambda s: s.name == "message" and s["body"] == body,
                                 f"the message {body!r}", timeout)

    async def expect_presence(self, sender, kind, timeout=PATIENCE):
        """`kind` is slixmpp's word: a type, or available/away/dnd/... (its <show/>)."""
        sender = str(sender)

        def matches(stanza):
            return (stanza.name == "presence" and str(stanza["from"]) == sender
                    and stanza["type"] == kind)

        return await self.expect(matches, f"{kind} presence from {sender}", timeout)

    async def expect_push(self, jid, timeout=PATIENCE):
        def matches(stanza):
            return (stanza.name == "iq" and stanza["type"] == "set"
                    and roster_items(stanza).get(str(jid)) is not None)

        return await self.expect(matches, f"a roster push about {jid}", timeout)

    def heard(self, *names):
        return [str(s) for s in self.unread if s.name in (names or ("message", "presence", "iq"))]

    def forget(self):
        self.unread.clear()

    def silent(self, *names):
        """Nothing unread of these kinds; call it after a fence, or it proves little."""
        found = self.heard(*(names or ("message", "presence")))
        check(not found, f"{self.boundjid} should have heard nothing, heard {found}")


async def fence(sender, *receivers):
    """RFC 6120 §10.1 keeps the order between two entities: when the fence has arrived, whatever
    the sender caused before it has arrived too, or never will."""
    for receiver in receivers:
        mark = f"fence-{sender.new_id()}"
        sender.send_message(mto=receiver.boundjid, mbody=mark, mtype="chat")
        await receiver.expect_message(mark)


async def settled(client):
    """The server answers a client's stanzas in order: after this ping the earlier ones are done."""
    iq = client.make_iq_get(ito=client.boundjid.host)
    iq.append(slixmpp.xmlstream.ET.Element("{urn:xmpp:ping}ping"))
    try:
        await iq.send(timeout=PATIENCE)
    except IqError:
        pass


def roster_items(iq):
    """The items of a roster stanza as plain elements by JID."""
    query = iq.xml.find("{jabber:iq:roster}query")
    return {i.get("jid"): i for i in ([] if query is None else query)}


async def roster_of(client, version=None):
    """The roster as the server has it now. slixmpp's own get_roster names the version it has, and
    is then told of changes only."""
    iq = client.make_iq_get()
    ET.SubElement(iq.xml, "{jabber:iq:roster}query", {} if version is None else {"ver": version})
    return await iq.send(timeout=PATIENCE)


def condition_of(error):
    """The condition of an IqError, or of a stanza of type error."""
    stanza = error.iq if isinstance(error, IqError) else error
    return stanza["error"]["condition"]


async def refused(awaitable, *conditions):
    """The request must be answered by an error with one of these conditions."""
    try:
        answer = await awaitable
    except IqError as error:
        found = condition_of(error)
        check(found in conditions, f"found the error {found}, wanted {' or '.join(conditions)}")
        return error.iq
    raise Failure(f"should have been refused with {' or '.join(conditions)}, got {answer}")


class People:
    """Makes the clients of one case and takes them home at its end."""

    def __init__(self, environment, stack):
        self.environment = environment
        self._stack = stack

    def client(self, account, resource=None, **options):
        made = Client(self.environment, account, resource, **options)
        self._stack.push_async_callback(made.leave)
        return made

    async def join(self, account, resource=None, presence=True, priority=None, direct_tls=False,
                   tls=True, roster=True, **options):
        client = self.client(account, resource, **options)
        return await client.login(presence, priority, direct_tls, tls, roster)

    async def friends(self, first, second):
        """Both subscribed to each other, by the ordinary exchange of RFC 6121 §3.1."""
        for asker, answerer in ((first, second), (second, first)):
            asker.send_presence(pto=answerer.boundjid.bare, ptype="subscribe")
            await answerer.expect_presence(asker.boundjid.bare, "subscribe")
            answerer.send_presence(pto=asker.boundjid.bare, ptype="subscribed")
            await asker.expect_presence(answerer.boundjid.bare, "subscribed")
            await asker.expect_presence(answerer.boundjid, "available")
        await fence(first, second)
        await fence(second, first)
        first.forget()
        second.forget()
