// A server inside the test: no sockets, no threads, time that only the test moves.
#include "scripted_server.h"

#include "c2s.h"
#include "config_reader.h"
#include "log_sink.h"
#include "virtual_host.h"

#include <nuncio/crypto.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <unistd.h>

namespace nuncio::test {

namespace fs = std::filesystem;

std::string Heard::text() const
{
    switch (kind) {
    case Kind::header:
        return "a stream header: " + to_string(element);
    case Kind::element:
        return to_string(element, ns_client);
    case Kind::end_tag:
        return "the end of the stream";
    case Kind::closed:
        break;
    }
    return "the end of the connection";
}

/// Keeps what an administrator would have to look at.
struct ScriptedServer::Sink final : kernel::LogSink {
    void write(Log::Level level, std::string_view area, std::string_view line) override
    {
        const std::lock_guard guard(mutex);
        if (level >= Log::Level::warn)
            complaints.push_back(std::string(area) + ": " + std::string(line));
    }
    bool is_enabled(Log::Level level) const override { return level >= Log::Level::warn; }
    void set_level(Log::Level) override { }
    Result<void> reopen() override { return {}; }
    void flush() override { }

    std::mutex mutex;
    std::vector<std::string> complaints;
};

ScriptedServer::ScriptedServer(
    ScriptOptions options, decltype(kernel::Server::Options::fault) fault)
    : options_(std::move(options))
    , sink_(std::make_unique<Sink>())
{
    std::string pattern = (fs::temp_directory_path() / "nuncio-test-XXXXXX").string();
    if (!mkdtemp(pattern.data())) {
        failure_ = "no temporary folder";
        return;
    }
    data_folder_ = pattern;
    write_configuration();
    fs::create_directory(fs::path(data_folder_) / "data");

    // One for the process: every other server then finds the plugins' options already there.
    static const auto catalog = kernel::make_plugin_catalog();
    auto reading = kernel::read_config({ .folder = data_folder_ }, *catalog);
    if (!reading.ok()) {
        failure_ = reading.text();
        return;
    }
    server_ = std::make_unique<kernel::Server>(std::move(reading.settings), *sink_,
        kernel::Server::Options {
            .clock = kernel::ClockKind::manual, .threads = false, .fault = std::move(fault) });
    if (auto started = server_->start(); !started)
        failure_ = started.error().text;
    server_->settle();
    if (!failure_ && !options_.may_warn && !sink_->complaints.empty())
        failure_ = sink_->complaints.front();
}

void ScriptedServer::write_configuration()
{
    std::ofstream out(fs::path(data_folder_) / "test.toml");
    out << "[server]\nloops = " << options_.loops << "\nworkers = 1\ndata_dir = \"" << data_folder_
        << "/data\"\nplugin_path = [";
    for (const std::string& folder : options_.plugin_path)
        out << '"' << folder << "\", ";
    out << "]\nadmins = [";
    for (const std::string& admin : options_.admins)
        out << '"' << admin << "\", ";
    out << "]\n[[listen]]\nport = 0\ntls = \"none\"\n[limits]\n" << options_.limits_toml;
    for (const std::string& host : options_.hosts) {
        out << "[hosts.\"" << host << "\"]\nauth = [";
        for (const std::string& backend : options_.auth)
            out << '"' << backend << "\", ";
        out << "]\nadmins = [";
        for (const std::string& admin : options_.host_admins[host])
            out << '"' << admin << "\", ";
        out << "]\n";
    }
    out << "[plugins." << options_.storage << "]\n"
        << options_.plugin_toml[options_.storage] << "[plugins.internal]\niterations = 4096\n"
        << options_.plugin_toml["internal"];
    auto plugins = options_.plugins;
    for (const std::string& backend : options_.auth)
        if (std::ranges::find(plugins, backend) == plugins.end())
            plugins.push_back(backend);
    for (const std::string& plugin : plugins)
        if (plugin != options_.storage && plugin != "internal")
            out << "[plugins." << plugin << "]\n" << options_.plugin_toml[plugin];
}

void ScriptedServer::add_host(const std::string& domain)
{
    options_.hosts.push_back(domain);
    write_configuration();
}

void ScriptedServer::remove_host(const std::string& domain)
{
    std::erase(options_.hosts, domain);
    write_configuration();
}

ScriptedServer::~ScriptedServer()
{
    if (server_ && !failure_) {
        server_->stop();
        server_->advance(1min);
    }
    server_.reset();
    std::error_code ignored;
    fs::remove_all(data_folder_, ignored);
}

std::vector<std::string> ScriptedServer::complaints() const
{
    const std::lock_guard guard(sink_->mutex);
    return sink_->complaints;
}

bool ScriptedServer::settle_until(const std::function<bool()>& is_done)
{
    using Clock = std::chrono::steady_clock;
    const auto deadline = Clock::now() + 5s;
    for (;;) {
        server_->settle();
        if (is_done())
            return true;
        // Storage drivers answer from threads of their own, in their own time.
        const auto left = deadline - Clock::now();
        if (left <= Clock::duration::zero() || !server_->wait_for_mail(left))
            return false;
    }
}

Result<Value> ScriptedServer::outcome(
    const std::function<void(std::function<void(Result<Value>)>)>& call)
{
    const auto answer = std::make_shared<std::optional<Result<Value>>>(); // shared: it may be late
    call([answer](Result<Value> result) { *answer = std::move(result); });
    server_->settle();
    // Longer than the plugin host waits for what drains.
    for (int i = 0; i < 6000 && !*answer; ++i) {
        // The clock must not run away from threads that have their own time, nor wait for one that
        // never rests.
        for (int letters = 0; i > 10 && letters < 100 && !*answer; ++letters) {
            if (!server_->wait_for_mail(1ms))
                break;
            server_->settle();
        }
        server_->advance(10ms);
    }
    return *answer ? std::move(**answer) : Error { "no answer", Error::Kind::internal };
}

namespace {

