// RFC 4616: PLAIN. Offered only where nobody can listen.
#pragma once

#include "mechanism.h"

namespace nuncio::kernel::sasl {

class Plain final : public Mechanism {
public:
    /// `domain` outlives the exchange.
    explicit Plain(std::string_view domain)
        : domain_(domain)
    {
    }
    Plain(const Plain&) = delete;
    ~Plain() override;

    Step respond(std::string_view message) override;
    Step resume(BackendAnswer answer) override;
    const std::string& user() const override { return user_; }
    std::string take_password() override;

private:
    std::string_view domain_;
    std::string user_;
    std::string password_;
};

}
