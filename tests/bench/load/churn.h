// Sessions that come, do one thing and go: logins, registrations (XEP-0077), bare TLS handshakes.
#pragma once

#include "histogram.h"
#include "report.h"
#include "session.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace nuncio::bench {

enum class Errand { login, register_account, handshake };

class Churn final : public Scenario {
public:
    Churn(Engine& engine, const Options& options, ScramCache& cache, Report& report, Errand errand);

    void run(Meter& meter);

    const Histogram& latency() const { return latency_; }

private:
    void on_ready(Session& session) override;
    void on_stanza(Session& session, std::string_view stanza) override;
    void on_ended(Session& session, std::string_view why) override;

    void run_some(std::uint64_t count, double seconds);
    void start_some();
    std::optional<std::uint32_t> next_account();
    void finished(Session& session);

    Engine& engine_;
    const Options& options_;
    Report& report_;
    Errand errand_;
    Histogram latency_;
    std::vector<std::unique_ptr<Session>> sessions_;
    std::vector<Session*> idle_;
    std::vector<bool> is_in_use_; // by the account's place in turn
    std::uint32_t next_account_ = 0;
    std::uint64_t started_ = 0;
    std::uint64_t to_start_ = 0;
    std::uint64_t done_ = 0;
};

}
