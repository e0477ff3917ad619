#include "open_commands.h"

#include <algorithm>

namespace nuncio::adhoc {

bool OpenCommands::put(const std::string& id, OpenCommand command, TimePoint now)
{
    expire(now);
    const auto is_same_account = [&](const Open::value_type& entry) {
        return entry.second.owner.bare_text() == command.owner.bare_text();
    };
    if (std::size_t(std::ranges::count_if(open_, is_same_account)) >= bounds_.of_account) {
        // Who forgets to cancel is not locked out by what they forgot.
        auto oldest = open_.end();
        for (auto at = open_.begin(); at != open_.end(); ++at)
            if (is_same_account(*at)
                && (oldest == open_.end() || at->second.until < oldest->second.until))
                oldest = at;
        end(oldest);
    }
    if (open_.size() >= bounds_.altogether)
        return false;
    command.until = now + bounds_.lifetime;
    open_.insert_or_assign(id, std::move(command));
    return true;
}

OpenCommands::Found OpenCommands::take(std::string_view id, const Jid& owner, std::string_view node,
    TimePoint now, OpenCommand& command)
{
    expire(now);
    const auto found = open_.find(id);
    if (found == open_.end()) {
        const Jid* const former = ended_.find(id);
        return former && *former == owner ? Found::expired : Found::no;
    }
    if (found->second.owner != owner || found->second.node != node)
        return Found::no;
    command = std::move(found->second);
    open_.erase(found);
    return Found::yes;
}

void OpenCommands::drop(JidView owner)
{
    std::erase_if(open_, [&](const auto& entry) { return entry.second.owner.view() == owner; });
}

void OpenCommands::expire(TimePoint now)
{
    for (auto at = open_.begin(); at != open_.end();)
        at = at->second.until <= now ? end(at) : std::next(at);
}

OpenCommands::Open::iterator OpenCommands::end(Open::iterator at)
{
    ended_.insert(at->first, at->second.owner);
    return open_.erase(at);
}

}
