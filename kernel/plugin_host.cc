// The plugin host: one change at a time, built beside what serves, switched as a whole.
#include "plugin_host.h"

#include "context.h"
#include "plugin_files.h"
#include "plugin_order.h"
#include "plugin_starter.h"
#include "plugin_task.h"
#include "pool_backlog.h"
#include "retirement.h"
#include "server.h"
#include "virtual_host.h"

#include <algorithm>
#include <deque>
#include <list>
#include <map>

namespace nuncio::kernel {

namespace {

    using Instances = std::vector<std::shared_ptr<PluginInstance>>;

    const Instances& instances_of(const VirtualHost& host)
    {
        return host.published()->instances;
    }

    bool runs_on(const VirtualHost& host, const std::string& name)
    {
        return std::ranges::any_of(
            instances_of(host), [&](const auto& other) { return other->name() == name; });
    }

    /// The plugins that a host's settings name, with their tables: auth backends need not be
    /// enabled apart.
    std::map<std::string, Value> wanted_by(const HostSettings& settings)
    {
        auto wanted = settings.plugins;
        for (const std::string& backend : settings.auth)
            wanted.try_emplace(backend, Value(Value::Table()));
        return wanted;
    }

    HostChange no_change(VirtualHost& host)
    {
        return { &host, host.settings(), instances_of(host), {}, {} };
    }

    void let_go(HostChange& change, const std::string& name)
    {
        const auto at = std::ranges::find_if(
            change.kept, [&](const auto& other) { return other->name() == name; });
        if (at == change.kept.end())
            return;
        change.leaving.push_back(std::move(*at));
        change.kept.erase(at);
    }

    /// Who cannot be without `name` among the instances of a host, by name.
    std::string dependents_on(const Instances& instances, const std::string& name)
    {
        std::vector<const PluginNote*> notes;
        std::size_t provider = 0;
        for (const auto& instance : instances) {
            if (instance->name() == name)
                provider = notes.size();
            notes.push_back(&instance->generation().note());
        }
        std::string text;
        for (const std::size_t index : dependents_of(notes, provider))
            text += (text.empty() ? "" : ", ") + notes[index]->name;
        return text;
    }

    bool provides_any(const PluginInstance& instance, const std::vector<std::string>& interfaces)
    {
        const auto& provides = const_cast<PluginInstance&>(instance).generation().note().provides;
        return std::ranges::any_of(interfaces, [&](const std::string& needed) {
            return std::ranges::find(provides, needed) != provides.end();
        });
    }

