// Auth backends: who somebody is, and may they come in.
#pragma once

#include <nuncio/crypto.h>
#include <nuncio/result.h>
#include <nuncio/task.h>
#include <nuncio/value.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::inline v1 {

using ScramHash = Hash;

/// RFC 5802 §3: what a server keeps instead of a password.
struct ScramKeys {
    std::string salt; ///< bytes
    std::string stored_key; ///< bytes
    std::string server_key; ///< bytes
    std::uint32_t iterations = 0;
};

/// The keys of one account by ScramHash, as far as there are any.
using ScramKeySet = std::array<std::optional<ScramKeys>, 3>;

/// What becomes of an account that is there already when one is imported.
enum class ExistingAccount { refuse, replace };

/// What a backend can do; decides which SASL mechanisms a host offers.
struct AuthAbilities {
    bool check_password = true; ///< PLAIN
    bool scram_sha1 = false;
    bool scram_sha256 = false;
    bool scram_sha512 = false;
    bool set_password = false;
    bool create = false;
    bool remove = false;
    bool list = false;
    bool anonymous = false; ///< ANONYMOUS: `make_anonymous`
    bool certificate = false; ///< EXTERNAL: `certificate_users`
    bool set_scram_keys = false; ///< keys of one more hash, derived by the client (XEP-0480)
    std::uint32_t scram_iterations
        = 0; ///< of keys made now; older ones with fewer are made anew at login (XEP-0480)
    bool scram_varies = false; ///< some users have not the keys of every hash above
    bool import_keys = false; ///< accounts with keys that another server has made
};

/// What a client's certificate says of its owner (RFC 6120 §13.7.1, XEP-0178 §2).
struct ClientCertificate {
    bool is_trusted = false; ///< the chain ends at one of the host's authorities, and is valid now
    std::string problem; ///< why it is not trusted, for the log
    std::vector<std::string> xmpp_addresses; ///< id-on-xmppAddr, as they stand there
    std::vector<std::string> dns_names; ///< subjectAltName dNSName
    std::vector<std::string> emails; ///< subjectAltName rfc822Name
    std::string common_name; ///< of the subject; UTF-8
    std::string subject; ///< RFC 2253
    std::string fingerprint; ///< SHA-256 of the certificate, lower-case hex
};

/// Implemented by auth backends, `provide<AuthBackend>`. One instance per host; called on any loop,
/// concurrently; must not block. `user` is a prepared local part, passwords are not prepared.
/// An Error of kind `disabled` or `expired` is for those who have proved who they are: it becomes
/// account-disabled or credentials-expired (RFC 6120 §6.5). Every other Error becomes
/// temporary-auth-failure, never not-authorized.
class NUNCIO_API AuthBackend {
public:
    static constexpr std::string_view interface = "auth/1";
    virtual ~AuthBackend();

    /// What it can do; asked for at start and whenever the chain is built anew.
    virtual AuthAbilities abilities() const = 0;
    /// Whether there is such a user. `user` is a prepared local part, here and below.
    virtual task<Result<bool>> exists(std::string user) = 0;
    /// False, too, when there is no such user: whoever asks must not learn which it was.
    virtual task<Result<bool>> check_password(std::string user, std::string password) = 0;
    /// No value: no such user, or no keys of this kind for the user.
    virtual task<Result<std::optional<ScramKeys>>> scram_keys(std::string user, ScramHash hash);
    /// not_found when there is no such user.
    virtual task<Result<void>> set_password(std::string user, std::string password);
    /// conflict when the user exists.
    virtual task<Result<void>> create(std::string user, std::string password);
    virtual task<Result<void>> remove(std::string user);
    /// Users by name after `after`, at most `limit`.
    virtual task<Result<std::vector<std::string>>> list(std::string after, std::uint32_t limit);
    /// A user for somebody who wants no name (RFC 4505), different each time.
    virtual task<Result<std::string>> make_anonymous();
    /// The users that the owner of a certificate may be (XEP-0178 §2); none: nobody here.
    virtual task<Result<std::vector<std::string>>> certificate_users(ClientCertificate certificate);
    /// Keeps keys of one more hash for a user that exists (XEP-0480).
    virtual task<Result<void>> set_scram_keys(std::string user, ScramHash hash, ScramKeys keys);
    /// A table of what an administrator should know of what it leans on: connections, processes,
    /// the last error. Any thread; empty: nothing to tell.
    virtual Value health() const;
    /// Makes an account of keys that another server kept, at least those of one hash; nobody knows
    /// its password. Of a user that exists already: conflict, or in place of all that was kept of
    /// the password. One write: there is no moment with some of the keys.
    virtual task<Result<void>> import_keys(
        std::string user, ScramKeySet keys, ExistingAccount existing);
    /// What changes whenever the user's password does, whoever changed it: a token that was given
    /// in place of the password (XEP-0484) ends with it. Any bytes, the same until then, from which
    /// nobody can guess the password: random ones, a time, or a digest of what is stored. Empty:
    /// this backend cannot tell. No value: no such user. Asked, in place of exists(), of who comes
    /// with a token: an Error of kind `disabled` or `expired` keeps that one out. Asked, too,
    /// before a password is looked at, of anybody who wants a token: it must not take longer for
    /// who does not exist. By default exists(), without a mark.
    virtual task<Result<std::optional<std::string>>> password_mark(std::string user);
};

/// A host's accounts: its chain of backends behind one face. Implemented by the kernel, which also
/// announces what changed (AccountCreated, AccountRemoved, PasswordChanged).
class NUNCIO_API Accounts {
public:
    virtual ~Accounts();
    virtual task<Result<bool>> exists(std::string user) = 0;
    virtual task<Result<bool>> check_password(std::string user, std::string password) = 0;
    virtual task<Result<void>> create(std::string user, std::string password) = 0;
    virtual task<Result<void>> set_password(std::string user, std::string password) = 0;
    /// Ends the account's sessions, removes it and all that stores hold of it.
    virtual task<Result<void>> remove(std::string user) = 0;
    virtual task<Result<std::vector<std::string>>> list(std::string after, std::uint32_t limit) = 0;
};

}
