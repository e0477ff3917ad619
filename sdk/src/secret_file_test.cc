#include <nuncio/secret_file.h>
#include <nuncio/temporary_folder.h>

#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>

using namespace nuncio;

TEST_CASE("a secret is made once, is nobody else's, and stays the same")
{
    const testkit::TemporaryFolder folder;
    const std::string path = folder.path("secret");
    const auto secret = load_secret(path, 16);
    REQUIRE(secret);
    CHECK(secret->size() == 16);
    CHECK(*load_secret(path, 16) == *secret);
    CHECK(*load_secret(folder.path("other"), 16) != *secret);
    struct stat file { };
    REQUIRE(::stat(path.c_str(), &file) == 0);
    CHECK((file.st_mode & 0777) == 0600);
    CHECK_FALSE(std::filesystem::exists(path + ".new"));
}

TEST_CASE("a secret of another size is an error that names the file, and is left alone")
{
    const testkit::TemporaryFolder folder;
    const std::string path = folder.path("secret");
    for (const std::string content : { "", "fifteen bytes..", "seventeen bytes.." }) {
        std::ofstream(path, std::ios::trunc) << content;
        const auto read = load_secret(path, 16);
        REQUIRE_FALSE(read);
        CHECK(read.error().text.find(path + ": expected 16 bytes") == 0);
        CHECK(std::filesystem::file_size(path) == content.size());
    }
    CHECK_FALSE(load_secret(folder.path("nowhere/secret")));
    CHECK_FALSE(load_secret(folder.path())); // a folder
}
