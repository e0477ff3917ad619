// Accounts and sessions as plugins see them, and the slots that hang plugins' state on them.
#pragma once

#include <nuncio/loop.h>
#include <nuncio/snapshot.h>
#include <nuncio/stanza.h>
#include <nuncio/task.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace nuncio::inline v1 {

class Account;
class Host;

/// When a handler runs among the others of its hook. Within a stage: in the order of plugin start.
enum class Stage { first, early, normal, late, last };

/// Names one slot of a host's sessions or accounts. See Host::session_slot.
template <class T>
struct SlotId {
    std::uint32_t index = 0;
};

namespace detail {

    /// How a slot's values are carried to the next generation of their plugin: `write` is the
    /// former code, `read` the new one, which makes a value of its own type or answers why not.
    struct SlotCodec {
        void (*write)(const void* value, Snapshot& snapshot) = nullptr;
        Result<void*> (*read)(const Snapshot& snapshot) = nullptr;
        void (*destroy)(void* value) = nullptr;

        explicit operator bool() const { return write != nullptr; }
    };

    /// Has `void save(Snapshot&) const`, and `restore(const Snapshot&)`, which answers nothing or a
    /// Result<void>.
    template <class T>
    concept Carried = requires(const T& from, T& to, Snapshot& out, const Snapshot& in)
    {
        from.save(out);
        to.restore(in);
    };

    template <Carried T>
    SlotCodec slot_codec()
    {
        return { [](const void* value, Snapshot& out) { static_cast<const T*>(value)->save(out); },
            [](const Snapshot& in) -> Result<void*> {
                auto made = std::make_unique<T>();
                if constexpr (std::is_void_v<decltype(made->restore(in))>)
                    made->restore(in);
                else if (Result<void> restored = made->restore(in); !restored)
                    return restored.error();
                return static_cast<void*>(made.release());
            },
            [](void* value) { delete static_cast<T*>(value); } };
    }

    /// Kernel-owned values of plugins, by slot.
    class NUNCIO_API Slots {
    public:
        Slots() = default;
        Slots(Slots&&) = delete;
        ~Slots();
        /// The value, or null.
        void* find(std::uint32_t index) const;
        void set(std::uint32_t index, void* value, void (*destroy)(void*));
        void clear(std::uint32_t index);
        bool empty() const { return values_.empty(); }

    private:
        struct Value {
            std::uint32_t index;
            void* value;
            void (*destroy)(void*);
        };
        std::vector<Value> values_; // few: searched from the front
    };

}

/// One bound resource of an account. Outlives its connection. Lives on its account's home loop, and
/// is used only there; may end while a task waits.
class NUNCIO_API Session {
public:
    virtual ~Session();

    /// Its full address, account and host, as long as it is bound.
    virtual JidView jid() const = 0;
    virtual Account& account() = 0;
    virtual Host& host() = 0;
    /// Differs for every session that ever was in this process.
    virtual std::uint64_t id() const = 0;

    /// Available: has sent presence without type (RFC 6121 §4.2) and not withdrawn it.
    virtual bool is_available() const = 0;
    /// RFC 6121 §4.7.2.3; meaningless unless available.
    virtual int priority() const = 0;
    /// The last broadcast presence, or null unless available. It may be amended: probes are
    /// answered with it.
    virtual Stanza* presence() = 0;

    /// Hands a stanza to this session's stream, past the router. `to` is written as given.
    virtual void send(const Stanza& stanza) = 0;
    /// The same content with another `to`; serves a fan-out without copies.
    virtual void send_to(const Stanza& stanza, JidView to) = 0;
    /// Ends the stream with an error; the session's clean-up follows in a later turn.
    virtual void close(StreamError error) = 0;

    /// Peer address without port, for limits and audit.
    virtual std::string_view address() const = 0;
    virtual bool is_encrypted() const = 0;
    /// Of the last bytes that the client sent.
    virtual TimePoint last_activity() const = 0;

    /// The value of a slot, made by default on first use; `find_slot` answers null before that.
    template <class T>
    T& slot(SlotId<T> id);
    template <class T>
    T* find_slot(SlotId<T> id)
    {
        return static_cast<T*>(slots().find(id.index));
    }

    /// Where slots lie; for slot() and find_slot().
    virtual detail::Slots& slots() = 0;

    /// When the client sent its last broadcast presence; meaningless unless available.
    virtual WallTime presence_time() const = 0;

    /// Goes on with a stanza that the calling plugin's handler of StanzaReceived took at `stage`,
    /// as if that handler had answered `next` now. `from` must still be as it was.
    virtual void resume_received(Stanza stanza, Stage stage) = 0;