    /// Kernel coroutines are started by whoever awaits them: this one only notes the outcome.
    struct Detached {
        struct promise_type {
            Detached get_return_object() { return {}; }
            std::suspend_never initial_suspend() noexcept { return {}; }
            std::suspend_never final_suspend() noexcept { return {}; }
            void return_void() { }
            void unhandled_exception() { std::terminate(); }
        };
    };

    using Outcome = std::optional<Result<void>>;

    // Shared: an answer may come after nobody waits for it any more.
    Detached note_outcome(task<Result<void>> job, std::shared_ptr<Outcome> outcome)
    {
        *outcome = co_await job;
    }

}

std::optional<std::string> ScriptedServer::create_account(
    const Jid& jid, const std::string& password)
{
    kernel::VirtualHost* host = server_->find_host(jid.domain());
    if (!host)
        return "no such host";
    const auto outcome = std::make_shared<Outcome>();
    host->home(jid).post([host, outcome, user = std::string(jid.local()), password] {
        note_outcome(host->accounts().create(user, password), outcome);
    });
    if (!settle_until([&] { return outcome->has_value(); }))
        return "the auth backend gave no answer";
    if (!**outcome)
        return (*outcome)->error().text;
    return {};
}

ScriptedClient::ScriptedClient(ScriptedServer& server, std::string name)
    : server_(server)
    , name_(std::move(name))
{
}

ScriptedClient::~ScriptedClient() = default;

void ScriptedClient::connect(bool is_encrypted)
{
    kernel::MemoryPeer::Options options;
    if (is_encrypted)
        options.tls = options.tls_after_start;
    peer_ = std::make_unique<kernel::MemoryPeer>();
    kernel::Server& server = server_.server();
    kernel::ListenSettings listen;
    listen.tls = is_encrypted ? kernel::ListenSettings::Tls::direct
                              : kernel::ListenSettings::Tls::starttls;
    server.c2s().adopt(peer_->connect(server.loop(0), std::move(options)), listen);
    server_.settle();
}

void ScriptedClient::send(std::string_view bytes)
{
    post(bytes);
    server_.settle();
}

void ScriptedClient::post(std::string_view bytes)
{
    peer_->send(bytes);
}

void ScriptedClient::hang_up()
{
    peer_->hang_up();
    server_.settle();
    // Nobody listens any more.
    is_gone_ = true;
}

void ScriptedClient::collect()
{
    server_.settle();
    incoming_bytes_ += peer_->take();
    std::string_view rest = incoming_bytes_;
    while (!rest.empty() && !is_broken_) {
        switch (incoming_.next(rest)) {
        case XmlStream::Event::need_more:
            break;
        case XmlStream::Event::header:
            heard_.push_back({ Heard::Kind::header, incoming_.take() });
            continue;
        case XmlStream::Event::stanza:
            heard_.push_back({ Heard::Kind::element, incoming_.take() });
            // RFC 6120 §6.4.6: after success both sides begin a new stream; §5.4.3.3 likewise.
            if (heard_.back().element.is("success", ns_sasl)
                || heard_.back().element.is("proceed", ns_tls))
                incoming_.restart();
            continue;
        case XmlStream::Event::end:
            heard_.push_back({ Heard::Kind::end_tag, {} });
            continue;
        case XmlStream::Event::error:
            is_broken_ = true;
            heard_.push_back({ Heard::Kind::element,
                Element("not-xml", "urn:nuncio:test").text(incoming_.error().text) });
            break;
        }
        break;
    }
    incoming_bytes_.assign(rest);
    if (peer_->is_closed() && !was_closed_) {
        was_closed_ = true;
        heard_.push_back({ Heard::Kind::closed, {} });
    }
}

std::optional<Heard> ScriptedClient::hear()
{
    if (!peer_ || is_gone_)
        return {};
    collect();
    if (heard_.empty())
        return {};
    Heard first = std::move(heard_.front());
    heard_.pop_front();
    return first;
}

std::optional<std::string> ScriptedClient::expect(std::string_view name, Heard::Kind kind)
{
    std::optional<Heard> heard;
    server_.settle_until([&] { return (heard = hear()).has_value() || is_gone_; });
    if (!heard)
        return "at login: heard nothing, expected <" + std::string(name) + ">";
    if (heard->kind != kind || heard->element.name() != name)
        return "at login: heard " + heard->text() + ", expected <" + std::string(name) + ">";
    if (name == "iq" && heard->element.attr("type") != "result")
        return "at login: heard " + heard->text();
    return {};
}

std::optional<std::string> ScriptedClient::log_in(const Jid& jid, const std::string& password)
{
    jid_ = jid;
    connect(true);
    const std::string header = "<stream:stream to='" + std::string(jid.domain())
        + "' version='1.0' xmlns='jabber:client' "
          "xmlns:stream='http://etherx.jabber.org/streams'>";
    const std::string plain
        = std::string(1, '\0') + std::string(jid.local()) + std::string(1, '\0') + password;
    send(header);
    for (const auto& [name, kind] :
        { std::pair("stream", Heard::Kind::header), std::pair("features", Heard::Kind::element) })
        if (auto wrong = expect(name, kind))
            return wrong;
    send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>" + to_base64(plain)
        + "</auth>");
    if (auto wrong = expect("success", Heard::Kind::element))
        return wrong;
    send(header);
    for (const auto& [name, kind] :
        { std::pair("stream", Heard::Kind::header), std::pair("features", Heard::Kind::element) })
        if (auto wrong = expect(name, kind))
            return wrong;
    send("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>"
        + escape(jid.resource()) + "</resource></bind></iq>");
    return expect("iq", Heard::Kind::element);
}

}
