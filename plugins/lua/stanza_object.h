// A stanza as scripts see it: read in place, copied before the first change.
#pragma once

#include "machine.h"

#include <nuncio/stanza.h>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace nuncio::lua {

/// What the userdata holds. A handler's stanza is borrowed for the time of the call; one that the
/// script built belongs to the box.
class StanzaBox {
public:
    explicit StanzaBox(Machine& machine)
        : machine_(machine)
    {
    }
    ~StanzaBox() { forget(); }
    StanzaBox(const StanzaBox&) = delete;
    StanzaBox& operator=(const StanzaBox&) = delete;

    void borrow(const Stanza& stanza)
    {
        borrowed_ = &stanza;
        ++epoch_;
    }
    /// The borrowed stanza has moved; its tree has not.
    void moved(const Stanza& stanza)
    {
        if (borrowed_)
            borrowed_ = &stanza;
    }
    void own(Stanza stanza)
    {
        own_ = std::move(stanza);
        borrowed_ = nullptr;
        ++epoch_;
        account();
    }
    /// The call is over: what the script kept of it is empty from now on.
    void release()
    {
        borrowed_ = nullptr;
        if (own_)
            forget();
        ++epoch_;
    }
    bool is_empty() const { return !borrowed_ && !own_; }
    /// A change was made: take_own() is what the script wants instead.
    bool is_changed() const { return bool(own_); }
    const Stanza& read() const { return own_ ? own_ : *borrowed_; }
    /// For changing; account() afterwards.
    Stanza& write()
    {
        if (!own_)
            own_ = *borrowed_;
        ++epoch_;
        return own_;
    }
    /// What the tree takes counts as memory of the script.
    void account()
    {
        const std::size_t now = own_ ? own_.element().arena().capacity() : 0;
        machine_.add_outside(std::ptrdiff_t(now) - std::ptrdiff_t(accounted_));
        accounted_ = now;
    }
    Stanza take_own()
    {
        Stanza taken = std::move(own_);
        forget();
        return taken;
    }
    /// Differs after every change: elements that were looked up before are not valid any more.
    std::uint64_t epoch() const { return epoch_; }

private:
    void forget()
    {
        own_ = Stanza();
        machine_.add_outside(-std::ptrdiff_t(std::exchange(accounted_, 0)));
    }

    Machine& machine_;
    const Stanza* borrowed_ = nullptr;
    std::size_t accounted_ = 0;
    Stanza own_;
    std::uint64_t epoch_ = 0;
};

/// Registers the types, and the global `stanza` with its constructors.
void open_stanza(lua_State* state);

/// Pushes an empty box.
StanzaBox& push_box(lua_State* state);
/// The box at `index`; raises unless it is one and holds a stanza.
StanzaBox& check_box(lua_State* state, int index);
/// The box at `index`, or null.
StanzaBox* test_box(lua_State* state, int index);

}
