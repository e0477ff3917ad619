// Where scripts stand in the kernel's path: asks the policies of the loop, and does what they say.
#pragma once

#include "policies.h"

#include <nuncio/context.h>

#include <array>
#include <deque>
#include <memory>
#include <vector>

namespace nuncio::lua {

class Hooks {
public:
    Hooks(Common& common, std::uint32_t most_waiting);

    /// Inside of start: registers everything.
    void start();
    /// Of one loop; on that loop only, or before the hooks are published.
    std::shared_ptr<Policies>& policies(std::size_t loop) { return places_[loop].policies; }
    std::shared_ptr<Policies>& trial(std::size_t loop) { return places_[loop].trial; }

private:
    /// What one loop has. Touched by that loop alone.
    struct alignas(64) Place {
        std::shared_ptr<Policies> policies; // shared: with calls that wait
        std::shared_ptr<Policies> trial;
    };
    /// A stanza on its way past a stage, once somebody waits.
    struct Held {
        Stanza stanza;
        Judging judging;
    };
    /// Stanzas of one session or account at one stage, in order.
    struct Strand {
        std::deque<Stanza> queue;
        bool is_busy = false;
    };
    struct Strands {
        std::array<std::shared_ptr<Strand>, 5> by_stage; // shared: with who empties it
    };

    Place& here() { return places_[Loop::current()->index()]; }
    void try_out(Place& place, const Subject& subject, Stage stage);
    task<void> finish_trial(std::shared_ptr<Policies> trial, std::unique_ptr<Held> held);

    Flow received(StanzaReceived& event, Stage stage);
    Flow routing(StanzaRouting& event, Stage stage);
    Flow delivering(StanzaDelivering& event, Stage stage);
    Flow opened(SessionOpened& event, Stage stage);
    Flow closed(SessionClosed& event, Stage stage);
    Flow authenticating(AuthenticationBeginning& event, Stage stage);
    Flow registering(AccountRegistering& event, Stage stage);

    template <class Owner>
    Flow judge_stanza(const Owner& owner, const Subject& subject, Stanza& stanza, Stage stage,
        SlotId<Strands> slot);
    template <class Reference>
    task<void> work_off(
        Reference owner, std::unique_ptr<Held> held, std::shared_ptr<Strand> strand);
    /// True: the stanza goes on, perhaps another one.
    bool carry_out(Judging& judging, Stanza& stanza);
    void refuse(const Stanza& stanza, const StanzaError& error);

    void judge_session(Session& session, Point point, Stage stage);
    task<void> finish_session(std::shared_ptr<Policies> policies, std::unique_ptr<Held> held,
        SessionRef session, bool is_open);
    template <class Answer>
    Flow judge_attempt(const Subject& subject, Stage stage,
        std::vector<Completion<std::optional<Answer>>>& waits,
        std::optional<Answer> (*convert)(const Verdict&));
    template <class Answer>
    task<void> finish_attempt(std::shared_ptr<Policies> policies, std::unique_ptr<Held> held,
        Completion<std::optional<Answer>> answer, std::optional<Answer> (*convert)(const Verdict&));

    Common& common_;
    std::uint32_t most_waiting_;
    std::vector<Place> places_;
    SlotId<Strands> session_strands_;
    SlotId<Strands> account_strands_;
};

}
