// What the tests of loops, sockets and TLS share. Only tests include this.
#pragma once

#include "connection.h"
#include "loop.h"
#include "tls.h"

#include <nuncio/temporary_folder.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

struct ssl_st;
struct ssl_ctx_st;

namespace nuncio::kernel::testing {

/// Turns `loop` on this thread until `done`; false after a generous time.
bool run_until(KernelLoop& loop, const std::function<bool()>& done);
/// The same for a state that another thread brings about.
bool wait_until(const std::function<bool()>& done);

/// A loop on a thread of its own.
class RunningLoop {
public:
    explicit RunningLoop(std::size_t index = 0)
        : loop(index, ClockKind::real)
        , thread_([this] { loop.run(); })
    {
    }
    ~RunningLoop()
    {
        loop.stop();
        thread_.join();
    }
    /// Runs `job` there and waits for it.
    void run(Function<void()> job);

    KernelLoop loop;

private:
    std::thread thread_;
};

/// A user that notes what it is told.
struct NotingUser final : ConnectionUser {
    void on_bytes(std::string_view bytes) override
    {
        received.append(bytes);
        ++calls;
        if (then)
            then(bytes);
    }
    void on_encrypted() override
    {
        encrypted = true;
        if (when_encrypted)
            when_encrypted();
    }
    void on_drained() override { ++drained; }
    void on_closed(std::string_view why) override
    {
        closed = true;
        reason = why;
    }

    std::string received;
    int calls = 0;
    bool encrypted = false;
    int drained = 0;
    bool closed = false;
    std::string reason;
    std::function<void(std::string_view)> then;
    std::function<void()> when_encrypted;
};

/// The other end of a connection: a plain non-blocking descriptor.
class Peer {
public:
    Peer() = default;
    explicit Peer(int fd)
        : fd_(fd)
    {
    }
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;
    ~Peer() { hang_up(); }

    /// Bytes that were taken.
    std::size_t send(std::string_view bytes);
    /// What is there now.
    std::string receive(std::size_t most = 1 << 20);
    bool has_end() const { return end_; } ///< `receive` met the end
    bool has_reset() const { return reset_; }
    void hang_up();
    void half_close();
    void reset(); ///< RST
    int fd() const { return fd_; }

private:
    int fd_ = -1;
    bool end_ = false;
    bool reset_ = false;
};

struct Pair {
    int server = -1;
    int client = -1;
};
Pair socket_pair();
/// Over TCP on loopback.
Pair tcp_pair();

using testkit::TemporaryFolder;

/// A self-signed certificate for `names` with its key, as NAME.pem and NAME.key in `folder`.
struct CertificateOptions {
    std::int64_t seconds = 3600; ///< until it expires; negative: it has
    const char* digest = "SHA256";
    bool ed25519 = false;
    std::string more_names {}; ///< of other kinds, as openssl.cnf writes them
    bool is_authority = false;
    CertificateFiles issuer {}; ///< empty: self-signed
};
/// id-on-xmppAddr, for `more_names`.
std::string xmpp_name(std::string_view address);
/// A revocation list of `issuer`, PEM, that names the certificate with that serial number.
std::string make_revocation_list(const CertificateFiles& issuer, std::int64_t revoked);
CertificateFiles make_certificate(const TemporaryFolder& folder, const std::string& name,
    const std::vector<std::string>& names, CertificateOptions options = {});

/// A TLS client on a descriptor, driven by hand.
class TlsClient {
public:
    struct Options {
        std::string server_name {};
        std::vector<std::string> alpn {};
        int version = 0; ///< 0: the best
        CertificateFiles certificate {}; ///< shown when the server asks
        const TlsClient* resumes = nullptr; ///< the session of that one
    };
    TlsClient(int fd, Options options);
    ~TlsClient();
    TlsClient(const TlsClient&) = delete;
    TlsClient& operator=(const TlsClient&) = delete;

    /// Goes on with the handshake; true when it ended well.
    bool handshake();
    bool has_failed() const { return failed_; }
    void send(std::string_view bytes);
    std::string receive();
    void say_end();
    bool has_end() const { return end_; }
    bool is_resumed() const;
    std::string alpn() const;
    std::string certificate_name() const; ///< the first alternative name of the server's
    std::string certificate_digest(const char* digest) const;
    std::string exporter() const;
    std::size_t records() const { return records_; } ///< application records received
    int fd() const { return fd_; }

private:
    static void note_message(int write, int version, int type, const void* bytes, std::size_t size,
        ssl_st* ssl, void* client);
    int fd_;
    ssl_ctx_st* context_;
    ssl_st* ssl_;
    bool done_ = false;
    bool failed_ = false;
    bool end_ = false;
    std::size_t records_ = 0;
};

}
