#include "net_fixture.h"
#include "socket_connection.h"
#include "tls.h"

#include <cstdio>
#include <ctime>
#include <doctest/doctest.h>
#include <fstream>
#include <iterator>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>

namespace nuncio::kernel {

using namespace testing;

namespace {

    using Files = std::map<std::string, CertificateFiles, std::less<>>;

    /// A server end with TLS from the first byte, and a client.
    struct Secured {
        Secured(std::shared_ptr<TlsContext> context, TlsClient::Options options,
            TlsStart how = { .direct = true })
            : fds(socket_pair())
            , connection(std::make_unique<SocketConnection>(loop, fds.server, "192.0.2.1"))
            , peer(fds.client)
            , client(fds.client, std::move(options))
        {
            connection->set_user(&user);
            REQUIRE(connection->start_tls(std::move(context), how));
        }
        ~Secured() { connection.reset(); }

        bool until(const std::function<bool()>& done) { return run_until(loop, done); }
        bool handshake()
        {
            return until([&] {
                return (client.handshake() && user.encrypted) || client.has_failed() || user.closed;
            }) && user.encrypted
                && client.handshake();
        }
        void write(std::string_view bytes)
        {
            connection->output().append(bytes);
            connection->flush_later();
        }

        KernelLoop loop { 0, ClockKind::real };
        Pair fds;
        NotingUser user;
        std::unique_ptr<SocketConnection> connection;
        Peer peer;
        TlsClient client;
    };

    std::shared_ptr<TlsContext> make_context(
        const Files& files, const std::string& fallback, TlsSettings settings = {})
    {
        auto made = TlsContext::create(settings, files, fallback);
        REQUIRE_MESSAGE(made, (made ? "" : made.error().text));
        return *made;
    }

    std::string error_of(const Files& files, TlsSettings settings = {})
    {
        const auto made = TlsContext::create(settings, files, "example.org");
        return made ? "" : made.error().text;
    }

    /// Copies a key, protected by a password.
    void lock_key(const std::string& from, const std::string& to)
    {
        auto* file = std::fopen(from.c_str(), "r");
        auto* const key = PEM_read_PrivateKey(file, nullptr, nullptr, nullptr);
        std::fclose(file);
        file = std::fopen(to.c_str(), "w");
        const unsigned char password[] = "secret";
        PEM_write_PrivateKey(file, key, EVP_aes_128_cbc(), password, 6, nullptr, nullptr);
        std::fclose(file);
        EVP_PKEY_free(key);
    }

