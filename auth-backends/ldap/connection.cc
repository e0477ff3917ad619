#include "connection.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <ldap.h>

namespace nuncio::ldap {

namespace {

    using Clock = std::chrono::steady_clock;

    timeval to_timeval(std::chrono::nanoseconds time)
    {
        const auto whole = std::chrono::ceil<std::chrono::microseconds>(std::max(time, 0ns));
        return { .tv_sec = time_t(whole.count() / 1'000'000),
            .tv_usec = suseconds_t(whole.count() % 1'000'000) };
    }

    berval to_berval(std::string_view text)
    {
        return { text.size(), const_cast<char*>(text.data()) };
    }

    std::string text_of(char* owned)
    {
        std::string text = owned ? owned : "";
        ::ldap_memfree(owned);
        return text;
    }

    struct FreeControls {
        void operator()(LDAPControl** controls) const { ::ldap_controls_free(controls); }
    };
    using Controls = std::unique_ptr<LDAPControl*, FreeControls>;

    int deref_of(const std::string& word)
    {
        return word == "searching" ? LDAP_DEREF_SEARCHING
            : word == "finding"    ? LDAP_DEREF_FINDING
            : word == "always"     ? LDAP_DEREF_ALWAYS
                                   : LDAP_DEREF_NEVER;
    }

    bool uses_gnutls()
    {
        char* package = nullptr;
        ::ldap_get_option(nullptr, LDAP_OPT_X_TLS_PACKAGE, &package);
        return text_of(package) == "GnuTLS";
    }

