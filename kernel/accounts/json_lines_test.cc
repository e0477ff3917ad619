#include "account_file_fixture.h"
#include "json_lines.h"

#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::kernel::accounts;
using namespace nuncio::kernel::accounts::testing;

TEST_CASE("JSON lines: each its own, with its line when it is bad")
{
    CHECK(read("{\"jid\":\"Romeo@Capulet.lit\",\"password\":\"a\"}\n\n"
               "{\"user\":\"juliet\",\"host\":\"b.lit\",\"keys\":[\""
              + text_of(ScramHash::sha1) + "\",\"" + text_of(ScramHash::sha512) + "\"]}\r\n"
              + "{\"user\":\"tybalt\",\"password\":\"c\"}")
        == "1 romeo@capulet.lit a;3 juliet@b.lit +SHA-1 +SHA-512;4 tybalt@ c;");
    CHECK(read("{\"jid\":\"a@b\",\"password\":\"x\"}\n{\"jid\":\n[1]\n{\"jid\":5}\n"
               "{\"jid\":\"a@b/c\",\"password\":\"x\"}\n{\"jid\":\"b\",\"password\":\"x\"}\n"
               "{\"jid\":\"a@b\"}\n{\"jid\":\"a@b\",\"password\":\"\"}\n"
               "{\"jid\":\"a@b\",\"password\":7}\n{\"jid\":\"a@b\",\"keys\":[\"x\"]}\n"
               "{\"user\":\"a b\",\"password\":\"x\"}\n{\"jid\":\"c@b\",\"password\":\"x\"}\n")
              .find("1 a@b x;2 bad: expected an object of JSON on a line;3 bad: expected an object "
                    "of JSON on a line;4 bad: jid: expected a text;5 bad: jid: expected "
                    "USER@HOST;6 bad: jid: expected USER@HOST;7 bad: has neither a password nor "
                    "SCRAM keys;8 bad: has neither a password nor SCRAM keys;9 bad: password: "
                    "expected a text;10 bad: keys: expected SCRAM keys")
        == 0);
    CHECK(read("{\"jid\":\"a@b\",\"keys\":[\"" + text_of(ScramHash::sha1) + "\",\""
              + text_of(ScramHash::sha1) + "\"]}")
        == "1 bad: has keys of one hash twice;");
}

TEST_CASE("what is written as a line is read back")
{
    FileAccount account { .host = "capulet.lit", .user = "romeo" };
    account.keys[0] = keys(ScramHash::sha1);
    account.keys[1] = keys(ScramHash::sha256);
    CHECK(read(to_json_line(account)) == "1 romeo@capulet.lit +SHA-1 +SHA-256;");
}
