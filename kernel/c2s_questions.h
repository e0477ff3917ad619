// What a login asks the backends and the plugins. The stream may be gone when they answer.
#pragma once

#include "detached.h"
#include "sasl/exchange.h"
#include "stream_handle.h"

#include <nuncio/auth.h>
#include <nuncio/function.h>
#include <nuncio/login_tokens.h>
#include <nuncio/result.h>
#include <nuncio/task.h>

#include <memory>
#include <string>

namespace nuncio::kernel {

/// Whether the client wants a token in place of its password (XEP-0484).
enum class TokenWish { no, yes };

/// The answer goes to the negotiation of the handle, if there still is one.
struct LoginQuestion {
    using Answer = Result<sasl::BackendAnswer>;

    // To the backends.
    static task<Answer> keys(VirtualHost& host, std::string user, ScramHash hash, TokenWish wish);
    static task<Answer> password(
        VirtualHost& host, std::string user, std::string password, TokenWish wish);
    static task<Answer> anonymous(VirtualHost& host);
    static task<Answer> tokens(VirtualHost& host, LoginClient client, std::string mechanism);
    static task<Answer> users(VirtualHost& host, ClientCertificate certificate);

    /// Asks one of these, unless the plugins object to the attempt: Negotiation::answered.
    static Detached ask(std::shared_ptr<StreamHandle> handle, std::string user,
        std::string mechanism, Function<task<Answer>(VirtualHost&)> question);
    /// What can be offered to `user`: Negotiation::abilities_known.
    static Detached ask_abilities(std::shared_ptr<StreamHandle> handle, std::string user);
    /// Whether it makes sense to offer a login by this certificate: Negotiation::owner_found.
    static Detached ask_owner(std::shared_ptr<StreamHandle> handle, ClientCertificate certificate);
    /// Whether somebody who has proved who it is may come in; the plugins decide:
    /// Negotiation::judged.
    static Detached ask_verdict(std::shared_ptr<StreamHandle> handle, std::string user,
        std::string mechanism, sasl::Step success);
};

}
