// SASL on one stream, in both its forms: RFC 6120 §6.4 and XEP-0388. Elements in, steps out.
#pragma once

#include "decoy_keys.h"
#include "mechanism.h"
#include "offer.h"

#include <nuncio/xml.h>

#include <memory>
#include <string>

namespace nuncio::kernel::sasl {

/// How it is spelled on the wire.
enum class Form { sasl, sasl2 };

/// All attempts of one stream. No I/O: the owner sends what append_xml() writes, asks the backend
/// when a step says so, and gives the answer to resume() before anything else.
class Exchange {
public:
    struct Surroundings {
        std::string domain;
        Offer offer;
        ChannelBindings bindings;
        const DecoyKeys& decoys; ///< outlives the exchange
        bool is_encrypted = false;
        bool has_tokens = false; ///< somebody keeps tokens (XEP-0484)
    };
    explicit Exchange(Surroundings surroundings);

    const Offer& offer() const { return surroundings_.offer; }
    const ChannelBindings& bindings() const { return surroundings_.bindings; }

    /// An element in the namespace of SASL: `<auth/>` or `<authenticate/>`, `<response/>`,
    /// `<abort/>`. The two forms must not be mixed in one exchange.
    Step handle(ElementRef element);
    /// An exchange has begun and has not ended.
    bool is_running() const { return state_ == State::running || state_ == State::asking; }
    /// Of the element handled last.
    Form form() const { return form_; }
    /// The backend's answer to an `ask_…` step.
    Step resume(BackendAnswer answer);
    /// The backend could not answer, or somebody refuses what was proved: instead of resume(), or
    /// of the success that the last step was.
    Step refuse(Failure failure, std::string_view text = {});
    /// Answers what would begin an attempt with a failure, for a reason that lies beside SASL.
    Step decline(ElementRef element, Failure failure, std::string_view text);

    /// Of the present or the last attempt.
    const std::string& user() const;
    ScramHash hash() const;
    std::string take_password();
    std::string_view trace() const;
    /// It came to a question to the backend.
    bool has_asked() const { return has_asked_; }
    std::string_view token_id() const;
    bool is_by_token() const;
    std::string_view mechanism_name() const { return info_ ? info_->name : std::string_view(); }

    /// Attempts that failed on this stream, whatever the reason.
    std::uint32_t failures() const { return failures_; }
    /// Those of them that tried a password.
    std::uint32_t guesses() const { return guesses_; }

private:
    Step begin(std::string_view mechanism, ElementRef initial);
    Step choose(std::string_view name);
    std::unique_ptr<Mechanism> make(const MechanismInfo& info) const;
    Step choose_token(const MechanismInfo& info);
    Step respond(ElementRef carrier);
    Step note(Step step);

    enum class State { idle, running, asking, proved };
    Surroundings surroundings_;
    std::unique_ptr<Mechanism> mechanism_;
    const MechanismInfo* info_ = nullptr;
    State state_ = State::idle;
    bool has_asked_ = false;
    Form form_ = Form::sasl;
    std::uint32_t failures_ = 0;
    std::uint32_t guesses_ = 0;
};

/// What goes on the wire for a challenge, success or failure. With SASL2 a success says more than
/// the step knows: whoever owns the stream writes it.
void append_xml(std::string& out, const Step& step, Form form = Form::sasl);

}
