// RFC 4505: ANONYMOUS, for somebody who wants no name (XEP-0175).
#pragma once

#include "mechanism.h"

namespace nuncio::kernel::sasl {

class Anonymous final : public Mechanism {
public:
    Step respond(std::string_view message) override;
    Step resume(BackendAnswer answer) override;
    const std::string& user() const override { return user_; }
    std::string_view trace() const override { return trace_; }

private:
    std::string trace_;
    std::string user_; // once the backend has made it
};

}
