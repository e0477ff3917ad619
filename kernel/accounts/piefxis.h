// XEP-0227 (PIEFXIS): files of hosts and their users.
#pragma once

#include "file_format.h"
#include "file_source.h"

#include <nuncio/xml_stream.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::kernel::accounts {

/// `<server-data/>` with a `<host/>` for each host, or one host's `<host/>` alone (as ejabberd
/// writes them, for the other file to include). A host may have any number of users, so each
/// host is read as a stream of its own: an XmlStream holds one user at a time.
class Piefxis final : public FileFormat {
public:
    /// What is no account goes to `remarks`.
    Piefxis(FileSource& source, const AccountFileLimits& limits, std::vector<std::string>& remarks);

    Result<std::optional<FileEntry>> next() override;

private:
    using Event = XmlStream::Event;

    XmlLimits xml_limits() const;
    /// The next event of a stream, however many bytes it takes.
    Result<Event> read(XmlStream& stream);
    bool is_ours(const Element& element, std::string_view name) const;
    /// At the front of the file, or between two hosts.
    Result<void> look_outside();
    Result<void> enter(const Element& host);
    Result<std::optional<FileEntry>> look_inside(std::uint64_t line);
    void remark(std::uint64_t line, const std::string& text);

    const AccountFileLimits& limits_;
    FileSource& source_;
    std::vector<std::string>& remarks_;
    XmlStream outer_;
    XmlStream host_stream_;
    std::string host_;
    bool is_nested_ = false; // the root is <server-data/>
    bool is_in_host_ = false;
    bool has_ended_ = false;
};

}
