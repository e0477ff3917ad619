// Hooks: the bends of a stanza's path where plugins may look, change, take or refuse.
#pragma once

#include <nuncio/error.h>
#include <nuncio/session.h>
#include <nuncio/stanza.h>
#include <nuncio/task.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::inline v1 {

class Host;

/// A handler's verdict: let the next one see it, or "I have dealt with it, nobody else".
enum class Flow { next, done };

/// An event is a struct with a `hook` name. Handlers run on the loop named here, must not block,
/// and may move the stanza out when they answer `done`.

/// A stanza from a local session, `from` stamped, before routing. `done` takes it off its path.
/// Runs on the sender's home loop.
struct StanzaReceived {
    static constexpr std::string_view hook = "stanza.received";
    Session& session;
    Stanza& stanza;
};

/// Presence from a local session, after StanzaReceived: broadcast (no `to`), directed, subscription
/// or probe. `next` routes it when it has a `to`. The session manager has already noted
/// availability and priority of a broadcast. Sender's home loop.
struct PresenceSent {
    static constexpr std::string_view hook = "presence.sent";
    Session& session;
    Stanza& stanza;
    bool was_available = false; ///< before this stanza
};

/// A subscription stanza or a probe for a local account. `next` lets the session manager deliver a
/// subscription stanza to the available resources; a probe then ends here. The recipient's home
/// loop.
struct PresenceArrived {
    static constexpr std::string_view hook = "presence.arrived";
    Account& account;
    Stanza& stanza;
};

/// A stanza at the router: for this host or a plugin's domain on it, or from it to a domain that is
/// not served here. `done` takes it off its path. What is fanned out (broadcast presence) does not
/// come by. Any loop.
struct StanzaRouting {
    static constexpr std::string_view hook = "stanza.routing";
    Host& host;
    Stanza& stanza;
};

/// A stanza about to be delivered to a local account, before the session manager's table
/// (RFC 6121 §8.5). The recipient's home loop.
struct StanzaDelivering {
    static constexpr std::string_view hook = "stanza.delivering";
    Account& account;
    Stanza& stanza;
};

/// A stanza about to be written to one session's stream. `done` drops it. That session's loop.
struct StanzaSending {
    static constexpr std::string_view hook = "stanza.sending";
    Session& session;
    const Stanza& stanza;
};

/// A message that no session of the account takes (RFC 6121 §8.5.2.2, §8.5.3.2, and headline or
/// groupchat excluded). `done`: somebody keeps it, or has answered. `next` from all: the sender
/// hears service-unavailable. The account may not exist. The recipient's home loop.
struct MessageUndelivered {
    static constexpr std::string_view hook = "message.undelivered";
    Account& account;
    Stanza& stanza;
};

/// A message or presence for the server's own JID, or anything but iq for one of its resources.
/// `next` from all: dropped (S51). Any loop.
struct ServerStanza {
    static constexpr std::string_view hook = "server.stanza";
    Host& host;
    Stanza& stanza;
};

/// A resource was bound. Home loop.
struct SessionOpened {
    static constexpr std::string_view hook = "session.opened";
    Session& session;
};

/// A session ends; it still can be asked everything, but nothing more is sent to it. Before this a
/// PresenceSent with type unavailable was run if it was available. Home loop.
struct SessionClosed {
    static constexpr std::string_view hook = "session.closed";
    Session& session;
};

/// A client's stream before a resource is bound. Held by shared_ptr because answers come later;
/// everything is a no-op once the stream has ended. The stream's current loop only.
class NUNCIO_API ClientStream {
public:
    virtual ~ClientStream();
    virtual Host& host() = 0;
    virtual std::string_view address() const = 0;
    virtual bool is_encrypted() const = 0;
    /// The account's local part once authenticated, else empty.
    virtual std::string_view user() const = 0;
    virtual void send(const Stanza& stanza) = 0;
    virtual void close(StreamError error) = 0;
};
using ClientStreamRef = std::shared_ptr<ClientStream>; // shared: answers outlive the stream

/// The features that a stream is about to offer; handlers add theirs. The stream's loop.
struct StreamFeatures {
    static constexpr std::string_view hook = "stream.features";
    enum class Phase {
        encrypt, ///< STARTTLS is still required; nothing else should be offered
        authenticate, ///< SASL is offered
        bind, ///< authenticated, no resource yet
        session, ///< a resource was bound in one go with the authentication (XEP-0386)
    };
    ClientStream& stream;
    Phase phase;
    Element& features;
};

/// The features that a client may have enabled for its session while its resource is bound in one
/// go with its authentication (XEP-0386 §3.1); handlers add theirs, as service discovery names
/// them. Who does handles ResourceBound, too. The stream's loop.
struct BindFeatures {
    static constexpr std::string_view hook = "bind.features";
    ClientStream& stream;
    std::vector<std::string>& features;
};