    /// More waits to be written to its client than the limit `output_high` says. Who has much to
    /// hand over stops then, waits for drained() and goes on: at `output_max` the stream ends.
    virtual bool is_congested() const = 0;
    /// True when the client has taken enough of what waits, false when the session has ended.
    virtual Completion<bool> drained() = 0;
};

/// One bare JID of a local host, while somebody is online or something refers to it. Lives on its
/// home loop and is used only there.
class NUNCIO_API Account {
public:
    virtual ~Account();

    /// The bare JID.
    virtual JidView jid() const = 0;
    virtual Host& host() = 0;
    /// Bound sessions in the order of their binding. Valid until the loop is left.
    virtual std::span<Session* const> sessions() = 0;
    virtual Session* find_session(std::string_view resource) = 0;

    /// As of Session.
    template <class T>
    T& slot(SlotId<T> id);
    template <class T>
    T* find_slot(SlotId<T> id)
    {
        return static_cast<T*>(slots().find(id.index));
    }
    virtual detail::Slots& slots() = 0;

protected:
    friend class AccountRef;
    friend class MessageHold;
    virtual void retain() = 0;
    virtual void release() = 0;
    virtual std::uint64_t hold_messages() = 0;
    virtual void release_messages(std::uint64_t hold) = 0;

public:
    /// Goes on with a stanza that the calling plugin's handler of StanzaDelivering took at `stage`,
    /// as if that handler had answered `next` now: behind older messages that are being handed over
    /// (MessageHold), too. It still is addressed to this account.
    virtual void resume_delivery(Stanza stanza, Stage stage) = 0;
};

/// Keeps an Account object alive across waits, also without sessions. Home loop only.
class AccountRef {
public:
    AccountRef() = default;
    explicit AccountRef(Account& account)
        : account_(&account)
    {
        account_->retain();
    }
    AccountRef(const AccountRef& other)
        : account_(other.account_)
    {
        if (account_)
            account_->retain();
    }
    AccountRef(AccountRef&& other) noexcept
        : account_(std::exchange(other.account_, nullptr))
    {
    }
    AccountRef& operator=(AccountRef other) noexcept
    {
        std::swap(account_, other.account_);
        return *this;
    }
    ~AccountRef()
    {
        if (account_)
            account_->release();
    }
    explicit operator bool() const { return account_ != nullptr; }
    Account& operator*() const { return *account_; }
    Account* operator->() const { return account_; }

private:
    Account* account_ = nullptr;
};

/// While one exists, messages that arrive for an account wait: somebody is about to hand over older
/// ones, which they must not overtake (RFC 6120 §10.1). Afterwards they go on as if they had just
/// arrived. What waits is bounded by `limits.held_bytes` and `limits.held_time`: a hold that lasts
/// longer is over. Home loop only.
class MessageHold {
public:
    MessageHold() = default;
    explicit MessageHold(Account& account)
        : account_(account)
        , number_(account.hold_messages())
    {
    }
    MessageHold(MessageHold&& other) noexcept
        : account_(std::move(other.account_))
        , number_(other.number_)
    {
    }
    MessageHold& operator=(MessageHold other) noexcept
    {
        std::swap(account_, other.account_);
        std::swap(number_, other.number_);
        return *this;
    }
    ~MessageHold()
    {
        if (account_)
            account_->release_messages(number_);
    }
    explicit operator bool() const { return bool(account_); }

private:
    AccountRef account_;
    std::uint64_t number_ = 0;
};

/// Finds a session again after a wait. Home loop only.
class SessionRef {
public:
    SessionRef() = default;
    explicit SessionRef(Session& session)
        : account_(session.account())
        , id_(session.id())
    {
    }
    /// The session, or null when it ended.
    Session* get() const
    {
        if (account_)
            for (Session* session : account_->sessions())
                if (session->id() == id_)
                    return session;
        return nullptr;
    }
    Account& account() const { return *account_; }

private:
    AccountRef account_;
    std::uint64_t id_ = 0;
};

namespace detail {
    template <class T>
    T& slot_of(Slots& slots, std::uint32_t index)
    {
        if (void* found = slots.find(index))
            return *static_cast<T*>(found);
        auto made = std::make_unique<T>();
        T& value = *made;
        slots.set(index, made.release(), [](void* old) { delete static_cast<T*>(old); });
        return value;
    }
}

template <class T>
T& Session::slot(SlotId<T> id)
{
    return detail::slot_of<T>(slots(), id.index);
}
template <class T>
T& Account::slot(SlotId<T> id)
{
    return detail::slot_of<T>(slots(), id.index);
}

}
