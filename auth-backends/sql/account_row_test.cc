#include "account_row.h"

#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::sql;

namespace {

AccountRow account(StoredPassword stored)
{
    AccountRow row;
    row.passwords.push_back(std::move(stored));
    return row;
}

}

TEST_CASE("a row of somebody else is nobody's")
{
    const Answer answer { .columns = { "USERNAME", "password" },
        .rows = { { "Ana", "pencil" }, { "ana@example.org", "ink" } } };
    const auto read = read_account(answer, "ana", "example.org");
    REQUIRE(read);
    REQUIRE(*read);
    REQUIRE((*read)->passwords.size() == 1);
    CHECK((*read)->passwords.front().password == "ink");
    CHECK_FALSE(*read_account(answer, "anna", "example.org"));
}

TEST_CASE(
    "the mark of a password changes with everything that is stored of it, and with nothing else")
{
    const StoredPassword stored { "key", "salt", "server key", 4096 };
    const auto mark = password_mark(account(stored));
    CHECK(mark == password_mark(account(stored)));
    CHECK(mark.find("key") == mark.npos);
    StoredPassword other = stored;
    other.password = "yek";
    CHECK(mark != password_mark(account(other)));
    other = stored;
    other.salt += "s";
    CHECK(mark != password_mark(account(other)));
    other = stored;
    other.server_key.clear();
    CHECK(mark != password_mark(account(other)));
    other = stored;
    ++other.iterations;
    CHECK(mark != password_mark(account(other)));
    CHECK(password_mark(account({ "ab", "c" })) != password_mark(account({ "a", "bc" })));
    AccountRow two = account(stored);
    two.passwords.push_back(stored);
    CHECK(mark != password_mark(two));
    AccountRow disabled = account(stored);
    disabled.is_disabled = true;
    CHECK(mark == password_mark(disabled));
}
