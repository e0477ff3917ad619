// RFC 6120 §4.3, §5, §6, §7: a client's stream from its first byte until a resource is bound.
#pragma once

#include "host_ref.h"
#include "sasl/exchange.h"
#include "settings.h"
#include "stream_handle.h"

#include <nuncio/error.h>
#include <nuncio/event.h>
#include <nuncio/function.h>
#include <nuncio/login_tokens.h>
#include <nuncio/loop.h>
#include <nuncio/result.h>
#include <nuncio/stanza.h>
#include <nuncio/task.h>

#include <memory>
#include <optional>
#include <string>

namespace nuncio::kernel {

namespace sasl {
    struct Sasl2Findings;
    struct Sasl2Login;
}
enum class TokenWish;
class C2sStream;
class ClientSession;
class VirtualHost;
struct StreamHeader;

class Negotiation {
public:
    Negotiation(C2sStream& stream, ListenSettings::Tls tls);
    ~Negotiation();
    Negotiation(const Negotiation&) = delete;

    /// Starts the clock, and TLS where the port begins with it.
    void begin();
    void on_encrypted();
    void on_header(Element header);
    void on_element(Element element);
    /// The stream has come to the home loop of its account.
    void arrived();
    /// Before a stream error: writes our header if it has not gone out (RFC 6120 §4.9.1.2). False
    /// when nothing can be written.
    bool prepare_error();

    C2sStream& stream() { return stream_; }
    /// Null until a header named one that is served here.
    VirtualHost* host() const { return host_.get(); }

private:
    // c2s_negotiation.cc
    void arm_deadline();
    void answer_header(const StreamHeader& header);
    void offer_features();
    std::string features_xml(StreamFeatures::Phase phase);
    bool may_authenticate() const;
    void start_tls();
    void renew_handle();

    // c2s_login.cc
    void ask_for_owner();
    void owner_found(bool is_known);
    void prepare_exchange();
    void find_abilities();
    void abilities_known(const AuthAbilities& abilities);
    void authenticate(ElementRef element);
    void ask(Function<task<Result<sasl::BackendAnswer>>(VirtualHost&)> question);
    TokenWish token_wish() const;
    /// Something that cannot be asked is a warning, a verdict is not. Never the password in it.
    void log_failure(std::string_view of_what, sasl::Failure failure, const std::string& text);
    void take(sasl::Step step);
    void answered(Result<sasl::BackendAnswer> answer);
    void judged(sasl::Step success, const std::optional<Error>& refusal);
    void finish(const sasl::Step& step);
    void limit_attempts();
    void announce_end(const sasl::Step& end);
    void authenticated();
    friend struct LoginQuestion; // c2s_questions.cc

    // c2s_sasl2.cc
    void add_sasl2(Element& features);
    void on_sasl2(Element element);
    void go_on_sasl2(std::string data);
    void settled(Result<sasl::Sasl2Findings> findings);
    void next_task();
    void on_task(ElementRef element);
    void task_done();
    friend struct Sasl2Question;

    // c2s_bind2.cc
    void complete_login();
    void finish_login(std::optional<IssuedToken> token, std::vector<Element> answers);
    void write_success(
        std::string_view identity, std::string_view content, StreamFeatures::Phase phase);
    void bind_inline(std::vector<Element> answers, std::string_view token);
    void end_former_sessions(std::string_view resource);
    std::string inline_resource() const;
    friend struct Completing;

    // c2s_bind.cc
    void on_stanza(Stanza::Parsed parsed);
    void bind(const Stanza& request);
    void wait(Function<void(Negotiation&)> job);

    C2sStream& stream_;
    HostRef host_; // once a header named one that is served here
    std::shared_ptr<StreamHandle> handle_; // shared: with plugins and waiting questions
    std::unique_ptr<sasl::Exchange> exchange_;
    std::unique_ptr<sasl::Sasl2Login> sasl2_; // from <authenticate/> to its end
    std::string from_; // of the header, a bare JID; may be empty
    std::optional<AuthAbilities> abilities_; // as far as they are of use to `from_`
    std::string user_; // once authenticated
    std::optional<ClientCertificate> certificate_; // as the client showed it to TLS
    bool knows_owner_ = false; // the backends do
    TimePoint ends_at_;
    Timer deadline_;
    ListenSettings::Tls tls_;
    bool is_securing_ = false; // a TLS handshake is under way
    bool has_header_ = false; // ours went out on the present stream
};

}
