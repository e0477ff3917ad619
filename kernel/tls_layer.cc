#include "tls_layer.h"

#include "tls.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <limits>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

namespace nuncio::kernel {

namespace {

    // A client's side of a handshake is some 600 bytes; post-quantum keys and a client certificate
    // make it several thousand. OpenSSL by itself would keep 128 KiB of an unfinished ClientHello.
    constexpr std::size_t handshake_limit = 32 * 1024;
    constexpr std::size_t smallest_read = 512;

    std::string last_error()
    {
        const auto code = ERR_peek_last_error();
        const auto* const reason = ERR_reason_error_string(code);
        return reason ? reason : "protocol error";
    }

}

/// Bytes for OpenSSL straight from the read buffer, and from OpenSSL straight into the output.
struct LayerBio {
    static TlsLayer& layer(BIO* bio) { return *static_cast<TlsLayer*>(BIO_get_data(bio)); }

    static int write(BIO* bio, const char* bytes, std::size_t size, std::size_t* written)
    {
        auto* const sink = layer(bio).sink_;
        if (!sink)
            return 0;
        sink->append(bytes, size);
        *written = size;
        return 1;
    }

    static int read(BIO* bio, char* bytes, std::size_t size, std::size_t* count)
    {
        BIO_clear_retry_flags(bio);
        auto& input = layer(bio).input_;
        *count = std::min(size, input.size());
        if (*count == 0) {
            BIO_set_retry_read(bio);
            return 0;
        }
        std::memcpy(bytes, input.data(), *count);
        input.remove_prefix(*count);
        return 1;
    }

    static long control(BIO*, int command, long, void*)
    {
        return command == BIO_CTRL_FLUSH ? 1 : 0;
    }

    struct Free {
        void operator()(BIO_METHOD* method) const { BIO_meth_free(method); }
    };
    static BIO* make(TlsLayer& layer)
    {
        static const auto method = [] {
            std::unique_ptr<BIO_METHOD, Free> made(
                BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "nuncio layer"));
            BIO_meth_set_write_ex(made.get(), write);
            BIO_meth_set_read_ex(made.get(), read);
            BIO_meth_set_ctrl(made.get(), control);
            return made;
        }();
        auto* const bio = BIO_new(method.get());
        BIO_set_data(bio, &layer);
        BIO_set_init(bio, 1);
        return bio;
    }
};

TlsLayer::TlsLayer(std::shared_ptr<TlsContext> context, ssl_st* session)
    : context_(std::move(context))
    , ssl_(session)
{
    auto* const bio = LayerBio::make(*this);
    SSL_set_bio(ssl_, bio, bio);
    SSL_set_accept_state(ssl_);
}

TlsLayer::~TlsLayer()
{
    SSL_free(ssl_);
}

Result<void> TlsLayer::decode(std::string_view wire, std::string& plain, std::string& answer)
{
    if (broken_ || peer_ended_)
        return {};
    ERR_clear_error();
    input_ = wire;
    sink_ = &answer;
    Result<void> outcome;
    auto used = plain.size();
    for (;;) {
        // No record is longer decrypted than it was encrypted, so this asks for no more than
        // needed.
        const auto room = std::max(
            { input_.size(), smallest_read, static_cast<std::size_t>(SSL_pending(ssl_)) });
        if (plain.size() < used + room)
            plain.resize(used + room);
        std::size_t count = 0;
        const auto status = SSL_read_ex(ssl_, plain.data() + used, plain.size() - used, &count);
        if (!done_ && SSL_is_init_finished(ssl_))
            handshake_ended();
        if (status == 1) {
            used += count;
            continue;
        }
        outcome = failure(status);
        break;
    }
    plain.resize(used);
    if (!done_ && outcome) {
        handshake_bytes_ += wire.size();
        if (handshake_bytes_ > handshake_limit) {
            broken_ = true;
            outcome = Error { "tls: the client's handshake exceeds 32 KiB", Error::Kind::limit };
        }
    }
    input_ = {};
    sink_ = nullptr;
    return outcome;
}

