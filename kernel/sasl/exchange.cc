#include "exchange.h"

#include "anonymous.h"
#include "external.h"
#include "plain.h"
#include "scram.h"

#include <nuncio/crypto.h>
#include <nuncio/ns.h>

#include <optional>

namespace nuncio::kernel::sasl {

namespace {

    constexpr std::size_t nonce_bytes = 18;
    constexpr std::size_t max_encoded_bytes = (max_message_bytes + 2) / 3 * 4;

    /// The element's content, decoded. "=" stands for data of no length (RFC 6120 §6.4.2).
    struct Decoded {
        std::string bytes;
        std::optional<Step> failure;
    };
    Decoded decode(ElementRef element)
    {
        if (element.first_child())
            return { {},
                Step::fail(Failure::malformed_request, "expected Base64, not an element") };
        const std::string text = element.text();
        if (text.size() > max_encoded_bytes)
            return { {}, Step::fail(Failure::malformed_request, "the message is too long") };
        if (text.empty() || text == "=")
            return {};
        auto bytes = from_base64(text);
        if (!bytes)
            return { {}, Step::fail(Failure::incorrect_encoding) };
        return { *std::move(bytes), {} };
    }

}

Exchange::Exchange(Surroundings surroundings)
    : surroundings_(std::move(surroundings))
{
}

Step Exchange::handle(ElementRef element)
{
    if (element.name() == "auth")
        return note(begin(element));
    if (element.name() == "response")
        return note(respond(element));
    if (element.name() == "abort")
        return note(Step::fail(Failure::aborted));
    return note(Step::fail(Failure::malformed_request));
}

Step Exchange::begin(ElementRef auth)
{
    if (state_ != State::idle)
        return Step::fail(Failure::malformed_request, "an exchange is under way");
    info_ = nullptr;
    mechanism_.reset();
    has_asked_ = false;
    if (const Step chosen = choose(auth.attr("mechanism")); chosen.kind == Step::Kind::failure)
        return chosen;
    // All mechanisms begin with the client; without an initial response it is asked for one. But
    // who wants no name need not say anything (XEP-0175 §2).
    if (!auth.node()->first_child && info_->kind != MechanismInfo::Kind::anonymous)
        return Step::challenge({});
    return respond(auth);
}

Step Exchange::choose(std::string_view name)
{
    using enum Failure;
    const MechanismInfo* info = find_mechanism(name);
    if (!info)
        return Step::fail(invalid_mechanism);
    const Offer& offer = surroundings_.offer;
    if (!offer.has(*info)) {
        // RFC 6120 §6.5.4: another answer would tell the client to try something else in the open.
        using Kind = MechanismInfo::Kind;
        const bool needs_encryption = info->kind != Kind::scram && info->kind != Kind::anonymous;
        if (!surroundings_.is_encrypted && (offer.empty() || needs_encryption))
            return Step::fail(encryption_required);
        return Step::fail(offer.empty() ? temporary_auth_failure : invalid_mechanism);
    }
    mechanism_ = make(*info);
    info_ = info;
    state_ = State::running;
    return Step::challenge({});
}

std::unique_ptr<Mechanism> Exchange::make(const MechanismInfo& info) const
{
    using Kind = MechanismInfo::Kind;
    switch (info.kind) {
    case Kind::external:
        return std::make_unique<External>(surroundings_.domain);
    case Kind::plain:
        return std::make_unique<Plain>(surroundings_.domain);
    case Kind::anonymous:
        return std::make_unique<Anonymous>();
    case Kind::scram:
    case Kind::scram_plus:
        break;
    }
    return std::make_unique<Scram>(
        Scram::Surroundings { surroundings_.domain, surroundings_.bindings, surroundings_.decoys,
            surroundings_.offer.has_plus(), surroundings_.offer.summary(surroundings_.bindings) },
        info.hash, info.kind == Kind::scram_plus ? Scram::Plus::yes : Scram::Plus::no,
        to_base64(random_bytes(nonce_bytes)));
}

Step Exchange::respond(ElementRef element)
{
    if (state_ != State::running)
        return Step::fail(Failure::malformed_request, "no exchange is under way");
    auto message = decode(element);
    if (message.failure)
        return *std::move(message.failure);
    return mechanism_->respond(message.bytes);
}

Step Exchange::resume(BackendAnswer answer)
{
    if (state_ != State::asking)
        return note(Step::fail(Failure::malformed_request));
    return note(mechanism_->resume(std::move(answer)));
}

Step Exchange::refuse(Failure failure)
{
    return note(Step::fail(failure));
}

Step Exchange::note(Step step)
{
    using enum Step::Kind;
    switch (step.kind) {
    case challenge:
        state_ = State::running;
        break;
    case ask_keys:
    case ask_password:
    case ask_certificate:
    case ask_anonymous:
        state_ = State::asking;
        has_asked_ = true;
        break;
    case failure:
        ++failures_;
        guesses_ += step.was_guess;
        state_ = State::idle;
        break;
    case success:
        state_ = State::proved;
        break;
    }
    return step;
}

const std::string& Exchange::user() const
{
    static const std::string nobody;
    return mechanism_ ? mechanism_->user() : nobody;
}

ScramHash Exchange::hash() const
{
    return info_ ? info_->hash : ScramHash::sha1;
}

std::string Exchange::take_password()
{
    return mechanism_ ? mechanism_->take_password() : std::string();
}

std::string_view Exchange::trace() const
{
    return mechanism_ ? mechanism_->trace() : std::string_view();
}

void append_xml(std::string& out, const Step& step)
{
    const auto element = [&](std::string_view name, std::string_view content) {
        out.append("<").append(name).append(" xmlns='").append(ns_sasl).append("'");
        if (content.empty())
            out += "/>";
        else
            out.append(">").append(content).append("</").append(name).append(">");
    };
    switch (step.kind) {
    case Step::Kind::challenge:
        return element("challenge", step.data.empty() ? "=" : to_base64(step.data));
    case Step::Kind::success:
        return element("success", to_base64(step.data));
    case Step::Kind::failure: {
        std::string content = "<" + std::string(to_string(step.failure)) + "/>";
        if (!step.text.empty())
            content.append("<text xml:lang='en'>").append(escape(step.text)).append("</text>");
        return element("failure", content);
    }
    case Step::Kind::ask_keys:
    case Step::Kind::ask_password:
    case Step::Kind::ask_certificate:
    case Step::Kind::ask_anonymous:
        break; // nothing goes out before the backend has answered
    }
}

}
