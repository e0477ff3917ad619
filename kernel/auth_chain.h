// A host's chain of auth backends behind one face.
#pragma once

#include <nuncio/auth.h>
#include <nuncio/session.h>

namespace nuncio::kernel {

class VirtualHost;

/// Asks the backends in the configured order. Found through the host's table on every call, so that
/// a backend may be loaded and unloaded at any time.
class AuthChain final : public Accounts {
public:
    explicit AuthChain(VirtualHost& host)
        : host_(host)
    {
    }

    /// The union of what the backends can do now.
    AuthAbilities abilities() const;
    /// The first backend that has the user's keys answers.
    task<Result<std::optional<ScramKeys>>> scram_keys(std::string user, ScramHash hash);
    /// The first backend that can, and has the user, keeps them (XEP-0480).
    task<Result<void>> set_scram_keys(std::string user, ScramHash hash, ScramKeys keys);

    /// Of the first backend that can.
    task<Result<std::string>> make_anonymous();
    /// Whom the owner of a certificate may be, by all backends, sorted; those who have an account.
    task<Result<std::vector<std::string>>> certificate_users(ClientCertificate certificate);

    /// Of the first backend that has the user, who comes with a token or wants one; as
    /// AuthBackend::password_mark.
    task<Result<std::optional<std::string>>> password_mark(std::string user);

    task<Result<bool>> exists(std::string user) override;
    task<Result<bool>> check_password(std::string user, std::string password) override;
    task<Result<void>> create(std::string user, std::string password) override;
    task<Result<void>> set_password(std::string user, std::string password) override;
    task<Result<void>> remove(std::string user) override;
    task<Result<std::vector<std::string>>> list(std::string after, std::uint32_t limit) override;

    /// One account as another server kept it: keys, or a password from which a backend makes its
    /// own. The rules for new passwords are not asked: it is none, and keys could not be judged.
    struct Import {
        std::string user; ///< prepared
        std::optional<std::string> password {};
        ScramKeySet keys {};
    };
    enum class Imported { created, replaced };
    /// Into the first backend that can take it; what exists stays in the backend that has it.
    /// `conflict` when it exists and `existing` refuses. `only_ask`: tells what would happen, as
    /// far as can be told, and does nothing.
    enum class Trial { carry_out, only_ask };
    task<Result<Imported>> import_account(Import account, ExistingAccount existing, Trial trial);

    /// For the administrator: the backends as they are.
    struct BackendStatus {
        std::string name;
        AuthAbilities abilities;
        Value health;
    };
    std::vector<BackendStatus> status() const;
    /// What each backend says of a user, and of a password unless it is empty.
    struct BackendVerdict {
        std::string name;
        Result<bool> exists;
        std::optional<Result<bool>> password {};
        Duration took {};
    };
    task<std::vector<BackendVerdict>> examine(std::string user, std::string password);

private:
    task<Result<bool>> remove_keys(std::string user);
    void announce_created(const std::string& user);
    void announce_changed(const std::string& user);
    task<Result<std::vector<std::string>>> ask_owners(ClientCertificate certificate);
    /// What plugins have against a password (PasswordChoosing).
    task<Result<void>> approve(std::string user, std::string password);
    /// Runs `job` at home with the account, once no plugin that handles `hook` hands over.
    void in_turn(std::string_view hook, JidView bare, Function<void(Account&)> job);

    VirtualHost& host_;
};

}
