#include "exchange.h"

#include "anonymous.h"
#include "external.h"
#include "hashed_token.h"
#include "plain.h"
#include "scram.h"

#include <nuncio/crypto.h>
#include <nuncio/ns.h>

#include <optional>

namespace nuncio::kernel::sasl {

namespace {

    constexpr std::size_t nonce_bytes = 18;
    constexpr std::size_t max_encoded_bytes = (max_message_bytes + 2) / 3 * 4;

    /// The element's content, decoded. "=" stands for data of no length (RFC 6120 §6.4.2), but not
    /// with SASL2, where an empty element does.
    struct Decoded {
        std::string bytes;
        std::optional<Step> failure;
    };
    Decoded decode(ElementRef element)
    {
        if (!element)
            return {}; // nothing was said, to who need not say anything
        if (element.first_child())
            return { {},
                Step::fail(Failure::malformed_request, "expected Base64, not an element") };
        const std::string text = element.text();
        if (text.size() > max_encoded_bytes)
            return { {}, Step::fail(Failure::malformed_request, "the message is too long") };
        if (text.empty() || (text == "=" && element.ns() == ns_sasl))
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
    form_ = element.ns() == ns_sasl2 ? Form::sasl2 : Form::sasl;
    if (form_ == Form::sasl && element.name() == "auth")
        return note(
            begin(element.attr("mechanism"), element.node()->first_child ? element : ElementRef()));
    if (form_ == Form::sasl2 && element.name() == "authenticate")
        return note(begin(element.attr("mechanism"), element.child("initial-response")));
    if (element.name() == "response")
        return note(respond(element));
    if (element.name() == "abort")
        return note(Step::fail(Failure::aborted));
    return note(Step::fail(Failure::malformed_request));
}

Step Exchange::begin(std::string_view mechanism, ElementRef initial)
{
    if (state_ != State::idle)
        return Step::fail(Failure::malformed_request, "an exchange is under way");
    info_ = nullptr;
    mechanism_.reset();
    has_asked_ = false;
    if (const Step chosen = choose(mechanism); chosen.kind == Step::Kind::failure)
        return chosen;
    // All mechanisms begin with the client; without an initial response it is asked for one. But
    // who wants no name need not say anything (XEP-0175 §2).
    if (!initial && info_->kind != MechanismInfo::Kind::anonymous)
        return Step::challenge({});
    return respond(initial);
}

Step Exchange::choose(std::string_view name)
{
    using enum Failure;
    // XEP-0388, security considerations: after TLS only.
    if (form_ == Form::sasl2 && !surroundings_.is_encrypted)
        return Step::fail(encryption_required);
    if (const MechanismInfo* const info = find_token_mechanism(name))
        return choose_token(*info);
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
    case Kind::hashed_token: // choose_token()
        break;
    }
    return std::make_unique<Scram>(
        Scram::Surroundings { surroundings_.domain, surroundings_.bindings, surroundings_.decoys,
            surroundings_.offer.has_plus(), surroundings_.offer.summary(surroundings_.bindings) },
        info.hash, info.kind == Kind::scram_plus ? Scram::Plus::yes : Scram::Plus::no,
        to_base64(random_bytes(nonce_bytes)));
}

Step Exchange::choose_token(const MechanismInfo& info)
{
    // The client's id, which a token belongs to, comes with SASL2 only.
    if (form_ != Form::sasl2 || !surroundings_.has_tokens
        || !is_available(info, surroundings_.bindings))
        return Step::fail(Failure::invalid_mechanism);
    const auto binding = token_binding(info);
    mechanism_ = std::make_unique<HashedToken>(
        info.hash, binding.empty() ? std::string() : surroundings_.bindings.find(binding));
    info_ = &info;
    state_ = State::running;
    return Step::challenge({});
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

Step Exchange::refuse(Failure failure, std::string_view text)
{
    return note(Step::fail(failure, text));
}

Step Exchange::decline(ElementRef element, Failure failure, std::string_view text)
{
    form_ = element.ns() == ns_sasl2 ? Form::sasl2 : Form::sasl;
    info_ = nullptr;
    mechanism_.reset();
    has_asked_ = false;
    return note(Step::fail(failure, text));
}

Step Exchange::note(Step step)
{
    using enum Step::Kind;
    switch (step.kind) {
    case challenge:
        state_ = State::running;
        break;
    case ask_keys:
    case ask_tokens:
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

std::string_view Exchange::token_id() const
{
    return mechanism_ ? mechanism_->token_id() : std::string_view();
}

bool Exchange::is_by_token() const
{
    return info_ && info_->kind == MechanismInfo::Kind::hashed_token;
}

void append_xml(std::string& out, const Step& step, Form form)
{
    const auto ns = form == Form::sasl2 ? ns_sasl2 : ns_sasl;
    const auto element = [&](std::string_view name, std::string_view content) {
        out.append("<").append(name).append(" xmlns='").append(ns).append("'");
        if (content.empty())
            out += "/>";
        else
            out.append(">").append(content).append("</").append(name).append(">");
    };
    switch (step.kind) {
    case Step::Kind::challenge:
        return element(
            "challenge", step.data.empty() && form == Form::sasl ? "=" : to_base64(step.data));
    case Step::Kind::success:
        return element("success", to_base64(step.data));
    case Step::Kind::failure: {
        std::string content = "<" + std::string(to_string(step.failure));
        if (form == Form::sasl2)
            content.append(" xmlns='").append(ns_sasl).append("'");
        content += "/>";
        if (!step.text.empty())
            content.append("<text xml:lang='en'>").append(escape(step.text)).append("</text>");
        return element("failure", content);
    }
    case Step::Kind::ask_keys:
    case Step::Kind::ask_tokens:
    case Step::Kind::ask_password:
    case Step::Kind::ask_certificate:
    case Step::Kind::ask_anonymous:
        break; // nothing goes out before the backend has answered
    }
}

}
