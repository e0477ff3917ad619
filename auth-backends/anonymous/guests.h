// Who is here without a name, and how many of them may be.
#pragma once

#include <nuncio/loop.h>
#include <nuncio/snapshot.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace nuncio::anonymous {

/// Any thread.
class Guests {
public:
    struct Limits {
        std::uint32_t users = 1000;
        std::uint32_t users_per_address = 10;
    };
    explicit Guests(Limits limits)
        : limits_(limits)
    {
    }

    /// A guest who has no session yet. False when there are as many as may be.
    bool add(const std::string& user, TimePoint now);
    /// Says where the guest comes from. False when as many as may be come from there already, or
    /// when the guest is gone.
    bool settle(std::string_view user, std::string_view address);
    /// The guest has a session; false for who is no guest.
    bool open(std::string_view user);
    /// The guest's last session has ended, or was to be removed and could not: from now on the
    /// guest is leaving. False for who is no guest.
    bool close(std::string_view user, TimePoint now);
    /// Whether there is such a user: a guest who is leaving is none any more.
    bool has(std::string_view user) const;
    /// Only somebody who exists can be removed.
    void set_leaving(std::string_view user, bool is_leaving);
    /// Nothing is left of the guest.
    void remove(std::string_view user);
    /// A guest of a former time, of whom only the name is known: leaving, unless a session is found
    /// to be open. False when it is known already.
    bool adopt(const std::string& user, TimePoint now);

    /// Those to be removed now, each told once: who is leaving since `last_words`, and who has been
    /// without a session for `unbound_time`.
    std::vector<std::string> take_due(TimePoint now, Duration last_words, Duration unbound_time);

    void save(Snapshot& snapshot) const;
    void restore(const Snapshot& snapshot);

private:
    struct Guest {
        std::string network {};
        TimePoint idle_since {};
        bool has_session = false;
        bool is_leaving = false;
        bool is_due = false; // somebody is removing it
    };

    const Limits limits_;
    mutable std::mutex mutex_;
    std::map<std::string, Guest, std::less<>> guests_;
    std::unordered_map<std::string, std::uint32_t> by_network_;
};

}
