// RFC 7622: XMPP addresses (local@domain/resource), prepared and compared.
#pragma once

#include <nuncio/result.h>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace nuncio::inline v1 {

class Jid;

/// A borrowed, already prepared address: three pieces of one string `local@domain/resource`.
/// Copying costs nothing; the bytes belong to the Jid, Stanza or Session it was taken from.
class JidView {
public:
    constexpr JidView() = default;

    /// Local part, or empty.
    constexpr std::string_view local() const { return text_.substr(0, local_); }
    /// Domain part; empty only in a default-constructed view.
    constexpr std::string_view domain() const { return text_.substr(domain_at(), domain_); }
    /// Resource part, or empty.
    constexpr std::string_view resource() const
    {
        const auto at = domain_at() + domain_;
        return at < text_.size() ? text_.substr(at + 1) : std::string_view();
    }

    /// The whole address as it goes on the wire.
    constexpr std::string_view text() const { return text_; }
    /// `local@domain` as text: what homes, rosters and stores are keyed by.
    constexpr std::string_view bare_text() const { return text_.substr(0, domain_at() + domain_); }
    /// The same address without its resource; borrows the same bytes.
    constexpr JidView bare() const { return JidView(bare_text(), local_, domain_); }

    /// Empty: no address at all. Bare: without a resource; full: with one.
    constexpr bool empty() const { return text_.empty(); }
    constexpr bool is_bare() const { return text_.size() == domain_at() + std::size_t(domain_); }
    constexpr bool is_full() const { return !is_bare(); }
    /// True for `domain` alone, without local part and resource.
    constexpr bool is_domain() const { return local_ == 0 && is_bare(); }

    /// The same address in other memory: `bytes` must hold what `text()` holds, and is borrowed.
    constexpr JidView rebased(const char* bytes) const
    {
        return JidView({ bytes, text_.size() }, local_, domain_);
    }

    // Prepared addresses are equal exactly when their bytes are (RFC 7622 §3.1).
    friend constexpr bool operator==(JidView a, JidView b) { return a.text_ == b.text_; }
    friend constexpr auto operator<=>(JidView a, JidView b) { return a.text_ <=> b.text_; }

private:
    friend class Jid;
    constexpr JidView(std::string_view text, std::uint16_t local, std::uint16_t domain)
        : text_(text)
        , local_(local)
        , domain_(domain)
    {
    }
    constexpr std::size_t domain_at() const { return local_ == 0 ? 0 : std::size_t(local_) + 1; }

    std::string_view text_;
    std::uint16_t local_ = 0; // length of the local part in bytes
    std::uint16_t domain_ = 0; // length of the domain part in bytes
};

/// An owned, prepared address. Preparation happens in `parse` and nowhere else, so two Jids are
/// equal exactly when they name the same entity.
class NUNCIO_API Jid {
public:
    Jid() = default;
    /// Copies the bytes of a prepared address.
    explicit Jid(JidView view);

    /// Parses and prepares `text`: UsernameCaseMapped for the local part, IDNA2008 for the domain
    /// (kept as U-labels, a trailing dot removed), OpaqueString for the resource; every part at
    /// most 1023 bytes after preparation (RFC 7622 §3.2–3.4). Plain lower-case ASCII takes a path
    /// without tables.
    static Result<Jid> parse(std::string_view text);

    /// The same, but when `text` is ASCII that preparation would not change, answers a view of
    /// `text` itself without copying; otherwise fills `storage` and answers a view of that.
    static Result<JidView> parse_view(std::string_view text, Jid& storage);

    /// Builds an address from parts that were not prepared yet. `local` and `resource` may be
    /// empty.
    static Result<Jid> make(
        std::string_view local, std::string_view domain, std::string_view resource = {});

    operator JidView() const { return view(); }
    /// Borrows this address, until it is assigned to or ends.
    JidView view() const { return JidView(text_, local_, domain_); }

    /// The parts and the questions of JidView. What is borrowed lives as long as this address.
    std::string_view local() const { return view().local(); }
    std::string_view domain() const { return view().domain(); }
    std::string_view resource() const { return view().resource(); }
    const std::string& text() const { return text_; }
    std::string_view bare_text() const { return view().bare_text(); }
    Jid bare() const { return Jid(view().bare()); }
    /// Prepares `resource` and answers this address with it.
    Result<Jid> with_resource(std::string_view resource) const;

    /// As of JidView.
    bool empty() const { return text_.empty(); }
    bool is_bare() const { return view().is_bare(); }
    bool is_full() const { return view().is_full(); }
    bool is_domain() const { return view().is_domain(); }

    friend bool operator==(const Jid& a, const Jid& b) { return a.text_ == b.text_; }
    friend auto operator<=>(const Jid& a, const Jid& b) { return a.text_ <=> b.text_; }

private:
    std::string text_;
    std::uint16_t local_ = 0;
    std::uint16_t domain_ = 0;
};

/// Prepares one part on its own; errors name the rule that was broken.
NUNCIO_API Result<std::string> prepare_local(std::string_view text);
NUNCIO_API Result<std::string> prepare_domain(std::string_view text);
NUNCIO_API Result<std::string> prepare_resource(std::string_view text);
/// RFC 8265 OpaqueString: the preparation of passwords before hashing.
NUNCIO_API Result<std::string> prepare_password(std::string_view text);

/// The A-label form of a prepared domain, for DNS, SNI and certificates (RFC 5890).
NUNCIO_API Result<std::string> domain_to_ascii(std::string_view domain);

/// XEP-0106: JID Escaping, of a local part. Blanks at either end cannot be escaped and are dropped.
NUNCIO_API std::string escape_local(std::string_view text);
NUNCIO_API std::string unescape_local(std::string_view text);

/// Transparent hash over the whole address text: find by Jid, JidView or string_view.
struct JidHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const
    {
        return std::hash<std::string_view>()(text);
    }
    std::size_t operator()(JidView jid) const { return (*this)(jid.text()); }
    std::size_t operator()(const Jid& jid) const { return (*this)(std::string_view(jid.text())); }
};

}