    struct TwoHosts {
        TemporaryFolder folder;
        Files files {
            { "example.org", make_certificate(folder, "org", { "example.org", "*.example.org" }) },
            { "example.net", make_certificate(folder, "net", { "example.net" }) },
        };
        std::shared_ptr<TlsContext> context = make_context(files, "example.org");
    };

}

TEST_CASE("TLS carries bytes both ways and tells what was negotiated")
{
    TwoHosts hosts;
    Secured secured(hosts.context, { .server_name = "example.org", .alpn = { "xmpp-client" } });
    CHECK_FALSE(secured.connection->is_encrypted());
    CHECK(secured.connection->tls() == nullptr);
    REQUIRE(secured.handshake());
    CHECK(secured.connection->is_encrypted());
    const auto& info = *secured.connection->tls();
    CHECK(info.version == "TLSv1.3");
    CHECK(info.cipher == "TLS_AES_256_GCM_SHA384");
    CHECK(info.server_name == "example.org");
    CHECK(info.alpn == "xmpp-client");
    CHECK(secured.client.alpn() == "xmpp-client");

    secured.client.send("hello");
    CHECK(secured.until([&] { return secured.user.received == "hello"; }));
    secured.write("wel");
    secured.write("come");
    std::string received;
    CHECK(secured.until([&] { return (received += secured.client.receive()) == "welcome"; }));
}

TEST_CASE("TLS 1.2 works as well, with forward secrecy")
{
    TwoHosts hosts;
    Secured secured(hosts.context, { .server_name = "example.org", .version = TLS1_2_VERSION });
    REQUIRE(secured.handshake());
    CHECK(secured.connection->tls()->version == "TLSv1.2");
    CHECK(secured.connection->tls()->cipher.starts_with("ECDHE-ECDSA-"));
    secured.client.send("hello");
    CHECK(secured.until([&] { return secured.user.received == "hello"; }));
}

TEST_CASE("a client older than the minimum is refused")
{
    TwoHosts hosts;
    const auto strict = make_context(hosts.files, "example.org", { .minimum = "1.3" });
    Secured secured(strict, { .version = TLS1_2_VERSION });
    CHECK_FALSE(secured.handshake());
    CHECK(secured.until([&] { return secured.user.closed; }));
    CHECK(secured.user.reason == "tls: unsupported protocol");
}

TEST_CASE("the certificate follows the client's server name")
{
    TwoHosts hosts;
    const auto served = [&](std::string server_name, TlsStart how = { .direct = true }) {
        Secured secured(hosts.context, { .server_name = std::move(server_name) }, how);
        REQUIRE(secured.handshake());
        return secured.client.certificate_name();
    };
    CHECK(served("example.net") == "example.net");
    CHECK(served("EXAMPLE.net") == "example.net");
    CHECK(served("rooms.example.org") == "example.org");
    CHECK(served("stranger.example") == "example.org");
    CHECK(served("") == "example.org");
    SUBCASE("and without one the stream header's domain")
    {
        CHECK(served("", { .direct = false, .domain = "example.net" }) == "example.net");
        CHECK(served("example.org", { .direct = false, .domain = "example.net" }) == "example.org");
    }
}

TEST_CASE("on a direct port a client that speaks of other protocols only is refused")
{
    TwoHosts hosts;
    SUBCASE("direct")
    {
        Secured secured(hosts.context, { .alpn = { "h2", "http/1.1" } });
        CHECK_FALSE(secured.handshake());
        CHECK(secured.until([&] { return secured.user.closed; }));
        CHECK(secured.user.reason == "tls: no application protocol");
    }
    SUBCASE("one of several is enough")
    {
        Secured secured(hosts.context, { .alpn = { "h2", "xmpp-client" } });
        CHECK(secured.handshake());
    }
    SUBCASE("none is fine")
    {
        Secured secured(hosts.context, {});
        CHECK(secured.handshake());
        CHECK(secured.connection->tls()->alpn.empty());
    }
    SUBCASE("STARTTLS has said XMPP already")
    {
        Secured secured(hosts.context, { .alpn = { "h2" } }, { .direct = false });
        CHECK(secured.handshake());
    }
}

TEST_CASE("STARTTLS: what was written before leaves in the clear, and what follows encrypted")
{
    TwoHosts hosts;
    KernelLoop loop(0, ClockKind::real);
    const auto fds = socket_pair();
    auto connection = std::make_unique<SocketConnection>(loop, fds.server, "192.0.2.1");
    NotingUser user;
    connection->set_user(&user);
    user.then = [&](std::string_view bytes) {
        if (bytes != "<starttls/>")
            return;
        connection->output().append("<proceed/>");
        REQUIRE(connection->start_tls(hosts.context, { .domain = "example.org" }));
        connection->output().append("<held-back/>");
        connection->flush_later();
    };
    Peer peer(fds.client);
    peer.send("<starttls/>");
    std::string clear;
    CHECK(run_until(loop, [&] { return (clear += peer.receive()) == "<proceed/>"; }));
    for (int i = 0; i < 10; ++i)
        loop.run_ready();
    CHECK(peer.receive().empty());

    TlsClient client(fds.client, { .server_name = "example.org" });
    CHECK(run_until(loop, [&] { return client.handshake() && user.encrypted; }));
    std::string plain;
    CHECK(run_until(loop, [&] { return (plain += client.receive()) == "<held-back/>"; }));
    client.send("<stream/>");
    CHECK(run_until(loop, [&] { return user.received == "<starttls/><stream/>"; }));
    connection.reset();
}

TEST_CASE("what arrives together with the end of the handshake is told after on_encrypted")
{
    TwoHosts hosts;
    Secured secured(hosts.context, {});
    std::string order;
    secured.user.when_encrypted = [&] { order += "encrypted;"; };
    secured.user.then = [&](std::string_view bytes) { order += bytes; };
    // The client ends its side of TLS 1.3 one flight earlier than the server.
    CHECK(secured.until([&] { return secured.client.handshake(); }));
    secured.client.send("early");
    CHECK(secured.until([&] { return !secured.user.received.empty(); }));
    CHECK(order == "encrypted;early");
}

TEST_CASE("a pause in on_encrypted holds back what came with the handshake")
{
    TwoHosts hosts;
    Secured secured(hosts.context, {});
    secured.user.when_encrypted = [&] { secured.connection->pause_reading(); };
    CHECK(secured.until([&] { return secured.client.handshake(); }));
    secured.client.send("early");
    CHECK(secured.until([&] { return secured.user.encrypted; }));
    for (int i = 0; i < 10; ++i)
        secured.loop.run_ready();
    CHECK(secured.user.received.empty());
    secured.client.send(" late");
    secured.connection->resume_reading();
    CHECK(secured.until([&] { return secured.user.received == "early late"; }));
}

TEST_CASE("what one turn writes is one TLS record; much is cut into full ones")
{
    TwoHosts hosts;
    Secured secured(hosts.context, {});
    REQUIRE(secured.handshake());
    secured.loop.run_ready();
    secured.client.receive(); // tickets
    const auto before = secured.client.records();
    secured.loop.post([&] {
        for (int i = 0; i < 100; ++i)
            secured.write("<message/>");
    });
    std::string received;
    CHECK(secured.until([&] { return (received += secured.client.receive()).size() == 1000; }));
    CHECK(secured.client.records() - before == 1);

    const std::string much(4 << 20, 'x');
    secured.write(much);
    received.clear();
    CHECK(secured.until(
        [&] { return (received += secured.client.receive()).size() == much.size(); }));
    CHECK(received == much);
    CHECK(secured.client.records() - before <= 1 + much.size() / 16384 + 1);
}

TEST_CASE("a large upload over TLS arrives complete")
{
    TwoHosts hosts;
    Secured secured(hosts.context, {});
    REQUIRE(secured.handshake());
    std::string all;
    for (int i = 0; i < 400; ++i) {
        const std::string piece(static_cast<std::size_t>(1 + i * 37 % 16000), 'a' + i % 26);
        secured.client.send(piece);
        all += piece;
        CHECK(secured.until([&] { return secured.user.received.size() == all.size(); }));
    }
    CHECK(secured.user.received == all);
}

TEST_CASE("close_notify of either side is an orderly end")
{
    TwoHosts hosts;
    Secured secured(hosts.context, {});
    REQUIRE(secured.handshake());
    SUBCASE("the client's")
    {
        secured.client.send("bye");
        secured.client.say_end();
        CHECK(secured.until([&] { return secured.user.closed; }));
        CHECK(secured.user.received == "bye");
        CHECK(secured.user.reason.empty());
        secured.client.receive();
        CHECK(secured.client.has_end());
    }
    SUBCASE("ours, after the last byte")
    {
        secured.write("</stream:stream>");
        secured.connection->close(60s);
        std::string received;
        CHECK(secured.until([&] {
            received += secured.client.receive();
            return secured.client.has_end();
        }));
        CHECK(received == "</stream:stream>");
        secured.client.say_end();
        secured.peer.hang_up();
        CHECK(secured.until([&] { return secured.user.closed; }));
        CHECK(secured.user.reason.empty());
    }
}

TEST_CASE("what is not TLS is refused with a reason")
{
    TwoHosts hosts;
    Secured secured(hosts.context, {});
    SUBCASE("plain XML")
    {
        secured.peer.send("<?xml version='1.0'?><stream:stream xmlns='jabber:client'>");
        CHECK(secured.until([&] { return secured.user.closed; }));
        CHECK(secured.user.reason.starts_with("tls: "));
    }
    SUBCASE("a record that was tampered with")
    {
        REQUIRE(secured.handshake());
        secured.peer.send(std::string_view("\x17\x03\x03\x00\x20", 5));
        secured.peer.send(std::string(32, 'x'));
        CHECK(secured.until([&] { return secured.user.closed; }));
        CHECK(secured.user.reason == "tls: decryption failed or bad record mac");
        secured.client.receive();
        CHECK_FALSE(secured.client.has_end()); // an alert, not an orderly end
    }
    SUBCASE("a ClientHello without an end")
    {
        // Records of a handshake message that announces 120,000 bytes.
        secured.peer.send(std::string_view("\x16\x03\x01\x40\x00\x01\x01\xd4\xc0", 9));
        secured.peer.send(std::string(16380, '\0'));
        const std::string record = std::string("\x16\x03\x01\x40\x00", 5) + std::string(16384, 'x');
        CHECK(secured.until([&] {
            if (!secured.user.closed)
                secured.peer.send(record);
            return secured.user.closed;
        }));
        CHECK(secured.user.reason.starts_with("tls: "));
    }
}

TEST_CASE("both ends derive the same channel bindings")
{
    TwoHosts hosts;
    for (const auto version : { TLS1_2_VERSION, TLS1_3_VERSION }) {
        Secured secured(hosts.context, { .server_name = "example.net", .version = version });
        CHECK(secured.connection->channel_binding(ChannelBinding::exporter).empty());
        REQUIRE(secured.handshake());
        CHECK(secured.connection->channel_binding(ChannelBinding::exporter).size() == 32);
        CHECK(secured.connection->channel_binding(ChannelBinding::exporter)
            == secured.client.exporter());
        CHECK(secured.connection->channel_binding(ChannelBinding::end_point)
            == secured.client.certificate_digest("SHA256"));
    }
}

TEST_CASE("tls-server-end-point uses the certificate's own hash, but never SHA-1")
{
    TemporaryFolder folder;
    const auto binding = [&](const std::string& name, CertificateOptions options) {
        const auto context
            = make_context({ { name, make_certificate(folder, name, { name }, options) } }, name);
        Secured secured(context, {});
        REQUIRE(secured.handshake());
        struct Both {
            std::string server, sha256, sha384;
        };
        return Both { secured.connection->channel_binding(ChannelBinding::end_point),
            secured.client.certificate_digest("SHA256"),
            secured.client.certificate_digest("SHA384") };
    };
    const auto sha384 = binding("sha384.example", { .digest = "SHA384" });
    CHECK(sha384.server == sha384.sha384);
    CHECK(binding("ed25519.example", { .ed25519 = true }).server.empty());
}

TEST_CASE("a stream keeps the context it began with, while new ones get the new certificate")
{
    TemporaryFolder folder;
    const auto files = make_certificate(folder, "old", { "example.org" });
    auto context = make_context({ { "example.org", files } }, "example.org");
    Secured before(context, {});
    REQUIRE(before.handshake());
    const auto fresh = make_certificate(folder, "new", { "new.example", "example.org" });
    context = make_context({ { "example.org", fresh } }, "example.org");
    Secured after(context, {});
    REQUIRE(after.handshake());
    CHECK(after.client.certificate_name() == "new.example");
    before.client.send("still here");
    CHECK(before.until([&] { return before.user.received == "still here"; }));
}

TEST_CASE("TLS moves with its connection, also in the middle of the handshake")
{
    TwoHosts hosts;
    Secured secured(hosts.context, {});
    KernelLoop other(1, ClockKind::real);
    const auto both = [&](const std::function<bool()>& done) {
        return run_until(secured.loop, [&] {
            other.run_ready();
            return done();
        });
    };
    secured.client.handshake();
    CHECK(run_until(secured.loop, [&] {
        pollfd waiting { secured.client.fd(), POLLIN, 0 };
        return ::poll(&waiting, 1, 0) == 1;
    }));
    CHECK_FALSE(secured.user.encrypted);
    secured.connection->move_to(other, [] {});
    CHECK(both([&] { return secured.client.handshake() && secured.user.encrypted; }));
    secured.client.send("one");
    CHECK(both([&] { return secured.user.received == "one"; }));
    secured.connection->move_to(secured.loop, [] {});
    secured.write("two");
    std::string received;
    CHECK(both([&] { return (received += secured.client.receive()) == "two"; }));
    CHECK(both([&] { return &secured.connection->loop() == &secured.loop; }));
    secured.client.send("three");
    CHECK(both([&] { return secured.user.received == "onethree"; }));
    secured.connection.reset();
    other.run_ready();
}

TEST_CASE("certificates that cannot work are refused by name")
{
    TemporaryFolder folder;
    const auto good = make_certificate(folder, "good", { "example.org" });
    const auto other = make_certificate(folder, "other", { "example.org" });
    const auto missing = folder.path("missing.pem");
    const auto text = folder.write("text.pem", "this is no certificate\n");
    const auto locked = folder.path("locked.key");
    lock_key(good.key, locked);

    CHECK(error_of({}) == "tls: no certificate is configured");
    CHECK(error_of({ { "example.org", { missing, good.key } } })
        == "tls: cannot read certificate '" + missing + "': No such file or directory");
    CHECK(error_of({ { "example.org", { good.certificate, missing } } })
        == "tls: cannot read key '" + missing + "': No such file or directory");
    CHECK(error_of({ { "example.org", { text, good.key } } })
        == "tls: certificate '" + text + "': expected PEM");
    CHECK(error_of({ { "example.org", { good.certificate, other.key } } })
        == "tls: key '" + other.key + "' does not belong to certificate '" + good.certificate
            + "'");
    CHECK(error_of({ { "example.org", { good.certificate, text } } })
        == "tls: key '" + text + "': expected PEM");
    CHECK(error_of({ { "example.org", { good.certificate, "" } } }) == "tls: no key file is given");
    CHECK(error_of({ { "example.org", { good.certificate, locked } } })
        == "tls: key '" + locked + "' is encrypted; expected one without a password");
    CHECK(error_of({ { "example.org", good } }, { .minimum = "1.1" })
        == "tls: minimum is '1.1'; expected \"1.2\" or \"1.3\"");
    CHECK(error_of({ { "example.org", good } }, { .ciphers = "ROT13" })
              .starts_with("tls: no known cipher in ciphers 'ROT13'"));
    CHECK(error_of({ { "example.org", good } }, { .groups = "X26" })
              .starts_with("tls: unknown group in groups 'X26'"));
    CHECK(error_of({ { "example.org", good } }).empty());
}

TEST_CASE("certificates that work but should not are warned about")
{
    TemporaryFolder folder;
    const Files files {
        { "a.example", make_certificate(folder, "a", { "a.example" }, { .seconds = -60 }) },
        { "b.example",
            make_certificate(folder, "b", { "b.example" }, { .seconds = 86400 * 3 + 600 }) },
        { "c.example", make_certificate(folder, "c", { "x.example" }, { .seconds = 86400 * 90 }) },
        { "rooms.d.example",
            make_certificate(folder, "d", { "*.d.example" }, { .seconds = 86400 * 90 }) },
    };
    const auto context = make_context(files, "a.example");
    const auto warnings = context->warnings(std::time(nullptr));
    REQUIRE(warnings.size() == 3);
    CHECK(warnings[0] == "certificate '" + folder.path("a.pem") + "' of a.example has expired");
    CHECK(warnings[1].ends_with("of b.example expires in 3 days"));
    CHECK(warnings[2].ends_with("of c.example does not name that domain"));
    REQUIRE(context->certificates().size() == 4);
    CHECK(context->certificates()[3].names == std::vector<std::string> { "*.d.example" });
}

namespace {

