// The internal auth backend over a store, through the chain that logins go through; import and
// export.
#include "auth_chain.h"
#include "command_registry.h"
#include "plugin_folders.h"
#include "plugin_host.h"
#include "root_frame.h"
#include "scripted_server.h"
#include "virtual_host.h"

#include <nuncio/scram.h>

#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace nuncio;
using namespace nuncio::kernel;

namespace {

constexpr ScramHash hashes[] = { ScramHash::sha1, ScramHash::sha256, ScramHash::sha512 };

ScramKeys keys_of(const char* password, ScramHash hash, std::uint32_t iterations = 4096)
{
    return make_scram_keys(password, "a salt of its own", iterations, hash);
}

template <class T>
RootFrame follow(task<T>& job, std::optional<T>& outcome)
{
    outcome = co_await job;
}

struct House {
    test::ScriptedServer scripted { [] {
        test::ScriptOptions options;
        options.plugin_path = test::plugin_folders();
        return options;
    }() };
    std::vector<std::string> told; // lines before the answer

    House() { REQUIRE_FALSE(scripted.failure()); }

    AuthChain& auth() { return scripted.server().find_host("localhost")->auth(); }

    template <class T>
    T finish(const std::function<task<T>()>& start)
    {
        task<T> job;
        std::optional<T> outcome;
        RootFrame frame;
        scripted.server().main_loop().post([&] {
            job = start();
            frame = follow(job, outcome);
            frame.start();
        });
        REQUIRE(scripted.settle_until([&] { return outcome.has_value(); }));
        return *std::move(outcome);
    }
    Result<void> create(const std::string& user, const std::string& password)
    {
        return finish<Result<void>>([&] { return auth().create(user, password); });
    }
    Result<void> set_keys(const std::string& user, ScramHash hash, const ScramKeys& keys)
    {
        return finish<Result<void>>([&] { return auth().set_scram_keys(user, hash, keys); });
    }
    std::optional<ScramKeys> keys(const std::string& user, ScramHash hash)
    {
        auto found = finish<Result<std::optional<ScramKeys>>>(
            [&] { return auth().scram_keys(user, hash); });
        REQUIRE(found);
        return *found;
    }
    bool has(const std::string& user, ScramHash hash, const char* password)
    {
        const auto found = keys(user, hash);
        return found && matches_scram_keys(password, *found, hash);
    }
    bool accepts(const std::string& user, const std::string& password)
    {
        const auto right
            = finish<Result<bool>>([&] { return auth().check_password(user, password); });
        REQUIRE(right);
        return *right;
    }
    Result<Value> command(const std::string& name, const Value& arguments)
    {
        told.clear();
        return scripted.outcome([&](auto done) {
            scripted.server().main_loop().post([this, name, arguments, done] {
                scripted.server().commands().call(name, arguments, CommandCaller::console("test"),
                    done, [this](std::string_view line) { told.emplace_back(line); });
            });
        });
    }
    std::string write(const std::string& name, const std::string& text)
    {
        const std::string path = scripted.data_folder() + '/' + name;
        std::ofstream(path) << text;
        return path;
    }
    Result<Value> import(const std::string& text, Value options = Value::Table())
    {
        options["file"] = write("accounts", text);
        return command("import", options);
    }
};

std::string line_of(const std::string& jid, const char* password, ScramHash hash)
{
    return "{\"jid\":\"" + jid + "\",\"keys\":[\"" + to_text(hash, keys_of(password, hash))
        + "\"]}\n";
}

}

