// The key functions of the SDK's interfaces: one copy of each vtable and typeinfo, in libnuncio.
#include <nuncio/auth.h>
#include <nuncio/context.h>
#include <nuncio/event.h>
#include <nuncio/host.h>
#include <nuncio/lane.h>
#include <nuncio/login_tokens.h>
#include <nuncio/note.h>
#include <nuncio/plugin.h>
#include <nuncio/session.h>
#include <nuncio/storage.h>
#include <nuncio/user_directory.h>

namespace nuncio::inline v1 {

const char* library_headers()
{
    return NUNCIO_DETAIL_HEADERS;
}

Plugin::~Plugin() = default;
Result<void> Plugin::configure(const Config&)
{
    return {};
}

void Plugin::save(Snapshot&) const { }
Result<void> Plugin::restore(const Snapshot&)
{
    return {};
}

Host::~Host() = default;
Context::~Context() = default;
Lane::~Lane() = default;
Session::~Session() = default;
Account::~Account() = default;
ClientStream::~ClientStream() = default;
StorageDriver::~StorageDriver() = default;
void StorageDriver::hurry() { }
Accounts::~Accounts() = default;
UserDirectory::~UserDirectory() = default;
AuthBackend::~AuthBackend() = default;
LoginTokens::~LoginTokens() = default;
Commands::~Commands() = default;

namespace {

    Error not_supported(const char* what)
    {
        return { std::string(what) + " is not supported by this backend", Error::Kind::refused };
    }

}

task<Result<std::optional<ScramKeys>>> AuthBackend::scram_keys(std::string, ScramHash)
{
    co_return not_supported("SCRAM");
}
task<Result<void>> AuthBackend::set_password(std::string, std::string)
{
    co_return not_supported("changing a password");
}
task<Result<void>> AuthBackend::create(std::string, std::string)
{
    co_return not_supported("creating an account");
}
task<Result<void>> AuthBackend::remove(std::string)
{
    co_return not_supported("removing an account");
}
task<Result<std::vector<std::string>>> AuthBackend::list(std::string, std::uint32_t)
{
    co_return not_supported("listing accounts");
}
task<Result<std::string>> AuthBackend::make_anonymous()
{
    co_return not_supported("coming in without a name");
}
task<Result<std::vector<std::string>>> AuthBackend::certificate_users(ClientCertificate)
{
    co_return not_supported("coming in with a certificate");
}
task<Result<void>> AuthBackend::set_scram_keys(std::string, ScramHash, ScramKeys)
{
    co_return not_supported("keeping keys that the client derived");
}
task<Result<void>> AuthBackend::import_keys(std::string, ScramKeySet, ExistingAccount)
{
    co_return not_supported("an account without a password");
}
task<Result<std::optional<std::string>>> AuthBackend::password_mark(std::string user)
{
    const auto known = co_await exists(std::move(user));
    if (!known)
        co_return known.error();
    if (!*known)
        co_return std::optional<std::string>();
    co_return std::optional(std::string());
}
Value AuthBackend::health() const
{
    return Value::Table();
}

}