Result<void> TlsLayer::encode(std::string_view plain, std::string& wire)
{
    assert(done_);
    if (broken_ || plain.empty())
        return {};
    ERR_clear_error();
    sink_ = &wire;
    std::size_t written = 0;
    // The sink takes everything, so this never is a partial write.
    const auto status = SSL_write_ex(ssl_, plain.data(), plain.size(), &written);
    auto outcome = status == 1 ? Result<void>() : failure(status);
    sink_ = nullptr;
    return outcome;
}

void TlsLayer::say_end(std::string& wire)
{
    if (!done_ || broken_ || end_said_)
        return;
    end_said_ = true;
    ERR_clear_error();
    sink_ = &wire;
    SSL_shutdown(ssl_);
    sink_ = nullptr;
    ERR_clear_error();
}

Result<void> TlsLayer::failure(int answer)
{
    switch (SSL_get_error(ssl_, answer)) {
    case SSL_ERROR_WANT_READ:
        return {};
    case SSL_ERROR_ZERO_RETURN:
        peer_ended_ = true;
        return {};
    default:
        broken_ = true;
        Error error { "tls: " + last_error() };
        ERR_clear_error();
        return error;
    }
}

void TlsLayer::handshake_ended()
{
    done_ = true;
    info_.version = SSL_get_version(ssl_);
    info_.cipher = SSL_get_cipher_name(ssl_);
    if (const auto* const name = SSL_get_servername(ssl_, TLSEXT_NAMETYPE_host_name))
        info_.server_name = name;
    const unsigned char* protocol = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl_, &protocol, &size);
    info_.alpn.assign(reinterpret_cast<const char*>(protocol), size);
}

namespace {

    /// RFC 5929 §4.1: the signature's own hash, but SHA-256 instead of MD5 and SHA-1. A signature
    /// without a single hash (Ed25519) leaves it undefined: null.
    const EVP_MD* end_point_hash(SSL* ssl)
    {
        auto* const certificate = SSL_get_certificate(ssl);
        int digest = NID_undef;
        if (!certificate
            || !X509_get_signature_info(certificate, &digest, nullptr, nullptr, nullptr))
            return nullptr;
        if (digest == NID_md5 || digest == NID_sha1)
            digest = NID_sha256;
        return EVP_get_digestbynid(digest);
    }

}

bool TlsLayer::has_channel_binding(ChannelBinding type) const
{
    if (type == ChannelBinding::end_point)
        return end_point_hash(ssl_) != nullptr;
    // RFC 9266 §3: not with TLS 1.2 unless the extended master secret (RFC 7627) was negotiated.
    return done_ && !broken_
        && (SSL_version(ssl_) >= TLS1_3_VERSION || SSL_get_extms_support(ssl_) == 1);
}

std::string TlsLayer::channel_binding(ChannelBinding type) const
{
    return type == ChannelBinding::exporter ? exporter() : end_point();
}

std::optional<ClientCertificate> TlsLayer::client_certificate(std::string_view domain) const
{
    if (!done_ || broken_)
        return std::nullopt;
    return context_->client_certificate(ssl_, domain);
}

std::string TlsLayer::exporter() const
{
    if (!has_channel_binding(ChannelBinding::exporter))
        return {};
    constexpr std::string_view label = "EXPORTER-Channel-Binding";
    constexpr int with_context = 1; // of zero length; only TLS 1.2 tells that from none
    constexpr unsigned char none[1] = {};
    unsigned char key[32];
    if (SSL_export_keying_material(
            ssl_, key, sizeof key, label.data(), label.size(), none, 0, with_context)
        != 1)
        return {};
    return { reinterpret_cast<const char*>(key), sizeof key };
}

std::string TlsLayer::end_point() const
{
    const auto* const method = end_point_hash(ssl_);
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (!method || X509_digest(SSL_get_certificate(ssl_), method, hash, &size) != 1)
        return {};
    return { reinterpret_cast<const char*>(hash), size };
}

}