/// An iq before a resource is bound (RFC 6120 §7.1 forbids others; XEP-0077 uses it). `done`: it
/// will be answered. `next` closes the stream with not-authorized. The stream's loop.
struct UnboundIq {
    static constexpr std::string_view hook = "stream.unbound-iq";
    ClientStreamRef stream;
    Stanza& stanza;
};

/// A client is about to prove who it is; nothing was compared yet. What a handler adds to `waits`
/// is awaited before; a text in an answer refuses the attempt, whatever the proof (the text is for
/// the audit log; the client hears temporary-auth-failure). The stream's loop.
struct AuthenticationBeginning {
    static constexpr std::string_view hook = "auth.beginning";
    ClientStream& stream;
    std::string_view user; ///< as claimed; empty: of no name (ANONYMOUS), or of a certificate's
    std::string_view mechanism;
    std::vector<Completion<std::optional<std::string>>>& waits;
    /// Handlers raise it: so much time passes before anything is compared. The kernel waits, so
    /// that a plugin with delayed attempts can be reloaded.
    Duration delay {};
};

/// Somebody is about to make an account by in-band registration (XEP-0077). What a handler adds to
/// `waits` is awaited before; an error in an answer is what the client hears instead. Emitted by
/// the plugin that offers registration. The stream's loop.
struct AccountRegistering {
    static constexpr std::string_view hook = "account.registering";
    ClientStream& stream;
    JidView account;
    ElementRef form; ///< the client's `<query/>`, password included
    std::vector<Completion<std::optional<StanzaError>>>& waits;
};

/// A client has proved who it is, and has not heard so yet. What a handler adds to `waits` is
/// awaited before; an error in an answer refuses it after all: `disabled` as account-disabled,
/// `expired` as credentials-expired, `refused` as not-authorized, any other as
/// temporary-auth-failure (RFC 6120 §6.5). The stream's loop.
struct AuthenticationProved {
    static constexpr std::string_view hook = "auth.proved";
    ClientStream& stream;
    std::string_view user;
    std::string_view mechanism;
    std::vector<Completion<std::optional<Error>>>& waits;
};

/// A resource is about to be bound in one go with the authentication (XEP-0386 §3.2). A handler
/// that has to fetch something for the client first adds to `answers`: they are awaited, and what
/// elements they bring become children of `<bound/>`, in this order. Meanwhile messages for the
/// account wait, so that what is told of an archive here and what is delivered afterwards leave no
/// gap between them. The account's home loop.
struct ResourceBinding {
    static constexpr std::string_view hook = "bind.beginning";
    Account& account;
    ElementRef request; ///< the client's `<bind xmlns='urn:xmpp:bind:0'/>`
    std::vector<Completion<std::optional<Element>>>& answers;
};

/// The resource was bound, but nobody else has heard of the session, and the client has not heard
/// of anything: SessionOpened follows. Handlers enable what children of `request` ask for, and put
/// what the client should know of it into `bound`. Nothing may be sent to the session here. The
/// account's home loop.
struct ResourceBound {
    static constexpr std::string_view hook = "bind.ended";
    Session& session;
    ElementRef request; ///< as of ResourceBinding
    Element& bound; ///< `<bound xmlns='urn:xmpp:bind:0'/>`, part of `<success/>`
};

/// How one authentication ended; for limits and the audit log. The stream's loop.
struct AuthenticationEnded {
    static constexpr std::string_view hook = "auth.ended";
    ClientStream& stream;
    std::string_view user; ///< as claimed
    std::string_view mechanism;
    bool succeeded = false;
    std::string_view condition {}; ///< of a failure, as on the wire ("not-authorized")
    bool was_guess = false; ///< of a failure: a password was tried, and it was not the right one
    bool has_begun = false; ///< AuthenticationBeginning was run for it
};

/// A password is about to be set, for a new account or an old one, by whatever way. What a handler
/// adds to `waits` is awaited before; an error in an answer is what the caller hears instead
/// (`invalid`: choose another one). The caller's loop.
struct PasswordChoosing {
    static constexpr std::string_view hook = "account.password-choosing";
    Host& host;
    std::string_view user;
    std::string_view password;
    std::vector<Completion<std::optional<Error>>>& waits;
};

/// Accounts came, went or changed their password. The account's home loop.
struct AccountCreated {
    static constexpr std::string_view hook = "account.created";
    Account& account;
};
/// An account is about to be removed: nobody can log in any more, but its sessions and its data are
/// still there. What a handler adds to `waits` is awaited before they go. The home loop.
struct AccountRemoving {
    static constexpr std::string_view hook = "account.removing";
    Account& account;
    std::vector<Completion<bool>>& waits;
};
struct AccountRemoved {
    static constexpr std::string_view hook = "account.removed";
    Account& account;
};
struct PasswordChanged {
    static constexpr std::string_view hook = "account.password-changed";
    Account& account;
};

}
