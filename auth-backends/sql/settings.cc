#include "settings.h"

#include "own_tables.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

namespace nuncio::sql {

namespace {

    constexpr std::size_t max_password_file_bytes = 4096;

    struct RoleTraits {
        Role role;
        std::string_view option;
        std::string Settings::*text;
        std::string_view own; ///< the query for the own tables
        std::vector<std::string_view> parameters;
    };

    const std::vector<RoleTraits>& roles()
    {
        static const std::vector<RoleTraits> all {
            { Role::password, "password_query", &Settings::password_query, own::password_query,
                { "user", "domain", "jid" } },
            { Role::check, "check_query", &Settings::check_query, {},
                { "user", "domain", "jid", "password" } },
            { Role::exists, "exists_query", &Settings::exists_query, {},
                { "user", "domain", "jid" } },
            { Role::set, "set_query", &Settings::set_query, own::set_query,
                { "user", "domain", "jid", "password", "stored_key", "server_key", "salt",
                    "iterations" } },
            { Role::upgrade, "upgrade_query", &Settings::upgrade_query, own::upgrade_query,
                { "user", "domain", "jid", "password", "stored_key", "server_key", "salt",
                    "iterations", "old_password" } },
            { Role::create, "create_query", &Settings::create_query, own::create_query,
                { "user", "domain", "jid", "password", "stored_key", "server_key", "salt",
                    "iterations" } },
            { Role::remove, "remove_query", &Settings::remove_query, own::remove_query,
                { "user", "domain", "jid" } },
            { Role::list, "list_query", &Settings::list_query, own::list_query,
                { "domain", "after", "limit" } },
        };
        return all;
    }

    constexpr std::string_view hash_names[] = { "sha1", "sha256", "sha512" };

    Error unknown_word(const Config& config, std::string_view option, std::string_view word,
        const std::vector<std::string_view>& known)
    {
        std::string text = "there is no \"" + std::string(word) + "\"; ";
        if (const auto near = nearest(word, known); !near.empty())
            return config.error(option, text + "did you mean \"" + std::string(near) + "\"?");
        text += "expected some of";
        for (const auto name : known)
            text += " \"" + std::string(name) + '"';
        return config.error(option, text);
    }

    Result<Formats> formats_of(const Settings& settings, const Config& config)
    {
        std::vector<std::string_view> known;
        for (std::size_t i = 0; i < format_count; ++i)
            known.push_back(to_string(static_cast<Format>(i)));
        Formats formats;
        for (const std::string& name : settings.formats) {
            const auto format = format_of(name);
            if (!format)
                return unknown_word(config, "formats", name, known);
            if (!has(formats, *format))
                formats.push_back(*format);
        }
        if (formats.empty())
            return config.error("formats", "expected at least one");
        return formats;
    }

    Result<std::vector<ScramHash>> hashes_of(const Settings& settings, const Config& config)
    {
        std::vector<ScramHash> hashes;
        for (const std::string& name : settings.scram_hashes) {
            const auto found = std::ranges::find(hash_names, name);
            if (found == std::end(hash_names))
                return unknown_word(
                    config, "scram_hashes", name, { std::begin(hash_names), std::end(hash_names) });
            const auto hash = static_cast<ScramHash>(found - std::begin(hash_names));
            if (std::ranges::find(hashes, hash) == hashes.end())
                hashes.push_back(hash);
        }
        if (hashes.empty())
            return config.error("scram_hashes", "expected at least one");
        return hashes;
    }

    Result<void> check_connection(const Settings& settings, const Config& config)
    {
        if (settings.driver != "odbc") {
            if (!settings.connect_string.empty())
                return config.error("connect_string", "only the driver \"odbc\" has one");
            return {};
        }
        if (settings.connect_string.empty())
            return config.error("connect_string",
                "the driver \"odbc\" needs one, such as \"DSN=accounts\" or "
                "\"Driver={PostgreSQL Unicode};Servername=db.example.org;Database=accounts\"");
        for (const std::string_view option : { "host", "port", "database", "tls", "tls_ca" })
            if (config.table().find(option))
                return config.error(
                    option, "with the driver \"odbc\" this belongs into `connect_string`");
        return {};
    }

    Result<Queries> queries_of(
        const Settings& settings, const Config& config, bool own, Syntax syntax)
    {
        Queries queries;
        for (const RoleTraits& traits : roles()) {
            const std::string_view text = own ? traits.own : settings.*traits.text;
            if (text.empty())
                continue;
            auto query = Query::parse(text, traits.parameters, syntax);
            if (!query)
                return config.error(traits.option, query.error().text);
            queries.by_role[static_cast<std::size_t>(traits.role)] = *std::move(query);
        }
        return queries;
    }

