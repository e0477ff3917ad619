#include <nuncio/turns.h>

#include <algorithm>

namespace nuncio::inline v1 {

/// In the frame of who waits: it may be destroyed before its turn comes, or has just come.
struct Turns::Place {
    Turns* turns;
    const std::string& name;
    std::uint64_t number;
    ~Place()
    {
        if (turns)
            turns->leave(name, number);
    }
};

task<Turns::Turn> Turns::take(std::string name)
{
    Waiting mine {};
    {
        const std::lock_guard lock(mutex_);
        const auto [entry, is_first] = waiting_.try_emplace(name);
        if (!is_first) {
            mine.number = ++last_number_;
            entry->second.push_back(mine);
        }
    }
    if (mine.number != 0) {
        Place place { this, name, mine.number };
        co_await mine.called;
        place.turns = nullptr;
    }
    co_return Turn(*this, std::move(name));
}

void Turns::leave(const std::string& name, std::uint64_t number)
{
    {
        const std::lock_guard lock(mutex_);
        auto& line = waiting_.find(name)->second;
        if (const auto at = std::ranges::find(line, number, &Waiting::number); at != line.end()) {
            line.erase(at);
            return;
        }
    }
    next(name);
}

void Turns::next(const std::string& name)
{
    Completion<bool> heir;
    {
        const std::lock_guard lock(mutex_);
        const auto entry = waiting_.find(name);
        if (entry->second.empty()) {
            waiting_.erase(entry);
            return;
        }
        heir = std::move(entry->second.front().called);
        entry->second.pop_front();
    }
    heir.resolve(true);
}

}