    Entry to_entry(LDAP* handle, LDAPMessage* message)
    {
        Entry entry { .dn = text_of(::ldap_get_dn(handle, message)) };
        BerElement* position = nullptr;
        for (char* name = ::ldap_first_attribute(handle, message, &position); name;
             name = ::ldap_next_attribute(handle, message, position)) {
            berval** const values = ::ldap_get_values_len(handle, message, name);
            auto& attribute
                = entry.attributes.emplace_back(text_of(name), std::vector<std::string>());
            for (berval** value = values; value && *value; ++value)
                attribute.second.emplace_back((*value)->bv_val, (*value)->bv_len);
            ::ldap_value_free_len(values);
        }
        ::ber_free(position, 0);
        return entry;
    }

}

void Connection::FreeMessage::operator()(::ldapmsg* message) const
{
    ::ldap_msgfree(message);
}

Connection::Connection(::ldap* handle, const Settings& settings)
    : handle_(handle)
    , settings_(settings)
{
}

Connection::~Connection()
{
    ::ldap_unbind_ext(handle_, nullptr, nullptr);
}

Result<std::unique_ptr<Connection>> Connection::open(
    const std::string& url, const Settings& settings)
{
    const auto parsed = parse_server_url(url);
    if (!parsed)
        return parsed.error();
    LDAP* handle = nullptr;
    if (const int code = ::ldap_initialize(&handle, parsed->connect.c_str()); code != LDAP_SUCCESS)
        return error_of(code, {}, "initialise");
    std::unique_ptr<Connection> made(new Connection(handle, settings));
    if (auto set = made->set_options(*parsed); !set)
        return set.error();
    if (const int code = ::ldap_connect(handle); code != LDAP_SUCCESS)
        return made->failure(code, "connect");
    // From now on a server that sends half an answer does not hold the thread: libldap waits in
    // poll(), with the time-out, instead of in read(), without.
    Sockbuf* socket = nullptr;
    ::ldap_get_option(handle, LDAP_OPT_SOCKBUF, &socket);
    ::ber_sockbuf_ctrl(socket, LBER_SB_OPT_SET_NONBLOCK, handle);
    ber_len_t largest = settings.response_bytes.count;
    ::ber_sockbuf_ctrl(socket, LBER_SB_OPT_SET_MAX_INCOMING, &largest);
    if (auto started = made->start_tls(*parsed); !started)
        return started.error();
    return made;
}

Result<void> Connection::set_options(const ServerUrl& url)
{
    // Everything that ldap.conf, .ldaprc and the environment might have said is said here.
    const int version = LDAP_VERSION3, none = 0, deref = deref_of(settings_.deref);
    const timeval timeout = to_timeval(settings_.timeout);
    const int keepalive_idle = 60, keepalive_probes = 3, keepalive_interval = 10;
    const std::pair<int, const void*> options[] = {
        { LDAP_OPT_PROTOCOL_VERSION, &version },
        { LDAP_OPT_REFERRALS, LDAP_OPT_OFF },
        { LDAP_OPT_DEREF, &deref },
        { LDAP_OPT_SIZELIMIT, &none },
        { LDAP_OPT_TIMELIMIT, &none },
        { LDAP_OPT_NETWORK_TIMEOUT, &timeout },
        { LDAP_OPT_TIMEOUT, &timeout },
        { LDAP_OPT_RESTART, LDAP_OPT_ON }, // the watchdog's signals end no wait
        { LDAP_OPT_X_KEEPALIVE_IDLE, &keepalive_idle },
        { LDAP_OPT_X_KEEPALIVE_PROBES, &keepalive_probes },
        { LDAP_OPT_X_KEEPALIVE_INTERVAL, &keepalive_interval },
    };
    for (const auto& [option, value] : options)
        if (::ldap_set_option(handle_, option, value) != LDAP_OPT_SUCCESS)
            return Error { "option " + std::to_string(option) + " of libldap cannot be set",
                Error::Kind::unavailable };
    if (url.scheme == ServerUrl::Scheme::ldapi
        || (url.scheme == ServerUrl::Scheme::ldap && settings_.tls == "none"))
        return {};
    return set_tls_options();
}

Result<void> Connection::set_tls_options()
{
    const bool is_gnutls = uses_gnutls();
    const auto or_null
        = [](const std::string& text) { return text.empty() ? nullptr : text.c_str(); };
    const int require
        = settings_.tls_reqcert == "never" ? LDAP_OPT_X_TLS_NEVER : LDAP_OPT_X_TLS_DEMAND;
    const int least = LDAP_OPT_X_TLS_PROTOCOL_TLS1_2, no_lists = LDAP_OPT_X_TLS_CRL_NONE;
    const struct {
        const char* name;
        int option;
        const void* value;
    } options[] = {
        { "tls_reqcert", LDAP_OPT_X_TLS_REQUIRE_CERT, &require },
        { "tls_ca_file", LDAP_OPT_X_TLS_CACERTDIR, nullptr },
        { "tls_ca_file", LDAP_OPT_X_TLS_CACERTFILE, or_null(settings_.tls_ca_file) },
        { "tls_certificate", LDAP_OPT_X_TLS_CERTFILE, or_null(settings_.tls_certificate) },
        { "tls_key", LDAP_OPT_X_TLS_KEYFILE, or_null(settings_.tls_key) },
        { "tls_ciphers", LDAP_OPT_X_TLS_CIPHER_SUITE, or_null(settings_.tls_ciphers) },
        { "tls", LDAP_OPT_X_TLS_PROTOCOL_MIN, &least },
        { "tls", LDAP_OPT_X_TLS_CRLCHECK, is_gnutls ? nullptr : &no_lists },
    };
    for (const auto& [name, option, value] : options)
        // A null takes away what ldap.conf may have said; where there is no such option it fails.
        if (::ldap_set_option(handle_, option, value) != LDAP_OPT_SUCCESS && value)
            return Error { std::string(name) + " cannot be set", Error::Kind::unavailable };
    const int of_client = 0;
    if (::ldap_set_option(handle_, LDAP_OPT_X_TLS_NEWCTX, &of_client) != LDAP_OPT_SUCCESS)
        return Error { "TLS cannot be used: check tls_ca_file, tls_certificate, tls_key and "
                       "tls_ciphers",
            Error::Kind::unavailable };
    return {};
}

Result<void> Connection::start_tls(const ServerUrl& url)
{
    if (url.scheme == ServerUrl::Scheme::ldapi
        || (url.scheme == ServerUrl::Scheme::ldap && settings_.tls == "none"))
        return {};
    if (url.scheme == ServerUrl::Scheme::ldap) {
        int operation = 0;
        int code = ::ldap_start_tls(handle_, nullptr, nullptr, &operation);
        if (code != LDAP_SUCCESS)
            return failure(code, "StartTLS");
        const Message message = wait(operation, LDAP_MSG_ALL, deadline(), code);
        if (!message)
            return failure(code, "StartTLS");
        ::ldap_parse_result(handle_, message.get(), &code, nullptr, nullptr, nullptr, nullptr, 0);
        if (code != LDAP_SUCCESS)
            return Error { "StartTLS: " + std::string(::ldap_err2string(code)),
                Error::Kind::unavailable };
    }
    // libldap gives up a handshake in time only where connections are made asynchronously; a
    // synchronous one spins for as long as the server is silent.
    ::ldap_set_option(handle_, LDAP_OPT_CONNECT_ASYNC, LDAP_OPT_ON);
    const int code = ::ldap_install_tls(handle_);
    ::ldap_set_option(handle_, LDAP_OPT_CONNECT_ASYNC, LDAP_OPT_OFF);
    if (code != LDAP_SUCCESS)
        return failure(code, "TLS");
    if (!::ldap_tls_inplace(handle_))
        return Error { "TLS is not in place", Error::Kind::unavailable };
    if (!settings_.tls_ciphers.empty())
        return {}; // says what is wanted
    // GnuTLS takes a least version only as a part of its priorities, which libldap 2.5 cannot set
    // without losing 8 KiB for each connection.
    char* version = nullptr;
    ::ldap_get_option(handle_, LDAP_OPT_X_TLS_VERSION, &version);
    if (const std::string found = text_of(version);
        !found.ends_with("1.2") && !found.ends_with("1.3"))
        return Error { "TLS: the server speaks " + found + ", expected 1.2 or newer",
            Error::Kind::unavailable };
    return {};
}

BindAnswer Connection::bind(const std::string& dn, std::string_view password)
{
    assert(!password.empty());
    berval credentials = to_berval(password);
    LDAPControl* policy = nullptr;
    BindAnswer answer;
    ::ldap_create_passwordpolicy_control(handle_, &policy);
    LDAPControl* controls[] = { policy, nullptr };
    int operation = 0;
    answer.code = ::ldap_sasl_bind(
        handle_, dn.c_str(), LDAP_SASL_SIMPLE, &credentials, controls, nullptr, &operation);
    ::ldap_control_free(policy);
    Message message;
    if (answer.code == LDAP_SUCCESS)
        message = wait(operation, LDAP_MSG_ALL, deadline(), answer.code);
    if (!message) {
        was_closed_ = answer.code == LDAP_SERVER_DOWN;
        answer.diagnostic = diagnostic();
        return answer;
    }
    char* text = nullptr;
    LDAPControl** returned = nullptr;
    const int parsed = ::ldap_parse_result(
        handle_, message.get(), &answer.code, nullptr, &text, nullptr, &returned, 0);
    answer.diagnostic = text_of(text);
    const Controls owner(returned);
    if (parsed != LDAP_SUCCESS)
        answer.code = LDAP_DECODING_ERROR;
    LDAPControl* const told
        = ::ldap_control_find(LDAP_CONTROL_PASSWORDPOLICYRESPONSE, returned, nullptr);
    ber_int_t expire = 0, grace = 0;
    LDAPPasswordPolicyError error = PP_noError;
    if (told
        && ::ldap_parse_passwordpolicy_control(handle_, told, &expire, &grace, &error)
            == LDAP_SUCCESS
        && error != PP_noError)
        answer.policy_error = error;
    return answer;
}

Result<Found> Connection::search(const Search& search)
{
    std::vector<char*> names;
    for (const std::string& name : search.attributes)
        names.push_back(const_cast<char*>(name.c_str()));
    char nothing[] = "1.1"; // RFC 4511 §4.5.1.8
    if (names.empty())
        names.push_back(nothing);
    names.push_back(nullptr);
    berval cookie = to_berval(search.cookie);
    LDAPControl* page = nullptr;
    if (search.page_size != 0)
        ::ldap_create_page_control(
            handle_, search.page_size, &cookie, 1, &page); // critical: all or an error
    LDAPControl* controls[] = { page, nullptr };
    timeval time_limit = to_timeval(std::chrono::ceil<std::chrono::seconds>(settings_.timeout));
    int operation = 0;
    int code = ::ldap_search_ext(handle_, search.base.c_str(), search.scope, search.filter.c_str(),
        names.data(), 0, controls, nullptr, &time_limit, search.size_limit, &operation);
    ::ldap_control_free(page);
    if (code != LDAP_SUCCESS)
        return failure(code, "search");

    Found found;
    const auto until = deadline();
    for (;;) {
        const Message message = wait(operation, LDAP_MSG_ONE, until, code);
        if (!message)
            return failure(code, "search");
        const int type = ::ldap_msgtype(message.get());
        if (type == LDAP_RES_SEARCH_ENTRY) {
            // A server that sends more than it was asked for is not to be believed.
            const auto most = search.size_limit > 0 ? std::size_t(search.size_limit)
                                                    : std::size_t(search.page_size);
            if (found.entries.size() >= most)
                return Error { "search: more entries than were asked for",
                    Error::Kind::unavailable };
            found.entries.push_back(to_entry(handle_, message.get()));
            continue;
        }
        if (type != LDAP_RES_SEARCH_RESULT)
            continue; // references to other servers (RFC 4511 §4.5.3)
        char* text = nullptr;
        LDAPControl** returned = nullptr;
        if (::ldap_parse_result(
                handle_, message.get(), &code, nullptr, &text, nullptr, &returned, 0)
            != LDAP_SUCCESS)
            code = LDAP_DECODING_ERROR;
        const std::string diagnostic = text_of(text);
        const Controls owner(returned);
        if (code == LDAP_NO_SUCH_OBJECT)
            return Found();
        if (code == LDAP_SIZELIMIT_EXCEEDED)
            return Error { "search: more entries than expected", Error::Kind::limit };
        if (code != LDAP_SUCCESS)
            return error_of(code, diagnostic, "search");
        if (LDAPControl* const next
            = ::ldap_control_find(LDAP_CONTROL_PAGEDRESULTS, returned, nullptr)) {
            ber_int_t estimate = 0;
            berval rest {};
            if (::ldap_parse_pageresponse_control(handle_, next, &estimate, &rest) == LDAP_SUCCESS)
                found.cookie.assign(rest.bv_val ? rest.bv_val : "", rest.bv_len);
            ::ber_memfree(rest.bv_val);
        }
        return found;
    }
}

Result<void> Connection::set_password(const std::string& dn, std::string_view password)
{
    berval user = to_berval(dn), fresh = to_berval(password);
    int operation = 0;
    int code = ::ldap_passwd(handle_, &user, nullptr, &fresh, nullptr, nullptr, &operation);
    if (code != LDAP_SUCCESS)
        return failure(code, "set password");
    const Message message = wait(operation, LDAP_MSG_ALL, deadline(), code);
    if (!message)
        return failure(code, "set password");
    char* text = nullptr;
    ::ldap_parse_result(handle_, message.get(), &code, nullptr, &text, nullptr, nullptr, 0);
    const std::string diagnostic = text_of(text);
    if (code != LDAP_SUCCESS)
        return error_of(code, diagnostic, "set password");
    return {};
}

Connection::Message Connection::wait(int operation, int all, Clock::time_point until, int& code)
{
    timeval timeout = to_timeval(until - Clock::now());
    LDAPMessage* message = nullptr;
    const int type = ::ldap_result(handle_, operation, all, &timeout, &message);
    Message owner(message);
    if (type > 0)
        return owner;
    code = LDAP_TIMEOUT;
    if (type < 0)
        ::ldap_get_option(handle_, LDAP_OPT_RESULT_CODE, &code);
    if (code == LDAP_SUCCESS)
        code = LDAP_SERVER_DOWN;
    return nullptr;
}

std::string Connection::diagnostic() const
{
    char* text = nullptr;
    ::ldap_get_option(handle_, LDAP_OPT_DIAGNOSTIC_MESSAGE, &text);
    return text_of(text);
}

Error Connection::failure(int code, const std::string& what)
{
    was_closed_ = code == LDAP_SERVER_DOWN;
    return error_of(code, diagnostic(), what);
}

Clock::time_point Connection::deadline() const
{
    return Clock::now() + settings_.timeout;
}

}