    Result<void> check_queries(const Queries& queries, const Settings& settings,
        const Formats& formats, const Config& config)
    {
        if (!queries.has(Role::password) && !queries.has(Role::check))
            return config.error("password_query",
                "expected this or `check_query`, since other queries are set; without any, nuncio "
                "makes tables of its own");
        if (queries.has(Role::check) && !queries.has(Role::password) && !queries.has(Role::exists))
            return config.error("exists_query", "`check_query` alone cannot tell who exists");
        for (const Role role : { Role::password, Role::check, Role::exists })
            if (const auto& query = queries.of(role);
                query && !query->uses("user") && !query->uses("jid"))
                return config.error(option_of(role), "expected :user or :jid in it");
        if (const auto& query = queries.of(Role::check); query && !query->uses("password"))
            return config.error("check_query", "expected :password in it");
        if (const auto& query = queries.of(Role::list); query && !query->uses("limit"))
            return config.error("list_query", "expected :limit in it");

        const Format written = formats.front();
        const bool can_write
            = written == Format::scram || written == Format::crypt || written == Format::plain;
        for (const Role role : { Role::set, Role::create }) {
            const auto& query = queries.of(role);
            if (!query)
                continue;
            if (!can_write)
                return config.error("formats",
                    "new passwords are written in the first one, which must be \"scram\", "
                    "\"crypt\" or \"plain\" when there is a `"
                        + std::string(option_of(role)) + "`");
            if (!query->uses("password") && !query->uses("stored_key"))
                return config.error(option_of(role), "expected :password or :stored_key in it");
            if (query->uses("stored_key") && written != Format::scram)
                return config.error(option_of(role),
                    ":stored_key is there only if the first of `formats` is \"scram\"");
        }
        if (!settings.upgrade)
            return {};
        if (!has(formats, Format::scram))
            return config.error("upgrade", "expected \"scram\" in `formats`");
        const auto& query = queries.of(Role::upgrade);
        if (!query)
            return config.error("upgrade", "expected an `upgrade_query`");
        if (!query->uses("old_password"))
            return config.error("upgrade_query",
                "expected :old_password in its condition, or it could undo a change of the "
                "password");
        return {};
    }

}

std::string_view option_of(Role role)
{
    return std::ranges::find(roles(), role, &RoleTraits::role)->option;
}

Schema make_schema()
{
    return Schema::of<Settings>("Accounts in an SQL database")
        .option("driver", &Settings::driver,
            "The client library: libpq, libmariadb (for MySQL, too) or unixODBC.")
        .choices({ "postgresql", "mariadb", "odbc" })
        .option("host", &Settings::host,
            "A name, an address, or a Unix socket (PostgreSQL: its folder). Empty: the library's "
            "default socket.")
        .option("port", &Settings::port, "0: the database's own.")
        .range(0, 65535)
        .option("database", &Settings::database, "Its name.")
        .option("user", &Settings::user, "Who logs in to the database; with ODBC sent as UID.")
        .option("password", &Settings::password, "The password to the database; ODBC: PWD.")
        .secret()
        .option("password_file", &Settings::password_file,
            "A file with the password to the database, read whenever a connection is made.")
        .option("connect_string", &Settings::connect_string,
            "ODBC: `DSN=name`, or `Driver={name};…` with the driver's own keywords. Name a Unicode "
            "driver.")
        .secret()
        .option("tls", &Settings::tls,
            "verify: the database's certificate must be valid for `host`. encrypt: anybody's will "
            "do, so who sits in between reads all. Unix sockets have no TLS.")
        .choices({ "verify", "encrypt", "off" })
        .option("tls_ca", &Settings::tls_ca, "The authorities that may vouch for the database.")
        .option("connections", &Settings::connections,
            "As many queries run at once, each on a thread of its own.")
        .range(1, 64)
        .option("queue", &Settings::queue,
            "How many queries may wait for a connection; beyond it, logins fail for the moment.")
        .range(1, 100'000)
        .option("connect_timeout", &Settings::connect_timeout, "For making a connection.")
        .range(1, 60)
        .option("query_timeout", &Settings::query_timeout,
            "For one query, after which the connection is given up. ODBC: if the driver bears it.")
        .range(1, 60)
        .option("timeout", &Settings::timeout,
            "How long a login waits for the database at the most, turn and retry included.")
        .range(1, 120)
        .option("longest_rest", &Settings::longest_rest,
            "A database that failed again and again is left alone for a second, then twice as long "
            "each time, up to this; logins fail at once meanwhile.")
        .range(1, 600)
        .option("formats", &Settings::formats,
            "What stored passwords may look like: \"scram\", \"crypt\", \"ldap\", \"pbkdf2\", "
            "\"plain\", \"legacy\". New ones are written in the first. SCRAM is offered when there "
            "is nothing but \"scram\" and \"plain\".")
        .option("scram_hashes", &Settings::scram_hashes,
            "Of \"sha1\", \"sha256\" and \"sha512\": keys that new passwords get, and that every "
            "account has which has SCRAM keys.")
        .option("iterations", &Settings::iterations,
            "Rounds of PBKDF2 for SCRAM keys made from now on.")
        .range(scram_min_iterations, max_iterations)
        .option("crypt_prefix", &Settings::crypt_prefix,
            "The method of crypt(3) for new passwords; empty: what the system thinks best.")
        .choices({ "", "$y$", "$2b$", "$2y$", "$6$", "$5$" })
        .option("upgrade", &Settings::upgrade,
            "Whoever logs in with PLAIN and has a password stored otherwise, or SCRAM keys of "
            "fewer hashes or rounds than new ones, gets new keys.")
        .option("cache", &Settings::cache,
            "How many users' SCRAM keys are kept in memory that were derived from plain passwords.")
        .range(0, 1'000'000)
        .option("password_query", &Settings::password_query,
            "Answers what is stored for :user, :domain, :jid. Columns by name: password (or the "
            "first), username, salt, serverkey, iterationcount, disabled, expired.")
        .option("check_query", &Settings::check_query,
            "Instead, the database compares: a row that begins with true when :password is right.")
        .option("exists_query", &Settings::exists_query,
            "A row when there is :user, :domain, :jid. Without it, password_query is asked.")
        .option("set_query", &Settings::set_query,
            "Stores :password, or :stored_key, :server_key, :salt, :iterations, for :user.")
        .option("upgrade_query", &Settings::upgrade_query,
            "The same where :old_password is still stored.")
        .option("create_query", &Settings::create_query,
            "Adds :user with the same; a constraint must refuse one that exists.")
        .option("remove_query", &Settings::remove_query, "Removes :user.")
        .option("list_query", &Settings::list_query,
            "Answers the users of :domain after :after in the order of their bytes, at most "
            ":limit.");
}

Result<Plan> make_plan(const Settings& settings, const Config& config)
{
    Plan plan;
    plan.driver = find_driver(settings.driver);
    if (!plan.driver)
        return config.error(
            "driver", "nuncio was built without the library of \"" + settings.driver + '"');
    if (auto checked = check_connection(settings, config); !checked)
        return checked.error();
    if (!settings.password.empty() && !settings.password_file.empty())
        return config.error("password_file", "expected this or `password`, not both");

    auto formats = formats_of(settings, config);
    if (!formats)
        return formats.error();
    auto hashes = hashes_of(settings, config);
    if (!hashes)
        return hashes.error();
    plan.formats = *std::move(formats);
    plan.new_password = { .format = plan.formats.front(),
        .hashes = *std::move(hashes),
        .iterations = settings.iterations,
        .crypt_prefix = settings.crypt_prefix };

    plan.has_own_tables = std::ranges::all_of(
        roles(), [&](const RoleTraits& traits) { return (settings.*traits.text).empty(); });
    auto queries = queries_of(settings, config, plan.has_own_tables, plan.driver->syntax);
    if (!queries)
        return queries.error();
    if (auto checked = check_queries(*queries, settings, plan.formats, config); !checked)
        return checked.error();
    plan.queries = *std::move(queries);

    plan.connection = { .host = settings.host,
        .port = settings.port,
        .database = settings.database,
        .user = settings.user,
        .password = settings.password,
        .connect_string = settings.connect_string,
        .tls = settings.tls == "off"    ? Tls::off
            : settings.tls == "encrypt" ? Tls::encrypt
                                        : Tls::verify,
        .tls_ca = settings.tls_ca,
        .connect_timeout = settings.connect_timeout,
        .query_timeout = settings.query_timeout };
    // The default is meant for tables of our own; a connection string may name another.
    if (settings.driver == "odbc" && !config.table().find("user"))
        plan.connection.user.clear();
    return plan;
}

Result<std::string> read_password_file(const std::string& path)
{
    std::ifstream file(path, std::ios::binary);
    std::string text(max_password_file_bytes + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (file.gcount() == 0)
        return Error { path + ": cannot read the password to the database: "
                + (file.is_open() ? "the file is empty" : std::strerror(errno)),
            Error::Kind::unavailable };
    text.resize(static_cast<std::size_t>(file.gcount()));
    if (text.size() > max_password_file_bytes)
        return Error { path + ": expected a password, found more than "
                + std::to_string(max_password_file_bytes) + " bytes",
            Error::Kind::unavailable };
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r'))
        text.pop_back();
    return text;
}

}
