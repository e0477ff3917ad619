// Each round posts traffic, reloads under it, perhaps with a fault, posts more, and counts.
#include "torture.h"

#include "context.h"
#include "generation.h"
#include "plugin_folders.h"
#include "plugin_host.h"
#include "plugin_instance.h"
#include "scripted_server.h"
#include "torture_storage.h"
#include "virtual_host.h"

#include <nuncio/auth.h>
#include <nuncio/note.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <stdexcept>
#include <string_view>

namespace nuncio::tool {

namespace fs = std::filesystem;

namespace {

    using test::Heard;
    using test::ScriptedClient;
    using test::ScriptedServer;
    using Call = kernel::Server::Options::Call;

    constexpr const char* password = "correct horse"; // of every account: nobody else is here
    constexpr const char* storage_interface = "storage/1";
    constexpr std::uintmax_t bytes_of_half_a_copy = 600; // debug information makes files long
    constexpr int messages_before = 4, messages_after = 3; // of each round, around the reload

    /// What goes wrong in a round.
    enum class Fault {
        none,
        start_fails,
        storage_fails,
        start_throws,
        storage_is_slow,
        file_is_cut,
        save_throws,
        restore_fails,
        restore_throws
    };
    constexpr int fault_count = 9;

    const char* to_string(Fault fault)
    {
        switch (fault) {
        case Fault::none:
            return "without a fault";
        case Fault::start_fails:
            return "with a start that fails";
        case Fault::storage_fails:
            return "with storage that fails";
        case Fault::start_throws:
            return "with a start that throws";
        case Fault::storage_is_slow:
            return "with storage that is slow";
        case Fault::save_throws:
            return "with a save that throws";
        case Fault::restore_fails:
            return "with a restore that fails";
        case Fault::restore_throws:
            return "with a restore that throws";
        case Fault::file_is_cut:
            break;
        }
        return "with a file that is half copied";
    }

    /// The plugins in some folders and in the auth-backends beside them, the first of each name.
    std::map<std::string, kernel::PluginNote> notes_in(const std::vector<std::string>& folders)
    {
        std::map<std::string, kernel::PluginNote> notes;
        std::error_code failure;
        for (const std::string& folder : folders)
            for (const fs::path& room :
                { fs::path(folder), fs::path(folder) / ".." / "auth-backends" })
                for (const auto& entry : fs::directory_iterator(room, failure))
                    if (entry.path().extension() == ".so")
                        if (auto note = kernel::read_plugin_note(entry.path().string()))
                            notes.emplace(note->name, std::move(*note));
        return notes;
    }

    bool provides(const kernel::PluginNote& note, std::string_view interface)
    {
        return std::ranges::find(note.provides, interface) != note.provides.end();
    }

    /// Everything that `note` cannot run without, except storage.
    void add_required(const kernel::PluginNote& note,
        const std::map<std::string, kernel::PluginNote>& all, std::vector<std::string>& names)
    {
        for (const std::string& needed : note.requires_) {
            if (needed == storage_interface)
                continue;
            for (const auto& [name, other] : all)
                if (provides(other, needed) && std::ranges::find(names, name) == names.end()) {
                    names.push_back(name);
                    add_required(other, all, names);
                    break;
                }
        }
    }

    class Torture {
    public:
        Torture(const kernel::PluginNote& note, const TortureOptions& options)
            : note_(note)
            , is_storage_(provides(note, storage_interface))
        {
            test::ScriptOptions script;
            if (is_storage_)
                script.storage = note.name;
            script.plugins = { note.name };
            script.plugin_toml = { { note.name, options.plugin_toml } };
            // Nobody shall ask an auth backend: what it leans on is not here.
            if (provides(note, AuthBackend::interface) && note.name != "internal")
                script.plugin_toml[note.name].insert(0, "enabled = true\n");
            auto folders = options.plugin_folders;
            for (std::string& folder : test::plugin_folders())
                folders.push_back(std::move(folder));
            folders.push_back(fs::absolute(note.file).parent_path().string());
            const auto others = notes_in(folders);
            add_required(note, others, script.plugins);
            make_folder(script, others);
            script.plugin_path = { folder_ };
            script.loops = 2;
            script.may_warn = true; // what it leans on is not here
            try {
                prepare(std::move(script));
            } catch (...) {
                end();
                throw;
            }
        }
        Torture(const Torture&) = delete;
        Torture& operator=(const Torture&) = delete;
        ~Torture() { end(); }

