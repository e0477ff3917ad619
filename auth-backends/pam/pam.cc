// auth/1 over PAM, which blocks and wants rights: nuncio-pam asks it, as a process of its own.
#include "request.h"

#include <nuncio/plugin.h>
#include <nuncio/process_pool.h>

#include <optional>

namespace nuncio::pam {

namespace {

    constexpr const char* installed_helper = NUNCIO_PAM_HELPER;
    constexpr std::string_view probe_user = "nuncio-self-test";

}

struct Settings {
    std::string helper;
    std::string service = "nuncio";
    std::string socket;
    std::string names = "user";
    std::uint32_t processes = 4;
    std::uint32_t queue = 256;
    std::chrono::milliseconds timeout { 20s };
};

class Pam final : public Plugin, public AuthBackend {
public:
    static Schema schema()
    {
        return Schema::of<Settings>("A helper beside the server asks PAM")
            .option("helper", &Settings::helper,
                "The program that asks PAM. Empty: the one that was installed with the server.")
            .option(
                "service", &Settings::service, "The PAM service: the name of a file in /etc/pam.d.")
            .option("socket", &Settings::socket,
                "Where systemd listens for the helper (nuncio-pam.socket), so that it needs no "
                "setuid bit; the unit names the service then. Empty: the server starts it.")
            .option("names", &Settings::names,
                "What PAM is told as the user's name: the part before the @, or the whole address.")
            .choices({ "user", "jid" })
            .option("processes", &Settings::processes,
                "How many helpers run, and so how many logins are asked about at once.")
            .range(1, 64)
            .option("queue", &Settings::queue, "How many logins may wait for one of them.")
            .range(1, 65536)
            .option("timeout", &Settings::timeout,
                "After this a login is told to try again later, and the helper is ended.")
            .range(1, 600);
    }

    Result<void> configure(const Config& config) override
    {
        settings_ = config.as<Settings>();
        if (settings_.helper.empty())
            settings_.helper = installed_helper;
        for (const auto& [option, path] : { std::pair { "helper", &settings_.helper },
                 std::pair { "socket", &settings_.socket } })
            if (!path->empty() && !path->starts_with('/'))
                return config.error(option, "expected a full path");
        if (!is_service_name(settings_.service))
            return config.error("service", "expected the name of a file in /etc/pam.d");
        return {};
    }

    Result<void> start(Context& context) override
    {
        server_ = context.host().domain();
        if (server_.find(':') != server_.npos)
            return Error { server_ + " has a colon, which the helper's protocol cannot carry" };
        std::vector<std::string> command { settings_.helper };
        if (settings_.socket.empty())
            command.push_back(settings_.service);
        else
            command.insert(command.end(), { "--connect", settings_.socket });
        pool_.emplace(context,
            ProcessPoolOptions { .process
                = { .command = std::move(command), .environment = inherited_environment({}) },
                .processes = settings_.processes,
                .queue = settings_.queue,
                .timeout = settings_.timeout,
                .codes = codes,
                .probe = payload("isuser", std::string(probe_user)) });
        context.provide<AuthBackend>(*this);
        return {};
    }

    AuthAbilities abilities() const override { return { .check_password = true }; }

    task<Result<bool>> exists(std::string user) override
    {
        return ask({ .payload = payload("isuser", user), .may_repeat = true });
    }

    task<Result<bool>> check_password(std::string user, std::string password) override
    {
        return ask({ .payload = payload("auth", user) + ':' + password,
            .secret = password,
            .may_repeat = true });
    }

    Value health() const override
    {
        Value table = pool_->health();
        table["helper"] = settings_.helper;
        if (settings_.socket.empty())
            table["service"] = settings_.service;
        else
            table["socket"] = settings_.socket;
        return table;
    }

private:
    std::string payload(std::string operation, const std::string& user) const
    {
        operation += ':' + user;
        if (settings_.names == "jid")
            operation += '@' + server_;
        return operation + ':' + server_;
    }

    task<Result<bool>> ask(ProcessRequest request)
    {
        const auto code = co_await pool_->ask(std::move(request));
        if (!code)
            co_return code.error();
        switch (static_cast<Code>(*code)) {
        case Code::yes:
            co_return true;
        case Code::no:
            co_return false;
        case Code::expired:
            co_return Error { "PAM: the password has to be changed", Error::Kind::expired };
        case Code::disabled:
            co_return Error { "PAM: the account may not come in", Error::Kind::disabled };
        case Code::unavailable:
            break;
        }
        co_return Error { "PAM cannot tell now: see the system's log (auth.log)",
            Error::Kind::unavailable };
    }

    Settings settings_;
    std::string server_;
    std::optional<ProcessPool> pool_;
};

}

NUNCIO_PLUGIN(
    nuncio::pam::Pam, "pam", "0.1.0", "Accounts of the system, through PAM", "provides=auth/1")
