#include "guests.h"

#include <nuncio/address.h>

namespace nuncio::anonymous {

bool Guests::add(const std::string& user, TimePoint now)
{
    const std::lock_guard lock(mutex_);
    if (guests_.size() >= limits_.users)
        return false;
    return guests_.emplace(user, Guest { .idle_since = now }).second;
}

bool Guests::settle(std::string_view user, std::string_view address)
{
    const std::lock_guard lock(mutex_);
    const auto guest = guests_.find(user);
    if (guest == guests_.end())
        return false;
    auto network = network_of(address);
    std::uint32_t& count = by_network_[network];
    if (count >= limits_.users_per_address)
        return false;
    ++count;
    guest->second.network = std::move(network);
    return true;
}

bool Guests::open(std::string_view user)
{
    const std::lock_guard lock(mutex_);
    const auto guest = guests_.find(user);
    if (guest == guests_.end())
        return false;
    guest->second.has_session = true;
    guest->second.is_leaving = false;
    return true;
}

bool Guests::close(std::string_view user, TimePoint now)
{
    const std::lock_guard lock(mutex_);
    const auto guest = guests_.find(user);
    if (guest == guests_.end())
        return false;
    guest->second.has_session = false;
    guest->second.is_leaving = true;
    guest->second.is_due = false;
    guest->second.idle_since = now;
    return true;
}

bool Guests::has(std::string_view user) const
{
    const std::lock_guard lock(mutex_);
    const auto guest = guests_.find(user);
    return guest != guests_.end() && !guest->second.is_leaving;
}

void Guests::set_leaving(std::string_view user, bool is_leaving)
{
    const std::lock_guard lock(mutex_);
    if (const auto guest = guests_.find(user); guest != guests_.end())
        guest->second.is_leaving = is_leaving;
}

bool Guests::adopt(const std::string& user, TimePoint now)
{
    const std::lock_guard lock(mutex_);
    return guests_.emplace(user, Guest { .idle_since = now, .is_leaving = true }).second;
}

void Guests::remove(std::string_view user)
{
    const std::lock_guard lock(mutex_);
    const auto guest = guests_.find(user);
    if (guest == guests_.end())
        return;
    if (const auto from = by_network_.find(guest->second.network);
        from != by_network_.end() && --from->second == 0)
        by_network_.erase(from);
    guests_.erase(guest);
}

std::vector<std::string> Guests::take_due(TimePoint now, Duration last_words, Duration unbound_time)
{
    std::vector<std::string> due;
    const std::lock_guard lock(mutex_);
    for (auto& [user, guest] : guests_) {
        const auto wait = guest.is_leaving ? last_words : unbound_time;
        if (guest.has_session || guest.is_due || now - guest.idle_since < wait)
            continue;
        guest.is_due = true;
        due.push_back(user);
    }
    return due;
}

void Guests::save(Snapshot& snapshot) const
{
    Value::Array rows;
    const std::lock_guard lock(mutex_);
    for (const auto& [user, guest] : guests_) {
        Value row;
        row["user"] = user;
        row["network"] = guest.network;
        row["idle_since"] = std::int64_t(guest.idle_since.time_since_epoch().count());
        row["has_session"] = guest.has_session;
        row["is_leaving"] = guest.is_leaving;
        rows.push_back(std::move(row));
    }
    snapshot.put("guests", Value(std::move(rows)));
}

void Guests::restore(const Snapshot& snapshot)
{
    const std::lock_guard lock(mutex_);
    for (const Value& row : snapshot.list("guests")) {
        const Value* user = row.find("user");
        const Value* network = row.find("network");
        const Value* idle_since = row.find("idle_since");
        const Value* has_session = row.find("has_session");
        const Value* is_leaving = row.find("is_leaving");
        if (!user || !network || !idle_since || !has_session || !is_leaving)
            continue;
        // Limits that are lower now are for who comes, not for who is here.
        Guest guest { .network = network->as_string(),
            .idle_since = TimePoint(TimePoint::duration(idle_since->as_integer())),
            .has_session = has_session->as_bool(),
            .is_leaving = is_leaving->as_bool() };
        if (!guest.network.empty())
            ++by_network_[guest.network];
        guests_.emplace(user->as_string(), std::move(guest));
    }
}

}
