#!/usr/bin/python3
"""Logs in with nbxmpp, the library of Gajim, once for each line of standard input, and says which address was bound.

A line is {"jid", "password", "address", "port", "certificate", "mechanism"}; so is the answer: {"bound": JID or null}.
"""
import json
import sys

from gi.repository import Gio, GLib
from nbxmpp.client import Client
from nbxmpp.const import ConnectionProtocol, ConnectionType
from nbxmpp.protocol import JID


def log_in(jid, password, address, port, certificate, mechanism):
    loop = GLib.MainLoop()
    jid = JID.from_string(jid)
    client = Client()
    client.set_username(jid.localpart)
    client.set_domain(jid.domain)
    client.set_resource(jid.resource)
    client.set_password(password)
    client.set_mechs({mechanism})
    client.set_custom_host(f"{address}:{port}", ConnectionProtocol.TCP, ConnectionType.START_TLS)
    client.set_accepted_certificates([Gio.TlsCertificate.new_from_file(certificate)])
    bound = []

    def connected(_client, _signal):
        bound.append(str(client.get_bound_jid()))
        client.disconnect()

    client.subscribe("connected", connected)
    client.subscribe("disconnected", lambda *_: loop.quit())
    client.subscribe("connection-failed", lambda *_: loop.quit())
    client.connect()
    loop.run()
    return bound[0] if bound else None


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps({"bound": log_in(**json.loads(line))}), flush=True)
