// The plugin host: one change at a time, built beside what serves, switched as a whole.
#include "plugin_host.h"

#include "context.h"
#include "generation.h"
#include "plugin_files.h"
#include "plugin_task.h"
#include "plugin_transaction.h"
#include "pool_backlog.h"
#include "quarantine.h"
#include "retirement.h"
#include "server.h"
#include "virtual_host.h"
#include "watchdog.h"

#include <algorithm>
#include <deque>
#include <list>
#include <map>
#include <set>

namespace nuncio::kernel {

namespace {

    using Figures = PluginTransaction::Figures;
    using ReloadOptions = PluginHost::ReloadOptions;

    /// For those who want to know only whether it worked.
    std::function<void(Result<Figures>)> told_by(PluginHost::Done done)
    {
        return [done = std::move(done)](const Result<Figures>& ended) {
            if (done)
                done(ended ? Result<void>() : ended.error());
        };
    }

}

struct PluginHost::State {
    explicit State(Server& owner)
        : server(owner)
        , files(owner.settings().plugin_path, copies_folder(owner.settings()), owner.log())
        , pool(owner.workers(), owner.main_loop())
    {
    }

    static std::string copies_folder(const Settings& settings)
    {
        return settings.data_dir.empty() ? std::string() : settings.data_dir + "/plugins";
    }

    Server& server;
    PluginFiles files;
    PoolBacklog pool;
    Duration patience = 30s;
    std::deque<std::function<void()>> waiting; // the first one is under way
    std::unique_ptr<PluginTransaction> under_way;
    std::list<std::unique_ptr<Retirement>> pinned;

    /// Runs `job` when those before it have ended; it calls end_turn() in every case.
    void take_turn(std::function<void()> job)
    {
        waiting.push_back(std::move(job));
        if (waiting.size() == 1)
            begin_turn();
    }

    void begin_turn()
    {
        // By mail: never from a plugin's own code, and never from inside of the one before.
        server.main_loop().post([this] {
            const auto job = std::move(waiting.front()); // it may end its turn
            job();
        });
    }

    void end_turn()
    {
        files.forget_unused();
        std::erase_if(pinned, [](const auto& one) { return one->is_over(); });
        waiting.pop_front();
        if (!waiting.empty())
            begin_turn();
    }

    /// Carries out a plan as one transaction, in the turn of who calls it.
    void carry_out(Result<PluginPlan> plan, std::function<void(Result<Figures>)> done,
        const ReloadOptions& options = {})
    {
        if (!plan) {
            done(plan.error());
            return end_turn();
        }
        under_way = std::make_unique<PluginTransaction>(server, pool, std::move(plan->changes),
            PluginTransaction::Bounds { .patience = patience,
                .pause = options.pause.value_or(server.settings().limits.handover_time),
                .held = server.settings().limits.handover_stanzas,
                .drops_state = options.drops_state });
        under_way->run(
            [this, renewed = std::move(plan->renewed)](const Instances& leaving) {
                for (const auto& generation : renewed)
                    files.use(generation);
                forget_unpublished(leaving);
            },
            [this, done = std::move(done)](Result<Figures> ended) {
                if (auto retirement = under_way->take_retirement()) {
                    if (!ended)
                        forget_unpublished(retirement->leaving()); // the next attempt is a new one
                    pinned.push_back(std::move(retirement)); // swept when it is over
                }
                done(std::move(ended));
                // Not from inside of it.
                server.main_loop().post([this] {
                    under_way.reset();
                    end_turn();
                });
            });
    }

    /// Code goes with its last instance on any host.
    void forget_unpublished(const Instances& leaving)
    {
        for (const auto& instance : leaving)
            if (std::ranges::none_of(server.hosts(),
                    [&](const auto& host) { return runs_on(*host, instance->name()); }))
                files.forget(instance->name());
    }

    /// That have not ended, or whose code stays mapped all the same.
    std::size_t former_generations(const std::string& name)
    {
        std::set<std::uint32_t> numbers;
        for (const auto& retirement : pinned)
            for (const auto& instance : retirement->leaving())
                if (instance->name() == name)
                    numbers.insert(instance->generation().number());
        return numbers.size() + files.resident(name);
    }

