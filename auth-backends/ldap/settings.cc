#include "settings.h"

#include <ldap.h>
#include <memory>

namespace nuncio::ldap {

namespace {

    constexpr std::size_t most_servers = 16;
    constexpr std::size_t most_user_attributes = 16;
    constexpr std::size_t most_changed_attributes = 16;

    /// One that occurs in filters and DNs as trouble, so that what is checked is the escaping, too.
    constexpr std::string_view sample_user = "o*(=,\\x";

    struct Unbind {
        void operator()(LDAP* handle) const { ::ldap_unbind_ext(handle, nullptr, nullptr); }
    };

    std::string filled(const Pattern& pattern, std::string_view domain, Escape escape)
    {
        // An entry that has every attribute the pattern asks for.
        Entry entry { .dn = "uid=x,dc=example" };
        for (const std::string& name : pattern.attributes())
            entry.attributes.push_back({ name, { std::string(sample_user) } });
        return *pattern.fill({ .user = sample_user, .domain = domain, .entry = &entry }, escape);
    }

    class Reading {
    public:
        Reading(Rules& rules, Mistake& mistake)
            : rules_(rules)
            , mistake_(mistake)
        {
        }
        bool run()
        {
            return servers() && names() && patterns() && distinguished_names() && times();
        }

    private:
        bool wrong(std::string option, std::string message)
        {
            mistake_ = { std::move(option), std::move(message) };
            return false;
        }
        bool servers()
        {
            const Settings& settings = rules_.settings;
            if (settings.servers.empty() || settings.servers.size() > most_servers)
                return wrong(
                    "servers", "expected 1 to " + std::to_string(most_servers) + " servers");
            for (const std::string& url : settings.servers)
                if (auto parsed = parse_server_url(url); !parsed)
                    return wrong("servers", parsed.error().text);
            if (settings.tls_certificate.empty() != settings.tls_key.empty())
                return wrong(settings.tls_key.empty() ? "tls_certificate" : "tls_key",
                    "tls_certificate and tls_key go together");
            return true;
        }
        bool names()
        {
            const auto& wanted = rules_.settings.user_attributes;
            if (wanted.empty() || wanted.size() > most_user_attributes)
                return wrong("user_attributes",
                    "expected 1 to " + std::to_string(most_user_attributes) + " attributes");
            for (const std::string& text : wanted) {
                auto rule = NameRule::parse(text, rules_.domain);
                if (!rule)
                    return wrong("user_attributes", rule.error().text);
                rules_.names.push_back(*std::move(rule));
            }
            if (rules_.settings.password_changed.size() > most_changed_attributes)
                return wrong("password_changed",
                    "expected at most " + std::to_string(most_changed_attributes) + " attributes");
            return true;
        }
        bool filter(const char* option, const std::string& text, Pattern::Gaps gaps, Pattern& to)
        {
            auto pattern = Pattern::parse(text, gaps);
            if (!pattern)
                return wrong(option, pattern.error().text);
            to = *std::move(pattern);
            if (!to.empty() && !is_filter(filled(to, rules_.domain, Escape::filter)))
                return wrong(option,
                    "expected a search filter in parentheses, such as (objectClass=person)");
            return true;
        }
        bool patterns()
        {
            const Settings& settings = rules_.settings;
            if (!filter("filter", settings.filter, Pattern::Gaps::user, rules_.filter)
                || !filter("dn_filter", settings.dn_filter, Pattern::Gaps::entry, rules_.dn_filter))
                return false;
            auto dn = Pattern::parse(settings.user_dn, Pattern::Gaps::user);
            if (!dn)
                return wrong("user_dn", dn.error().text);
            rules_.user_dn = *std::move(dn);
            if (rules_.user_dn.empty())
                return true;
            if (!rules_.user_dn.has_user())
                return wrong("user_dn", "expected %u in it");
            rules_.user_dn_is_dn = is_dn(filled(rules_.user_dn, rules_.domain, Escape::dn));
            // COMPAT(Active Directory): binds with user@domain, too ([MS-ADTS] §5.1.1.1.1).
            if (!rules_.user_dn_is_dn && settings.user_dn.find('@') == std::string::npos)
                return wrong("user_dn",
                    "expected a DN, such as \"uid=%u,ou=people,dc=example,dc=org\", or \"%u@%d\"");
            return true;
        }
        bool distinguished_names()
        {
            const Settings& settings = rules_.settings;
            for (const auto& [option, dn] : { std::pair { "base", &settings.base },
                     std::pair { "dn_filter_base", &settings.dn_filter_base },
                     std::pair { "decoy_dn", &settings.decoy_dn } })
                if (!is_dn(*dn))
                    return wrong(option, "expected a DN, such as \"ou=people,dc=example,dc=org\"");
            if (settings.bind_dn.empty() != settings.bind_password.empty())
                return wrong(settings.bind_dn.empty() ? "bind_password" : "bind_dn",
                    "bind_dn and bind_password go together");
            rules_.decoy_dn = settings.decoy_dn;
            if (rules_.decoy_dn.empty())
                rules_.decoy_dn = "cn=nobody" + (settings.base.empty() ? "" : "," + settings.base);
            return true;
        }
        bool times()
        {
            const Settings& settings = rules_.settings;
            if (settings.login_timeout <= settings.timeout)
                return wrong("login_timeout", "expected more than timeout");
            if (settings.longest_rest < settings.rest)
                return wrong("longest_rest", "expected no less than rest");
            return true;
        }

