// One connection to one server: libldap with a limit on every wait.
#pragma once

#include "entry.h"
#include "settings.h"
#include "verdict.h"

#include <nuncio/result.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct ldap;
struct ldapmsg;

namespace nuncio::ldap {

/// What to search for.
struct Search {
    std::string base {};
    int scope = 0; ///< LDAP_SCOPE_…
    std::string filter {};
    std::vector<std::string> attributes {}; ///< none: the DN alone
    int size_limit = 0; ///< entries; more are an Error of kind `limit`
    std::uint32_t page_size = 0; ///< RFC 2696; 0: all at once
    std::string cookie {}; ///< of the page before
};

struct Found {
    std::vector<Entry> entries;
    std::string cookie; ///< of the next page; empty: there is none
};

/// Blocks, but no call longer than `timeout`, a connect with TLS thrice that. One thread at a time.
/// After an Error of kind `unavailable` it is of no more use.
class Connection {
public:
    /// Connected, with TLS where the settings ask for it, and anonymous.
    static Result<std::unique_ptr<Connection>> open(
        const std::string& url, const Settings& settings);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// Simple bind (RFC 4513 §5.1.3). The password must not be empty: such a bind "succeeds" for
    /// anybody (§5.1.2). From then on the connection is bound as `dn`, or anonymous when refused.
    BindAnswer bind(const std::string& dn, std::string_view password);
    /// An empty answer when the base does not exist.
    Result<Found> search(const Search& search);
    /// Password Modify (RFC 3062).
    Result<void> set_password(const std::string& dn, std::string_view password);

    /// The other end has closed it, which says nothing of the server: it may have been idle.
    bool was_closed() const { return was_closed_; }

private:
    struct FreeMessage {
        void operator()(::ldapmsg* message) const;
    };
    using Message = std::unique_ptr<::ldapmsg, FreeMessage>;

    Connection(::ldap* handle, const Settings& settings);
    Result<void> set_options(const ServerUrl& url);
    Result<void> set_tls_options();
    Result<void> start_tls(const ServerUrl& url);
    /// The next message of an operation, or null: then `code` tells why.
    Message wait(int operation, int all, std::chrono::steady_clock::time_point until, int& code);
    /// libldap's word on what went wrong.
    std::string diagnostic() const;
    Error failure(int code, const std::string& what);
    std::chrono::steady_clock::time_point deadline() const;

    ::ldap* const handle_;
    const Settings& settings_;
    bool was_closed_ = false;
};

}
