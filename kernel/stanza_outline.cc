// What may be known of a stanza without reading anybody's mail.
#include "stanza_outline.h"

#include "thread_activity.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <sys/syscall.h>
#include <unistd.h>

namespace nuncio::kernel {

namespace {

    constexpr std::size_t most_id_bytes = 64;
    constexpr std::size_t most_name_bytes = 128;
    constexpr int most_steps = 64; // through attributes, and through children
    constexpr std::uintptr_t word = 8;
    constexpr std::uintptr_t page = 4096; // the smallest there is
    constexpr std::uintptr_t most_pages = 16; // of one piece: more, and it is no name

    /// Asks the system, which reads the word as a set of signals before it sees that it is told to
    /// do something unknown with it. Changes nothing.
    bool is_readable(std::uintptr_t at)
    {
        const int error = errno;
        const bool is_known
            = ::syscall(SYS_rt_sigprocmask, ~0, at & ~(word - 1), nullptr, word) == -1
            && errno == EINVAL;
        errno = error;
        return is_known;
    }

    const Node* root_of(const Stanza& stanza)
    {
        return const_cast<Stanza&>(stanza).element().root();
    }

}

bool StanzaOutline::may_read(const void* at, std::size_t bytes) const
{
    if (memory_ == Memory::sound || bytes == 0)
        return true;
    const auto first = reinterpret_cast<std::uintptr_t>(at);
    const std::uintptr_t last = first + bytes - 1;
    if (last < first || bytes > most_pages * page)
        return false;
    for (std::uintptr_t each = first; each <= last; each += page)
        if (!is_readable(each))
            return false;
    return is_readable(last);
}

void StanzaOutline::put(std::string_view text)
{
    for (const char c : text.substr(0, most_bytes - size_)) {
        const auto byte = static_cast<unsigned char>(c);
        text_[size_++] = byte < 0x20 || byte == 0x7f ? ' ' : c; // one line, whatever was sent
    }
}

void StanzaOutline::put_cut(std::string_view text, std::size_t most)
{
    const bool is_cut = text.size() > most;
    text = text.substr(0, most);
    if (!may_read(text))
        return put("?");
    put(text);
    if (is_cut)
        put("…");
}

void StanzaOutline::put_id(const Attribute* attribute)
{
    for (int i = 0; attribute && i < most_steps; ++i, attribute = attribute->next) {
        if (!may_read(attribute, sizeof *attribute) || !may_read(attribute->name))
            return;
        if (attribute->name == "id" && attribute->ns.empty()) {
            put(" id=");
            return put_cut(attribute->value, most_id_bytes);
        }
    }
}

void StanzaOutline::put_children(const Node& root)
{
    std::size_t shown = 0;
    const Node* child = root.first_child;
    for (int i = 0; child && i < most_steps; ++i, child = child->next) {
        if (!may_read(child, sizeof *child))
            return;
        if (!child->is_element())
            continue;
        if (++shown > most_children)
            return put(" …");
        put(" <");
        put_cut(child->name, most_name_bytes);
        const bool is_known = may_read(child->ns) && may_read(root.ns);
        if (!is_known || child->ns != root.ns) {
            put(" ");
            put_cut(child->ns, most_name_bytes);
        }
        put(">");
    }
}

StanzaOutline::StanzaOutline(const Stanza& stanza, Memory memory)
    : memory_(memory)
{
    const Node* const root = root_of(stanza);
    if (!root || !may_read(root, sizeof *root))
        return;
    put(to_string(stanza.kind()));
    if (stanza.type() != Stanza::Type::none) {
        put(" ");
        put(to_string(stanza.type()));
    }
    put_id(root->attributes);
    put(" ");
    const auto put_address = [this](std::string_view address) {
        if (address.empty())
            put("-");
        else
            put_cut(address, most_address_bytes);
    };
    put_address(stanza.from().text());
    put(" -> ");
    put_address(stanza.to().text());
    put_children(*root);
}

StanzaOutline outline_of_handled()
{
    const Handled* const handled = this_thread.handled.load(std::memory_order_relaxed);
    if (!handled)
        return {};
    return handled->outline ? *handled->outline
                            : StanzaOutline(*handled->stanza, StanzaOutline::Memory::doubtful);
}

}