        Rules& rules_;
        Mistake& mistake_;
    };

}

Schema make_schema()
{
    return Schema::of<Settings>("Accounts in an LDAP directory")
        .option("servers", &Settings::servers,
            "URLs of the directory's servers, in the order of preference: ldap://HOST[:PORT], "
            "ldaps://HOST[:PORT], or ldapi://%2Fpath%2Fof%2Fsocket.")
        .option("tls", &Settings::tls,
            "For ldap:// servers. starttls: nothing is said without TLS. none: passwords travel "
            "readable for everybody on the way.")
        .choices({ "starttls", "none" })
        .option("tls_reqcert", &Settings::tls_reqcert,
            "demand: the server's certificate must be valid and carry the name in its URL. never: "
            "it is not looked at, and whoever is on the way may read the passwords.")
        .choices({ "demand", "never" })
        .option("tls_ca_file", &Settings::tls_ca_file,
            "The authorities that may have issued the servers' certificates (PEM).")
        .option("tls_certificate", &Settings::tls_certificate,
            "A certificate of our own, where the servers want one (PEM).")
        .option("tls_key", &Settings::tls_key, "Its key (PEM).")
        .option("tls_ciphers", &Settings::tls_ciphers,
            "Ciphers and versions, in the words of libldap's TLS library (GnuTLS on Debian); "
            "empty: "
            "TLS 1.2 or later.")
        .option(
            "bind_dn", &Settings::bind_dn, "Who searches; empty: searches are made anonymously.")
        .option("bind_password", &Settings::bind_password, "Its password.")
        .secret()
        .option("base", &Settings::base, "The entry below which users are searched for.")
        .option("scope", &Settings::scope, "How deep below it: base, one or sub.")
        .choices({ "base", "one", "sub" })
        .option("deref", &Settings::deref, "When aliases are followed.")
        .choices({ "never", "searching", "finding", "always" })
        .option("user_attributes", &Settings::user_attributes,
            "Where an entry has the name of its user: \"uid\", or with a pattern \"mail=%u@%d\". "
            "%u "
            "is the user's name, %d the host's domain.")
        .option("filter", &Settings::filter,
            "What else an entry must match (RFC 4515), such as \"(objectClass=inetOrgPerson)\". %u "
            "and %d may stand in it.")
        .option("dn_filter", &Settings::dn_filter,
            "A second search, which must find something: %D is the DN of the entry found first, "
            "%{name} an attribute of it; also %u and %d. Such as \"(&(cn=chat)(member=%D))\".")
        .option("dn_filter_base", &Settings::dn_filter_base,
            "The entry below which dn_filter searches; empty: base.")
        .option("user_dn", &Settings::user_dn,
            "Binds without a search before: \"uid=%u,ou=people,dc=example,dc=org\", or for Active "
            "Directory \"%u@%d\". filter and dn_filter are then asked in the user's own name.")
        .option("decoy_dn", &Settings::decoy_dn,
            "Whose password is tried for users that do not exist, so that the time it takes does "
            "not "
            "tell; an entry whose password nobody knows. Empty: one that does not exist.")
        .option("tell_locked", &Settings::tell_locked,
            "Tell clients that an account is locked, although the directory did not look at the "
            "password: who guesses names learns that this one exists.")
        .option("allow_set_password", &Settings::allow_set_password,
            "Users and nuncioctl may set passwords, in the name of bind_dn (RFC 3062).")
        .option("password_changed", &Settings::password_changed,
            "Attributes that tell when a password was changed; the first that an entry shows "
            "counts. A client's login token (plugin fast) ends when it has another value. Empty: "
            "tokens outlive the password.")
        .option("timeout", &Settings::timeout, "For one answer of one server.")
        .range(0.1, 60)
        .option("login_timeout", &Settings::login_timeout,
            "After which a login hears temporary-auth-failure.")
        .range(0.2, 300)
        .option("list_timeout", &Settings::list_timeout, "For a list of all users.")
        .range(1, 3600)
        .option("response_bytes", &Settings::response_bytes, "The largest answer that is read.")
        .range(64 * 1024, 256 * 1024 * 1024)
        .option("lookup_bytes", &Settings::lookup_bytes,
            "The most that other plugins get of one user's attributes.")
        .range(1024, 64 * 1024 * 1024)
        .option("list_limit", &Settings::list_limit, "The most users that are listed.")
        .range(1, 10'000'000)
        .option("page_size", &Settings::page_size,
            "How many users are asked for at a time (RFC 2696); Active Directory gives 1000 at "
            "most.")
        .range(1, 10'000)
        .option("connections", &Settings::connections,
            "Logins that are checked at the same time; each may keep two connections.")
        .range(1, 64)
        .option("queue", &Settings::queue, "Logins that may wait for one of them.")
        .range(1, 100'000)
        .option("connection_lifetime", &Settings::connection_lifetime,
            "After which a connection is made anew, so that a server that is back is used again.")
        .range(1, 86400)
        .option("server_rest", &Settings::server_rest,
            "How long a server that failed is tried after all others.")
        .range(0, 3600)
        .option("failures", &Settings::failures,
            "Logins in a row without an answer, after which the directory is left alone.")
        .range(1, 1000)
        .option("rest", &Settings::rest,
            "How long at first; it doubles while the directory does not answer.")
        .range(0.1, 600)
        .option("longest_rest", &Settings::longest_rest, "And at most.")
        .range(0.1, 3600);
}

Result<ServerUrl> parse_server_url(const std::string& url)
{
    LDAPURLDesc* description = nullptr;
    const Error expected {
        "expected ldap://HOST[:PORT], ldaps://HOST[:PORT] or ldapi://SOCKET, not \"" + url + '"'
    };
    if (::ldap_url_parse(url.c_str(), &description) != LDAP_URL_SUCCESS)
        return expected;
    const std::unique_ptr<LDAPURLDesc, void (*)(LDAPURLDesc*)> owner(
        description, ::ldap_free_urldesc);
    const std::string scheme = description->lud_scheme;
    const std::string host = description->lud_host ? description->lud_host : "";
    ServerUrl made;
    if (scheme == "ldapi")
        made.scheme = ServerUrl::Scheme::ldapi;
    else if (scheme == "ldaps")
        made.scheme = ServerUrl::Scheme::ldaps;
    else if (scheme != "ldap")
        return expected;
    if (host.empty() || description->lud_port < 0 || description->lud_port > 65535
        || (description->lud_dn && *description->lud_dn)
        || description->lud_scope != LDAP_SCOPE_BASE || description->lud_filter
        || description->lud_attrs)
        return expected;
    made.connect = url;
    // A connection for LDAPS is opened as any other, and TLS put on it: see Connection::open.
    if (made.scheme == ServerUrl::Scheme::ldaps) {
        const bool is_ipv6 = host.find(':') != std::string::npos;
        made.connect = "ldap://" + (is_ipv6 ? "[" + host + "]" : host) + ":"
            + std::to_string(description->lud_port ? description->lud_port : LDAPS_PORT);
    }
    return made;
}

Result<Rules> make_rules(Settings settings, std::string_view domain, Mistake& mistake)
{
    Rules rules { .settings = std::move(settings), .domain = std::string(domain) };
    if (!Reading(rules, mistake).run())
        return Error { mistake.option + ": " + mistake.message };
    return rules;
}

bool is_filter(const std::string& text)
{
    // libldap offers no reader of filters, but it reads one before it connects: here to nobody.
    LDAP* made = nullptr;
    if (text.empty() || text.front() != '('
        || ::ldap_initialize(&made, "ldapi://%2Fdev%2Fnull") != LDAP_SUCCESS)
        return false;
    const std::unique_ptr<LDAP, Unbind> handle(made);
    int message = 0;
    return ::ldap_search_ext(made, "", LDAP_SCOPE_BASE, text.c_str(), nullptr, 0, nullptr, nullptr,
               nullptr, 0, &message)
        != LDAP_FILTER_ERROR;
}

bool is_dn(const std::string& text)
{
    LDAPDN dn = nullptr;
    const int code = ::ldap_str2dn(text.c_str(), &dn, LDAP_DN_FORMAT_LDAPV3);
    ::ldap_dnfree(dn);
    return code == LDAP_SUCCESS;
}

}
