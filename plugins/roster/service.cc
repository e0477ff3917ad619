#include "service.h"

#include <algorithm>
#include <charconv>

namespace nuncio::roster {

namespace {

    /// The key of an account's version among its contacts; no address has a '#' alone in front.
    constexpr const char* version_key = "#version";

    std::uint64_t read_number(const std::string& text)
    {
        std::uint64_t number = 0;
        (void)std::from_chars(text.data(), text.data() + text.size(), number);
        return number;
    }

}

Service::Service(Context& context, const Limits& limits)
    : context_(context)
    , limits_(limits)
    , store_(context.store("roster"))
    , slot_(context.account_slot<Slot>("roster"))
    , interest_(context.session_slot<Interest>("roster-interest"))
{
}

const Roster* Service::find(Account& account)
{
    const Slot* slot = account.find_slot(slot_);
    return slot && slot->state == Slot::State::loaded ? &slot->roster : nullptr;
}

task<Result<const Roster*>> Service::get(AccountRef account)
{
    Slot& slot = account->slot(slot_);
    if (slot.state == Slot::State::loading) {
        Completion<Result<void>> loaded;
        slot.waiting.push_back(loaded);
        if (const auto done = co_await loaded; !done)
            co_return done.error();
    } else if (slot.state == Slot::State::empty) {
        slot.state = Slot::State::loading;
        const auto done = co_await load(account);
        // Whoever waits goes on after this one, in the order of asking.
        for (const auto& waiting : std::exchange(slot.waiting, {}))
            waiting.resolve(done);
        if (!done)
            co_return done.error();
    }
    co_return &account->slot(slot_).roster;
}

task<Result<void>> Service::load(AccountRef account)
{
    std::vector<StorageOp> steps(1);
    steps[0] = { .kind = StorageOp::Kind::list,
        .owner = std::string(account->jid().text()),
        .limit = std::numeric_limits<std::uint32_t>::max() };
    const auto answers = co_await store_.batch(std::move(steps));
    Slot& slot = account->slot(slot_);
    if (slot.state != Slot::State::loading)
        co_return Result<void>(); // forgotten meanwhile: it is empty for good
    if (!answers) {
        slot.state = Slot::State::empty;
        co_return answers.error();
    }
    for (const StorageRow& row : answers->front()) {
        if (row.key == version_key) {
            slot.roster.version = read_number(row.value);
            continue;
        }
        auto item = read_item(row.key, row.value);
        if (item)
            slot.roster.items.emplace(row.key, std::move(*item));
        else
            context_.log().error("the contact {} of {} cannot be read: {}", row.key, account->jid(),
                item.error().text);
    }
    slot.state = Slot::State::loaded;
    co_return Result<void>();
}

Result<void> Service::check_room(const Roster& roster, const RosterItem& item) const
{
    const auto listed = std::size_t(
        std::ranges::count_if(roster.items, [](const auto& entry) { return entry.second.listed; }));
    const auto taken = item.listed ? listed : roster.items.size() - listed;
    const auto limit = item.listed ? limits_.items : limits_.requests;
    if (taken < limit)
        return {};
    return Error { "the roster has " + std::to_string(limit)
            + (item.listed ? " contacts" : " open requests") + ", the most it may have",
        Error::Kind::limit };
}

task<Result<void>> Service::update(AccountRef account, Jid contact,
    std::function<void(RosterItem&)> change, std::function<void(Account&)> committed)
{
    if (const auto loaded = co_await get(account); !loaded)
        co_return loaded.error();

    // From here to the wait for storage nothing else runs for this account: change, version and
    // the order of writes agree.
    Roster& roster = account->slot(slot_).roster;
    const RosterItem* found = roster.find(contact);
    const RosterItem before = found ? *found : RosterItem { .jid = contact };
    RosterItem after = before;
    change(after);
    if (!found || found->listed != after.listed)
        if (says_something(after) && (after.listed || !found))
            if (auto room = check_room(roster, after); !room)
                co_return room;

    const std::string written = to_text(after);
    if (written == to_text(before)) { // nothing to store or to push
        if (committed)
            committed(*account);
        co_return Result<void>();
    }
    const std::string owner(account->jid().text());
    std::vector<StorageOp> steps;
    const bool keeps = says_something(after);
    if (keeps)
        steps.push_back({ .kind = StorageOp::Kind::put,
            .owner = owner,
            .key = contact.text(),
            .value = written });
    else
        steps.push_back({ .kind = StorageOp::Kind::remove, .owner = owner, .key = contact.text() });
    Element pushed;
    if (!look_equal(before, after)) {
        // The clock keeps versions growing even when an older copy of the store is put back.
        const auto now = std::uint64_t(Loop::current()->wall_time().time_since_epoch().count());
        roster.version = std::max(roster.version + 1, now);
        const auto version = std::to_string(roster.version);
        steps.push_back(
            { .kind = StorageOp::Kind::put, .owner = owner, .key = version_key, .value = version });
        pushed = Element("query", ns_roster);
        pushed.attr("ver", version);
        append_item(pushed, after);
    }
    if (keeps)
        roster.items.insert_or_assign(contact.text(), std::move(after));
    else
        roster.items.erase(contact.text());

    const auto stored = co_await store_.batch(std::move(steps));
    if (!stored) {
        // Memory must not promise what the store does not have. A later change of this contact
        // writes the item as a whole, this change included: then it stands.
        Roster& now = account->slot(slot_).roster;
        const RosterItem* current = now.find(contact);
        if (current ? to_text(*current) == written : !keeps) {
            now.items.erase(contact.text());
            if (says_something(before))
                now.items.emplace(contact.text(), before);
        }
        co_return stored.error();
    }
    if (committed)
        committed(*account);
    if (pushed)
        push(*account, pushed);
    co_return Result<void>();
}

void Service::push(Account& account, const Element& query)
{
    Stanza iq(Stanza::Kind::iq, Stanza::Type::set);
    iq.set_id(context_.host().random_id());
    iq.element().append(query);
    for (Session* session : account.sessions())
        if (is_interested(*session))
            session->send_to(iq, session->jid());
}

bool Service::is_interested(Session& session)
{
    const Interest* interest = session.find_slot(interest_);
    return interest && interest->is_set;
}

void Service::set_interested(Session& session)
{
    session.slot(interest_).is_set = true;
}

void Service::forget(Account& account)
{
    Slot& slot = account.slot(slot_);
    slot.roster = {};
    slot.state = Slot::State::loaded;
}

}
