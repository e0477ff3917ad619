#include "key_file.h"
#include "signer.h"

#include <nuncio/temporary_folder.h>

#include <doctest/doctest.h>
#include <filesystem>
#include <sys/stat.h>

using namespace nuncio;
using namespace nuncio::jwt;
using testing::Signer;

namespace {

struct Lines final : Log {
    bool is_enabled(Level) const override { return true; }
    void write(Level level, std::string_view line) override
    {
        if (level >= Level::warn)
            complaints.emplace_back(line);
    }
    std::vector<std::string> complaints;
};

struct Folder : testkit::TemporaryFolder {
    std::string file() const { return path("key.pem"); }
    /// As an administrator should do it, and as some do it.
    void replace(std::string_view text) const
    {
        std::filesystem::rename(write("key.pem.new", text), file());
    }
};

}

TEST_CASE("keys are read when they are needed, and again when the file has changed")
{
    const Folder folder;
    Lines log;
    KeyFile file(folder.file(), false, log);
    const auto one = Signer::ed("ED25519").public_pem();
    const auto two = Signer::ec("P-256").public_pem();
    folder.replace(one);
    const auto first = file.current();
    REQUIRE(first);
    CHECK(first->keys.front().type == KeyType::ed25519);
    CHECK(file.current() == first);
    folder.replace(two);
    CHECK(file.current()->keys.front().type == KeyType::p256);
    CHECK(first->keys.front().type == KeyType::ed25519); // who verifies with it still may
    CHECK(file.trouble().empty());
    CHECK(log.complaints.empty());
}

TEST_CASE(
    "a file that is written over within one tick of its clock, to the same size, is read anew")
{
    const Folder folder;
    Lines log;
    KeyFile file(folder.file(), true, log);
    // The bytes of the secret, not those of the file, differ in number.
    for (std::size_t i = 0; i < 200; ++i) {
        std::string text(32 + i % 2, 's');
        text.resize(40, '\n');
        folder.write("key.pem", text);
        const auto keys = file.current();
        REQUIRE(keys);
        REQUIRE(keys->keys.front().bits == 8 * (32 + i % 2));
    }
}

TEST_CASE("a broken file keeps the former keys, is told once, and mended is used")
{
    const Folder folder;
    Lines log;
    KeyFile file(folder.file(), false, log);
    const auto good = Signer::ed("ED25519").public_pem();
    folder.replace(good);
    const auto keys = file.current();
    REQUIRE(keys);
    folder.replace("half a key");
    for (int i = 0; i < 3; ++i)
        CHECK(file.current() == keys);
    REQUIRE(log.complaints.size() == 1);
    CHECK(log.complaints.front().find("stay in use") != std::string::npos);
    CHECK(log.complaints.front().find("half a key") == std::string::npos);
    CHECK_FALSE(file.trouble().empty());

    std::filesystem::remove(folder.file());
    for (int i = 0; i < 3; ++i)
        CHECK(file.current() == keys);
    CHECK(log.complaints.size() == 2);
    folder.replace(good);
    CHECK(file.current() == keys);
    CHECK(file.trouble().empty());
    folder.replace("half a key");
    CHECK(file.current() == keys);
    CHECK(log.complaints.size() == 3);
}

TEST_CASE("without a good file there are no keys, until there is one")
{
    const Folder folder;
    Lines log;
    KeyFile file(folder.file(), false, log);
    CHECK(file.current() == nullptr);
    CHECK(file.current() == nullptr);
    CHECK(log.complaints.size() == 1);
    CHECK_FALSE(file.trouble().empty());
    folder.replace(Signer::ed("ED25519").public_pem());
    CHECK(file.current() != nullptr);
    CHECK(file.trouble().empty());
}

TEST_CASE("a file of the largest size is read, and of one byte more it is not")
{
    const Folder folder;
    Lines log;
    const auto key = Signer::ed("ED25519").public_pem();
    KeyFile file(folder.file(), false, log);
    folder.replace(std::string(most_key_file_bytes - key.size() + 1, '\n') + key);
    CHECK(file.current() == nullptr);
    CHECK(file.trouble().find("bytes") != std::string::npos);
    folder.replace(std::string(most_key_file_bytes - key.size(), '\n') + key);
    CHECK(file.current() != nullptr);
}

TEST_CASE("what is not an ordinary file is not waited for")
{
    const Folder folder;
    Lines log;
    REQUIRE(::mkfifo(folder.file().c_str(), 0600) == 0);
    KeyFile pipe(folder.file(), false, log);
    CHECK(pipe.current() == nullptr);
    KeyFile directory(folder.path(), false, log);
    CHECK(directory.current() == nullptr);
}

TEST_CASE("a secret that everybody may read is told")
{
    const Folder folder;
    Lines log;
    folder.replace(std::string(64, 's'));
    std::filesystem::permissions(folder.file(), std::filesystem::perms(0644));
    KeyFile open(folder.file(), true, log);
    REQUIRE(open.current());
    REQUIRE(log.complaints.size() == 1);
    CHECK(log.complaints.front().find("everybody") != std::string::npos);
    log.complaints.clear();
    std::filesystem::permissions(folder.file(), std::filesystem::perms(0600));
    KeyFile closed(folder.file(), true, log);
    REQUIRE(closed.current());
    CHECK(log.complaints.empty());
}
