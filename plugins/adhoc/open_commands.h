// XEP-0050 §3.3: commands that wait for a form, by their session ids.
#pragma once

#include "form.h"

#include <nuncio/jid.h>
#include <nuncio/loop.h>
#include <nuncio/lru_map.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace nuncio::adhoc {

/// One execution between two of its stages.
struct OpenCommand {
    enum class Stage { form, confirmation };
    Jid owner; ///< the full address that began it: nobody else can go on with it
    std::string node;
    Stage stage = Stage::form;
    Filled filled {}; ///< so far; passwords, too, until it ends
    TimePoint until {};
};

/// Not safe for concurrent use.
class OpenCommands {
public:
    struct Bounds {
        std::size_t of_account = 8; ///< beyond, the account's oldest ends
        std::size_t altogether = 256; ///< beyond, no further one begins
        Duration lifetime = std::chrono::minutes(10); ///< without a word of its owner
    };
    explicit OpenCommands(Bounds bounds)
        : bounds_(bounds)
        , ended_(bounds.altogether)
    {
    }

    /// Keeps one under an id that is new, or that take() gave it out of. False: there are too many.
    bool put(const std::string& id, OpenCommand command, TimePoint now);

    enum class Found { yes, no, expired };
    /// Takes it out, for as long as a request of it is handled: a second one at the same time finds
    /// nothing.
    Found take(std::string_view id, const Jid& owner, std::string_view node, TimePoint now,
        OpenCommand& command);

    /// All of one full address: it has gone.
    void drop(JidView owner);
    std::size_t size() const { return open_.size(); }

private:
    using Open = std::map<std::string, OpenCommand, std::less<>>;
    void expire(TimePoint now);
    Open::iterator end(Open::iterator at);

    Bounds bounds_;
    Open open_;
    LruMap<Jid> ended_; // without a word of their owners, who may still come back to hear of it
};

}
