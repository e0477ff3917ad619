#include "config_files.h"
#include "config_reader.h"

#include <nuncio/jid.h>

#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace nuncio;
using namespace nuncio::kernel;

namespace {

struct PingSettings {
    Duration interval = 60s;
    std::string token;
};

/// Two plugins with options, one without, and one that does not fit this server.
class TestCatalog final : public PluginCatalog {
public:
    void search(const std::vector<std::string>&) override { }
    Result<const Schema*> schema(const std::string& name) override
    {
        if (name == "ping")
            return &ping_;
        if (name == "roster" || name == "internal")
            return &empty_;
        if (name == "stale")
            return Error { "abi is 0, and this server has 1; rebuild the plugin" };
        return Error { "no such plugin", Error::Kind::not_found };
    }
    std::vector<std::string> names() override { return { "internal", "ping", "roster" }; }
    std::string summary(const std::string&) override { return {}; }
    bool is_auth_backend(const std::string& name) override { return name == "internal"; }

private:
    Schema ping_ = Schema::of<PingSettings>("Ping.")
                       .option("interval", &PingSettings::interval, "How often.")
                       .range(1, 3600)
                       .option("token", &PingSettings::token, "Psst.")
                       .secret();
    Schema empty_;
};

/// A configuration folder whose host `example.org` has a certificate, if one is wanted.
class ConfigFolder {
public:
    ConfigFolder()
    {
        static int count = 0;
        path_ = std::filesystem::temp_directory_path()
            / ("nuncio-conf-" + std::to_string(::getpid()) + "-" + std::to_string(++count));
        std::filesystem::create_directories(path_ / "data" / "certs");
        for (const char* name : { "data/certs/example.org.crt", "data/certs/example.org.key" })
            write(name, "");
    }
    ~ConfigFolder() { std::filesystem::remove_all(path_); }

    ConfigFolder& write(const std::string& name, std::string_view text)
    {
        std::ofstream(path_ / name) << text;
        return *this;
    }

    ConfigReading read() const
    {
        TestCatalog catalog;
        return read_config({ .folder = path_.string(),
                               .data_dir = (path_ / "data").string(),
                               .plugin_path = { "/plugins" } },
            catalog);
    }

    /// All messages with the folder's own name taken out.
    std::vector<std::string> errors() const
    {
        std::vector<std::string> texts;
        for (const ConfigError& error : read().errors) {
            std::string text = error.text();
            const std::string prefix = path_.string() + "/";
            for (auto at = text.find(prefix); at != std::string::npos; at = text.find(prefix))
                text.erase(at, prefix.size());
            texts.push_back(text);
        }
        return texts;
    }

    std::filesystem::path path_;
};

constexpr const char* good = R"(
[[listen]]
port = 5222

[hosts."example.org"]
)";

using Texts = std::vector<std::string>;

/// The messages for `text` put after a good configuration.
Texts errors_of(const std::string& text)
{
    ConfigFolder folder;
    folder.write("10.toml", good).write("50.toml", text);
    return folder.errors();
}

}

TEST_CASE("a small configuration reads, with the defaults for the rest")
{
    ConfigFolder folder;
    folder.write("10.toml", good);
    const auto reading = folder.read();
    CHECK(reading.text() == "");
    const Settings& settings = reading.settings;
    REQUIRE(settings.listen.size() == 1);
    CHECK(settings.listen[0].port == 5222);
    CHECK(settings.listen[0].tls == ListenSettings::Tls::starttls);
    REQUIRE(settings.hosts.size() == 1);
    CHECK(settings.hosts[0].domain == "example.org");
    CHECK(settings.hosts[0].plugins.contains("internal"));
    CHECK(settings.limits.xml_depth == 32);
    CHECK(settings.plugin_path == Texts { "/plugins" });
    const std::string data = (folder.path_ / "data").string();
    CHECK(settings.data_dir == data);
    CHECK(settings.ctl_socket == data + "/run/nuncioctl.sock");
    CHECK(settings.hosts[0].certificate.certificate == data + "/certs/example.org.crt");
}