TEST_CASE("keys that a client derived are kept beside the others, and outlive the backend")
{
    House house;
    REQUIRE(house.import(line_of("romeo@localhost", "pencil", ScramHash::sha1)));
    CHECK_FALSE(house.keys("romeo", ScramHash::sha256));
    const ScramKeys more = keys_of("pencil", ScramHash::sha256);
    REQUIRE(house.set_keys("romeo", ScramHash::sha256, more));
    CHECK(house.has("romeo", ScramHash::sha256, "pencil"));
    CHECK(house.has("romeo", ScramHash::sha1, "pencil"));
    REQUIRE(house.scripted.outcome([&](auto done) {
        house.scripted.server().plugins().reload("internal", {}, std::move(done));
    }));
    CHECK(house.has("romeo", ScramHash::sha256, "pencil"));
    CHECK(house.accepts("romeo", "pencil"));
    CHECK_FALSE(house.keys("romeo", ScramHash::sha512));
}

TEST_CASE("keys that are no better than those that are kept change nothing")
{
    House house;
    REQUIRE(house.create("romeo", "pencil")); // 4096 iterations, as the tests' configuration says
    const auto worse = house.set_keys("romeo", ScramHash::sha1, keys_of("stale", ScramHash::sha1));
    REQUIRE_FALSE(worse);
    CHECK(worse.error().kind == Error::Kind::conflict);
    CHECK(house.has("romeo", ScramHash::sha1, "pencil"));
    REQUIRE(house.set_keys("romeo", ScramHash::sha1, keys_of("pencil", ScramHash::sha1, 4097)));
    CHECK(house.keys("romeo", ScramHash::sha1)->iterations == 4097);
    const auto nobody
        = house.set_keys("nobody", ScramHash::sha1, keys_of("x", ScramHash::sha1, 9999));
    REQUIRE_FALSE(nobody);
    CHECK(nobody.error().kind == Error::Kind::not_found);
}

TEST_CASE("an import makes accounts, refuses those that exist, and replaces all of a password")
{
    House house;
    REQUIRE(house.create("ana", "before"));
    const auto first = house.import("jid,password\nana@localhost,after\nBob@localhost,plain\n");
    REQUIRE_FALSE(first);
    CHECK(first.error().text.find("1 created, 1 exist already") != std::string::npos);
    REQUIRE(house.told.size() == 1);
    CHECK(house.told[0].ends_with("accounts:2: ana@localhost: the account ana exists already"));
    CHECK(house.accepts("ana", "before"));
    CHECK(house.accepts("bob", "plain"));
    for (const auto hash : hashes)
        CHECK(house.has("bob", hash, "plain"));

    Value overwrite;
    overwrite["overwrite"] = true;
    const auto second
        = house.import(line_of("ana@localhost", "keyed", ScramHash::sha256), overwrite);
    REQUIRE(second);
    CHECK(second->find("replaced")->as_integer() == 1);
    CHECK(house.has("ana", ScramHash::sha256, "keyed"));
    CHECK(house.accepts("ana", "keyed"));
    CHECK_FALSE(house.accepts("ana", "before"));
    CHECK_FALSE(house.keys("ana", ScramHash::sha1));
    CHECK_FALSE(house.keys("ana", ScramHash::sha512));
}

TEST_CASE("a dry run tells what would be done, and does nothing")
{
    House house;
    REQUIRE(house.create("ana", "before"));
    Value dry;
    dry["dry-run"] = true;
    const std::string text = line_of("new@localhost", "x", ScramHash::sha1)
        + line_of("ana@localhost", "x", ScramHash::sha1);
    const auto refused = house.import(text, dry);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().text.find("nothing was changed; it would be: 1 created, 1 exist already")
        != std::string::npos);
    dry["overwrite"] = true;
    const auto fine = house.import(text, dry);
    REQUIRE(fine);
    CHECK(fine->find("created")->as_integer() == 1);
    CHECK(fine->find("replaced")->as_integer() == 1);
    CHECK_FALSE(house.keys("new", ScramHash::sha1));
    CHECK(house.accepts("ana", "before"));
}

