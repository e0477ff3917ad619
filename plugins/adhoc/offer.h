// A command as it is offered over XMPP: under its own node, or one of XEP-0133's.
#pragma once

#include "admin_nodes.h"
#include "form.h"

#include <nuncio/command.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::adhoc {

/// One node that can be executed.
struct Offer {
    std::string node;
    std::string name; ///< for menus
    Command command; ///< that is behind it
    const AdminNode* admin = nullptr; ///< the entry of XEP-0133, or null: the command's own node
    Questions questions {};

    /// XEP-0133's forms are answered at once by every client that knows them.
    bool asks_again() const { return command.is_final && !admin; }
};

/// All that can be made of these commands, on this host; those of XEP-0133 first.
std::vector<Offer> offers_of(const std::vector<Command>& commands, std::string_view host);
/// The one with this node; whatever is not on the list is not made.
std::optional<Offer> find_offer(
    const std::vector<Command>& commands, std::string_view node, std::string_view host);
/// Whether such a node could be one of ours.
bool is_command_node(std::string_view node);

/// The tables of arguments that a filled form asks to call the command with: one, or one for each
/// account of a form that takes several. An error for what only all fields together tell.
Result<std::vector<Value>> calls_of(
    const Offer& offer, const Filled& filled, std::string_view host);

/// The questions, filled with what was answered; secrets are left out.
Questions refilled(const Offer& offer, const Filled& filled);
/// Asks once more, with all but the secrets in words.
Questions confirmation(const Offer& offer, const Filled& filled);

}