TEST_CASE("every section is taken up")
{
    ConfigFolder folder;
    folder.write("10.toml", R"(
[server]
loops = 3
data_dir = "elsewhere"
[limits]
stanza_bytes = "512 KiB"
negotiation_time = "30s"
[log]
level = "debug"
format = "json"
[tls]
minimum = "1.3"
[[listen]]
port = 5223
tls = "direct"
addresses = ["127.0.0.1", "::1"]
[[listen]]
port = 0
tls = "none"
[hosts."example.org"]
mechanisms = ["SCRAM-SHA-256"]
require_encryption = false
)");
    const auto reading = folder.read();
    CHECK(reading.text() == "");
    const Settings& settings = reading.settings;
    CHECK(settings.loops == 3);
    CHECK(settings.data_dir == (folder.path_ / "data").string()); // --data comes before the file
    CHECK(settings.limits.stanza_bytes.count == 524288);
    CHECK(settings.limits.negotiation_time == 30s);
    CHECK(settings.log.level == "debug");
    CHECK(settings.tls.minimum == "1.3");
    REQUIRE(settings.listen.size() == 2);
    CHECK(settings.listen[0].tls == ListenSettings::Tls::direct);
    CHECK(settings.listen[0].addresses == Texts { "127.0.0.1", "::1" });
    CHECK(settings.listen[1].tls == ListenSettings::Tls::none);
    CHECK(settings.hosts[0].mechanisms == Texts { "SCRAM-SHA-256" });
    CHECK_FALSE(settings.hosts[0].require_encryption);
}

TEST_CASE("a host's plugins are the global ones, with its own options over theirs")
{
    ConfigFolder folder;
    folder.write("10.toml", good).write("50.toml", R"(
[plugins.ping]
interval = "5s"
token = "abc"
[plugins.roster]
enabled = false
[hosts."other.example"]
certificate = "data/certs/example.org.crt"
key = "data/certs/example.org.key"
[hosts."other.example".plugins.ping]
interval = "9s"
[hosts."other.example".plugins.roster]
enabled = true
[hosts."third.example"]
certificate = "data/certs/example.org.crt"
key = "data/certs/example.org.key"
plugins.ping.enabled = false
)");
    const auto reading = folder.read();
    CHECK(reading.text() == "");
    REQUIRE(reading.settings.hosts.size() == 3);
    const auto& first = reading.settings.hosts[0].plugins;
    const auto& second = reading.settings.hosts[1].plugins;
    const auto& third = reading.settings.hosts[2].plugins;
    CHECK(first.at("ping").json() == R"({"interval":"5s","token":"abc"})");
    CHECK_FALSE(first.contains("roster"));
    CHECK(second.at("ping").json() == R"({"interval":"9s","token":"abc"})");
    CHECK(second.at("roster").json() == "{}");
    CHECK_FALSE(third.contains("ping"));
}

TEST_CASE("an auth backend runs where it is named, though its options are everywhere")
{
    ConfigFolder folder;
    folder.write("10.toml", good).write("50.toml", R"(
[hosts."example.org"]
auth = ["roster"]
[plugins.internal]
)");
    const auto reading = folder.read();
    CHECK(reading.text() == "");
    REQUIRE(reading.settings.hosts.size() == 1);
    CHECK(reading.settings.hosts[0].plugins.contains("roster"));
    CHECK_FALSE(reading.settings.hosts[0].plugins.contains("internal"));
    CHECK(errors_of("[plugins.internal]\nwidth = 3\n").size() == 1);

    folder.write("60.toml", "[hosts.\"example.org\".plugins.internal]\nenabled = true\n");
    CHECK(folder.read().settings.hosts[0].plugins.contains("internal"));
}

