#include "stream_header.h"

#include <nuncio/jid.h>
#include <nuncio/ns.h>

#include <algorithm>
#include <charconv>

namespace nuncio::kernel {

namespace {

    // BCP 47 gives 35 as the length of a buffer that holds every sensible tag.
    constexpr std::size_t max_lang_bytes = 35;

    /// RFC 6120 §4.7.5: major.minor, compared as numbers; without it, 0.9 is meant. A higher
    /// version than ours is answered with ours.
    bool is_supported(std::string_view version)
    {
        const auto dot = version.find('.');
        if (dot == version.npos)
            return false;
        const auto is_number = [](std::string_view text) {
            return !text.empty() && text.size() < 6
                && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
        };
        const auto major = version.substr(0, dot);
        if (!is_number(major) || !is_number(version.substr(dot + 1)))
            return false;
        unsigned number = 0;
        std::from_chars(major.data(), major.data() + major.size(), number);
        return number >= 1;
    }

    bool is_lang(std::string_view text)
    {
        return !text.empty() && text.size() <= max_lang_bytes
            && std::ranges::all_of(text, [](char c) {
                   return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
                       || c == '-';
               });
    }

    std::optional<StreamError> error_of(ElementRef header, std::string_view default_ns)
    {
        using enum StreamError::Condition;
        if (header.ns() != ns_streams)
            return StreamError { invalid_namespace,
                "expected the stream namespace " + std::string(ns_streams) };
        if (header.name() != "stream")
            return StreamError { bad_format, "expected a stream element" };
        if (default_ns != ns_client)
            return StreamError { invalid_namespace,
                "expected the default namespace " + std::string(ns_client) };
        if (!is_supported(header.attr("version")))
            return StreamError { unsupported_version, "this server speaks version 1.0" };
        return std::nullopt;
    }

}

StreamHeader read_stream_header(ElementRef header, std::string_view default_ns)
{
    StreamHeader read;
    if (auto to = prepare_domain(header.attr("to")))
        read.to = *std::move(to);
    if (const auto from = header.attr("from"); !from.empty())
        if (const auto jid = Jid::parse(from))
            read.from = jid->bare_text();
    if (const auto lang = header.attr("lang", ns_xml); is_lang(lang))
        read.lang = lang;
    read.error = error_of(header, default_ns);
    return read;
}

void append_stream_header(
    std::string& out, std::string_view id, std::string_view from, std::string_view to)
{
    out.append("<?xml version='1.0'?><stream:stream xmlns='")
        .append(ns_client)
        .append("' xmlns:stream='")
        .append(ns_streams)
        .append("' id='")
        .append(id)
        .append("' from='");
    append_escaped(out, from);
    if (!to.empty()) {
        out.append("' to='");
        append_escaped(out, to);
    }
    out.append("' version='1.0' xml:lang='en'>");
}

}
