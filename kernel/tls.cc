#include "tls.h"

#include "certificate.h"
#include "client_certificate.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <tuple>

namespace nuncio::kernel {

namespace {

    // RFC 9325 §4.2: forward secrecy and AEAD only; with a choice for every kind of key.
    constexpr const char* rfc9325_ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256:"
                                            "ECDHE-RSA-AES128-GCM-SHA256:"
                                            "ECDHE-ECDSA-AES256-GCM-SHA384:"
                                            "ECDHE-RSA-AES256-GCM-SHA384:"
                                            "ECDHE-ECDSA-CHACHA20-POLY1305:"
                                            "ECDHE-RSA-CHACHA20-POLY1305";
    constexpr const char* default_groups = "X25519:P-256:P-384";
    constexpr std::string_view alpn_xmpp = "xmpp-client"; // XEP-0368 §6.2

    struct FreeContext {
        void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
    };
    using ContextPointer = std::unique_ptr<SSL_CTX, FreeContext>;

    Error openssl_error(std::string text)
    {
        const auto* const reason = ERR_reason_error_string(ERR_peek_last_error());
        ERR_clear_error();
        return { text + (reason ? std::string(": ") + reason : std::string()) };
    }

    std::string lower(std::string_view name)
    {
        std::string text(name);
        std::ranges::transform(
            text, text.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
        if (text.ends_with('.'))
            text.pop_back();
        return text;
    }

    /// What the callbacks of one handshake must know.
    enum class Begin : std::intptr_t { starttls = 1, direct = 2 };

    int begin_index()
    {
        static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
        return index;
    }

    bool is_direct(SSL* ssl)
    {
        return SSL_get_ex_data(ssl, begin_index()) == reinterpret_cast<void*>(Begin::direct);
    }

    /// XEP-0368 §6.2: on a direct-TLS port a client that asks by ALPN asks for XMPP, or it has been
    /// led here from some other protocol (the ALPACA attack).
    int choose_protocol(SSL* ssl, const unsigned char** chosen, unsigned char* chosen_size,
        const unsigned char* offered, unsigned size, void*)
    {
        for (unsigned at = 0; at < size; at += 1 + offered[at]) {
            const auto name_size = offered[at];
            if (at + 1 + name_size > size)
                break;
            const std::string_view name(reinterpret_cast<const char*>(offered + at + 1), name_size);
            if (name != alpn_xmpp)
                continue;
            *chosen = offered + at + 1;
            *chosen_size = name_size;
            return SSL_TLSEXT_ERR_OK;
        }
        return is_direct(ssl) ? SSL_TLSEXT_ERR_ALERT_FATAL : SSL_TLSEXT_ERR_NOACK;
    }

    /// XEP-0178 §2: a certificate that nobody vouches for does not end the stream; it is judged
    /// when the host that the stream is for is known.
    int accept_unseen(X509_STORE_CTX*, void*)
    {
        return 1;
    }

    int describe_ticket(SSL*, void*)
    {
        return 1; // nothing is added
    }

    /// A session that a client's certificate was shown in is not resumed: it is shown again, and
    /// the handshake proves anew that the client has the key.
    SSL_TICKET_RETURN take_ticket(SSL*, SSL_SESSION* session, const unsigned char*, std::size_t,
        SSL_TICKET_STATUS status, void*)
    {
        switch (status) {
        case SSL_TICKET_SUCCESS:
        case SSL_TICKET_SUCCESS_RENEW:
            if (SSL_SESSION_get0_peer(session))
                return SSL_TICKET_RETURN_IGNORE_RENEW;
            return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE
                                                : SSL_TICKET_RETURN_USE_RENEW;
        default:
            return SSL_TICKET_RETURN_IGNORE_RENEW;
        }
    }

}

struct TlsContext::State {
    std::vector<ContextPointer> contexts;
    std::map<std::string, SSL_CTX*, std::less<>> by_name; ///< domains, then certificates' names
    SSL_CTX* fallback = nullptr;
    std::vector<Certificate> certificates;
    /// By domain, of those that ask for clients' certificates.
    std::map<std::string, std::unique_ptr<const ClientAuthorities>, std::less<>> authorities;

    SSL_CTX* find(std::string_view name) const
    {
        if (const auto found = by_name.find(name); found != by_name.end())
            return found->second;
        // RFC 6125 §6.4.3: a wildcard stands for the whole leftmost label.
        const auto dot = name.find('.');
        if (dot == std::string_view::npos)
            return nullptr;
        const auto found = by_name.find("*" + std::string(name.substr(dot)));
        return found != by_name.end() ? found->second : nullptr;
    }

    static int choose_certificate(SSL* ssl, int*, void* state)
    {
        const auto* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
        if (!name)
            return SSL_TLSEXT_ERR_NOACK;
        auto* const context = static_cast<const State*>(state)->find(lower(name));
        // An unknown name gets what the handshake began with: the client may still pin it.
        if (!context)
            return SSL_TLSEXT_ERR_NOACK;
        if (context != SSL_get_SSL_CTX(ssl)) {
            SSL_set_SSL_CTX(ssl, context);
            // Which does not carry over whether a certificate is asked for.
            SSL_set_verify(ssl, SSL_CTX_get_verify_mode(context), nullptr);
        }
        return SSL_TLSEXT_ERR_OK;
    }