TEST_CASE("queueing disciplines are merged for each host")
{
    ConfigFolder folder;
    folder.write("10.toml", good).write("50.toml", R"toml(
[iq_disciplines]
"jabber:iq:version" = "one_queue"
"jabber:iq:last" = "queues(4)"
[hosts."example.org".iq_disciplines]
"jabber:iq:last" = "parallel"
)toml");
    const auto reading = folder.read();
    CHECK(reading.text() == "");
    CHECK(reading.settings.hosts.at(0).iq_disciplines.json()
        == R"({"jabber:iq:version":"one_queue","jabber:iq:last":"parallel"})");
    CHECK(errors_of("iq_disciplines.a = \"queues(0)\"")
        == Texts { "50.toml:1:20: iq_disciplines.\"a\": expected \"no_queue\", \"one_queue\", "
                   "\"queues(8)\" or \"parallel\", not \"queues(0)\"" });
}

TEST_CASE("the watchdog's patience with one plugin goes over that with all")
{
    ConfigFolder folder;
    folder.write("10.toml", good).write("50.toml", R"toml(
[watchdog]
warn_after = "200ms"
[watchdog.plugins.internal]
stall_after = "5s"
)toml");
    const auto reading = folder.read();
    CHECK(reading.text() == "");
    const WatchdogSettings& watchdog = reading.settings.watchdog;
    CHECK(watchdog.patience_with("internal").warn_after == 200ms);
    CHECK(watchdog.patience_with("internal").stall_after == 5s);
    CHECK(watchdog.patience_with("roster").stall_after == 1s);
    CHECK(errors_of("watchdog.plugins.internal.warn_after = \"2s\"")
        == Texts { "50.toml:1:40: watchdog.plugins.internal.warn_after: must not be more than "
                   "watchdog.plugins.internal.stall_after" });
    CHECK(errors_of("watchdog.plugins.internal.warn = \"1s\"").size() == 1);
    CHECK(errors_of("watchdog.plugins.internla.warn_after = \"1s\"")
        == Texts { "50.toml:1:18: watchdog.plugins.internla: no host has a plugin of this name" });
}

TEST_CASE("files are merged in the order of their names, and local ones override")
{
    ConfigFolder folder;
    folder.write("10.toml", good)
        .write("00.toml", "[log]\nlevel = \"info\"\n")
        .write("05.toml", "[log]\nformat = \"json\"\n[[listen]]\nport = 5223\n")
        .write("90-local.toml", "[log]\nlevel = \"warn\"\n")
        .write("local.toml", "[log]\nlevel = \"error\"\n")
        .write(".#hidden.toml", "broken")
        .write("50.toml~", "broken");
    const auto reading = folder.read();
    CHECK(reading.text() == "");
    CHECK(reading.settings.log.level == "error");
    CHECK(reading.settings.log.format == "json");
    CHECK(reading.settings.listen.size() == 2);
}

TEST_CASE("a key that two files set is an error that names both places")
{
    ConfigFolder folder;
    folder.write("00.toml", "[log]\nlevel = \"info\"\n")
        .write("10.toml", good)
        .write("20.toml", "log.level = \"warn\"\n");
    CHECK(folder.errors()
        == Texts { "20.toml:1:5: log.level: is set already at 00.toml:2:1; keep one of the two, or "
                   "move this one to local.toml, which overrides" });
}

TEST_CASE("what is not TOML is told with its place")
{
    CHECK(errors_of("[log\n").at(0).find("50.toml:1:5: ") == 0);
    CHECK(errors_of("[log]\nlevel = \"x\nformat = 1").at(0).find("50.toml:2:") == 0);
    CHECK(errors_of("[log]\nlevel = 2020-01-01\n")
        == Texts { "50.toml:2:9: dates and times are not used here; put a text in quotes" });
    CHECK(errors_of("a = \"\xff\"").size() == 1);
    CHECK(errors_of("a\u01fd = 1").size() == 1); // letters outside of quotes
    CHECK(errors_of("[log]\nlevel = \u00e4").size() == 1);
    CHECK(errors_of("# \u01fd\n[plugins.ping]\ntoken = \"\u01fd \u00e4\"").empty());
    CHECK(errors_of(std::string(100000, '[')).size() == 1);
    CHECK(errors_of("a = " + std::string(100000, '[')).size() == 1);
    std::string deep = "a";
    for (int i = 0; i < 100000; ++i)
        deep += ".a";
    CHECK(errors_of(deep + " = 1") == Texts { "50.toml:1:1: a key has more than 200 parts" });
    CHECK(errors_of("\n[" + deep + "]") == Texts { "50.toml:2:1: a key has more than 200 parts" });
    CHECK(errors_of("# " + deep).empty());
}