    /// What a refresh does about a plugin that runs: nothing when it is empty, "reload", or why it
    /// stays as it is.
    std::string refresh_of(const std::string& name) const
    {
        for (const auto& host : server.hosts())
            for (const auto& instance : host->instances()) {
                if (instance->name() != name)
                    continue;
                const PluginNote& running = instance->generation().note();
                const auto found = files.find(name);
                if (!found)
                    return found.error().text + "; what runs goes on";
                if (found->build_id == running.build_id)
                    return found->build_id.empty()
                        ? "has no build-id to compare: reload it by its name"
                        : std::string();
                if (const auto fits = check_plugin_note(*found); !fits)
                    return "restart required: " + fits.error().text;
                return "reload";
            }
        return {};
    }

    struct Refresh {
        std::vector<std::string> names;
        std::size_t next = 0;
        Value::Array rows;
        std::function<void(Value::Array)> done;
    };
    void go_on(std::shared_ptr<Refresh> refresh);

    void start_all();
    void end(Instances in_vain);
    void reload(const std::string& name, const ReloadOptions& options,
        const std::function<void(Result<Value>)>& done);
};

PluginHost::PluginHost(Server& server)
    : state_(std::make_unique<State>(server))
{
    const auto guard = [&server](KernelLoop& loop) {
        loop.set_failure_handler([&server](void* plugin, std::exception_ptr thrown) {
            std::string text;
            try {
                std::rethrow_exception(std::move(thrown));
            } catch (...) {
                text = thrown_text();
            }
            auto* const instance = static_cast<PluginInstance*>(static_cast<Leased*>(plugin));
            (instance ? instance->log() : server.log()).error("a job on a loop threw: {}", text);
        });
    };
    for (std::size_t i = 0; i < server.loop_count(); ++i)
        guard(server.loop(i));
    guard(server.main_loop());
}

PluginHost::~PluginHost() = default;

Result<PluginNote> PluginHost::find(const std::string& name) const
{
    return state_->files.find(name);
}

std::vector<PluginNote> PluginHost::available() const
{
    return state_->files.available();
}

Result<const Schema*> PluginHost::schema(const std::string& name)
{
    return state_->files.schema(name);
}

void PluginHost::set_patience(Duration patience)
{
    state_->patience = patience;
}

void PluginHost::State::start_all()
{
    for (const auto& host : server.hosts()) {
        HostChange change = no_change(*host);
        for (const auto& [name, table] : allowed_by(server.quarantine(), *host, change.settings)) {
            auto opened = files.open(name);
            if (opened)
                change.added.push_back({ std::move(*opened), table });
            else
                server.log().error(
                    "plugin {} is left out on {}: {}", name, host->domain(), opened.error().text);
        }
        Instances in_vain;
        auto built = build_instances(change, OnFailure::leave_out, pool, in_vain);
        const Instances fresh = std::move(*built); // leaving out does not fail
        for (const auto& instance : fresh)
            instance->parts().context.admit();
        host->publish(RouteTable::build(fresh), {});
        for (const auto& instance : fresh)
            instance->parts().context.commit();
        end(std::move(in_vain));
    }
    files.forget_unused();
}

/// Nobody waits for it: what has not ended is listed until it has.
void PluginHost::State::end(Instances in_vain)
{
    forget_unpublished(in_vain);
    pinned.push_back(std::make_unique<Retirement>(
        server, std::move(in_vain), std::vector<Retirement::Bystander>(), patience));
    pinned.back()->begin({});
    std::erase_if(pinned, [](const auto& one) { return one->is_over(); });
}

Result<void> PluginHost::start_all()
{
    KernelLoop& main = state_->server.main_loop();
    if (Loop::current() == &main) {
        state_->start_all();
        return {};
    }
    // Before run(): plugins may expect to be on a loop all the same.
    bool is_done = false;
    main.post([&] {
        state_->start_all();
        is_done = true;
    });
    while (!is_done && main.run_ready()) { }
    if (!is_done)
        return Error { "starting the plugins was interrupted: see the log", Error::Kind::internal };
    return {};
}

void PluginHost::load(const std::string& name, const std::string& domain, Done done)
{
    state_->take_turn([this, name, domain, done = std::move(done)] {
        state_->carry_out(plan_load(state_->server, state_->files, name, domain), told_by(done));
    });
}

void PluginHost::unload(
    const std::string& name, const std::string& domain, Dependents dependents, Done done)
{
    state_->take_turn([this, name, domain, dependents, done = std::move(done)] {
        state_->carry_out(plan_unload(state_->server, name, domain, dependents), told_by(done));
    });
}

void PluginHost::reload(
    const std::string& name, ReloadOptions options, std::function<void(Result<Value>)> done)
{
    state_->take_turn(
        [this, name, options, done = std::move(done)] { state_->reload(name, options, done); });
}

void PluginHost::State::reload(const std::string& name, const ReloadOptions& options,
    const std::function<void(Result<Value>)>& done)
{
    const auto failed = [name](std::string_view step, const Error& error) {
        return Error { "the reload of " + name + " failed at the step \"" + std::string(step)
                + "\", and the generation before it goes on: " + error.text,
            error.kind };
    };
    if (std::ranges::none_of(
            server.hosts(), [&](const auto& host) { return runs_on(*host, name); })) {
        done(Error {
            "the plugin " + name + " is not loaded: nuncioctl plugin load " + name + " loads it",
            Error::Kind::not_found });
        return end_turn();
    }
    const std::size_t left = former_generations(name);
    const std::size_t most = server.settings().limits.pinned_generations;
    auto plan = left < most ? plan_reload(server, files, name)
                            : Result<PluginPlan>(Error { std::to_string(left)
                                    + " former generations of it are still mapped "
                                      "(limits.pinned_generations): restart the server to update",
                                Error::Kind::limit });
    if (!plan) {
        done(failed(to_string(PluginTransaction::Step::stage), plan.error()));
        return end_turn();
    }
    Value report;
    report["reloaded"] = name;
    report["generation"] = std::int64_t(plan->renewed.front()->number());
    report["version"] = plan->renewed.front()->note().version;
    for (const HostChange& change : plan->changes)
        report["hosts"].array().emplace_back(change.host->domain());
    carry_out(
        std::move(plan),
        [this, failed, report = std::move(report), done](Result<Figures> ended) mutable {
            if (!ended)
                return done(failed(to_string(under_way->step()), ended.error()));
            report["former_generation"] = ended->is_pinned ? "pinned" : "ended";
            report["stanzas_held"] = std::uint64_t(ended->held);
            report["longest_hold_ms"] = double(ended->longest.count() / 1000) / 1000;
            done(std::move(report));
        },
        options);
}

void PluginHost::refresh(std::function<void(Value::Array)> done)
{
    state_->take_turn([this, done = std::move(done)] {
        std::set<std::string> names;
        for (const auto& host : state_->server.hosts())
            for (const auto& instance : host->instances())
                names.insert(instance->name());
        auto refresh = std::make_shared<State::Refresh>(); // shared: by its turns
        refresh->names.assign(names.begin(), names.end());
        refresh->done = done;
        state_->go_on(refresh);
        state_->end_turn();
    });
}

bool PluginHost::is_ending_on(const VirtualHost& host) const
{
    return std::ranges::any_of(state_->pinned, [&](const auto& retirement) {
        return std::ranges::any_of(retirement->leaving(),
            [&](const auto& instance) { return &instance->host() == &host; });
    });
}

const std::vector<std::string>& PluginHost::folders() const
{
    return state_->files.folders();
}

/// One reload after the other, each in a turn of its own. A provider may have taken others along.
void PluginHost::State::go_on(std::shared_ptr<Refresh> refresh)
{
    while (refresh->next < refresh->names.size()) {
        const std::string name = refresh->names[refresh->next++];
        const std::string what = refresh_of(name);
        if (what.empty())
            continue;
        const auto add = [refresh, name](std::string result) {
            refresh->rows.emplace_back(
                Value::Table { { "plugin", name }, { "result", std::move(result) } });
        };
        if (what != "reload") {
            add(what);
            continue;
        }
        return take_turn([this, name, add, refresh] {
            reload(name, {}, [this, add, refresh](const Result<Value>& report) {
                add(report ? "reloaded" : report.error().text);
                server.main_loop().post([this, refresh] { go_on(refresh); });
            });
        });
    }
    refresh->done(std::move(refresh->rows));
}

void PluginHost::reconfigure(VirtualHost& host, const HostSettings& settings, Done done)
{
    state_->take_turn([this, &host, settings, done = std::move(done)] {
        state_->carry_out(plan_reconfigure(state_->files, host, settings), told_by(done));
    });
}

void PluginHost::start(const std::vector<VirtualHost*>& hosts, Done done)
{
    state_->take_turn([this, hosts, done = std::move(done)] {
        state_->carry_out(plan_start(state_->server, state_->files, hosts), told_by(done));
    });
}

void PluginHost::end(VirtualHost& host, std::function<void(std::function<void()> go_on)> first,
    std::function<void(Ending)> done)
{
    state_->take_turn([this, &host, first = std::move(first), done = std::move(done)] {
        // Copies: the turn ends while they are in use.
        first([this, &host, done = done] {
            state_->carry_out(plan_stop({ &host }), [done](const Result<Figures>& ended) {
                done(ended && !ended->is_pinned ? Ending::complete : Ending::pinned);
            });
        });
    });
}

void PluginHost::stop_all(Done done)
{
    state_->take_turn([this, done = std::move(done)] {
        std::vector<VirtualHost*> hosts;
        for (const auto& host : state_->server.hosts())
            hosts.push_back(host.get());
        state_->carry_out(plan_stop(hosts), told_by(done));
    });
}

Value PluginHost::list() const
{
    struct Row {
        std::shared_ptr<PluginInstance> sample;
        std::string state;
        Value::Array hosts;
        std::int64_t leases = 0;
    };
    std::map<std::pair<std::string, std::uint32_t>, Row> rows; // by name and generation
    const auto add = [&](const std::shared_ptr<PluginInstance>& instance, const char* state) {
        Row& row = rows[{ instance->name(), instance->generation().number() }];
        row.sample = instance;
        row.state = state;
        row.hosts.emplace_back(std::string(instance->host().domain()));
        row.leases += instance->leases();
    };
    const auto add_leaving = [&](const Retirement& retirement) {
        for (const auto& instance : retirement.leaving())
            add(instance, retirement.is_pinned() ? "pinned" : "draining");
    };
    for (const auto& retirement : state_->pinned)
        add_leaving(*retirement);
    if (state_->under_way && state_->under_way->retirement())
        add_leaving(*state_->under_way->retirement());
    for (const auto& host : state_->server.hosts())
        for (const auto& instance : host->instances())
            add(instance,
                state_->server.watchdog().is_stalling(instance->name(), host->domain())
                    ? "stalling"
                    : "running");

    Value::Array list;
    for (auto& [key, row] : rows) {
        const PluginNote& note = row.sample->generation().note();
        list.emplace_back(Value::Table {
            { "name", note.name },
            { "version", note.version },
            { "summary", note.summary },
            { "state", row.state },
            { "hosts", std::move(row.hosts) },
            { "leases", row.leases },
            { "generation", std::int64_t(key.second) },
            { "build_id", note.build_id },
            { "file", note.file },
        });
    }
    for (const Quarantine::Entry& entry : state_->server.quarantine().entries()) {
        Value::Array hosts;
        for (const auto& host : state_->server.hosts())
            if (entry.host.empty() || entry.host == host->domain())
                hosts.emplace_back(std::string(host->domain()));
        list.emplace_back(Value::Table {
            { "name", entry.plugin },
            { "state", "quarantined" },
            { "hosts", std::move(hosts) },
            { "reason", entry.reason },
        });
    }
    return list;
}

}