    enum class Clients { anonymous, certified };
    Result<ContextPointer> make(const TlsSettings& settings, Clients clients);
};

Result<ContextPointer> TlsContext::State::make(const TlsSettings& settings, Clients clients)
{
    ContextPointer made(SSL_CTX_new(TLS_server_method()));
    auto* const context = made.get();
    if (!context)
        return openssl_error("tls: cannot make a context");
    if (settings.minimum != "1.2" && settings.minimum != "1.3")
        return Error { "tls: minimum is '" + settings.minimum + "'; expected \"1.2\" or \"1.3\"" };
    SSL_CTX_set_min_proto_version(
        context, settings.minimum == "1.3" ? TLS1_3_VERSION : TLS1_2_VERSION);
    const auto* const ciphers
        = settings.ciphers.empty() ? rfc9325_ciphers : settings.ciphers.c_str();
    if (SSL_CTX_set_cipher_list(context, ciphers) != 1)
        return openssl_error("tls: no known cipher in ciphers '" + settings.ciphers + "'");
    const auto* const groups = settings.groups.empty() ? default_groups : settings.groups.c_str();
    if (SSL_CTX_set1_groups_list(context, groups) != 1)
        return openssl_error("tls: unknown group in groups '" + settings.groups + "'");

    SSL_CTX_set_options(context,
        SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE
            | SSL_OP_PRIORITIZE_CHACHA);
    // 34 kB of every idle connection.
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    // Tickets are stateless: the server keeps nothing. One is enough, as a client comes back with
    // one connection (RFC 8446 §4.6.1 leaves the number to us; OpenSSL sends two).
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 1);
    SSL_CTX_set_session_ticket_cb(context, describe_ticket, take_ticket, nullptr);
    constexpr unsigned char session_context[] = "nuncio";
    SSL_CTX_set_session_id_context(context, session_context, sizeof session_context - 1);

    if (clients == Clients::certified) {
        // Asked for, never required. The request names no authorities: a client with one
        // certificate shows it, whoever signed it, as fingerprints need it.
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
        SSL_CTX_set_cert_verify_callback(context, accept_unseen, nullptr);
    }
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
    SSL_CTX_set_tlsext_servername_callback(context, choose_certificate);
    SSL_CTX_set_tlsext_servername_arg(context, this);
    return made;
}

TlsContext::TlsContext()
    : state_(std::make_unique<State>())
{
}

TlsContext::~TlsContext() = default;

Result<std::shared_ptr<TlsContext>> TlsContext::create(const TlsSettings& settings,
    const std::map<std::string, CertificateFiles, std::less<>>& by_domain,
    const std::string& default_domain)
{
    if (by_domain.empty())
        return Error { "tls: no certificate is configured" };
    std::shared_ptr<TlsContext> made(new TlsContext);
    auto& state = *made->state_;
    std::map<std::tuple<std::string, std::string, bool>, SSL_CTX*> by_files;
    std::vector<std::pair<std::string, SSL_CTX*>> certified_names;
    for (const auto& [domain, files] : by_domain) {
        const bool asks = !files.client_ca.empty();
        if (asks) {
            auto authorities = ClientAuthorities::load(files.client_ca);
            if (!authorities)
                return authorities.error();
            state.authorities.emplace(lower(domain), *std::move(authorities));
        }
        auto& context = by_files[{ files.certificate, files.key, asks }];
        if (!context) {
            auto fresh = state.make(
                settings, asks ? State::Clients::certified : State::Clients::anonymous);
            if (!fresh)
                return fresh.error();
            if (const auto used = use_certificate(fresh->get(), files); !used)
                return used.error();
            context = fresh->get();
            state.contexts.push_back(std::move(*fresh));
        }
        auto certificate = describe_certificate(SSL_CTX_get0_certificate(context));
        certificate.domain = domain;
        certificate.file = files.certificate;
        for (const auto& name : certificate.names)
            certified_names.emplace_back(lower(name), context);
        state.certificates.push_back(std::move(certificate));
        state.by_name.emplace(lower(domain), context);
    }
    // The certificates' own names come second: they cover subdomains and the ASCII form of
    // international ones.
    for (auto& [name, context] : certified_names)
        state.by_name.emplace(std::move(name), context);
    const auto fallback = state.by_name.find(lower(default_domain));
    state.fallback
        = fallback != state.by_name.end() ? fallback->second : state.contexts.front().get();
    return made;
}

ssl_st* TlsContext::make_server_session(bool direct, std::string_view domain) const
{
    auto* const context = domain.empty() ? nullptr : state_->find(lower(domain));
    auto* const session = SSL_new(context ? context : state_->fallback);
    if (session)
        SSL_set_ex_data(session, begin_index(),
            reinterpret_cast<void*>(direct ? Begin::direct : Begin::starttls));
    return session;
}

std::optional<ClientCertificate> TlsContext::client_certificate(
    ssl_st* session, std::string_view domain) const
{
    const auto found = state_->authorities.find(lower(domain));
    return found == state_->authorities.end() ? std::nullopt : found->second->judge(session);
}

const std::vector<TlsContext::Certificate>& TlsContext::certificates() const
{
    return state_->certificates;
}

std::vector<std::string> TlsContext::warnings(std::int64_t now) const
{
    std::vector<std::string> texts;
    for (const auto& certificate : state_->certificates) {
        if (auto text = certificate_warning(certificate, now); !text.empty())
            texts.push_back(std::move(text));
    }
    return texts;
}

}