TEST_CASE("all mistakes are told at once, by place, with the nearest valid name")
{
    CHECK(errors_of(R"([limit]
xml_depth = 5
[limits]
xml_deph = 5
output_high = "8 MiB"
idle_time = "soon"
[server]
user = "no-such-user"
loops = -1
[log]
level = "loud"
target = "file"
[plugins.pnig]
[plugins.ping]
intervall = 1
token = 5
[plugins.stale]
[plugins]
roster = true
)")
        == Texts {
            "50.toml:1:2: there is no section \"limit\"; did you mean \"limits\"?",
            "50.toml:4:1: limits: there is no option \"xml_deph\"; did you mean \"xml_depth\"?",
            "50.toml:5:15: limits.output_high: must not be more than limits.output_max",
            "50.toml:6:13: limits.idle_time: expected a duration such as \"90s\" or \"10 min\", "
            "not the string \"soon\"",
            "50.toml:8:8: server.user: there is no account \"no-such-user\" on this system; make "
            "one with: adduser --system --group no-such-user",
            "50.toml:9:9: server.loops: expected something from 0 to 256, not -1",
            "50.toml:11:9: log.level: expected \"debug\", \"info\", \"warn\" or \"error\", not the "
            "string \"loud\"",
            "50.toml:12:10: log.file: is missing; the target \"file\" needs the path of one",
            "50.toml:13:10: plugins.pnig: there is no plugin \"pnig\" in /plugins; did you mean "
            "\"ping\"?",
            "50.toml:15:1: plugins.ping: there is no option \"intervall\"; did you mean "
            "\"interval\"?",
            "50.toml:16:9: plugins.ping.token: expected a string",
            "50.toml:17:10: plugins.stale: abi is 0, and this server has 1; rebuild the plugin",
            "50.toml:19:10: plugins.roster: expected a table, not boolean",
        });
}

TEST_CASE("mistakes of hosts and listeners")
{
    CHECK(errors_of(R"([hosts."exa mple"]
[hosts."Example.ORG"]
[hosts."other.example"]
certificat = "x"
auth = ["internl"]
certificate = "nowhere.crt"
key = "nowhere.key"
[hosts."fourth.example"]
certificate = "x"
[[listen]]
port = 5222
[[listen]]
port = 70000
tls = "maybe"
)")
        == Texts {
            "50.toml:1:8: hosts.\"exa mple\": is not a domain: "
                + prepare_domain("exa mple").error().text,
            "50.toml:2:8: hosts.\"Example.ORG\": is the same domain as at 10.toml:5:8",
            "50.toml:4:1: hosts.\"other.example\": there is no option \"certificat\"; did you mean "
            "\"certificate\"?",
            "50.toml:5:8: plugins.internl: there is no plugin \"internl\" in /plugins; did you "
            "mean \"internal\"?",
            "50.toml:6:15: hosts.\"other.example\".certificate: cannot read nowhere.crt: No such "
            "file or directory",
            "50.toml:8:8: hosts.\"fourth.example\": certificate and key belong together; only one "
            "of them is set",
            "50.toml:10:1: listen.port: 5222 on :: is taken by the listener at 10.toml:2:1",
            "50.toml:13:8: listen.port: expected something from 0 to 65535, not 70000",
            "50.toml:14:7: listen.tls: expected \"starttls\", \"direct\" or \"none\", not the "
            "string \"maybe\"",
        });
}

TEST_CASE("the authorities of a host's clients are a file that can be read")
{
    CHECK(errors_of("[hosts.\"example.org\"]\nclient_ca = \"nowhere.pem\"\n")
        == Texts {
            "50.toml:2:13: hosts.\"example.org\".client_ca: cannot read nowhere.pem: No such "
            "file or directory" });
    CHECK(errors_of("[hosts.\"example.org\"]\nclient_ca = \"data/certs/example.org.crt\"\n")
        == Texts {});
}

