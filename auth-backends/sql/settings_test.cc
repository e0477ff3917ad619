#include "settings.h"

#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace nuncio;
using namespace nuncio::sql;

namespace {

using Options = std::vector<std::pair<std::string, Value>>;

Result<Plan> plan_of(const Options& options)
{
    Value table { Value::Table() };
    for (const auto& [name, value] : options)
        table[name] = value;
    const Schema schema = make_schema();
    for (const auto& error : schema.check(table, "plugins.sql"))
        return Error { error.text() };
    const Config config(schema, table);
    return make_plan(config.as<Settings>(), config);
}

std::string problem_of(const Options& options)
{
    const auto plan = plan_of(options);
    return plan ? "" : plan.error().text;
}

Value list(std::initializer_list<const char*> words)
{
    return Value(Value::Array(words.begin(), words.end()));
}

constexpr const char* some_query = "SELECT password FROM users WHERE name = :user";

}

TEST_CASE("without queries there are tables of nuncio's own, with all there is to do")
{
    for (const Driver& driver : drivers()) {
        CAPTURE(driver.name);
        Options options { { "driver", driver.name } };
        if (driver.name == "odbc")
            options.emplace_back("connect_string", "DSN=accounts");
        const auto plan = plan_of(options);
        REQUIRE(plan);
        CHECK(plan->has_own_tables);
        for (const Role role :
            { Role::password, Role::set, Role::upgrade, Role::create, Role::remove, Role::list })
            CHECK(plan->queries.has(role));
    }
}

TEST_CASE("with queries of a site there is only what they can do")
{
    const auto plan = plan_of({ { "password_query", some_query } });
    REQUIRE(plan);
    CHECK_FALSE(plan->has_own_tables);
    CHECK(plan->queries.has(Role::password));
    CHECK_FALSE(plan->queries.has(Role::set));
    CHECK_FALSE(plan->queries.has(Role::create));
}

TEST_CASE("a mistake in a query is told with its option and the nearest name")
{
    const auto problem
        = problem_of({ { "password_query", "SELECT password FROM users WHERE name = :uesr" } });
    CHECK(problem.find("password_query") != std::string::npos);
    CHECK(problem.find("did you mean :user?") != std::string::npos);
    // A name that only other queries have.
    CHECK(problem_of({ { "password_query", "SELECT :password, :user" } }).find(":password")
        != std::string::npos);
}

TEST_CASE("what does not fit together is refused")
{
    const std::pair<const char*, Value> query { "password_query", some_query };
    const auto refused = [&](const std::string& word, Options options) {
        CAPTURE(word);
        CHECK(problem_of(options).find(word) != std::string::npos);
    };
    refused("password_query", { { "set_query", "UPDATE users SET p = :password" } });
    refused("exists_query", { { "check_query", "SELECT :user = :password" } });
    refused("check_query", { { "check_query", "SELECT :user" }, query });
    refused("password_query", { { "password_query", "SELECT password FROM users" } });
    refused("list_query", { query, { "list_query", "SELECT name FROM users" } });
    refused("formats",
        { query, { "formats", list({ "ldap" }) },
            { "set_query", "UPDATE users SET p = :password WHERE name = :user" } });
    refused("set_query", { query, { "set_query", "DELETE FROM users" } });
    refused("set_query",
        { query, { "formats", list({ "crypt" }) },
            { "set_query", "UPDATE users SET p = :stored_key" } });
    refused("upgrade_query", { query, { "upgrade", true } });
    refused(":old_password",
        { query, { "upgrade", true },
            { "upgrade_query", "UPDATE users SET p = :password WHERE name = :user" } });
    refused("scram", { { "upgrade", true }, { "formats", list({ "crypt" }) } });
    refused("did you mean \"pbkdf2\"", { { "formats", list({ "pbkdf" }) } });
    refused("at least one", { { "formats", list({}) } });
    refused("sha256", { { "scram_hashes", list({ "sha265" }) } });
    refused("at least one", { { "scram_hashes", list({}) } });
    refused("not both", { { "password", "a" }, { "password_file", "/b" } });
    refused("odbc", { { "connect_string", "DSN=a" } });
    refused("needs one", { { "driver", "odbc" } });
    refused("connect_string",
        { { "driver", "odbc" }, { "connect_string", "DSN=a" }, { "host", "db" } });
}

TEST_CASE("the database's password comes from a file, without the end of its line")
{
    const auto path = std::filesystem::temp_directory_path()
        / ("nuncio-sql-password-" + std::to_string(::getpid()));
    std::ofstream(path) << "s3cret \r\n";
    CHECK(*read_password_file(path) == "s3cret ");
    std::ofstream(path) << std::string(4096, 'x');
    CHECK(read_password_file(path)->size() == 4096);
    std::ofstream(path) << std::string(4097, 'x');
    CHECK_FALSE(read_password_file(path));
    std::ofstream(path, std::ios::trunc);
    CHECK_FALSE(read_password_file(path));
    std::filesystem::remove(path);
    CHECK(read_password_file(path).error().text.find("No such file") != std::string::npos);
}
