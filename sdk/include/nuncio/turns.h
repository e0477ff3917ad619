// One after the other, for each name: who reads something, changes it and writes it back must not
// be crossed by another who does.
#pragma once

#include <nuncio/task.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

namespace nuncio::inline v1 {

/// Lets tasks in one at a time for each name (an account). Any thread. Outlives the turns it gives.
///
///     const auto turn = co_await turns.take(user);
///     auto record = co_await store.get({}, user);
///     …
///     co_await store.put({}, user, changed);
class NUNCIO_API Turns {
public:
    /// Held while it is somebody's turn; dropping it lets the next one in.
    class NUNCIO_API Turn {
    public:
        Turn(Turns& turns, std::string name)
            : turns_(&turns)
            , name_(std::move(name))
        {
        }
        Turn(Turn&& other) noexcept
            : turns_(std::exchange(other.turns_, nullptr))
            , name_(std::move(other.name_))
        {
        }
        Turn& operator=(Turn&&) = delete; ///< would end the turn it replaces in the middle
        ~Turn()
        {
            if (turns_)
                turns_->next(name_);
        }

    private:
        Turns* turns_;
        std::string name_;
    };

    /// In the order of asking.
    task<Turn> take(std::string name);

private:
    struct Place;
    void next(const std::string& name);
    void leave(const std::string& name, std::uint64_t number);

    struct Waiting {
        std::uint64_t number;
        Completion<bool> called;
    };
    std::mutex mutex_;
    std::uint64_t last_number_ = 0;
    /// Who waits; an entry without any is somebody's turn.
    std::unordered_map<std::string, std::deque<Waiting>> waiting_;
};

}
