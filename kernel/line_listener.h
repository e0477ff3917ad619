// Who hears the lines that a command shows before its answer.
#pragma once

#include <nuncio/command.h>

#include <functional>
#include <string_view>

namespace nuncio::kernel {

/// What a front of the kernel gives as CommandCall::progress. Plugins only show lines; the kernel's
/// own commands can also find out whether anybody is left to hear them.
struct LineListener {
    std::function<bool(std::string_view)> show; ///< false: the caller has gone
    void operator()(std::string_view line) const { show(line); }
};

/// True: somebody may still be there.
inline bool show_line(const std::function<void(std::string_view)>& progress, std::string_view line)
{
    if (const auto* listener = progress.target<LineListener>())
        return listener->show(line);
    progress(line);
    return true;
}

}
