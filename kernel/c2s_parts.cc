#include "c2s_parts.h"

#include "log_sink.h"
#include "server.h"

#include <nuncio/crypto.h>

namespace nuncio::kernel {

namespace {

    std::string decoy_secret(Server& server, Log& log)
    {
        auto secret = sasl::DecoyKeys::load_secret(server.settings().data_dir);
        if (secret)
            return *std::move(secret);
        log.warn("{}; salts of unknown users and resources of clients change with every start",
            secret.error().text);
        return random_bytes(32);
    }

}

C2sParts::C2sParts(Server& of)
    : server(of)
    , log(of.logs().log("c2s"))
    , secret(decoy_secret(of, *log))
    , decoys(secret)
{
    for (std::size_t i = 0; i < server.loop_count(); ++i)
        loops.push_back(std::make_unique<C2sLoop>(*this, server.loop(i)));
}

C2sParts::~C2sParts() = default;

Admission C2sParts::admit(const std::string& address_key)
{
    const Limits& limits = server.settings().limits;
    if (open.fetch_add(1, std::memory_order_relaxed) >= limits.connections) {
        open.fetch_sub(1, std::memory_order_relaxed);
        return Admission::too_many;
    }
    if (addresses.add(address_key, limits.connections_per_address))
        return Admission::granted;
    open.fetch_sub(1, std::memory_order_relaxed);
    return Admission::too_many_from_address;
}

void C2sParts::leave(const std::string& address_key)
{
    addresses.remove(address_key);
    open.fetch_sub(1, std::memory_order_relaxed);
}

void C2sParts::stream_gone()
{
    if (alive.fetch_sub(1, std::memory_order_acq_rel) == 1 && is_shutting_down.load())
        all_gone();
}

}
