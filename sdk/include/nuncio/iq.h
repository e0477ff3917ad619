// IQ handlers: one namespace, one owner, one queueing discipline.
#pragma once

#include <nuncio/session.h>
#include <nuncio/stanza.h>
#include <nuncio/task.h>

#include <optional>
#include <type_traits>
#include <utility>

namespace nuncio::inline v1 {

/// Whom the iq was addressed to.
enum class Component {
    local, ///< the server's own JID
    sm, ///< a user's bare JID, answered on the user's behalf
};

/// Where and in which order a handler's calls run. A handler that waits (answers a task) always
/// runs on the loop; the discipline then says how many of its calls may be under way at once. A
/// handler that answers at once runs inline under `no_queue` and in the worker pool under the
/// others, where it may take its time, but must not touch sessions, accounts or slots.
struct Discipline {
    enum class Kind { no_queue, one_queue, queues, parallel };
    Kind kind = Kind::no_queue;
    std::uint32_t count = 0; ///< of `queues`

    /// On the loop, at once: must return within microseconds.
    static constexpr Discipline no_queue() { return { Kind::no_queue, 0 }; }
    /// FIFO, one at a time for the handler.
    static constexpr Discipline one_queue() { return { Kind::one_queue, 1 }; }
    /// `n` queues chosen by hash of the sender's bare JID: FIFO per sender.
    static constexpr Discipline queues(std::uint32_t n) { return { Kind::queues, n }; }
    /// Any worker; replies are kept in order per sender.
    static constexpr Discipline parallel() { return { Kind::parallel, 0 }; }
};

/// Who may ask. What is not allowed is answered without calling the handler.
enum class Access {
    anyone,
    owner, ///< Component::sm: only the account itself; others hear service-unavailable
    local_users, ///< only accounts of this host
};

class IqReply;

/// One request. Lives until its handler (or its handler's task) has ended.
class NUNCIO_API Iq {
public:
    Iq(Stanza stanza, Host& host, Account* account)
        : stanza_(std::move(stanza))
        , host_(host)
        , account_(account)
    {
    }
    const Stanza& stanza() const { return stanza_; }
    /// For who calls handlers: the request goes, and of this only the account and the host stay.
    Stanza take_stanza() { return std::move(stanza_); }
    JidView from() const { return stanza_.from(); }
    JidView to() const { return stanza_.to(); }
    bool is_get() const { return stanza_.type() == Stanza::Type::get; }
    bool is_set() const { return stanza_.type() == Stanza::Type::set; }
    ElementRef payload() const { return stanza_.payload(); }
    Host& host() const { return host_; }
    /// Component::sm on the loop: the account asked; kept alive until the reply. Else null.
    Account* account() const { return account_; }
    /// Component::sm: the session that asked when it belongs to the same account, else null.
    Session* sender() const;

private:
    Stanza stanza_;
    Host& host_;
    Account* account_;
};

/// A handler's answer: an empty result, a result with a payload, or an error.
class NUNCIO_API IqReply {
public:
    IqReply() = default;
    IqReply(Element payload)
        : payload_(std::move(payload))
    {
    }
    IqReply(StanzaError error)
        : error_(std::move(error))
    {
    }
    IqReply(StanzaError::Condition condition)
        : error_(StanzaError { condition })
    {
    }
    const std::optional<StanzaError>& error() const { return error_; }
    const Element& payload() const { return payload_; }
    /// The stanza that answers `request`.
    Stanza stanza(const Stanza& request) const;
    /// The same in the memory of the request.
    Stanza stanza(Stanza&& request) const;

private:
    Stanza completed(Stanza result) const;
    Element payload_;
    std::optional<StanzaError> error_;
};

/// How requests of one namespace are answered.
struct IqOptions {
    Discipline discipline = Discipline::no_queue();
    Access access = Access::anyone;
    /// Advertise the namespace in service discovery.
    bool advertise = true;
};

}
