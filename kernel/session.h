// Sessions and accounts as the kernel has them (RFC 6120 §7, RFC 6121 §4).
#pragma once

#include "virtual_host.h"
#include "waiting_line.h"

#include <nuncio/session.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace nuncio::kernel {

class KernelLoop;

/// Where a session's stanzas go: its current stream. A session may be without one.
class SessionStream {
public:
    virtual void send(const Stanza& stanza) = 0;
    virtual void send_to(const Stanza& stanza, JidView to) = 0;
    /// Ends the stream; the stream then calls ClientSession::stream_ended in a later turn.
    virtual void close(StreamError error) = 0;
    virtual std::string_view address() const = 0;
    virtual bool is_encrypted() const = 0;
    /// Bytes not yet written.
    virtual std::size_t backlog() const = 0;
    /// Back-pressure: stop or go on reading what this client sends.
    virtual void pause_reading() = 0;
    virtual void resume_reading() = 0;

protected:
    ~SessionStream() = default;
};

class ClientSession;

class AccountObject final : public Account {
public:
    AccountObject(VirtualHost& host, Jid jid);
    ~AccountObject() override;

    JidView jid() const override { return jid_; }
    Host& host() override { return host_; }
    VirtualHost& virtual_host() { return host_; }
    std::span<Session* const> sessions() override { return sessions_; }
    Session* find_session(std::string_view resource) override;
    detail::Slots& slots() override { return slots_; }
    void resume_delivery(Stanza stanza, Stage stage) override;

    /// What waits behind a MessageHold; null while there is none.
    WaitingLine* waiting_line() { return waiting_line_.get(); }

private:
    friend class ClientSession;
    friend class SessionManager;
    void retain() override { ++references_; }
    void release() override;
    std::uint64_t hold_messages() override;
    void release_messages(std::uint64_t hold) override;
    void let_go();

    VirtualHost& host_;
    Jid jid_;
    std::vector<Session*> sessions_; ///< bound now, in the order of binding
    std::vector<std::unique_ptr<ClientSession>>
        owned_; ///< also those whose stream is still closing
    detail::Slots slots_;
    std::unique_ptr<WaitingLine> waiting_line_;
    std::uint32_t references_ = 0;
};

class ClientSession final : public Session {
public:
    /// Use SessionManager::open.
    ClientSession(AccountObject& account, Jid jid, SessionStream& stream, std::uint64_t id);
    ~ClientSession() override;

    // Session
    JidView jid() const override { return jid_; }
    Account& account() override { return account_; }
    Host& host() override { return account_.host(); }
    std::uint64_t id() const override { return id_; }
    bool is_available() const override { return bool(presence_); }
    int priority() const override { return priority_; }
    Stanza* presence() override { return presence_.get(); }
    void send(const Stanza& stanza) override;
    void send_to(const Stanza& stanza, JidView to) override;
    void close(StreamError error) override;
    std::string_view address() const override;
    bool is_encrypted() const override;
    TimePoint last_activity() const override { return last_activity_; }
    detail::Slots& slots() override { return slots_; }
    WallTime presence_time() const override { return presence_time_; }
    void resume_received(Stanza stanza, Stage stage) override;
    bool is_congested() const override;
    Completion<bool> drained() override;

    VirtualHost& virtual_host() { return account_.virtual_host(); }

    /// From the stream: one parsed stanza of the client. Checks `from`, stamps it, runs the hooks
    /// and routes. Answers the stream error that ends the stream when `from` is not the client's
    /// (RFC 6120 §8.1.2.1: invalid-from). The session may have been replaced meanwhile; the object
    /// lives until stream_ended().
    std::optional<StreamError> receive(Stanza::Parsed parsed);
    /// From the stream: its backlog is below the low-water mark again.
    void stream_drained();
    /// From the stream, exactly once and as the last call: it is gone. Ends the session if it has
    /// not ended yet, and destroys this object.
    void stream_ended();

private:
    friend class SessionManager;
    /// After the hooks.
    void go_on(Stanza&& stanza);
    void receive_presence(Stanza&& stanza);
    void deliver(const Stanza& stanza, JidView to);
    void resume_behind(Stanza stanza, const TakenBy& taken);
    bool must_wait(const RouteTable& table, const Stanza& received) const;
    void wait(Stanza::Parsed parsed);
    void pause_sender(JidView sender);
    void end_congestion(bool is_drained);
    /// Unavailable presence, SessionClosed, out of the account's list. Once.
    void end();

    AccountObject& account_;
    AccountRef account_reference_; // keeps account_
    Jid jid_;
    SessionStream* stream_; ///< after it has ended, one that takes nothing
    std::unique_ptr<Stanza> presence_;
    WallTime presence_time_;
    /// Who waits until this client has taken more of what waits for it.
    struct Congestion {
        std::vector<Jid> paused_senders;
        std::vector<Completion<bool>> waiting;
    };
    std::unique_ptr<Congestion> congestion_; ///< rarely there
    std::uint64_t id_;
    TimePoint last_activity_;
    detail::Slots slots_;
    std::uint32_t pauses_ = 0; ///< congested recipients that wait for this sender to hold back
    std::int8_t priority_ = 0;
    bool has_ended_ = false;
};

/// What deliveries to local accounts do: RFC 6121 §8.5 as one table. Home loop of the account.
class SessionManager {
public:
    explicit SessionManager(VirtualHost& host)
        : host_(host)
    {
    }
    /// Binds a resource: makes the session, ends an older one of the same resource with `conflict`
    /// (RFC 6120 §7.7.2.2), runs SessionOpened. Fails with kind `limit` when the account has too
    /// many sessions. An empty resource is made up (RFC 6120 §7.6).
    /// `enabled` gets the session before anybody else hears of it.
    Result<ClientSession*> open(std::string_view user, std::string_view resource,
        SessionStream& stream, const Function<void(ClientSession&)>& enabled = {});

    /// A stanza for `local@domain[/resource]` of this host.
    void deliver(Stanza&& stanza) { deliver(std::move(stanza), {}); }
    /// The same for one that a handler of StanzaDelivering took, and gives back.
    void deliver(Stanza&& stanza, const std::optional<TakenBy>& taken);
    /// After the hooks; `account` may be null.
    void go_on(AccountObject* account, Stanza&& stanza);
    /// The same content for `to` in place of its own.
    void deliver_to(const std::shared_ptr<const Stanza>& shared, JidView to);

private:
    // Until the plugins that it concerns have handed over.
    void hold_at_the_door(Stanza stanza, std::optional<TakenBy> taken);
    void hold_behind_it(Stanza stanza); ///< StanzaDelivering has seen it
    void deliver_message(AccountObject* account, ClientSession* session, Stanza&& stanza);
    void deliver_presence(AccountObject* account, ClientSession* session, Stanza&& stanza);
    void deliver_iq(AccountObject* account, ClientSession* session, Stanza&& stanza);

    VirtualHost& host_;
};

}
