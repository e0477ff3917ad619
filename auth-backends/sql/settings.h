// What the administrator says about the database, checked.
#pragma once

#include "password.h"
#include "query.h"

#include <nuncio/schema.h>

#include <array>

namespace nuncio::sql {

struct Settings {
    std::string driver = "postgresql";
    std::string host;
    std::uint32_t port = 0;
    std::string database = "nuncio";
    std::string user = "nuncio";
    std::string password;
    std::string password_file;
    std::string connect_string;
    std::string tls = "verify";
    std::string tls_ca = "/etc/ssl/certs/ca-certificates.crt";

    std::uint32_t connections = 4;
    std::uint32_t queue = 256;
    Duration connect_timeout = 4s;
    Duration query_timeout = 4s;
    Duration timeout = 10s;
    Duration longest_rest = 30s;

    std::vector<std::string> formats { "scram" };
    std::vector<std::string> scram_hashes { "sha256", "sha512", "sha1" };
    std::uint32_t iterations = 10000;
    std::string crypt_prefix;
    bool upgrade = false;
    std::uint32_t cache = 1024;

    std::string password_query;
    std::string check_query;
    std::string exists_query;
    std::string set_query;
    std::string upgrade_query;
    std::string create_query;
    std::string remove_query;
    std::string list_query;
};

Schema make_schema();

/// What a query is for; each has an option `NAME_query`.
enum class Role { password, check, exists, set, upgrade, create, remove, list };
inline constexpr std::size_t role_count = 8;
std::string_view option_of(Role role);

struct Queries {
    std::array<std::optional<Query>, role_count> by_role;

    const std::optional<Query>& of(Role role) const
    {
        return by_role[static_cast<std::size_t>(role)];
    }
    bool has(Role role) const { return of(role).has_value(); }
};

/// Settings that fit together.
struct Plan {
    const Driver* driver = nullptr;
    ConnectionOptions connection;
    bool has_own_tables = false;
    Queries queries;
    Formats formats;
    NewPasswordOptions new_password;
};
Result<Plan> make_plan(const Settings& settings, const Config& config);

/// What `password_file` holds, without the line's end; it may change while we run.
Result<std::string> read_password_file(const std::string& path);

}
