// Conversations: who sends what, what must come back, what a bystander must not hear.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

namespace nuncio::test {

struct ConversationOptions {
    std::string folder; ///< where the conversation is; `{folder}` in its options
    std::string plugin_path;
    std::size_t loops = 1;
    bool is_verbose = false; ///< print every step
};

/// Runs one `.conv` file against a server of its own. Answers `file:line: what differed`, or
/// nothing.
std::optional<std::string> run_conversation(
    const std::filesystem::path& file, const ConversationOptions& options);

}
