#include "catalog.h"

namespace nuncio::lua {

Result<std::unique_ptr<Script>> Catalog::load(
    const std::string& name, const std::string& text, Library& library, Policies& world) const
{
    return Script::load({ .name = name,
        .text = text,
        .options = settings_.options_of(name),
        .commands = settings_.commands_of(name),
        .budget = settings_.budget(),
        .bounds = settings_.bounds(),
        .library = &library,
        .world = &world });
}

Result<Catalog::Generation> Catalog::build()
{
    Library read_once = library();
    Generation made;
    Host& host = common_.context.host();
    for (std::size_t i = 0; i < host.loop_count(); ++i) {
        auto policies = std::make_shared<Policies>(common_, host.loop(i)); // shared: with its waits
        for (const std::string& name : settings_.scripts) {
            const auto text = read_once.read(name);
            if (!text)
                return text.error();
            auto script = load(name, *text, read_once, *policies);
            if (!script)
                return script.error();
            auto& record = records_[name];
            if (!record)
                record = std::make_shared<Record>(settings_.penalty());
            policies->add(std::move(*script), record);
        }
        made.push_back(std::move(policies));
    }
    return made;
}

Result<Catalog::Generation> Catalog::build_trial(
    const std::string& name, const std::string& text, const Observer& observer)
{
    Library read_once = library();
    Generation made;
    Host& host = common_.context.host();
    const auto record = std::make_shared<Record>(settings_.penalty()); // shared: by the loops
    const auto counters = std::make_shared<Shared>(Shared::Bounds {}); // shared: likewise
    for (std::size_t i = 0; i < host.loop_count(); ++i) {
        auto policies = std::make_shared<Policies>(common_, host.loop(i));
        policies->put_on_trial(observer, counters);
        auto script = load(name, text, read_once, *policies);
        if (!script)
            return script.error();
        policies->add(std::move(*script), record);
        made.push_back(std::move(policies));
    }
    return made;
}

void Catalog::forgive()
{
    for (const auto& [name, record] : records_)
        record->forgive();
}

}
