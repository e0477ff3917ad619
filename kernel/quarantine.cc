// Plugins that are kept out until somebody releases them.
#include "quarantine.h"

#include "crash_record.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

namespace nuncio::kernel {

namespace {

    std::string text_of(const Value& table, std::string_view key)
    {
        const Value* const found = table.find(key);
        return found ? found->as_string() : std::string();
    }

}

Quarantine::Quarantine(std::string file)
    : file_(std::move(file))
{
}

Result<void> Quarantine::load()
{
    std::error_code failure;
    if (file_.empty() || !std::filesystem::exists(file_, failure))
        return {};
    std::ifstream file(file_);
    const std::string text { std::istreambuf_iterator<char>(file), {} };
    const auto kept = Value::parse_json(text);
    if (!file || !kept)
        return Error { file_ + ": cannot be read" + (kept ? "" : ": " + kept.error().text) };
    for (const Value& entry : kept->as_array())
        entries_.push_back(
            { text_of(entry, "plugin"), text_of(entry, "host"), text_of(entry, "reason") });
    return {};
}

const Quarantine::Entry* Quarantine::find(std::string_view plugin, std::string_view host) const
{
    const auto found = std::ranges::find_if(entries_, [&](const Entry& entry) {
        return entry.plugin == plugin && (entry.host.empty() || entry.host == host);
    });
    return found == entries_.end() ? nullptr : &*found;
}

Result<void> Quarantine::add(Entry entry)
{
    entries_.push_back(std::move(entry));
    return save();
}

Result<std::size_t> Quarantine::release(std::string_view plugin)
{
    const std::size_t released
        = std::erase_if(entries_, [&](const Entry& entry) { return entry.plugin == plugin; });
    if (released == 0)
        return released;
    if (auto saved = save(); !saved)
        return saved.error();
    return released;
}

Result<void> Quarantine::save() const
{
    if (file_.empty())
        return {};
    Value::Array all;
    for (const Entry& entry : entries_)
        all.push_back(Value::Table {
            { "plugin", entry.plugin }, { "host", entry.host }, { "reason", entry.reason } });
    // Written beside and renamed: a crash leaves the old or the new.
    const std::string fresh = file_ + ".new";
    std::ofstream file(fresh, std::ios::trunc);
    file << Value(std::move(all)).json(2) << '\n';
    file.close();
    if (!file || std::rename(fresh.c_str(), file_.c_str()) != 0)
        return Error { file_ + ": cannot be written: " + std::strerror(errno),
            Error::Kind::unavailable };
    return {};
}

namespace {

    using Records = std::vector<CrashRecord>;

    using std::chrono::seconds;

    seconds age_of(const CrashRecord& record)
    {
        return std::chrono::duration_cast<seconds>(std::chrono::system_clock::now() - record.time);
    }

    Records recent_crashes(const Settings& settings)
    {
        Records records = crash_records(settings.data_dir);
        std::erase_if(records,
            [&](const CrashRecord& record) { return age_of(record) > settings.watchdog.window; });
        return records;
    }

    void tell(const CrashRecord& record, Log& log)
    {
        const std::string where = record.plugin.empty()
            ? "the server's own code"
            : "plugin " + record.plugin + " on " + record.host + ": " + record.handler;
        log.error("the server crashed {} seconds ago ({}) in {}{}; see {}", age_of(record).count(),
            record.signal, where, record.stanza.empty() ? "" : ", busy with " + record.stanza,
            record.path);
    }

    void judge(const std::string& plugin, const std::vector<CrashRecord*>& records,
        const WatchdogSettings& bounds, Quarantine& quarantine, Log& log)
    {
        if (bounds.crashes == 0 || records.size() < bounds.crashes)
            return;
        const std::string reason
            = "it crashed the server " + std::to_string(records.size()) + " times";
        if (std::ranges::find(bounds.required, plugin) != bounds.required.end())
            return log.error(
                "plugin {} is loaded all the same, because it is required: {}", plugin, reason);
        // Whoever releases it starts from nothing.
        for (CrashRecord* const record : records)
            mark_judged(*record);
        if (auto kept = quarantine.add({ plugin, {}, reason }); !kept)
            log.error("{}", kept.error().text);
    }

}

void judge_crashes(const Settings& settings, Quarantine& quarantine, Log& log)
{
    if (auto loaded = quarantine.load(); !loaded)
        log.error("{}", loaded.error().text);
    if (!settings.data_dir.empty()) {
        Records records = recent_crashes(settings);
        std::map<std::string, std::vector<CrashRecord*>> by_plugin;
        for (CrashRecord& record : records)
            if (!record.plugin.empty())
                by_plugin[record.plugin].push_back(&record);
        for (const auto& [plugin, theirs] : by_plugin)
            judge(plugin, theirs, settings.watchdog, quarantine, log);
        // Afterwards: it tells where they are now.
        for (const CrashRecord& record : records)
            tell(record, log);
    }
    for (const Quarantine::Entry& entry : quarantine.entries())
        log.error("plugin {} is quarantined{}, and not loaded: {}; nuncioctl plugin release {} "
                  "lifts it",
            entry.plugin, entry.host.empty() ? "" : " on " + entry.host, entry.reason,
            entry.plugin);
}

}
