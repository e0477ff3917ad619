// One client: connects, secures, authenticates, binds, and then hands every stanza to its scenario.
#pragma once

#include "connection.h"
#include "scram.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace nuncio::bench {

class Session;

class Scenario {
public:
    virtual ~Scenario() = default;
    virtual void on_ready(Session& session) = 0;
    virtual void on_stanza(Session& session, std::string_view stanza) = 0;
    virtual void on_ended(Session& session, std::string_view why) = 0; // Empty: as was asked for.
};

// How far a session goes by itself before its scenario takes over.
enum class Goal { connected, stream, bound, roster, available };

class Session final : private Connection::Events {
public:
    Session(Engine& engine, const Options& options, ScramCache& cache, Scenario& scenario);

    void start(std::uint32_t number, Goal goal);
    void send(std::string_view bytes) { connection_.write(bytes); }
    void end();

    std::uint32_t number() const { return number_; }
    const std::string& user() const { return user_; }
    const std::string& jid() const { return jid_; } // The full JID as the server bound it.
    bool is_ready() const { return step_ == Step::ready; }
    bool is_over() const { return step_ == Step::over; }
    std::uint64_t started_at() const { return started_at_; }

    void* context = nullptr; // The scenario's.

private:
    enum class Step {
        over,
        connecting,
        header,
        proceed,
        challenge,
        success,
        bind,
        roster,
        ready,
        closing
    };

    void on_connected() override;
    void on_secured() override;
    void on_item(const Item& item) override;
    void on_closed(std::string_view why) override;

    void open_stream();
    void on_features(std::string_view features);
    void authenticate(std::string_view features);
    void on_challenge(std::string_view element);
    void on_success(std::string_view element);
    void on_bound(std::string_view element);
    void become_ready();
    void fail(std::string_view why);

    const Options& options_;
    ScramCache& cache_;
    Scenario& scenario_;
    Connection connection_;
    ScramClient scram_;
    Step step_ = Step::over;
    Goal goal_ = Goal::bound;
    bool is_secured_ = false;
    bool is_authenticated_ = false;
    std::uint32_t number_ = 0;
    std::uint64_t started_at_ = 0;
    std::string user_;
    std::string jid_;
};

}