    /// Whether an administrator's choice of disciplines would now be another.
    bool has_other_disciplines(PluginInstance& instance, const Value& before, const Value& after)
    {
        return std::ranges::any_of(
            instance.registrations().iq_handlers, [&](const Registrations::IqHandler& handler) {
                const Value* const one = before.find(handler.ns);
                const Value* const other = after.find(handler.ns);
                return one && other ? !(*one == *other) : one != other;
            });
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
    std::deque<std::function<void()>> transactions; // the first one is under way
    std::list<std::unique_ptr<Retirement>> retirements;

    /// Runs `job` when those before it have ended; it calls end_transaction() in every case.
    void transact(std::function<void()> job)
    {
        transactions.push_back(std::move(job));
        if (transactions.size() == 1)
            run_transaction();
    }

    void run_transaction()
    {
        // By mail: never from a plugin's own code, and never from inside of the one before.
        server.main_loop().post([this] {
            const auto job = std::move(transactions.front()); // it may end its transaction
            job();
        });
    }

    void end_transaction(const Done& done, Result<void> result)
    {
        files.forget_unused();
        if (done)
            done(std::move(result));
        transactions.pop_front();
        if (!transactions.empty())
            run_transaction();
    }

    /// Those that stay and used a service of one that goes: their tasks may be inside of it.
    std::vector<Retirement::Bystander> bystanders_of(const HostChange& change)
    {
        std::vector<Retirement::Bystander> found;
        for (const auto& kept : change.kept)
            if (std::ranges::any_of(change.leaving, [&](const auto& leaving) {
                    return provides_any(*leaving, kept->registrations().uses);
                }))
                found.push_back({ kept, kept->begin_era() });
        return found;
    }

    /// Builds all changes, switches all hosts, ends what left. A failure changes nothing.
    void apply(std::vector<HostChange> changes, const Done& done)
    {
        std::vector<Instances> next;
        for (const HostChange& change : changes) {
            auto built = build_instances(change, OnFailure::give_up, pool);
            if (!built) {
                // Newest first, and of them those that started last.
                while (!next.empty()) {
                    while (!next.back().empty())
                        next.back().pop_back();
                    next.pop_back();
                }
                return end_transaction(done, built.error());
            }
            next.push_back(std::move(*built));
        }

        // From here on nothing can fail.
        Instances leaving, fresh;
        std::vector<Retirement::Bystander> bystanders;
        for (std::size_t i = 0; i < changes.size(); ++i) {
            for (auto& bystander : bystanders_of(changes[i]))
                bystanders.push_back(std::move(bystander));
            for (const auto& instance : next[i])
                if (std::ranges::find(changes[i].kept, instance) == changes[i].kept.end())
                    fresh.push_back(instance);
            std::ranges::move(changes[i].leaving, std::back_inserter(leaving));
            changes[i].host->set_settings(changes[i].settings);
        }
        auto retirement = std::make_unique<Retirement>(
            server, std::move(leaving), std::move(bystanders), patience);
        retirements.push_back(std::move(retirement));
        // What follows must not keep instances: the retirement lets go of them last.
        std::vector<VirtualHost*> hosts;
        for (const HostChange& change : changes)
            hosts.push_back(change.host);
        changes.clear();

        const auto left = std::make_shared<std::size_t>(hosts.size()); // shared: by the hosts
        for (std::size_t i = 0; i < hosts.size(); ++i)
            hosts[i]->publish(RouteTable::build(std::move(next[i])), [this, left, done] {
                if (--*left == 0)
                    switch_domains(done);
            });
        forget_unpublished(retirements.back()->leaving());
        // Posted after the tables, so a task that starts sees its own plugin in the table.
        for (const auto& instance : fresh)
            instance->parts().context.commit();
    }

    void switch_domains(const Done& done)
    {
        server.publish_domains([this, done] {
            Retirement& retirement = *retirements.back();
            retirement.begin([this, done] {
                server.main_loop().post([this, done] {
                    sweep_retirements();
                    end_transaction(done, {});
                });
            });
        });
    }

    void sweep_retirements()
    {
        std::erase_if(retirements, [](const auto& one) { return one->is_over(); });
    }

    /// Code goes with its last instance on any host.
    void forget_unpublished(const Instances& leaving)
    {
        for (const auto& instance : leaving)
            if (std::ranges::none_of(server.hosts(),
                    [&](const auto& host) { return runs_on(*host, instance->name()); }))
                files.forget(instance->name());
    }

    Result<std::vector<VirtualHost*>> hosts_named(const std::string& domain)
    {
        std::vector<VirtualHost*> hosts;
        if (!domain.empty()) {
            VirtualHost* const host = server.find_host(domain);
            if (!host)
                return Error { "there is no host " + domain, Error::Kind::not_found };
            hosts.push_back(host);
            return hosts;
        }
        for (const auto& host : server.hosts())
            hosts.push_back(host.get());
        return hosts;
    }

    void start_all();
    void load(const std::string& name, const std::string& domain, const Done& done);
    void unload(const std::string& name, const std::string& domain, const Done& done);
    void reconfigure(VirtualHost& host, HostSettings settings, const Done& done);
    void stop_all(const Done& done);
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
        for (const auto& [name, table] : wanted_by(change.settings)) {
            auto opened = files.open(name);
            if (opened)
                change.added.push_back({ std::move(*opened), table });
            else
                server.log().error(
                    "plugin {} is left out on {}: {}", name, host->domain(), opened.error().text);
        }
        auto built = build_instances(change, OnFailure::leave_out, pool);
        const Instances fresh = std::move(*built); // leaving out does not fail
        host->publish(RouteTable::build(fresh), {});
        for (const auto& instance : fresh)
            instance->parts().context.commit();
    }
    files.forget_unused();
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
    state_->transact(
        [this, name, domain, done = std::move(done)] { state_->load(name, domain, done); });
}

void PluginHost::State::load(const std::string& name, const std::string& domain, const Done& done)
{
    auto hosts = hosts_named(domain);
    if (!hosts)
        return end_transaction(done, hosts.error());
    // Without a domain: where the settings enable it; where none does, everywhere with its
    // defaults.
    if (domain.empty() && std::ranges::any_of(*hosts, [&](VirtualHost* host) {
            return wanted_by(host->settings()).contains(name);
        }))
        std::erase_if(
            *hosts, [&](VirtualHost* host) { return !wanted_by(host->settings()).contains(name); });
    std::erase_if(*hosts, [&](VirtualHost* host) { return runs_on(*host, name); });
    if (hosts->empty())
        return end_transaction(done,
            Error { "the plugin " + name + " is loaded already"
                    + (domain.empty() ? std::string() : " on " + domain),
                Error::Kind::conflict });

    auto opened = files.open(name);
    if (!opened)
        return end_transaction(done, opened.error());
    std::vector<HostChange> changes;
    for (VirtualHost* host : *hosts) {
        HostChange change = no_change(*host);
        const auto wanted = wanted_by(change.settings);
        const auto table = wanted.find(name);
        change.added.push_back(
            { *opened, table == wanted.end() ? Value(Value::Table()) : table->second });
        changes.push_back(std::move(change));
    }
    opened = Error {};
    apply(std::move(changes), done);
}

void PluginHost::unload(const std::string& name, const std::string& domain, Done done)
{
    state_->transact(
        [this, name, domain, done = std::move(done)] { state_->unload(name, domain, done); });
}

void PluginHost::State::unload(const std::string& name, const std::string& domain, const Done& done)
{
    auto hosts = hosts_named(domain);
    if (!hosts)
        return end_transaction(done, hosts.error());
    std::erase_if(*hosts, [&](VirtualHost* host) { return !runs_on(*host, name); });
    if (hosts->empty())
        return end_transaction(done,
            Error { "the plugin " + name + " is not loaded"
                    + (domain.empty() ? std::string() : " on " + domain),
                Error::Kind::not_found });

    std::vector<HostChange> changes;
    for (VirtualHost* host : *hosts) {
        if (const auto needed = dependents_on(instances_of(*host), name); !needed.empty())
            return end_transaction(done,
                Error { name + " is needed on " + std::string(host->domain()) + " by " + needed
                        + ": unload them first",
                    Error::Kind::conflict });
        changes.push_back(no_change(*host));
        let_go(changes.back(), name);
    }
    apply(std::move(changes), done);
}

void PluginHost::reconfigure(VirtualHost& host, const HostSettings& settings, Done done)
{
    state_->transact([this, &host, settings, done = std::move(done)] {
        state_->reconfigure(host, settings, done);
    });
}

void PluginHost::State::reconfigure(VirtualHost& host, HostSettings settings, const Done& done)
{
    const auto wanted = wanted_by(settings);
    HostChange change = no_change(host);
    std::vector<std::string> rebuilt;
    for (const auto& instance : instances_of(host)) {
        const auto found = wanted.find(instance->name());
        if (found == wanted.end()) {
            let_go(change, instance->name());
        } else if (!(found->second == instance->parts().table)
            || has_other_disciplines(
                *instance, host.settings().iq_disciplines, settings.iq_disciplines)) {
            let_go(change, instance->name());
            rebuilt.push_back(instance->name());
        }
    }
    // A new provider is another object: who holds on to the old one is built anew as well.
    for (bool changed = true; changed;) {
        changed = false;
        for (const auto& kept : Instances(change.kept)) {
            const auto& required = kept->generation().note().requires_;
            if (std::ranges::none_of(change.leaving,
                    [&](const auto& leaving) { return provides_any(*leaving, required); }))
                continue;
            let_go(change, kept->name());
            rebuilt.push_back(kept->name());
            changed = true;
        }
    }
    change.settings = std::move(settings);
    for (const auto& [name, table] : wanted) {
        if (runs_on(host, name) && std::ranges::find(rebuilt, name) == rebuilt.end())
            continue;
        auto opened = files.open(name);
        if (!opened)
            return end_transaction(done, opened.error());
        change.added.push_back({ std::move(*opened), table });
    }
    // In the order of their start again: they end in the reverse of it.
    const auto& order = instances_of(host);
    std::ranges::sort(change.leaving, {},
        [&](const auto& instance) { return std::ranges::find(order, instance); });

    std::vector<HostChange> changes;
    changes.push_back(std::move(change));
    apply(std::move(changes), done);
}

void PluginHost::stop_all(Done done)
{
    state_->transact([this, done = std::move(done)] { state_->stop_all(done); });
}

void PluginHost::State::stop_all(const Done& done)
{
    std::vector<HostChange> changes;
    for (const auto& host : server.hosts()) {
        HostChange change = no_change(*host);
        std::swap(change.kept, change.leaving);
        changes.push_back(std::move(change));
    }
    if (changes.empty())
        return end_transaction(done, {});
    apply(std::move(changes), done);
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
    for (const auto& retirement : state_->retirements)
        for (const auto& instance : retirement->leaving())
            add(instance, retirement->is_pinned() ? "pinned" : "draining");
    for (const auto& host : state_->server.hosts())
        for (const auto& instance : instances_of(*host))
            add(instance, "running");

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
    return list;
}

}