TEST_CASE("the same account twice in a file: the first one counts, the second is told")
{
    House house;
    const auto twice = house.import(line_of("ana@localhost", "one", ScramHash::sha256)
        + line_of("Ana@localhost", "two", ScramHash::sha256)
        + line_of("bob@localhost", "three", ScramHash::sha256));
    REQUIRE_FALSE(twice);
    CHECK(twice.error().text.find("2 created, 1 exist already") != std::string::npos);
    REQUIRE(house.told.size() == 1);
    CHECK(house.told[0].find(":2: ana@localhost") != std::string::npos);
    CHECK(house.has("ana", ScramHash::sha256, "one"));
}

TEST_CASE("hosts: by the file, by --host, and none that is not served")
{
    House house;
    const auto nowhere = house.import("user,password\nana,x\n");
    REQUIRE_FALSE(nowhere);
    CHECK(house.told[0].find(":2: ana: of which host? say --host") != std::string::npos);
    Value here;
    here["host"] = "localhost";
    REQUIRE(house.import("user,password\nana,x\n", here));
    const auto other = house.import("jid,password\nbob@verona.lit,x\nbob@localhost,x\n", here);
    REQUIRE(other);
    CHECK(other->find("of_other_hosts")->as_integer() == 1);
    CHECK_FALSE(house.import("jid,password\nbob@verona.lit,x\n"));
    CHECK(house.told[0].find("does not serve \"verona.lit\"") != std::string::npos);
    here["host"] = "verona.lit";
    CHECK_FALSE(house.import("jid,password\nbob@verona.lit,x\n", here));
}

TEST_CASE("where a file breaks off the import stops, and says what is there")
{
    House house;
    const auto cut
        = house.import("<host xmlns='urn:xmpp:pie:0' jid='localhost'>\n"
                       "<user name='ana' password='x'/>\n<user name='bob' password='y'/>\n<us");
    REQUIRE_FALSE(cut);
    CHECK(cut.error().text.find("accounts:4: the file ends in the middle of its XML")
        != std::string::npos);
    CHECK(cut.error().text.find("2 created") != std::string::npos);
    CHECK(house.accepts("ana", "x"));
    CHECK(house.accepts("bob", "y"));
}

TEST_CASE("of what goes wrong a hundred lines are shown, and all is counted")
{
    House house;
    std::string text = "jid,password\n";
    for (int i = 0; i < 150; ++i)
        text += "@,x\n";
    const auto bad = house.import(text);
    REQUIRE_FALSE(bad);
    CHECK(bad.error().text.find("0 created, 150 not taken") != std::string::npos);
    CHECK(house.told.size() == 101);
    CHECK(house.told.back() == "further ones are only counted");
}

TEST_CASE("what is exported is imported again, as JSON and as XEP-0227")
{
    House house;
    REQUIRE(house.create("ana", "one"));
    REQUIRE(house.import(line_of("bob@localhost", "two", ScramHash::sha512)));
    for (const char* name : { "out.jsonl", "out.xml" }) {
        Value where;
        where["file"] = house.scripted.data_folder() + '/' + name;
        where["host"] = "localhost";
        const auto exported = house.command("export", where);
        REQUIRE(exported);
        CHECK(exported->find("accounts")->as_integer() == 2);
        CHECK_FALSE(house.command("export", where)); // never over a file
        std::ostringstream text;
        text << std::ifstream(where.find("file")->as_string()).rdbuf();
        for (const char* user : { "ana", "bob" })
            REQUIRE(house.finish<Result<void>>([&] { return house.auth().remove(user); }));
        REQUIRE(house.import(text.str()));
        CHECK(house.accepts("ana", "one"));
        for (const auto hash : hashes)
            CHECK(house.has("ana", hash, "one"));
        CHECK(house.has("bob", ScramHash::sha512, "two"));
        CHECK_FALSE(house.keys("bob", ScramHash::sha1));
    }
    CHECK(std::filesystem::status(house.scripted.data_folder() + "/out.xml").permissions()
        == std::filesystem::perms(0600));
}
