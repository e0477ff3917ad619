// What a stream header declares for the stanzas inside it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::inline v1 {

/// The namespaces in scope inside a stream element, and its name for the end tag. Ordinary headers
/// share static contexts, so that an idle stream holds none of its own.
struct XmlContext {
    struct Prefix {
        std::string_view name;
        std::string_view ns;
    };
    std::string_view qname; ///< of the stream element; empty when there is none to close
    std::string_view default_ns;
    std::vector<Prefix> prefixes;
    std::unique_ptr<char[]> bytes; ///< what the views lie in; null for a static context
    std::size_t size = 0;

    bool is_static() const { return !bytes; }
    std::size_t memory() const
    {
        return is_static() ? 0 : sizeof(*this) + size + prefixes.capacity() * sizeof(Prefix);
    }

    /// The context of elements that stand alone.
    static const XmlContext& none();
};

/// Gives back a context unless it is a static one.
struct XmlContextRelease {
    void operator()(const XmlContext* context) const
    {
        if (!context->is_static())
            delete context;
    }
};
using XmlContextOwner = std::unique_ptr<const XmlContext, XmlContextRelease>;

/// A static context when one says the same, else a copy. All views may be short-lived.
XmlContextOwner make_context(const XmlContext& wanted);

}
