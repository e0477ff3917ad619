// Many sessions of one scenario: brought up a few at a time, settled, and taken down.
#pragma once

#include "report.h"
#include "session.h"

#include <memory>
#include <vector>

namespace nuncio::bench {

class Fleet final : public Scenario {
public:
    // What is done with the sessions once they are there.
    class Guide {
    public:
        virtual ~Guide() = default;
        virtual void on_stanza(Session& session, std::string_view stanza) = 0;
    };

    Fleet(Engine& engine, const Options& options, ScramCache& cache, Report& report);

    // All `options.users` sessions, or SetupError.
    void bring_up(Goal goal, Guide& guide);

    // Until everything that the logins set off has been delivered: each session's ping is answered
    // and nothing more arrives.
    void settle();

    void take_down();

    std::vector<std::unique_ptr<Session>>& sessions() { return sessions_; }

private:
    void on_ready(Session& session) override;
    void on_stanza(Session& session, std::string_view stanza) override;
    void on_ended(Session& session, std::string_view why) override;

    Engine& engine_;
    const Options& options_;
    ScramCache& cache_;
    Report& report_;
    Guide* guide_ = nullptr;
    std::vector<std::unique_ptr<Session>> sessions_;
    std::size_t ready_ = 0;
    std::size_t settled_ = 0;
    std::size_t ended_ = 0;
};

// What a client must answer: an IQ request of the server's gets an empty result (RFC 6120 §8.2.3).
void answer_request(Session& session, std::string_view stanza);

}
