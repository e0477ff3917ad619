#include "settings.h"

#include <nuncio/crypto.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <curl/curl.h>
#include <fstream>
#include <memory>

namespace nuncio::http {

namespace {

    constexpr std::size_t most_urls = 16;
    constexpr std::size_t most_credentials_bytes = 4096; // a bearer token may be a JWT

    struct Free {
        void operator()(CURLU* url) const { ::curl_url_cleanup(url); }
        void operator()(char* text) const { ::curl_free(text); }
    };
    using Url = std::unique_ptr<CURLU, Free>;

    std::string part(CURLU* url, CURLUPart which)
    {
        char* text = nullptr;
        if (::curl_url_get(url, which, &text, 0) != CURLUE_OK)
            return {};
        const std::unique_ptr<char, Free> owner(text);
        return text;
    }

    /// What never leaves this machine. libcurl itself takes "localhost" for these addresses
    /// (RFC 6761 §6.3), whatever a name server says.
    bool is_loopback(std::string_view host)
    {
        return host == "localhost" || host == "[::1]"
            || (host.starts_with("127.")
                && host.find_first_not_of("0123456789.") == std::string_view::npos);
    }

    Protocol protocol_of(const std::string& name)
    {
        return name == "json" ? Protocol::json : name == "basic" ? Protocol::basic : Protocol::rest;
    }

    /// What is right about settings, or the first thing that is not.
    class Reading {
    public:
        Reading(const Settings& settings, Plan& plan, Mistake& mistake)
            : settings_(settings)
            , plan_(plan)
            , mistake_(mistake)
        {
        }

        bool run()
        {
            plan_.rules.protocol = protocol_of(settings_.protocol);
            plan_.rules.posts_questions = settings_.method == "POST";
            plan_.rules.names_are_jids = settings_.names == "jid";
            plan_.rules.has_credentials = !settings_.credentials_file.empty();
            return read_urls() && read_operations() && read_statuses() && check_together();
        }

    private:
        bool wrong(std::string option, std::string message)
        {
            mistake_ = { std::move(option), std::move(message) };
            return false;
        }

        bool read_urls()
        {
            if (settings_.urls.empty() || settings_.urls.size() > most_urls)
                return wrong("urls",
                    "expected 1 to " + std::to_string(most_urls)
                        + " addresses, as in urls = [\"https://auth.example.org/xmpp\"]");
            for (const std::string& url : settings_.urls)
                if (auto checked = check_url(url, plan_.rules.protocol, settings_.insecure);
                    !checked)
                    return wrong("urls", checked.error().text);
            return true;
        }

        bool read_operations()
        {
            // RFC 7617 knows no question but one.
            const std::vector<std::string> only { "check_password" };
            const bool is_basic = plan_.rules.protocol == Protocol::basic;
            const bool is_default = settings_.operations == Settings().operations;
            for (const std::string& name : is_basic&& is_default ? only : settings_.operations) {
                const auto operation = operation_of(name);
                if (!operation)
                    return wrong("operations",
                        '"' + name
                            + "\" is none of check_password, user_exists, register, "
                              "set_password, remove_user");
                if (is_basic && *operation != Operation::check_password)
                    return wrong("operations",
                        "with protocol = \"basic\" a service can do nothing but check_password");
                plan_.operations.push_back(*operation);
            }
            if (!plan_.can(Operation::check_password))
                return wrong("operations", "every service answers check_password");
            return true;
        }

        bool read_statuses()
        {
            for (const std::string& text : settings_.no_statuses) {
                long status = 0;
                const auto end = text.data() + text.size();
                const auto read = std::from_chars(text.data(), end, status);
                if (read.ec != std::errc() || read.ptr != end || status < 400 || status > 499)
                    return wrong(
                        "no_statuses", "expected statuses from 400 to 499, such as \"404\"");
                plan_.rules.no_statuses.push_back(status);
            }
            return true;
        }