        void run(unsigned rounds)
        {
            for (unsigned i = 0; i < rounds; ++i) {
                auto fault = static_cast<Fault>(i % fault_count);
                if (!storage_ && (fault == Fault::storage_fails || fault == Fault::storage_is_slow))
                    fault = Fault::none;
                try {
                    play(fault, true);
                } catch (const std::runtime_error& wrong) {
                    throw std::runtime_error("in round " + std::to_string(i + 1) + ", "
                        + to_string(fault) + ": " + wrong.what());
                }
            }
            if (!is_storage_) // a driver in memory forgets, and may
                count_kept();
        }

        std::string summary(unsigned rounds) const
        {
            return std::to_string(rounds) + " rounds: " + std::to_string(reloads_) + " reloads, "
                + std::to_string(refusals_) + " that failed and changed nothing, "
                + std::to_string(messages_) + " messages and " + std::to_string(requests_)
                + " requests, nothing lost";
        }

    private:
        struct Probe {
            std::string to, ns;
        };
        /// What came of one round's traffic.
        struct Round {
            int delivered = 0; ///< of the messages to juliet
            int echoed = 0; ///< by domains of the plugin
        };

        void prepare(test::ScriptOptions script)
        {
            server_.emplace(std::move(script),
                [this](std::string_view plugin, Call call) { return fault_of(plugin, call); });
            if (server_->failure())
                throw std::runtime_error("it does not start: " + *server_->failure());
            for (const char* name : { "romeo", "juliet", "mercutio" })
                if (auto wrong = server_->create_account(*Jid::parse(address(name)), password))
                    throw std::runtime_error("no account for the test: " + *wrong);
            put_storage_before();
            log_in(romeo_, "romeo");
            log_in(juliet_, "juliet");
            find_probes();
            play(Fault::none, false); // what is usual without a reload
            usual_ = round_;
        }

        void end()
        {
            romeo_.reset();
            juliet_.reset();
            server_.reset();
            std::error_code failure;
            fs::remove_all(folder_, failure);
        }

        static std::string address(std::string_view name)
        {
            return std::string(name) + "@localhost";
        }

        /// A folder with copies of the file, which will be damaged, and of what else it takes; so
        /// no other file of the same name is found in its stead.
        void make_folder(const test::ScriptOptions& script,
            const std::map<std::string, kernel::PluginNote>& others)
        {
            std::string pattern = (fs::temp_directory_path() / "nuncio-torture-XXXXXX").string();
            if (!::mkdtemp(pattern.data()))
                throw std::runtime_error("no temporary folder can be made");
            folder_ = pattern;
            file_ = fs::path(folder_) / (note_.name + ".so");
            fs::copy_file(note_.file, file_);
            auto names = script.plugins;
            names.insert(names.end(), { script.storage, "internal" });
            for (const std::string& name : names)
                if (const auto other = others.find(name);
                    other != others.end() && name != note_.name)
                    fs::copy_file(other->second.file, fs::path(folder_) / (name + ".so"),
                        fs::copy_options::skip_existing);
        }

        /// What goes wrong in a call of the plugin, in this round.
        Result<void> fault_of(std::string_view plugin, Call call)
        {
            if (plugin != note_.name)
                return {};
            const bool fails = (call == Call::start && fault_ == Fault::start_fails)
                || (call == Call::restore && fault_ == Fault::restore_fails);
            const bool throws = (call == Call::start && fault_ == Fault::start_throws)
                || (call == Call::save && fault_ == Fault::save_throws)
                || (call == Call::restore && fault_ == Fault::restore_throws);
            has_struck_ |= fails || throws;
            if (throws)
                throw std::runtime_error("the torture's exception");
            if (fails)
                return Error { "the torture's fault" };
            return {};
        }

        const kernel::Instances& instances()
        {
            return server_->server().find_host("localhost")->published()->instances;
        }

        /// From now on the plugins see a driver with moods before the real one.
        void put_storage_before()
        {
            if (is_storage_)
                return;
            for (const auto& instance : instances())
                for (auto& service : instance->registrations().services)
                    if (service.interface == storage_interface) {
                        storage_.emplace(*static_cast<StorageDriver*>(service.service));
                        service.service = static_cast<StorageDriver*>(&*storage_);
                    }
            if (auto wrong = reload())
                throw std::runtime_error("its first reload failed: " + *wrong);
        }

        void log_in(std::optional<ScriptedClient>& client, const std::string& name)
        {
            client.emplace(*server_, name);
            if (auto wrong = client->log_in(*Jid::parse(address(name) + "/r"), password))
                throw std::runtime_error(*wrong);
            client->send("<presence/>");
            while (client->hear()) { }
        }

