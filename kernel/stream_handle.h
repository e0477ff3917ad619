// A stream before binding, as plugins hold it: it may be gone when they come back.
#pragma once

#include "host_ref.h"

#include <nuncio/event.h>

#include <string>

namespace nuncio::kernel {

class Negotiation;
class VirtualHost;

/// One for each stream header, so that nobody reaches a stream that has moved to another loop.
class StreamHandle final : public ClientStream {
public:
    struct Facts {
        std::string address;
        std::string user;
        bool is_encrypted = false;
    };
    StreamHandle(Negotiation& negotiation, VirtualHost& host, Facts facts)
        : negotiation_(&negotiation)
        , host_(host)
        , facts_(std::move(facts))
    {
    }

    // ClientStream
    Host& host() override;
    std::string_view address() const override { return facts_.address; }
    bool is_encrypted() const override { return facts_.is_encrypted; }
    std::string_view user() const override { return facts_.user; }
    void send(const Stanza& stanza) override;
    void close(StreamError error) override;

    VirtualHost& virtual_host() { return *host_; }
    /// Null once the stream has ended, moved on, or been restarted.
    Negotiation* negotiation() { return negotiation_; }
    void detach() { negotiation_ = nullptr; }

private:
    Negotiation* negotiation_;
    const HostRef host_; // plugins, and questions to them, hold on to this object
    const Facts facts_;
};

}
