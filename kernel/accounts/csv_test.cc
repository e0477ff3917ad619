#include "account_file_fixture.h"

#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::kernel::accounts;
using namespace nuncio::kernel::accounts::testing;

TEST_CASE("CSV: columns by name, quoted as RFC 4180 has it")
{
    CHECK(read("\xEF\xBB\xBFuser,password,host,note\r\nromeo,\"a,\"\"b\"\"\",x.lit,\r\n"
               "juliet, c ,x.lit,hello\n")
        == "2 romeo@x.lit a,\"b\";3 juliet@x.lit  c ;");
    CHECK(read("jid,keys\na@b," + text_of(ScramHash::sha1) + ' ' + text_of(ScramHash::sha256))
        == "2 a@b +SHA-1 +SHA-256;");
    CHECK(read("jid,password\na@b\na@b,\"c\na@b,\"c\"d\nz@b,y")
        == "2 bad: expected 2 fields, not 1;3 bad: a field's quotation mark is not closed on its "
           "line;4 bad: expected a comma behind a quoted field;5 z@b y;");
    for (const char* none : { "name,password\n", "jid,jid,password\n", "jid\n", "hello" })
        CHECK(read(none).find("error 1: expected XML of XEP-0227") == 0);
    CHECK(read("").find("error 1: ") == 0);
}
