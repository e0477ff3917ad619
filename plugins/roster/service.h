// The rosters of a host: loaded once, changed in memory at once, stored, then pushed.
#pragma once

#include "item.h"

#include <nuncio/context.h>
#include <nuncio/roster.h>

#include <vector>

namespace nuncio::roster {

/// Lives in the instance; each roster in a slot of its account.
class Service final : public RosterService {
public:
    Service(Context& context, const Limits& limits);

    task<Result<const Roster*>> get(AccountRef account) override;
    const Roster* find(Account& account) override;
    task<Result<void>> update(AccountRef account, Jid contact,
        std::function<void(RosterItem&)> change, std::function<void(Account&)> committed) override;
    bool is_interested(Session& session) override;

    /// RFC 6121 §2.2: it has asked for the roster, so it gets pushes from now on.
    void set_interested(Session& session);
    /// The account is gone; its stored roster goes by itself.
    void forget(Account& account);

private:
    struct Slot {
        Roster roster;
        enum class State { empty, loading, loaded } state = State::empty;
        std::vector<Completion<Result<void>>> waiting; ///< for the one load under way
    };
    /// Carried across a reload, or its client would hear of no change any more. Rosters themselves
    /// are not: they are read again.
    struct Interest {
        bool is_set = false;

        void save(Snapshot& snapshot) const { snapshot.put("is_set", is_set); }
        void restore(const Snapshot& snapshot) { is_set = snapshot.get("is_set", false); }
    };

    task<Result<void>> load(AccountRef account);
    Result<void> check_room(const Roster& roster, const RosterItem& item) const;
    void push(Account& account, const Element& query);

    Context& context_;
    const Limits limits_;
    Store store_;
    SlotId<Slot> slot_;
    SlotId<Interest> interest_;
};

}
