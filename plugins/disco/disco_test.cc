#include "capabilities.h"

#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::disco;

TEST_CASE("XEP-0115 §5.2: the simple example")
{
    const Directory directory {
        { { "client", "pc", "Exodus 0.9.1" } },
        { "http://jabber.org/protocol/caps", "http://jabber.org/protocol/disco#info",
            "http://jabber.org/protocol/disco#items", "http://jabber.org/protocol/muc" },
        {},
        {},
    };
    CHECK(verification(directory) == "QgayPKawpkPSDYmwT/WM94uAlu0=");
}

TEST_CASE("XEP-0115 §5.3: the complex example, with languages and a form")
{
    Element form = result_form("urn:xmpp:dataforms:softwareinfo");
    add_field(form, "ip_version", { "ipv6", "ipv4" });
    add_field(form, "os", { "Mac" });
    add_field(form, "os_version", { "10.5.1" });
    add_field(form, "software", { "Psi" });
    add_field(form, "software_version", { "0.11" });
    Directory directory {
        { { "client", "pc", "Psi 0.11", "en" }, { "client", "pc", "Ψ 0.11", "el" } },
        { "http://jabber.org/protocol/caps", "http://jabber.org/protocol/disco#info",
            "http://jabber.org/protocol/disco#items", "http://jabber.org/protocol/muc" },
        {},
        {},
    };
    directory.forms.push_back(std::move(form));
    CHECK(verification(directory) == "q07IKJEyjvHSyhy//CH0CxmKi8w=");
}

TEST_CASE("the order of registration does not matter")
{
    const Directory one { { { "a", "b" }, { "c", "d" } }, { "x", "y" }, {}, {} };
    const Directory other { { { "c", "d" }, { "a", "b" } }, { "y", "x" }, {}, {} };
    CHECK(verification(one) == verification(other));
}

TEST_CASE("a form without FORM_TYPE counts for nothing")
{
    Directory directory { { { "a", "b" } }, { "x" }, {}, {} };
    const auto before = verification(directory);
    Element form("x", "jabber:x:data");
    add_field(form, "os", { "Mac" });
    directory.forms.push_back(std::move(form));
    CHECK(verification(directory) == before);
}
