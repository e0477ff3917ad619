// RFC 4422 Appendix A: EXTERNAL, by the certificate that the client has shown to TLS (XEP-0178 §2).
#pragma once

#include "mechanism.h"

namespace nuncio::kernel::sasl {

class External final : public Mechanism {
public:
    /// `domain` outlives the exchange.
    explicit External(std::string_view domain)
        : domain_(domain)
    {
    }

    Step respond(std::string_view message) override;
    Step resume(BackendAnswer answer) override;
    const std::string& user() const override { return user_; }

private:
    std::string_view domain_;
    std::string user_; // whom the client asks to be; who it is, in the end
};

}
