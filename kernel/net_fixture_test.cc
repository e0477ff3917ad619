#include "net_fixture.h"

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <future>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

namespace nuncio::kernel::testing {

namespace {

    constexpr auto patience = std::chrono::seconds(60); // sanitizers on a busy machine

    bool until(const std::function<bool()>& done, const std::function<void()>& step)
    {
        const auto end = std::chrono::steady_clock::now() + patience;
        while (!done()) {
            if (std::chrono::steady_clock::now() > end)
                return false;
            step();
            std::this_thread::yield();
        }
        return true;
    }

    std::string first_name(X509* certificate)
    {
        auto* const names = static_cast<GENERAL_NAMES*>(
            X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
        std::string text;
        if (sk_GENERAL_NAME_num(names) > 0) {
            const auto* const name = sk_GENERAL_NAME_value(names, 0)->d.dNSName;
            text.assign(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name)),
                static_cast<std::size_t>(ASN1_STRING_length(name)));
        }
        GENERAL_NAMES_free(names);
        return text;
    }

}

bool run_until(KernelLoop& loop, const std::function<bool()>& done)
{
    return until(done, [&loop] { loop.run_ready(); });
}

bool wait_until(const std::function<bool()>& done)
{
    return until(done, [] {});
}

void RunningLoop::run(Function<void()> job)
{
    std::promise<void> ran;
    loop.post([&] {
        job();
        ran.set_value();
    });
    ran.get_future().wait();
}

std::size_t Peer::send(std::string_view bytes)
{
    const auto count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return count < 0 ? 0 : static_cast<std::size_t>(count);
}

std::string Peer::receive(std::size_t most)
{
    std::string all;
    std::array<char, 16384> buffer;
    while (all.size() < most) {
        const auto room = std::min(buffer.size(), most - all.size());
        const auto count = ::recv(fd_, buffer.data(), room, MSG_DONTWAIT);
        if (count <= 0) {
            end_ = end_ || count == 0;
            reset_ = reset_ || (count < 0 && errno == ECONNRESET);
            break;
        }
        all.append(buffer.data(), static_cast<std::size_t>(count));
    }
    return all;
}

void Peer::hang_up()
{
    if (fd_ >= 0)
        ::close(std::exchange(fd_, -1));
}

void Peer::half_close()
{
    ::shutdown(fd_, SHUT_WR);
}

void Peer::reset()
{
    const linger now { 1, 0 };
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    hang_up();
}

