// TLS contexts: one certificate per virtual host by SNI, replaced without closing a stream.
#pragma once

#include <nuncio/auth.h>
#include <nuncio/result.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct ssl_ctx_st;
struct ssl_st;

namespace nuncio::kernel {

struct TlsSettings {
    std::string minimum = "1.2"; ///< "1.2" or "1.3"
    std::string ciphers; ///< OpenSSL list for TLS 1.2; empty: RFC 9325's
    std::string groups; ///< empty: X25519:P-256:P-384
};

struct CertificateFiles {
    std::string certificate; ///< PEM chain
    std::string key; ///< PEM
    std::string client_ca {}; ///< PEM: who vouches for clients; empty: they show no certificates
};

/// Everything needed to answer a handshake: a certificate per domain and one for unknown names.
/// Immutable; streams keep the one they began with (shared by them and the store).
class TlsContext {
public:
    static Result<std::shared_ptr<TlsContext>> create(const TlsSettings& settings,
        const std::map<std::string, CertificateFiles, std::less<>>& by_domain,
        const std::string& default_domain);
    ~TlsContext();

    /// For one connection. `direct` offers ALPN xmpp-client (XEP-0368). `domain` chooses the
    /// certificate when the client sends no SNI: the stream header's `to` under STARTTLS. Null when
    /// memory is short.
    ssl_st* make_server_session(bool direct, std::string_view domain) const;

    /// The certificate that the client of `session` has shown, after the handshake, as `domain`
    /// judges it: whatever name the handshake was for. Nothing when it showed none, or that host
    /// asks for none.
    std::optional<ClientCertificate> client_certificate(
        ssl_st* session, std::string_view domain) const;

    struct Certificate {
        std::string domain;
        std::string file;
        std::int64_t not_after = 0; ///< seconds since 1970
        std::vector<std::string> names; ///< subject alternative names
    };
    const std::vector<Certificate>& certificates() const;
    /// What the administrator should hear about them at `now` (seconds since 1970): expired, about
    /// to expire, issued for other names.
    std::vector<std::string> warnings(std::int64_t now) const;

private:
    TlsContext();
    struct State;
    std::unique_ptr<State> state_;
};

}
