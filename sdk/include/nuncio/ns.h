// Namespaces of the RFC core. A XEP's namespace lives in its plugin.
#pragma once

#include <string_view>

namespace nuncio::inline v1 {

inline constexpr std::string_view ns_client = "jabber:client";
inline constexpr std::string_view ns_server = "jabber:server";
inline constexpr std::string_view ns_streams = "http://etherx.jabber.org/streams";
inline constexpr std::string_view ns_stream_errors = "urn:ietf:params:xml:ns:xmpp-streams";
inline constexpr std::string_view ns_stanza_errors = "urn:ietf:params:xml:ns:xmpp-stanzas";
inline constexpr std::string_view ns_tls = "urn:ietf:params:xml:ns:xmpp-tls";
inline constexpr std::string_view ns_sasl = "urn:ietf:params:xml:ns:xmpp-sasl";
inline constexpr std::string_view ns_sasl2 = "urn:xmpp:sasl:2";
inline constexpr std::string_view ns_bind2 = "urn:xmpp:bind:0";
inline constexpr std::string_view ns_bind = "urn:ietf:params:xml:ns:xmpp-bind";
inline constexpr std::string_view ns_session = "urn:ietf:params:xml:ns:xmpp-session";
inline constexpr std::string_view ns_roster = "jabber:iq:roster";
inline constexpr std::string_view ns_xml = "http://www.w3.org/XML/1998/namespace";
inline constexpr std::string_view ns_xmlns = "http://www.w3.org/2000/xmlns/";

}
