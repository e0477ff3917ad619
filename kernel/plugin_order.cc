// Dependency order: Kahn's algorithm over interfaces, with words for what goes wrong.
#include "plugin_order.h"

#include <algorithm>
#include <map>
#include <optional>

namespace nuncio::kernel {

namespace {

    bool contains(std::span<const std::string> list, const std::string& what)
    {
        return std::ranges::find(list, what) != list.end();
    }

    class Sorter {
    public:
        Sorter(std::span<const PluginNote* const> notes, std::span<const std::string> available)
            : notes_(notes)
            , available_(available)
        {
            for (std::size_t i = 0; i < notes.size(); ++i)
                waiting_.push_back(i);
            std::ranges::sort(
                waiting_, {}, [&](std::size_t index) -> const std::string& { return name(index); });
        }

        PluginOrder sort() &&
        {
            leave_out_unmet();
            while (!waiting_.empty()) {
                if (take_first(true) || take_first(false))
                    continue;
                leave_out_cycle();
                leave_out_unmet();
            }
            return std::move(result_);
        }

    private:
        const std::string& name(std::size_t index) const { return notes_[index]->name; }

        std::optional<std::size_t> waiting_provider(const std::string& interface) const
        {
            for (const std::size_t other : waiting_)
                if (contains(notes_[other]->provides, interface))
                    return other;
            return std::nullopt;
        }

        bool is_started(const std::string& interface) const
        {
            return contains(available_, interface)
                || std::ranges::any_of(result_.order, [&](std::size_t other) {
                       return contains(notes_[other]->provides, interface);
                   });
        }

        /// An interface may have several providers (auth backends): all of them come first.
        bool waits_for(std::size_t index, const std::string& interface) const
        {
            return std::ranges::any_of(waiting_, [&](std::size_t other) {
                return other != index && contains(notes_[other]->provides, interface);
            });
        }

        bool is_ready(std::size_t index, bool with_wishes) const
        {
            const auto waits
                = [&](const std::string& interface) { return waits_for(index, interface); };
            if (std::ranges::any_of(notes_[index]->requires_, waits))
                return false;
            if (!with_wishes)
                return true;
            // `after` may name an interface or a plugin.
            return std::ranges::none_of(notes_[index]->after, [&](const std::string& wish) {
                return waits(wish) || std::ranges::any_of(waiting_, [&](std::size_t other) {
                    return other != index && name(other) == wish;
                });
            });
        }

        bool take_first(bool with_wishes)
        {
            const auto ready = std::ranges::find_if(
                waiting_, [&](std::size_t index) { return is_ready(index, with_wishes); });
            if (ready == waiting_.end())
                return false;
            result_.order.push_back(*ready);
            waiting_.erase(ready);
            return true;
        }

        void leave_out(std::size_t index, std::string reason)
        {
            std::erase(waiting_, index);
            for (const std::string& interface : notes_[index]->provides)
                lost_.try_emplace(interface, name(index));
            result_.left_out.push_back({ index, std::move(reason) });
        }

        /// Until nobody is left who requires what nobody provides.
        void leave_out_unmet()
        {
            for (bool changed = true; changed;) {
                changed = false;
                for (const std::size_t index : std::vector(waiting_)) {
                    const auto missing
                        = std::ranges::find_if(notes_[index]->requires_, [&](const auto& needed) {
                              return !is_started(needed) && !waiting_provider(needed);
                          });
                    if (missing == notes_[index]->requires_.end())
                        continue;
                    const auto lost = lost_.find(*missing);
                    leave_out(index,
                        "requires " + *missing
                            + (lost == lost_.end()
                                    ? ", which no enabled plugin provides"
                                    : " of " + lost->second + ", which is left out"));
                    changed = true;
                }
            }
        }

        /// Nobody is ready, so following requirements from anywhere runs into a circle.
        void leave_out_cycle()
        {
            std::vector<std::size_t> path;
            std::size_t at = waiting_.front();
            while (std::ranges::find(path, at) == path.end()) {
                path.push_back(at);
                for (const std::string& needed : notes_[at]->requires_)
                    if (const auto next = blocker(at, needed)) {
                        at = *next;
                        break;
                    }
            }
            path.erase(path.begin(), std::ranges::find(path, at));
            std::string circle;
            for (const std::size_t member : path)
                circle += name(member) + " → ";
            circle += name(at);
            for (const std::size_t member : path)
                leave_out(member, "is part of a circle of requirements: " + circle);
        }

        std::optional<std::size_t> blocker(std::size_t index, const std::string& interface) const
        {
            for (const std::size_t other : waiting_)
                if (other != index && contains(notes_[other]->provides, interface))
                    return other;
            return std::nullopt;
        }

        std::span<const PluginNote* const> notes_;
        std::span<const std::string> available_;
        std::vector<std::size_t> waiting_; // by name
        std::map<std::string, std::string, std::less<>> lost_; // interface → who would provide it
        PluginOrder result_;
    };

}

PluginOrder order_plugins(
    std::span<const PluginNote* const> notes, std::span<const std::string> available)
{
    return Sorter(notes, available).sort();
}

std::vector<std::size_t> dependents_of(
    std::span<const PluginNote* const> notes, std::size_t provider)
{
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < notes.size(); ++i) {
        if (i == provider)
            continue;
        const bool needs = std::ranges::any_of(notes[i]->requires_, [&](const std::string& needed) {
            if (!contains(notes[provider]->provides, needed))
                return false;
            for (std::size_t other = 0; other < notes.size(); ++other)
                if (other != provider && contains(notes[other]->provides, needed))
                    return false;
            return true;
        });
        if (needs)
            found.push_back(i);
    }
    return found;
}

}