Pair socket_pair()
{
    int fds[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    return { fds[0], fds[1] };
}

Pair tcp_pair()
{
    const auto door = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* const raw = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof address;
    REQUIRE(::bind(door, raw, size) == 0);
    REQUIRE(::listen(door, 1) == 0);
    REQUIRE(::getsockname(door, raw, &size) == 0);
    Pair pair;
    pair.client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(::connect(pair.client, raw, size) == 0);
    pair.server = ::accept4(door, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    REQUIRE(pair.server >= 0);
    ::fcntl(pair.client, F_SETFL, O_NONBLOCK);
    ::close(door);
    return pair;
}

namespace {

    EVP_PKEY* read_key(const std::string& path)
    {
        auto* const file = std::fopen(path.c_str(), "r");
        REQUIRE(file);
        auto* const key = PEM_read_PrivateKey(file, nullptr, nullptr, nullptr);
        std::fclose(file);
        return key;
    }

    X509* read_certificate(const std::string& path)
    {
        auto* const file = std::fopen(path.c_str(), "r");
        REQUIRE(file);
        auto* const certificate = PEM_read_X509(file, nullptr, nullptr, nullptr);
        std::fclose(file);
        return certificate;
    }

}

std::string xmpp_name(std::string_view address)
{
    return "otherName:1.3.6.1.5.5.7.8.5;UTF8:" + std::string(address);
}

std::string make_revocation_list(const CertificateFiles& issuer, std::int64_t revoked)
{
    auto* const key = read_key(issuer.key);
    auto* const authority = read_certificate(issuer.certificate);
    auto* const list = X509_CRL_new();
    X509_CRL_set_version(list, 1);
    X509_CRL_set_issuer_name(list, X509_get_subject_name(authority));
    auto* const now = X509_gmtime_adj(nullptr, -60);
    X509_CRL_set1_lastUpdate(list, now);
    X509_gmtime_adj(now, 3600);
    X509_CRL_set1_nextUpdate(list, now);
    auto* const entry = X509_REVOKED_new();
    auto* const serial = ASN1_INTEGER_new();
    ASN1_INTEGER_set_int64(serial, revoked);
    X509_REVOKED_set_serialNumber(entry, serial);
    X509_gmtime_adj(now, -60);
    X509_REVOKED_set_revocationDate(entry, now);
    X509_CRL_add0_revoked(list, entry);
    REQUIRE(X509_CRL_sign(list, key, EVP_sha256()));
    auto* const out = BIO_new(BIO_s_mem());
    PEM_write_bio_X509_CRL(out, list);
    char* text = nullptr;
    const long size = BIO_get_mem_data(out, &text);
    std::string pem(text, static_cast<std::size_t>(size));
    BIO_free(out);
    ASN1_INTEGER_free(serial);
    ASN1_TIME_free(now);
    X509_CRL_free(list);
    X509_free(authority);
    EVP_PKEY_free(key);
    return pem;
}

CertificateFiles make_certificate(const TemporaryFolder& folder, const std::string& name,
    const std::vector<std::string>& names, CertificateOptions options)
{
    auto* const key = options.ed25519 ? EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")
                                      : EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256");
    auto* const certificate = X509_new();
    X509_set_version(certificate, X509_VERSION_3);
    static std::int64_t serial = 0;
    ASN1_INTEGER_set_int64(X509_get_serialNumber(certificate), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -7200);
    X509_gmtime_adj(X509_getm_notAfter(certificate), options.seconds);
    X509_set_pubkey(certificate, key);
    auto* const subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
        reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    std::string alternatives;
    for (const auto& each : names)
        alternatives += (alternatives.empty() ? "DNS:" : ",DNS:") + each;
    if (!options.more_names.empty())
        alternatives += (alternatives.empty() ? "" : ",") + options.more_names;
    const auto extend = [&](int kind, const char* value) {
        auto* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value);
        REQUIRE(extension);
        X509_add_ext(certificate, extension, -1);
        X509_EXTENSION_free(extension);
    };
    if (!alternatives.empty())
        extend(NID_subject_alt_name, alternatives.c_str());
    if (options.is_authority)
        extend(NID_basic_constraints, "critical,CA:TRUE");
    auto* const issuer_key = options.issuer.key.empty() ? key : read_key(options.issuer.key);
    auto* const issuer
        = options.issuer.key.empty() ? nullptr : read_certificate(options.issuer.certificate);
    X509_set_issuer_name(certificate, issuer ? X509_get_subject_name(issuer) : subject);
    REQUIRE(X509_sign(
        certificate, issuer_key, options.ed25519 ? nullptr : EVP_get_digestbyname(options.digest)));
    if (issuer)
        EVP_PKEY_free(issuer_key);
    X509_free(issuer);

    CertificateFiles files { folder.path(name + ".pem"), folder.path(name + ".key") };
    auto* file = std::fopen(files.certificate.c_str(), "w");
    PEM_write_X509(file, certificate);
    std::fclose(file);
    file = std::fopen(files.key.c_str(), "w");
    PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return files;
}

TlsClient::TlsClient(int fd, Options options)
    : fd_(fd)
    , context_(SSL_CTX_new(TLS_client_method()))
{
    if (options.version) {
        SSL_CTX_set_min_proto_version(context_, options.version);
        SSL_CTX_set_max_proto_version(context_, options.version);
    }
    ssl_ = SSL_new(context_);
    SSL_set_fd(ssl_, fd_);
    if (!options.certificate.key.empty()) {
        SSL_use_certificate_file(ssl_, options.certificate.certificate.c_str(), SSL_FILETYPE_PEM);
        SSL_use_PrivateKey_file(ssl_, options.certificate.key.c_str(), SSL_FILETYPE_PEM);
    }
    if (options.resumes) {
        auto* const session = SSL_get1_session(options.resumes->ssl_);
        SSL_set_session(ssl_, session);
        SSL_SESSION_free(session);
    }
    if (!options.server_name.empty())
        SSL_set_tlsext_host_name(ssl_, options.server_name.c_str());
    std::string protocols;
    for (const auto& each : options.alpn)
        protocols += static_cast<char>(each.size()) + each;
    if (!protocols.empty())
        SSL_set_alpn_protos(ssl_, reinterpret_cast<const unsigned char*>(protocols.data()),
            static_cast<unsigned>(protocols.size()));
    SSL_set_msg_callback(ssl_, note_message);
    SSL_set_msg_callback_arg(ssl_, this);
    SSL_set_connect_state(ssl_);
}

TlsClient::~TlsClient()
{
    SSL_free(ssl_);
    SSL_CTX_free(context_);
}

void TlsClient::note_message(
    int write, int, int type, const void* bytes, std::size_t, ssl_st*, void* client)
{
    constexpr unsigned char application_data = 23;
    auto* const self = static_cast<TlsClient*>(client);
    if (!write && type == SSL3_RT_HEADER && self->done_
        && *static_cast<const unsigned char*>(bytes) == application_data)
        ++self->records_;
}

bool TlsClient::is_resumed() const
{
    return SSL_session_reused(ssl_) == 1;
}

bool TlsClient::handshake()
{
    if (done_ || failed_)
        return done_;
    const auto status = SSL_do_handshake(ssl_);
    done_ = status == 1;
    failed_ = !done_ && SSL_get_error(ssl_, status) != SSL_ERROR_WANT_READ;
    return done_;
}

void TlsClient::send(std::string_view bytes)
{
    CHECK(SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) > 0);
}

std::string TlsClient::receive()
{
    std::string all;
    std::array<char, 16384> buffer;
    for (;;) {
        const auto count = SSL_read(ssl_, buffer.data(), static_cast<int>(buffer.size()));
        if (count <= 0) {
            end_ = end_ || SSL_get_error(ssl_, count) == SSL_ERROR_ZERO_RETURN;
            return all;
        }
        all.append(buffer.data(), static_cast<std::size_t>(count));
    }
}

void TlsClient::say_end()
{
    SSL_shutdown(ssl_);
}

std::string TlsClient::alpn() const
{
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl_, &name, &size);
    return { reinterpret_cast<const char*>(name), size };
}

std::string TlsClient::certificate_name() const
{
    return first_name(SSL_get0_peer_certificate(ssl_));
}

std::string TlsClient::certificate_digest(const char* digest) const
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    X509_digest(SSL_get0_peer_certificate(ssl_), EVP_get_digestbyname(digest), hash, &size);
    return { reinterpret_cast<const char*>(hash), size };
}

std::string TlsClient::exporter() const
{
    unsigned char key[32];
    constexpr unsigned char none[1] = {};
    constexpr std::string_view label = "EXPORTER-Channel-Binding";
    SSL_export_keying_material(ssl_, key, sizeof key, label.data(), label.size(), none, 0, 1);
    return { reinterpret_cast<const char*>(key), sizeof key };
}

}
