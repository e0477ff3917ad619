#include "token_door.h"

#include "service_call.h"
#include "virtual_host.h"

namespace nuncio::kernel {

namespace {

    struct Keeper {
        LoginTokens* tokens = nullptr; ///< null: nobody keeps any
        PluginInstance* instance = nullptr;
        Lease lease {};
    };

    const ServiceEntry* entry_of(VirtualHost& host)
    {
        return host.table().find_service(LoginTokens::interface);
    }

    /// The keeper once it does not hand over, kept in place.
    task<Keeper> keeper_of(VirtualHost& host)
    {
        const ServiceEntry* entry = entry_of(host);
        while (entry && host.table().is_paused(*entry->instance)) {
            const Completion<bool> released;
            host.hold(LoginTokens::interface, [released] { released.resolve(true); });
            co_await released;
            entry = entry_of(host);
        }
        if (!entry)
            co_return Keeper();
        co_return Keeper { static_cast<LoginTokens*>(entry->service), entry->instance,
            Lease(*entry->instance) };
    }

    template <class T, class Call>
    task<Result<T>> ask(VirtualHost& host, Call call)
    {
        const Keeper keeper = co_await keeper_of(host);
        if (!keeper.tokens)
            co_return Error { "nobody keeps login tokens for " + std::string(host.domain()),
                Error::Kind::unavailable };
        auto bound = [&] { return call(*keeper.tokens); };
        co_return co_await call_service<T>(*keeper.instance, bound);
    }

}

bool TokenDoor::is_open() const
{
    return entry_of(host_) != nullptr;
}

task<Result<std::vector<LoginToken>>> TokenDoor::find(
    LoginClient client, std::string mechanism) const
{
    auto call = [&](LoginTokens& tokens) { return tokens.find(client, mechanism); };
    co_return co_await ask<std::vector<LoginToken>>(host_, call);
}

task<Result<bool>> TokenDoor::use(LoginClient client, std::string id, LoginTokenUse use) const
{
    auto call = [&](LoginTokens& tokens) { return tokens.use(client, id, use); };
    co_return co_await ask<bool>(host_, call);
}

task<Result<IssuedToken>> TokenDoor::issue(LoginClient client, NewLoginToken wanted) const
{
    auto call = [&](LoginTokens& tokens) { return tokens.issue(client, wanted); };
    co_return co_await ask<IssuedToken>(host_, call);
}

}
