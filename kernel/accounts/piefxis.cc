#include "piefxis.h"

#include "file_text.h"
#include "piefxis_user.h"
#include "written_account.h"

#include <utility>

namespace nuncio::kernel::accounts {

namespace {

    constexpr std::size_t most_remarks = 100;

}

Piefxis::Piefxis(
    FileSource& source, const AccountFileLimits& limits, std::vector<std::string>& remarks)
    : limits_(limits)
    , source_(source)
    , remarks_(remarks)
    , outer_(xml_limits())
    , host_stream_(xml_limits())
{
}

Result<std::optional<FileEntry>> Piefxis::next()
{
    for (;;) {
        if (auto skipped = source_.skip_space(); !skipped)
            return skipped.error();
        if (has_ended_) {
            if (!source_.rest().empty())
                return at_line(source_.line(), "there is something behind the end");
            return std::optional<FileEntry>();
        }
        if (!is_in_host_) {
            if (auto looked = look_outside(); !looked)
                return looked.error();
            continue;
        }
        auto found = look_inside(source_.line());
        if (!found || *found)
            return found;
    }
}

XmlLimits Piefxis::xml_limits() const
{
    return { .bytes = limits_.user_bytes, .depth = 64, .children = 1'000'000 };
}

Result<XmlStream::Event> Piefxis::read(XmlStream& stream)
{
    const std::uint64_t began = source_.line();
    for (;;) {
        auto input = source_.rest();
        const std::size_t before = input.size();
        const Event event = stream.next(input);
        source_.take(before - input.size());
        if (event == Event::error)
            return at_line(stream.error().kind == XmlError::Kind::limit ? began : source_.line(),
                stream.error().kind == XmlError::Kind::limit
                    ? "a user takes more than " + std::to_string(limits_.user_bytes) + " bytes"
                    : stream.error().text);
        if (event != Event::need_more)
            return event;
        const auto has_more = source_.more();
        if (!has_more)
            return has_more.error();
        if (!*has_more)
            return at_line(source_.line(), "the file ends in the middle of its XML");
    }
}

bool Piefxis::is_ours(const Element& element, std::string_view name) const
{
    // The host's stream does not see what the element around it declared.
    return element.is(name, ns_pie) || (is_nested_ && element.is(name, {}));
}

Result<void> Piefxis::look_outside()
{
    if (!is_nested_) {
        const auto event = read(host_stream_);
        if (!event)
            return event.error();
        const Element root = host_stream_.take();
        if (root.is("host", ns_pie))
            return enter(root);
        if (!root.is("server-data", ns_pie))
            return at_line(
                source_.line(), "expected <server-data/> or <host/> of urn:xmpp:pie:0 (XEP-0227)");
        outer_ = std::move(host_stream_);
        is_nested_ = true;
        return {};
    }
    constexpr std::string_view start = "<host";
    if (auto read = source_.need(start.size() + 1); !read)
        return read;
    const auto text = source_.rest();
    const bool is_host = text.starts_with(start) && text.size() > start.size()
        && (is_space(text[start.size()]) || text[start.size()] == '>' || text[start.size()] == '/');
    if (is_host) {
        host_stream_ = XmlStream(xml_limits());
        const auto event = read(host_stream_);
        if (!event)
            return event.error();
        const Element host = host_stream_.take();
        if (!is_ours(host, "host"))
            return at_line(source_.line(), "expected a <host/> of urn:xmpp:pie:0");
        return enter(host);
    }
    const std::uint64_t line = source_.line();
    const auto event = read(outer_);
    if (!event)
        return event.error();
    if (*event == Event::end) {
        has_ended_ = true;
        return {};
    }
    const Element other = outer_.take();
    remark(line,
        other.name() == "include"
            ? "includes " + std::string(other.attr("href")) + ": import that file, too"
            : "<" + std::string(other.name()) + "/> is no host");
    return {};
}

Result<void> Piefxis::enter(const Element& host)
{
    host_ = host.attr("jid");
    if (host_.empty())
        return at_line(source_.line(), "a <host/> has no jid");
    is_in_host_ = true;
    return {};
}

Result<std::optional<FileEntry>> Piefxis::look_inside(std::uint64_t line)
{
    const auto event = read(host_stream_);
    if (!event)
        return event.error();
    if (*event == Event::end) {
        is_in_host_ = false;
        has_ended_ = !is_nested_;
        return std::optional<FileEntry>();
    }
    const Element user = host_stream_.take();
    if (!is_ours(user, "user")) {
        remark(line, "<" + std::string(user.name()) + "/> is no user");
        return std::optional<FileEntry>();
    }
    auto written = read_piefxis_user(user, host_);
    auto account
        = written ? prepare(std::move(*written), limits_) : Result<FileAccount>(written.error());
    return std::optional(FileEntry { line, std::move(account) });
}

void Piefxis::remark(std::uint64_t line, const std::string& text)
{
    if (remarks_.size() < most_remarks)
        remarks_.push_back(std::to_string(line) + ": " + text);
}

}
