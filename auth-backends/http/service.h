// The web service as the backend sees it: asked at one address, or else at the next.
#pragma once

#include "link.h"
#include "settings.h"

#include <nuncio/log.h>
#include <nuncio/servers.h>
#include <nuncio/value.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

namespace nuncio::http {

/// Any thread; with a Link that no other thread uses meanwhile.
class Service {
public:
    /// The settings and the log outlive it.
    Service(const Settings& settings, Rules rules, Log& log);

    /// For a pool of connections.
    Result<std::unique_ptr<Link>> connect() const;
    /// Puts a question, at the addresses in turn until one answers. Blocks. An Error of kind
    /// `unavailable`: none did.
    Result<Outcome> ask(Link& link, const Question& question);

    /// `servers`, `requests`, `connects`, and what was answered last that nobody understood.
    void add_health(Value& table) const;

private:
    Result<Outcome> ask_one(Link& link, std::size_t server, const Question& question);
    void note(const std::string& trouble);

    const Settings& settings_;
    const Rules rules_;
    Log& log_;
    Servers servers_;
    std::atomic<std::uint64_t> requests_ = 0;
    std::atomic<std::uint64_t> connects_ = 0;
    mutable std::mutex mutex_;
    std::string trouble_; // guarded
};

}
