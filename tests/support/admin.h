// The administrator of a conversation: calls commands and looks at what they answer.
#pragma once

#include "scripted_server.h"

#include <memory>
#include <optional>
#include <string>

namespace nuncio::test {

class Admin {
public:
    explicit Admin(ScriptedServer& server);

    /// `COMMAND {"argument": "value"}`. The answer may come in a later step.
    std::optional<std::string> call(const std::string& text);
    /// Each line of `block` must occur in what was told since the last call.
    std::optional<std::string> is_told(const std::string& block) const;

private:
    ScriptedServer& server_;
    std::shared_ptr<std::string> told_; // shared: with answers that are still to come
};

}