    /// An authority, a host that trusts it with its clients, and one that asks for nothing.
    struct Certified {
        TemporaryFolder folder;
        CertificateFiles authority
            = make_certificate(folder, "authority", {}, { .is_authority = true });
        CertificateFiles stranger
            = make_certificate(folder, "stranger", {}, { .is_authority = true });
        Files files {
            { "example.org", make_certificate(folder, "org", { "example.org" }) },
            { "example.net", make_certificate(folder, "net", { "example.net" }) },
            { "example.com", make_certificate(folder, "com", { "example.com" }) },
        };
        std::shared_ptr<TlsContext> context;

        Certified()
        {
            files["example.org"].client_ca = authority.certificate;
            files["example.com"].client_ca = stranger.certificate;
            // example.net comes first: the handshake switches over by SNI.
            context = make_context(files, "example.net");
        }
        CertificateFiles client(const std::string& name, CertificateOptions options = {})
        {
            if (options.more_names.empty())
                options.more_names = xmpp_name(name + "@example.org");
            if (options.issuer.key.empty())
                options.issuer = authority;
            return make_certificate(folder, name, {}, options);
        }
        /// What a host learns of a client who shows this to `asked_by`.
        std::optional<ClientCertificate> shown(const CertificateFiles& certificate,
            const std::string& asked_by = "example.org",
            const std::string& judged_by = "example.org", int version = 0)
        {
            Secured secured(context,
                { .server_name = asked_by, .version = version, .certificate = certificate });
            REQUIRE(secured.handshake());
            return secured.connection->client_certificate(judged_by);
        }
    };

