#include "account_file_fixture.h"

#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::kernel::accounts;
using namespace nuncio::kernel::accounts::testing;

TEST_CASE("XEP-0227: passwords and keys, of several hosts")
{
    CHECK(read(document(host("<user name='romeo' password='a'/>\n<user name='juliet'>"
                            + credentials(ScramHash::sha1) + credentials(ScramHash::sha256)
                            + "<vCard xmlns='vcard-temp'><FN>J</FN></vCard></user>")
              + host("<user name='hamlet' password='b'/>", "denmark.lit")))
        == "3 romeo@capulet.lit a;4 juliet@capulet.lit +SHA-1 +SHA-256;8 hamlet@denmark.lit b;");
    // One host's file of its own, as ejabberd writes it.
    CHECK(read("<host xmlns='urn:xmpp:pie:0' xmlns:xi='http://www.w3.org/2001/XInclude' "
               "jid='capulet.lit'>\n<user name='romeo' password='a'/></host>")
        == "2 romeo@capulet.lit a;");
    CHECK(
        read(document("<host jid='a.lit'/><host jid='b.lit'><user name='x' password='y'/></host>"))
        == "3 x@b.lit y;");
    // Unknown hashes are of no use, but do no harm.
    CHECK(read(document(host("<user name='a'><scram-credentials xmlns='urn:xmpp:pie:0#scram' "
                             "mechanism='SCRAM-SHA3-512'/></user>")))
        == "3 bad: has neither a password nor SCRAM keys;");
}

TEST_CASE("XEP-0227: what is bad is told, and what cannot be read on ends it")
{
    CHECK(read(document(
              host("<user password='a'/>\n<user name='b'/>\n<user name='c' password='d'/>")))
        == "3 bad: user: local part: empty;4 bad: has neither a password nor SCRAM keys;5 "
           "c@capulet.lit d;");
    std::string odd = credentials(ScramHash::sha1);
    odd.replace(odd.find("4096"), 4, "many");
    CHECK(read(document(host("<user name='a'>" + odd + "</user>")))
        == "3 bad: SCRAM-SHA-1: expected iter-count, and salt, stored-key and server-key in "
           "Base64;");
    const std::string good = document(host("<user name='a' password='b'/>"));
    CHECK(read(good.substr(0, good.size() - 3))
        == "3 a@capulet.lit b;error 3: the file ends in the middle of its XML");
    CHECK(read(good + "<more/>") == "3 a@capulet.lit b;error 4: there is something behind the end");
    CHECK(read(document(host("<user name='a' password='b'/><user name='c' password='&bad;'/>")))
              .find("3 a@capulet.lit b;error 3: ")
        == 0);
    CHECK(read("<x/>").find("error 1: expected <server-data/> or <host/>") == 0);
    CHECK(read(document("<host><user name='a' password='b'/></host>"))
        == "error 3: a <host/> has no jid");
    CHECK(read(document("<host xmlns='urn:other' jid='a.lit'/>"))
        == "error 3: expected a <host/> of urn:xmpp:pie:0");
    CHECK(read("<!DOCTYPE a [<!ENTITY b 'c'>]><server-data xmlns='urn:xmpp:pie:0'/>")
              .find("error 1: ")
        == 0);
}

TEST_CASE("what is no account is remarked")
{
    const auto file = AccountFile::over("<server-data xmlns='urn:xmpp:pie:0' "
                                        "xmlns:xi='http://www.w3.org/2001/XInclude'>\n"
                                        "<xi:include href='capulet.xml'/>\n"
        + host("<user name='a' password='b'/><odd/>") + "</server-data>");
    CHECK(read(*file) == "3 a@capulet.lit b;");
    CHECK(file->take_remarks()
        == std::vector<std::string> {
            "2: includes capulet.xml: import that file, too", "3: <odd/> is no user" });
    CHECK(file->take_remarks().empty());
}
