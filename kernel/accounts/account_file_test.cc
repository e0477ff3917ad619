#include "account_file_fixture.h"

#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>

using namespace nuncio;
using namespace nuncio::kernel::accounts;
using namespace nuncio::kernel::accounts::testing;

TEST_CASE("every bound holds, and one byte less is fine")
{
    const std::string line = "{\"jid\":\"a@b\",\"password\":\"12345\"}";
    CHECK(read(line + "\n" + line, { .line_bytes = line.size() }) == "1 a@b 12345;2 a@b 12345;");
    CHECK(read(line + "\n" + line + " \n", { .line_bytes = line.size() })
        == "1 a@b 12345;error 2: the line is longer than " + std::to_string(line.size())
            + " bytes");
    CHECK(read(line + " ", { .line_bytes = line.size() }).find("error 1: ") == 0);
    CHECK(read(line, { .password_bytes = 5 }) == "1 a@b 12345;");
    CHECK(read(line, { .password_bytes = 4 }) == "1 bad: the password is longer than 4 bytes;");
    const std::string user
        = "<user name='a' password='b'><x>" + std::string(300, 'x') + "</x></user>";
    CHECK(read(document(host(user)), { .user_bytes = user.size() }) == "3 a@capulet.lit b;");
    CHECK(read(document(host(user)), { .user_bytes = user.size() - 1 })
        == "error 3: a user takes more than " + std::to_string(user.size() - 1) + " bytes");
}

TEST_CASE("a file is read through, however long, and must be an ordinary one")
{
    const auto folder
        = std::filesystem::temp_directory_path() / ("nuncio-accounts-" + to_hex(random_bytes(8)));
    std::filesystem::create_directory(folder);
    const auto path = (folder / "accounts.xml").string();
    constexpr int count = 3000;
    {
        std::ofstream out(path);
        std::string users;
        for (int i = 0; i < count; ++i)
            users += "<user name='u" + std::to_string(i) + "' password='p'/>\n";
        out << document(host(users));
    }
    const auto file = AccountFile::open(path);
    REQUIRE(file);
    int seen = 0;
    for (;;) {
        const auto entries = (*file)->read(16);
        REQUIRE(entries);
        if (entries->empty())
            break;
        for (const FileEntry& entry : *entries) {
            REQUIRE(entry.account);
            CHECK(entry.account->user == "u" + std::to_string(seen));
            CHECK(entry.line == std::uint64_t(3 + seen));
            ++seen;
        }
    }
    CHECK(seen == count);
    CHECK((*file)->bytes_read() == (*file)->bytes());

    const auto size = std::filesystem::file_size(path);
    CHECK(AccountFile::open(path, { .file_bytes = size }));
    CHECK_FALSE(AccountFile::open(path, { .file_bytes = size - 1 }));
    CHECK_FALSE(AccountFile::open(folder.string()));
    CHECK_FALSE(AccountFile::open((folder / "missing").string()));
    const auto fifo = (folder / "fifo").string();
    REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    CHECK_FALSE(AccountFile::open(fifo));
    std::filesystem::remove_all(folder);
}