TEST_CASE("a listener with TLS needs a certificate, and the error says how to get one")
{
    ConfigFolder folder;
    folder.write("10.toml", "[[listen]]\n[hosts.\"new.example\"]\n");
    const auto errors = folder.errors();
    REQUIRE(errors.size() == 1);
    CHECK(errors[0].find("10.toml:2:8: hosts.\"new.example\".certificate: is missing, and the "
                         "listener at 10.toml:1:1 offers TLS.")
        == 0);
    CHECK(errors[0].find("mkdir -p data/certs && openssl req -x509") != std::string::npos);
    CHECK(errors[0].find("-out data/certs/new.example.crt") != std::string::npos);

    folder.write("10.toml", "[[listen]]\ntls = \"none\"\n[hosts.\"new.example\"]\n");
    CHECK(folder.errors().empty());
}

TEST_CASE("a mistake in a global table is told once, however many hosts inherit it")
{
    CHECK(errors_of(R"([plugins.ping]
interval = "2h"
[hosts."b.example"]
certificate = "data/certs/example.org.crt"
key = "data/certs/example.org.key"
)")
        == Texts { "50.toml:2:12: plugins.ping.interval: expected something from \"1s\" to "
                   "\"1h\", not the string \"2h\"" });
}

TEST_CASE("a disabled plugin need not be there, but its options are checked when it is")
{
    CHECK(errors_of("[plugins.absent]\nenabled = false\nanything = 1\n").empty());
    CHECK(errors_of("[plugins.ping]\nenabled = false\nintervall = 1\n")
        == Texts { "50.toml:3:1: plugins.ping: there is no option \"intervall\"; did you mean "
                   "\"interval\"?" });
    CHECK(errors_of("[plugins.ping]\nenabled = \"no\"\n")
        == Texts { "50.toml:2:11: plugins.ping.enabled: expected true or false" });
    CHECK(errors_of("[plugins.internal]\nenabled = false\n")
        == Texts {
            "50.toml:1:10: hosts.\"example.org\".auth: names \"internal\", which is disabled "
            "here" });
}

TEST_CASE("a folder without a configuration says what to do")
{
    ConfigFolder folder;
    CHECK(folder.errors() == Texts { folder.path_.string() + ": holds no *.toml file" });
    TestCatalog catalog;
    CHECK(read_config({ .folder = "/nonexistent" }, catalog).text()
        == "/nonexistent: cannot be read: No such file or directory; give the folder of your "
           "*.toml files with --config\n");
    folder.write("10.toml", "");
    CHECK(folder.errors()
        == Texts {
            "listen: is missing; add a table [[listen]] with port = 5222 to accept clients" });
    folder.write("10.toml", "[[listen]]\n[hosts.\"example.org\"]\nenabled = false\n");
    CHECK(folder.errors()
        == Texts { "hosts: no domain is served; add a table [hosts.\"example.org\"]" });
}

TEST_CASE("sections of the wrong shape are mistakes, not crashes")
{
    CHECK(errors_of("server = 1").size() == 1);
    CHECK(errors_of("plugins = []").size() == 1);
    CHECK(errors_of("iq_disciplines = \"x\"").size() == 1);
    ConfigFolder folder;
    folder.write("10.toml", "hosts = 3\nlisten = { port = 1 }\n");
    CHECK(folder.errors()
        == Texts { "10.toml:1:9: hosts: expected a table",
            "10.toml:2:1: listen: expected a list of tables; write [[listen]] with two brackets" });
}

TEST_CASE("a file that is too large is refused")
{
    ConfigFolder folder;
    folder.write("10.toml", good).write("50.toml", std::string(1048577, '#'));
    CHECK(
        folder.errors() == Texts { "50.toml: is larger than 1 MiB; is it a configuration file?" });
    folder.write("50.toml", std::string(1048576, '#'));
    CHECK(folder.errors().empty());
}