    std::string problem_of(const std::optional<ClientCertificate>& certificate)
    {
        REQUIRE(certificate);
        CHECK_FALSE(certificate->is_trusted);
        return certificate->problem;
    }

}

TEST_CASE("a client's certificate is asked for by SNI, and judged by the host's authorities")
{
    Certified hosts;
    const auto juliet = hosts.client("juliet");
    for (const int version : { TLS1_2_VERSION, TLS1_3_VERSION }) {
        const auto shown = hosts.shown(juliet, "example.org", "example.org", version);
        REQUIRE(shown);
        CHECK(shown->is_trusted);
        CHECK(shown->problem.empty());
        CHECK(shown->xmpp_addresses == std::vector<std::string> { "juliet@example.org" });
    }
    // Not asked, so not shown; nothing to show; and a host that asks nobody believes nobody.
    CHECK_FALSE(hosts.shown(juliet, "example.net"));
    CHECK_FALSE(hosts.shown({}));
    CHECK_FALSE(hosts.shown(juliet, "example.org", "example.net"));
}

TEST_CASE("a certificate that was shown to one host is judged by the authorities of another")
{
    Certified hosts;
    const auto juliet = hosts.client("juliet");
    CHECK(hosts.shown(juliet, "example.com", "example.org")->is_trusted);
    CHECK(problem_of(hosts.shown(juliet, "example.org", "example.com"))
        == "unable to get local issuer certificate");
}

TEST_CASE("a certificate that nobody vouches for ends no handshake, and is not trusted")
{
    Certified hosts;
    CHECK(problem_of(hosts.shown(hosts.client("late", { .seconds = -60 })))
        == "certificate has expired");
    CHECK(problem_of(hosts.shown(hosts.client("other", { .issuer = hosts.stranger })))
        == "unable to get local issuer certificate");
    const auto own
        = make_certificate(hosts.folder, "own", {}, { .more_names = xmpp_name("own@example.org") });
    CHECK(problem_of(hosts.shown(own)) == "self-signed certificate");
}

TEST_CASE("a client's own certificate among the authorities is trusted")
{
    Certified hosts;
    hosts.files["example.org"].client_ca = hosts.client("juliet").certificate;
    hosts.context = make_context(hosts.files, "example.net");
    CHECK(hosts.shown({ hosts.folder.path("juliet.pem"), hosts.folder.path("juliet.key") })
              ->is_trusted);
    CHECK_FALSE(hosts.shown(hosts.client("romeo"))->is_trusted);
}

TEST_CASE("a revocation list among the authorities is obeyed")
{
    Certified hosts;
    const auto juliet = hosts.client("juliet");
    const auto romeo = hosts.client("romeo");
    auto* file = std::fopen(romeo.certificate.c_str(), "r");
    auto* const certificate = PEM_read_X509(file, nullptr, nullptr, nullptr);
    std::fclose(file);
    std::int64_t serial = 0;
    ASN1_INTEGER_get_int64(&serial, X509_get0_serialNumber(certificate));
    X509_free(certificate);
    std::ifstream in(hosts.authority.certificate);
    const std::string authority((std::istreambuf_iterator<char>(in)), {});
    hosts.files["example.org"].client_ca = hosts.folder.write(
        "with-list.pem", authority + make_revocation_list(hosts.authority, serial));
    hosts.context = make_context(hosts.files, "example.net");
    CHECK(hosts.shown(juliet)->is_trusted);
    CHECK(problem_of(hosts.shown(romeo)) == "certificate revoked");
}

TEST_CASE("all names of a client's certificate are read, and no more than may be")
{
    Certified hosts;
    const auto shown = hosts.shown(hosts.client("Juliet",
        { .more_names = xmpp_name("juliet@example.org") + "," + xmpp_name("j@example.org")
                + ",email:juliet@mail.example.org,DNS:juliet.example.org"
                  ",otherName:1.2.3.4;UTF8:romeo@example.org"
                  ",otherName:1.3.6.1.5.5.7.8.5;IA5:romeo@example.org" }));
    REQUIRE(shown);
    using Names = std::vector<std::string>;
    CHECK(shown->xmpp_addresses == Names { "juliet@example.org", "j@example.org" });
    CHECK(shown->emails == Names { "juliet@mail.example.org" });
    CHECK(shown->dns_names == Names { "juliet.example.org" });
    CHECK(shown->common_name == "Juliet");
    CHECK(shown->subject == "CN=Juliet");
    CHECK(shown->fingerprint.size() == 64);

    std::string many;
    for (int i = 0; i < 64; ++i)
        many += (many.empty() ? "" : ",") + xmpp_name("u" + std::to_string(i) + "@example.org");
    CHECK(hosts.shown(hosts.client("many", { .more_names = many }))->is_trusted);
    many += "," + xmpp_name("one-more@example.org");
    CHECK(
        problem_of(hosts.shown(hosts.client("more", { .more_names = many }))) == "too many names");
}

TEST_CASE("a session in which a certificate was shown is not resumed: the client shows it again")
{
    Certified hosts;
    const auto juliet = hosts.client("juliet");
    for (const int version : { TLS1_2_VERSION, TLS1_3_VERSION }) {
        for (const bool has_certificate : { false, true }) {
            const auto certificate = has_certificate ? juliet : CertificateFiles();
            const TlsClient::Options options {
                .server_name = "example.org", .version = version, .certificate = certificate
            };
            Secured first(hosts.context, options);
            REQUIRE(first.handshake());
            first.write("x");
            REQUIRE(first.until([&] { return first.client.receive() == "x"; })); // and the ticket
            auto again = options;
            again.resumes = &first.client;
            Secured second(hosts.context, again);
            REQUIRE(second.handshake());
            CHECK(second.client.is_resumed() == !has_certificate);
            CHECK(second.connection->client_certificate("example.org").has_value()
                == has_certificate);
        }
    }
}

TEST_CASE("authorities that cannot be read are named")
{
    Certified hosts;
    auto files = hosts.files;
    files["example.org"].client_ca = hosts.folder.path("nowhere.pem");
    CHECK(error_of(files).find("nowhere.pem': No such file or directory") != std::string::npos);
    files["example.org"].client_ca = hosts.folder.write("empty.pem", "nothing\n");
    CHECK(error_of(files).find("empty.pem': expected certificates, PEM") != std::string::npos);
}

}
