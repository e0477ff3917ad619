// In which order plugins start: who is needed before whom, and who has to stay out.
#pragma once

#include "plugin_note.h"

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace nuncio::kernel {

struct PluginOrder {
    std::vector<std::size_t> order; ///< indices of the notes, providers first
    struct LeftOut {
        std::size_t index;
        std::string reason; ///< names the missing interface, or the cycle
    };
    std::vector<LeftOut> left_out;
};

/// Sorts by `requires` and `after`; what does not matter is decided by name, so that one
/// configuration always starts in one order. `available` are interfaces that run already. An
/// `after` that would close a cycle is ignored: it is a wish.
PluginOrder order_plugins(
    std::span<const PluginNote* const> notes, std::span<const std::string> available = {});

/// Who of `notes` cannot be without an interface of `provider` that nobody else of `notes`
/// provides.
std::vector<std::size_t> dependents_of(
    std::span<const PluginNote* const> notes, std::size_t provider);

}
