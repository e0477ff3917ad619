// The door of a plugin: the class to derive from, and the macro that exports it.
#pragma once

#include <nuncio/abi.h>
#include <nuncio/context.h>
#include <nuncio/note.h>
#include <nuncio/schema.h>
#include <nuncio/snapshot.h>

#include <memory>
#include <string_view>
#include <type_traits>

namespace nuncio::inline v1 {

/// One feature on one virtual host. Made, configured and started on the main thread; destroyed
/// there after everything it registered is gone, no handler is inside, and its tasks have ended.
class NUNCIO_API Plugin {
public:
    Plugin() = default;
    Plugin(const Plugin&) = delete;
    Plugin& operator=(const Plugin&) = delete;
    virtual ~Plugin();

    /// Takes its settings, which the schema has accepted. Cross-checks may still fail
    /// (`config.error("option", "…")`). No effects outside the object.
    virtual Result<void> configure(const Config& config);

    /// Registers what it does. Reaches nothing outside yet: what it registers becomes visible all
    /// at once after it returned. Failing here leaves no trace.
    virtual Result<void> start(Context& context) = 0;

    /// At a reload: writes what the next generation shall know. Who overrides it is quiet
    /// meanwhile: what it would be called for waits, and what it had under way has ended, so that
    /// nothing is lost or done twice. Overriding it with nothing to write asks for that alone. Who
    /// does not override it is never paused. Throwing gives up the reload.
    virtual void save(Snapshot& snapshot) const;
    /// The new object takes it, after start and before anything is called. An error, or an
    /// exception, gives up the reload: the former object goes on.
    virtual Result<void> restore(const Snapshot& snapshot);
};

/// What the loader gets from a plugin's file after the note was accepted.
struct Descriptor {
    int abi;
    std::unique_ptr<Plugin> (*make)();
    /// Never null; a plugin without options has an empty schema.
    const Schema& (*schema)();
    /// It overrides Plugin::save.
    bool has_state;
};

namespace detail {

    /// Where a name is the base's, so is the type of its address. What cannot be named from here
    /// (protected, overloaded) is an override.
    template <class P>
    constexpr bool overrides_save = [] {
        if constexpr (requires { &P::save; })
            return !std::is_same_v<decltype(&P::save), decltype(&Plugin::save)>;
        else
            return true;
    }();

    template <class P>
    const Schema& schema_of()
    {
        static const Schema schema = [] {
            if constexpr (requires { P::schema(); })
                return Schema(P::schema());
            else
                return Schema();
        }();
        return schema;
    }

}

}

/// Exports `Class` as plugin `name`. `summary` is one line. `relations` may follow: a string of
/// lines `requires=storage/1 roster/1`, `provides=roster/1`, `after=disco/1` (order only).
///
///     NUNCIO_PLUGIN(Ping, "ping", "0.1.0", "XEP-0199: XMPP Ping")
#define NUNCIO_PLUGIN(Class, name, version, summary, ...)                                          \
    extern "C" {                                                                                   \
    __attribute__((section(".note.nuncio"), used, aligned(4))) extern const auto nuncio_note       \
        = ::nuncio::detail::Note { "abi=" NUNCIO_DETAIL_TEXT(                                      \
            NUNCIO_DETAIL_ABI) "\n"                                                                \
                               "headers=" NUNCIO_DETAIL_HEADERS "\n"                               \
                               "toolchain=" NUNCIO_DETAIL_TOOLCHAIN "\n"                           \
                               "name=" name "\nversion=" version "\nsummary=" summary              \
                               "\n" __VA_OPT__(__VA_ARGS__ "\n") };                                \
    NUNCIO_API extern const ::nuncio::Descriptor nuncio_plugin;                                    \
    const ::nuncio::Descriptor nuncio_plugin { ::nuncio::abi_number,                               \
        []() -> std::unique_ptr<::nuncio::Plugin> { return std::make_unique<Class>(); },           \
        &::nuncio::detail::schema_of<Class>, ::nuncio::detail::overrides_save<Class> };            \
    }
