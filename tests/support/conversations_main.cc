// Runs conversations: `conversations --plugins FOLDER [--loops N] [--verbose] FILE|FOLDER…`.
#include "conversation.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <string_view>
#include <vector>

int main(int count, char** arguments)
{
    namespace fs = std::filesystem;
    nuncio::test::ConversationOptions options;
    std::vector<std::size_t> loops;
    std::vector<fs::path> files;
    for (int i = 1; i < count; ++i) {
        const std::string_view argument = arguments[i];
        if (argument == "--plugins" && i + 1 < count) {
            options.plugin_path = fs::absolute(arguments[++i]).string();
        } else if (argument == "--loops" && i + 1 < count) {
            loops.push_back(std::strtoul(arguments[++i], nullptr, 10));
        } else if (argument == "--verbose") {
            options.is_verbose = true;
        } else if (fs::is_directory(argument)) {
            for (const auto& entry : fs::recursive_directory_iterator(argument))
                if (entry.path().extension() == ".conv")
                    files.push_back(entry.path());
        } else {
            files.emplace_back(argument);
        }
    }
    if (files.empty() || options.plugin_path.empty()) {
        std::cerr
            << "usage: conversations --plugins FOLDER [--loops N]… [--verbose] FILE|FOLDER…\n";
        return 2;
    }
    if (loops.empty())
        loops = { 1, 3 };
    std::ranges::sort(files);

    int passed = 0, failed = 0;
    for (const fs::path& file : files) {
        for (const std::size_t each : loops) {
            options.loops = each;
            const auto wrong = run_conversation(file, options);
            ++(wrong ? failed : passed);
            if (wrong)
                std::cout << "not ok " << file.stem().string() << " with " << each
                          << " loops: " << *wrong << "\n";
        }
    }
    std::cout << passed << " passed, " << failed << " failed\n";
    return failed == 0 ? 0 : 1;
}
