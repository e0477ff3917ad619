#include "account_file_fixture.h"
#include "piefxis_user.h"

#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::kernel::accounts;
using namespace nuncio::kernel::accounts::testing;

TEST_CASE("ejabberd's way to write keys in place of a password")
{
    const auto attribute = [](ScramHash hash, const std::string& name, bool is_twice) {
        const ScramKeys& kept = keys(hash);
        const auto encode = [&](const std::string& bytes) {
            return is_twice ? to_base64(to_base64(bytes)) : to_base64(bytes);
        };
        return "scram:" + name + encode(kept.stored_key) + ',' + encode(kept.server_key) + ','
            + encode(kept.salt) + ",4096";
    };
    const auto user = [](const std::string& password) {
        return read(document(host("<user name='a' password='" + password + "'/>")));
    };
    CHECK(user(attribute(ScramHash::sha1, "", false)) == "3 a@capulet.lit +SHA-1;");
    CHECK(user(attribute(ScramHash::sha1, "", true)) == "3 a@capulet.lit +SHA-1;");
    CHECK(user(attribute(ScramHash::sha256, "sha256,", false)) == "3 a@capulet.lit +SHA-256;");
    CHECK(user(attribute(ScramHash::sha512, "sha512,", true)) == "3 a@capulet.lit +SHA-512;");
    // Whoever likes such passwords keeps them.
    CHECK(user("scram:bled,eggs,and,4") == "3 a@capulet.lit scram:bled,eggs,and,4;");
}

TEST_CASE("what is written as a user is read back")
{
    FileAccount account { .host = "capulet.lit", .user = "romeo" };
    account.keys[0] = keys(ScramHash::sha1);
    account.keys[1] = keys(ScramHash::sha256);
    CHECK(read(document(host(to_piefxis_user(account)))) == "3 romeo@capulet.lit +SHA-1 +SHA-256;");
}