        /// The namespaces and domains that the plugin serves.
        void find_probes()
        {
            for (const auto& instance : instances()) {
                if (instance->name() != note_.name)
                    continue;
                for (const auto& handler : instance->registrations().iq_handlers)
                    probes_.push_back(
                        { handler.component == Component::local ? std::string("localhost")
                                                                : address("romeo"),
                            handler.ns });
                for (const auto& domain : instance->registrations().domains)
                    domains_.push_back(domain.domain);
            }
        }

        /// What went wrong, or nothing.
        std::optional<std::string> reload()
        {
            const auto report = server_->outcome([this](auto done) {
                server_->server().plugins().reload(note_.name, {}, std::move(done));
            });
            if (!report)
                return report.error().text;
            if (report->find("former_generation")->as_string() != "ended")
                return "the former generation was left behind, pinned: something of it is still "
                       "under way";
            return {};
        }

        void post_traffic(int count)
        {
            std::string bytes;
            for (int i = 0; i < count; ++i) {
                const std::string number = std::to_string(++sent_);
                bytes += "<message type='chat' to='juliet@localhost/r' id='m" + number + "'><body>"
                    + number + "</body></message>";
                for (const std::string& domain : domains_)
                    bytes += "<message type='chat' to='" + domain + "' id='d" + number + "'><body>"
                        + number + "</body></message>";
            }
            for (const Probe& probe : probes_)
                for (const char* type : { "get", "set" }) {
                    const std::string id = "q" + std::to_string(++requests_);
                    asked_.insert(id);
                    bytes += std::string("<iq type='") + type + "' to='" + escape(probe.to)
                        + "' id='" + id + "'><query xmlns='" + escape(probe.ns) + "'/></iq>";
                }
            const std::string kept = "k" + std::to_string(++kept_);
            bytes += "<message type='chat' to='mercutio@localhost' id='" + kept + "'><body>" + kept
                + "</body></message><presence><status>" + kept + "</status></presence>";
            romeo_->post(bytes);
            juliet_->post("<presence><status>" + kept + "</status></presence>");
        }

        void play(Fault fault, bool with_reload)
        {
            round_ = {};
            fault_ = fault;
            has_struck_ = fault == Fault::file_is_cut;
            if (storage_)
                storage_->set_mood(fault == Fault::storage_fails ? TortureStorage::Mood::failing
                        : fault == Fault::storage_is_slow        ? TortureStorage::Mood::slow
                                                                 : TortureStorage::Mood::willing);
            if (fault == Fault::file_is_cut)
                fs::resize_file(file_, bytes_of_half_a_copy);
            post_traffic(messages_before);
            std::optional<std::string> wrong;
            if (with_reload && fault == Fault::storage_is_slow)
                wrong = reload_while_slow();
            else if (with_reload)
                wrong = reload();
            post_traffic(messages_after);
            server_->settle();
            fault_ = Fault::none;
            if (storage_)
                storage_->set_mood(TortureStorage::Mood::willing);
            if (fault == Fault::file_is_cut)
                fs::copy_file(note_.file, file_, fs::copy_options::overwrite_existing);
            server_->advance(10s); // whatever waits is answered, or times out

            collect_romeo();
            collect_juliet();
            judge(fault, with_reload, wrong);
        }

        /// Handlers wait for storage while their generation is replaced.
        std::optional<std::string> reload_while_slow()
        {
            server_->settle();
            std::optional<Result<Value>> report;
            server_->server().plugins().reload(
                note_.name, {}, [&](Result<Value> result) { report = std::move(result); });
            server_->advance(100ms);
            storage_->set_mood(TortureStorage::Mood::willing);
            for (int i = 0; i < 1000 && !report; ++i)
                server_->advance(10ms);
            if (!report)
                return "the reload did not end although nothing is under way";
            if (!*report)
                return report->error().text;
            if ((*report)->find("former_generation")->as_string() != "ended")
                return "the former generation was left behind, pinned";
            return {};
        }

        void judge(Fault fault, bool with_reload, const std::optional<std::string>& wrong)
        {
            if (!asked_.empty())
                throw std::runtime_error("the request " + *asked_.begin() + " was never answered");
            if (!with_reload)
                return;
            // A plugin without state is not asked to save and restore.
            if (!has_struck_) {
                if (wrong)
                    throw std::runtime_error(*wrong);
                ++reloads_;
            } else {
                if (!wrong)
                    throw std::runtime_error("the reload went through");
                ++refusals_;
            }
            const bool is_storage_troubled
                = fault == Fault::storage_fails || fault == Fault::storage_is_slow;
            if (!is_storage_troubled && round_.delivered != usual_.delivered)
                throw std::runtime_error(std::to_string(round_.delivered) + " of "
                    + std::to_string(messages_before + messages_after)
                    + " messages arrived; without a reload it is "
                    + std::to_string(usual_.delivered));
            if (!is_storage_troubled && round_.echoed != usual_.echoed)
                throw std::runtime_error("its domains answered " + std::to_string(round_.echoed)
                    + " messages; without a reload it is " + std::to_string(usual_.echoed));
            if (!NUNCIO_DETAIL_HAS_ASAN && !NUNCIO_DETAIL_HAS_TSAN)
                if (const int count = mapped(); count != 1)
                    throw std::runtime_error(
                        std::to_string(count) + " generations are mapped afterwards, expected one");
        }

