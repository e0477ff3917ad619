// RFC 6120 §4.9.3 and §8.3.3: every stream and stanza error, as values.
#pragma once

#include <nuncio/abi.h>
#include <nuncio/xml.h>

#include <string>
#include <string_view>

namespace nuncio::inline v1 {

/// What a client should hear about a stanza. A value, not a failure.
struct NUNCIO_API StanzaError {
    enum class Condition {
        bad_request,
        conflict,
        feature_not_implemented,
        forbidden,
        gone,
        internal_server_error,
        item_not_found,
        jid_malformed,
        not_acceptable,
        not_allowed,
        not_authorized,
        policy_violation,
        recipient_unavailable,
        redirect,
        registration_required,
        remote_server_not_found,
        remote_server_timeout,
        resource_constraint,
        service_unavailable,
        subscription_required,
        undefined_condition,
        unexpected_request,
    };
    /// RFC 6120 §8.3.2. `standard` takes the type that §8.3.3 gives the condition.
    enum class Type { standard, auth, cancel, continue_, modify, wait };

    Condition condition = Condition::undefined_condition;
    std::string text {}; ///< for a human; may be empty
    std::string lang {}; ///< of `text`; empty means "en"
    Type type = Type::standard;
    std::string uri {}; ///< of `gone` and `redirect`
    Element application {}; ///< application-specific condition (§8.3.4); may be empty

    /// The `<error/>` element in namespace `stanza_ns` (jabber:client).
    Element element(std::string_view stanza_ns) const;
    /// Reads an `<error/>` child; unknown conditions become undefined_condition.
    static StanzaError from(ElementRef error);
};

/// The name on the wire ("item-not-found") and back (undefined_condition when unknown).
NUNCIO_API std::string_view to_string(StanzaError::Condition condition);
NUNCIO_API StanzaError::Condition stanza_condition(std::string_view name);
NUNCIO_API StanzaError::Type standard_type(StanzaError::Condition condition);
NUNCIO_API std::string_view to_string(StanzaError::Type type);

/// Why a stream ends.
struct NUNCIO_API StreamError {
    enum class Condition {
        bad_format,
        bad_namespace_prefix,
        conflict,
        connection_timeout,
        host_gone,
        host_unknown,
        improper_addressing,
        internal_server_error,
        invalid_from,
        invalid_namespace,
        invalid_xml,
        not_authorized,
        not_well_formed,
        policy_violation,
        remote_connection_failed,
        reset,
        resource_constraint,
        restricted_xml,
        see_other_host,
        system_shutdown,
        undefined_condition,
        unsupported_encoding,
        unsupported_feature,
        unsupported_stanza_type,
        unsupported_version,
    };

    Condition condition = Condition::undefined_condition;
    std::string text {};
    std::string lang {};
    std::string host {}; ///< of `see_other_host`
    Element application {};

    /// `<stream:error>…</stream:error>`, for a stream that declared the prefix `stream`.
    std::string xml() const;
    static StreamError from(const XmlError& error);
};

/// The condition's name on the wire ("host-unknown"), and back; what is not known is
/// undefined_condition.
NUNCIO_API std::string_view to_string(StreamError::Condition condition);
NUNCIO_API StreamError::Condition stream_condition(std::string_view name);

}
