// RFC 6120 §4: one client's stream: bytes to stanzas and back, back-pressure, and its end.
#pragma once

#include "connection.h"
#include "session.h"
#include "settings.h"

#include <nuncio/stanza.h>
#include <nuncio/xml_stream.h>

#include <memory>
#include <string>
#include <string_view>

namespace nuncio::kernel {

class C2sLoop;
enum class Admission : std::uint8_t;
class Negotiation;

/// Made by `start`, and owned by the list of its loop; frees itself after its connection's end.
/// What only a young stream needs is in Negotiation, which goes when a resource is bound: an idle
/// session keeps nothing but this object, its tokenizer and its connection.
class C2sStream final : public ConnectionUser, public SessionStream {
public:
    /// On `loop`, which is the connection's. The stream is told at once when it was not admitted.
    static void start(C2sLoop& loop, std::unique_ptr<Connection> connection,
        ListenSettings::Tls tls, Admission admission);
    ~C2sStream();
    C2sStream(const C2sStream&) = delete;

    // ConnectionUser
    void on_bytes(std::string_view bytes) override;
    void on_encrypted() override;
    void on_drained() override;
    void on_closed(std::string_view reason) override;

    // SessionStream
    void send(const Stanza& stanza) override;
    void send_to(const Stanza& stanza, JidView to) override;
    void close(StreamError error) override;
    std::string_view address() const override { return connection_->address(); }
    bool is_encrypted() const override { return connection_->is_encrypted(); }
    std::size_t backlog() const override { return connection_->backlog(); }
    void pause_reading() override { hold(hold_congestion); }
    void resume_reading() override { release(hold_congestion); }

    // For the negotiation.
    C2sLoop& loop() { return *loop_; }
    Connection& connection() { return *connection_; }
    XmlStream& xml() { return xml_; }
    /// Appends to the output; it is written at the end of the turn.
    void write(std::string_view xml);
    /// Stamped on stanzas that have none (RFC 6120 §8.1.5).
    void set_lang(std::string lang) { lang_ = std::move(lang); }
    /// RFC 6120 §4.9: says why, ends the stream. Safe everywhere; what depends on it goes later.
    void fail(StreamError error);
    /// Ends without a stream error; `</stream:stream>` goes out when our header has.
    void end();
    bool is_ending() const { return is_ending_; }

    /// Reasons not to read on. Bytes that have come meanwhile are kept.
    enum Hold : std::uint8_t {
        hold_answer = 1, ///< the auth backend is asked
        hold_move = 2, ///< on the way to another loop
        hold_tls = 4, ///< the handshake: bytes that came before it are thrown away
        hold_congestion = 8, ///< somebody this client writes to cannot keep up
        hold_handover = 16, ///< plugins that its next step concerns hand over
        hold_verdict = 32, ///< plugins are asked whether who proved who it is may come in
        hold_login = 64, ///< SASL2: what comes after the proof is on its way
        hold_offer = 128, ///< backends are asked what can be offered
    };
    void hold(Hold reason);
    void release(Hold reason);
    /// To the home loop of its account. Nothing is read before it has arrived.
    void move_to(C2sLoop& target);
    /// Binding is over: from now on stanzas go to `session`.
    void bound(ClientSession& session);
    /// The step that this hold put off has been taken.
    void resume_after(Hold reason);

    // For the list of the loop.
    void check_silence(TimePoint now, Duration idle_time);
    void shut_down();
    /// That the client asked for; null until it has.
    VirtualHost* host() const;
    /// It is served no more (RFC 6120 §4.9.3.6). Not from inside of the negotiation.
    void end_with_host();

private:
    friend class C2sLoop;
    C2sStream(C2sLoop& loop, std::unique_ptr<Connection> connection);

    void process(std::string_view bytes);
    void go_on();
    void on_element(Element element);
    void on_stanza(Element element);
    bool answer_here(const Stanza& stanza);
    void sent(std::size_t bytes);
    void close_connection(Duration linger);
    void part_from_session();
    void retire();

    C2sLoop* loop_;
    C2sStream* previous_ = nullptr; // of the loop's list
    C2sStream* next_ = nullptr;
    std::unique_ptr<Connection> connection_;
    XmlStream xml_;
    ClientSession* session_ = nullptr; // owned by its account until stream_ended()
    std::unique_ptr<Negotiation> negotiation_; // until bound
    std::unique_ptr<std::string> carried_; // received, held back
    TimePoint last_bytes_;
    std::string lang_;
    std::uint8_t holds_ = 0;
    bool is_listed_ = false;
    bool is_admitted_ = false;
    bool is_processing_ = false;
    bool is_ending_ = false;
    bool is_closed_ = false;
    bool was_pinged_ = false;
};

static_assert(sizeof(C2sStream) <= 256, "every idle session pays for this");

}
