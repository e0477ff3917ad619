// What the administrator may choose.
#pragma once

#include "pattern.h"

#include <nuncio/schema.h>

#include <cstdint>
#include <string>
#include <vector>

namespace nuncio::ldap {

struct Settings {
    std::vector<std::string> servers { "ldap://localhost" };
    std::string tls = "starttls";
    std::string tls_reqcert = "demand";
    std::string tls_ca_file = "/etc/ssl/certs/ca-certificates.crt";
    std::string tls_certificate {};
    std::string tls_key {};
    std::string tls_ciphers {};

    std::string bind_dn {};
    std::string bind_password {};
    std::string base {};
    std::string scope = "sub";
    std::string deref = "never";
    std::vector<std::string> user_attributes { "uid" };
    std::string filter {};
    std::string dn_filter {};
    std::string dn_filter_base {};
    std::string user_dn {};
    std::string decoy_dn {};
    bool tell_locked = false;
    bool allow_set_password = false;
    std::vector<std::string> password_changed { "pwdChangedTime", "pwdLastSet", "krbLastPwdChange",
        "entryCSN", "modifyTimestamp" };

    Duration timeout = 3s;
    Duration login_timeout = 10s;
    Duration list_timeout = 60s;
    Bytes response_bytes { 1024 * 1024 };
    Bytes lookup_bytes { 256 * 1024 };
    std::uint32_t list_limit = 100'000;
    std::uint32_t page_size = 500;
    std::uint32_t connections = 4;
    std::uint32_t queue = 256;
    Duration connection_lifetime = 10min;
    Duration server_rest = 30s;
    std::uint32_t failures = 3;
    Duration rest = 1s;
    Duration longest_rest = 15s;
};

Schema make_schema();

/// The settings, read and found to fit together.
struct Rules {
    Settings settings;
    std::string domain; ///< of the host
    std::vector<NameRule> names;
    Pattern filter;
    Pattern dn_filter;
    Pattern user_dn; ///< empty: entries are searched for
    bool user_dn_is_dn = false; ///< and not a name of another kind, such as `%u@%d`
    std::string decoy_dn;
};

/// What does not fit is an error of that option.
struct Mistake {
    std::string option;
    std::string message;
};
Result<Rules> make_rules(Settings settings, std::string_view domain, Mistake& mistake);

/// "ldaps://ldap.example.org:636" taken apart.
struct ServerUrl {
    enum class Scheme { ldap, ldaps, ldapi };
    Scheme scheme = Scheme::ldap;
    std::string connect; ///< the URL that a connection without TLS is made to
};
Result<ServerUrl> parse_server_url(const std::string& url);

/// Whether libldap can read this search filter (RFC 4515) or DN (RFC 4514).
bool is_filter(const std::string& text);
bool is_dn(const std::string& text);

}
