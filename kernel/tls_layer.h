// TLS on a running stream: OpenSSL between two strings, holding no buffer of its own while idle.
#pragma once

#include "connection.h"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

struct bio_st;
struct ssl_st;

namespace nuncio::kernel {

class TlsLayer final : public StreamLayer {
public:
    /// Takes `session`, which came from `context`.
    TlsLayer(std::shared_ptr<TlsContext> context, ssl_st* session);
    TlsLayer(const TlsLayer&) = delete;
    TlsLayer& operator=(const TlsLayer&) = delete;
    ~TlsLayer() override;

    Result<void> decode(std::string_view wire, std::string& plain, std::string& answer) override;
    /// Only once the handshake is done.
    Result<void> encode(std::string_view plain, std::string& wire) override;

    /// The handshake has ended well.
    bool is_done() const { return done_; }
    /// The peer sent close_notify: nothing follows.
    bool has_peer_ended() const { return peer_ended_; }
    /// Appends our close_notify, once.
    void say_end(std::string& wire);

    /// After the handshake.
    const TlsInfo& info() const { return info_; }
    bool has_channel_binding(ChannelBinding type) const;
    std::string channel_binding(ChannelBinding type) const;
    std::optional<ClientCertificate> client_certificate(std::string_view domain) const;

private:
    std::string exporter() const;
    std::string end_point() const;
    friend struct LayerBio; // the two functions that OpenSSL calls for bytes
    Result<void> failure(int answer);
    void handshake_ended();

    std::shared_ptr<TlsContext> context_; // shared: streams keep what they began with
    ssl_st* ssl_;
    // Set only during a call.
    std::string_view input_;
    std::string* sink_ = nullptr;

    TlsInfo info_;
    std::size_t handshake_bytes_ = 0;
    bool done_ = false;
    bool peer_ended_ = false;
    bool broken_ = false; ///< OpenSSL forbids further calls after a fatal error
    bool end_said_ = false;
};

}