        bool check_together()
        {
            if (plan_.rules.protocol == Protocol::basic && plan_.rules.has_credentials)
                return wrong("credentials_file",
                    "with protocol = \"basic\" the user's own credentials take this place");
            // A 401 could be about either of them, and a right password must not be called wrong.
            if (plan_.rules.has_credentials
                && std::ranges::find(plan_.rules.no_statuses, 401) != plan_.rules.no_statuses.end())
                return wrong("no_statuses",
                    "401 is about the credentials in `credentials_file`, and not about a user's");
            if (settings_.tls_certificate.empty() != settings_.tls_key.empty())
                return wrong("tls_key", "expected both tls_certificate and tls_key, or neither");
            if (settings_.method == "POST" && plan_.rules.protocol == Protocol::basic)
                return wrong("method", "with protocol = \"basic\" it is GET");
            return true;
        }

        const Settings& settings_;
        Plan& plan_;
        Mistake& mistake_;
    };

}

Schema make_schema()
{
    return Schema::of<Settings>("Accounts that a web service knows")
        .option("urls", &Settings::urls,
            "Where the service is, in the order of preference; {user} and {server} may stand in "
            "it. https, or http to this machine.")
        .option("protocol", &Settings::protocol,
            "rest: that of MongooseIM and of Prosody's mod_auth_http. json: an object in a POST, "
            "which mod_auth_custom_http's services understand. basic: the user's credentials as "
            "HTTP's own (RFC 7617).")
        .choices({ "rest", "json", "basic" })
        .option("operations", &Settings::operations,
            "What it answers: check_password, and perhaps user_exists, register, set_password, "
            "remove_user. Without user_exists an account is who has come in once.")
        .option("method", &Settings::method,
            "POST: questions are sent in a form, too, so that no password is in the service's "
            "access log (rest).")
        .choices({ "GET", "POST" })
        .option("names", &Settings::names,
            "user: the service knows users by their name. jid: by user@host.")
        .choices({ "user", "jid" })
        .option("no_statuses", &Settings::no_statuses,
            "Statuses that mean a wrong password or an unknown user, such as \"404\". Otherwise "
            "only the answer false does (basic: 401 and 403).")
        .option("credentials_file", &Settings::credentials_file,
            "A file with our own credentials: name:password, or a token. Read anew when the "
            "service refuses them.")
        .option("authorization", &Settings::authorization, "What they are: basic or bearer.")
        .choices({ "basic", "bearer" })
        .option("insecure", &Settings::insecure,
            "Let passwords travel to other machines over http, readable for everybody on the way.")
        .option("tls_ca_file", &Settings::tls_ca_file,
            "The authorities that may vouch for the service (PEM).")
        .option("tls_certificate", &Settings::tls_certificate,
            "A certificate of our own, where the service wants one (PEM).")
        .option("tls_key", &Settings::tls_key, "Its key (PEM).")
        .option("connect_timeout", &Settings::connect_timeout, "For a connection, with TLS.")
        .range(0.1, 60)
        .option("request_timeout", &Settings::request_timeout, "For one answer of one address.")
        .range(0.1, 60)
        .option("timeout", &Settings::timeout,
            "After which a login hears temporary-auth-failure, whatever was tried.")
        .range(0.2, 300)
        .option("answer_bytes", &Settings::answer_bytes,
            "The largest answer that is read; its header may have as much again.")
        .range(256, 16 * 1024 * 1024)
        .option("connections", &Settings::connections,
            "Logins that are asked about at the same time, each over a connection of its own that "
            "is kept.")
        .range(1, 64)
        .option("queue", &Settings::queue, "Logins that may wait for one of them.")
        .range(1, 100'000)
        .option("server_rest", &Settings::server_rest,
            "How long an address that failed is tried after all others.")
        .range(0, 3600)
        .option("failures", &Settings::failures,
            "Logins in a row without an answer, after which the service is left alone.")
        .range(1, 1000)
        .option("rest", &Settings::rest,
            "How long at first; it doubles while the service does not answer.")
        .range(0.1, 600)
        .option("longest_rest", &Settings::longest_rest, "And at most.")
        .range(0.1, 3600)
        .option("cache", &Settings::cache,
            "How many accounts' answers are kept (as keyed digests, without passwords).")
        .range(0, 10'000'000)
        .option("positive_ttl", &Settings::positive_ttl,
            "How long a right password, or that there is a user, need not be asked for again; "
            "0s: not at all. A password that is changed elsewhere is good for as long.")
        .range(0, 86400)
        .option("negative_ttl", &Settings::negative_ttl,
            "The same for a wrong password, or that there is no such user.")
        .range(0, 86400);
}

bool Plan::can(Operation operation) const
{
    return std::ranges::find(operations, operation) != operations.end();
}

Result<Plan> make_plan(const Settings& settings, std::string_view server, Mistake& mistake)
{
    Plan plan { .rules = { .server = std::string(server) } };
    if (!Reading(settings, plan, mistake).run())
        return Error { mistake.option + ": " + mistake.message };
    return plan;
}

Result<void> check_url(const std::string& url, Protocol protocol, bool insecure)
{
    const Error expected { "expected https://HOST[:PORT][/PATH], not \"" + url + '"' };
    const Url parsed(::curl_url());
    // Braces are no part of a URL (RFC 3986 §2); what takes their place is.
    std::string sample = url;
    for (const std::string_view name : { "{user}", "{server}" })
        for (auto at = sample.find(name); at != sample.npos; at = sample.find(name))
            sample.replace(at, name.size(), "x");
    if (!parsed || sample.find_first_of("{} ") != sample.npos
        || ::curl_url_set(parsed.get(), CURLUPART_URL, sample.c_str(), 0) != CURLUE_OK)
        return expected;
    const auto scheme = part(parsed.get(), CURLUPART_SCHEME);
    if (scheme != "https" && scheme != "http")
        return expected;
    if (!part(parsed.get(), CURLUPART_USER).empty())
        return Error { "expected no credentials in the address: put them into `credentials_file`" };
    if (!part(parsed.get(), CURLUPART_FRAGMENT).empty())
        return expected;
    if (protocol == Protocol::rest && !part(parsed.get(), CURLUPART_QUERY).empty())
        return Error { "expected an address without a query: operations are appended to it" };
    const auto authority_end = url.find('/', url.find("://") + 3);
    if (url.find('{') < authority_end)
        return Error { "{user} and {server} may stand in the path or the query only" };
    if (scheme == "http" && !insecure && !is_loopback(part(parsed.get(), CURLUPART_HOST)))
        return Error { "passwords would travel readable to \"" + url
            + "\": expected https, or insecure = true if you mean it" };
    return {};
}

Result<std::string> read_credentials(const Settings& settings)
{
    const std::string& path = settings.credentials_file;
    const auto wrong = [&](const std::string& what) {
        return Error { path + ": " + what, Error::Kind::unavailable };
    };
    std::ifstream file(path, std::ios::binary);
    std::string text(most_credentials_bytes + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (file.gcount() == 0)
        return wrong(file.is_open() ? "the file is empty" : std::strerror(errno));
    text.resize(static_cast<std::size_t>(file.gcount()));
    if (text.size() > most_credentials_bytes)
        return wrong("expected credentials, found more than "
            + std::to_string(most_credentials_bytes) + " bytes");
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r'))
        text.pop_back();
    if (settings.authorization == "basic") {
        if (text.find(':') == text.npos)
            return wrong("expected name:password");
        return "Basic " + to_base64(text);
    }
    // RFC 6750 §2.1: what a token may consist of. Above all no line's end, which would begin a
    // header of its own.
    const bool is_token = !text.empty()
        && std::ranges::all_of(text, [](char letter) { return letter > ' ' && letter < 0x7F; });
    if (!is_token)
        return wrong("expected a token without spaces");
    return "Bearer " + text;
}

}