        void collect_romeo()
        {
            while (auto heard = romeo_->hear()) {
                if (heard->kind != Heard::Kind::element)
                    throw std::runtime_error("a stream was closed: " + heard->text());
                const ElementRef stanza = heard->element;
                const std::string id(stanza.attr("id"));
                if (stanza.name() == "iq"
                    && (stanza.attr("type") == "result" || stanza.attr("type") == "error")) {
                    if (asked_.erase(id) == 0)
                        throw std::runtime_error("the request " + id + " was answered twice");
                } else if (stanza.name() == "message" && id.starts_with('k')) {
                    note_kept(id);
                } else if (stanza.name() == "message") {
                    const bool is_of_domain
                        = std::ranges::find(domains_, stanza.attr("from")) != domains_.end();
                    round_.echoed += is_of_domain ? 1 : 0;
                }
            }
        }

        void collect_juliet()
        {
            while (auto heard = juliet_->hear()) {
                if (heard->kind != Heard::Kind::element)
                    throw std::runtime_error("a stream was closed: " + heard->text());
                const std::string id(heard->element.attr("id"));
                if (heard->element.name() != "message" || !id.starts_with('m'))
                    continue;
                const int number = std::stoi(id.substr(1));
                if (number <= last_)
                    throw std::runtime_error(
                        "the message " + id + " came twice, or after a later one");
                last_ = number;
                ++round_.delivered;
                ++messages_;
            }
        }

        void note_kept(const std::string& id)
        {
            if (!settled_.insert(id).second)
                throw std::runtime_error(
                    "the message " + id + " to somebody away came back or was delivered twice");
        }

        /// Whatever was sent to somebody who was away is there now, or came back.
        void count_kept()
        {
            std::optional<ScriptedClient> mercutio;
            mercutio.emplace(*server_, "mercutio");
            if (auto wrong = mercutio->log_in(*Jid::parse("mercutio@localhost/r"), password))
                throw std::runtime_error("at the end: " + *wrong);
            mercutio->send("<presence/>");
            server_->advance(1s);
            while (auto heard = mercutio->hear())
                if (heard->element.name() == "message")
                    note_kept(std::string(heard->element.attr("id")));
            if (settled_.size() != std::size_t(kept_))
                throw std::runtime_error("of " + std::to_string(kept_)
                    + " messages to somebody away, " + std::to_string(kept_ - int(settled_.size()))
                    + " neither waited for him nor came back");
        }

        int mapped() const
        {
            const std::string copy = server_->data_folder() + "/data/plugins/" + note_.name + '-';
            std::ifstream maps("/proc/self/maps");
            std::set<std::string> paths;
            for (std::string line; std::getline(maps, line);)
                if (const auto at = line.find(copy); at != line.npos)
                    paths.insert(line.substr(at));
            return int(paths.size());
        }

        const kernel::PluginNote& note_;
        const bool is_storage_;
        std::string folder_;
        fs::path file_;
        std::optional<TortureStorage> storage_; // outlives the server, which uses it
        std::optional<ScriptedServer> server_;
        std::optional<ScriptedClient> romeo_, juliet_;
        std::vector<Probe> probes_;
        std::vector<std::string> domains_;
        Fault fault_ = Fault::none;
        bool has_struck_ = false; ///< in this round
        Round round_, usual_;
        std::set<std::string> asked_; ///< and not answered yet
        std::set<std::string> settled_; ///< delivered late, or bounced
        int sent_ = 0, kept_ = 0, last_ = 0, messages_ = 0, requests_ = 0, reloads_ = 0,
            refusals_ = 0;
    };

}

Tortured torture(const kernel::PluginNote& note, const TortureOptions& options)
{
    Tortured result;
    try {
        Torture one(note, options);
        one.run(options.rounds);
        result.summary = one.summary(options.rounds);
    } catch (const std::exception& wrong) {
        result.findings.push_back(
            { Finding::Weight::failure, std::string("the torture failed ") + wrong.what(),
                "what a plugin must do to be replaced under load: developers guide, \"Testing\"" });
    }
    return result;
}

}
