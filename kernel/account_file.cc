#include "account_file.h"

#include <nuncio/crypto.h>
#include <nuncio/jid.h>
#include <nuncio/scram.h>
#include <nuncio/value.h>
#include <nuncio/xml_stream.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <deque>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nuncio::kernel {

namespace {

    constexpr std::string_view ns_pie = "urn:xmpp:pie:0";
    constexpr std::string_view ns_scram = "urn:xmpp:pie:0#scram";
    constexpr std::size_t chunk = 65536;
    constexpr std::size_t most_remarks = 100;

    bool is_space(char c)
    {
        return c == ' ' || c == '\t' || c == '\n' || c == '\r';
    }

    std::string_view trimmed(std::string_view text)
    {
        while (!text.empty() && is_space(text.front()))
            text.remove_prefix(1);
        while (!text.empty() && is_space(text.back()))
            text.remove_suffix(1);
        return text;
    }

    std::vector<std::string_view> split(std::string_view text, char separator)
    {
        std::vector<std::string_view> pieces;
        for (;;) {
            const auto at = text.find(separator);
            pieces.push_back(text.substr(0, at));
            if (at == text.npos)
                return pieces;
            text.remove_prefix(at + 1);
        }
    }

    Error at_line(std::uint64_t line, const std::string& text)
    {
        return Error { std::to_string(line) + ": " + text };
    }

    /// What an account consists of, as it was written.
    struct Written {
        std::string jid {};
        std::string user {};
        std::string host {};
        std::optional<std::string> password {};
        ScramKeySet keys {};
    };

    Result<void> add_keys(Written& written, ScramHash hash, ScramKeys keys)
    {
        auto& place = written.keys[static_cast<std::size_t>(hash)];
        if (place)
            return Error { "has keys of one hash twice" };
        if (const auto problem = problem_with(keys, hash); !problem.empty())
            return Error { std::string(scram_name(hash)) + ": " + std::string(problem) };
        place = std::move(keys);
        return {};
    }

    Result<void> add_keys(Written& written, std::string_view text)
    {
        auto read = parse_scram_keys(text);
        if (!read)
            return Error { "keys: " + read.error().text };
        return add_keys(written, read->hash, std::move(read->keys));
    }

    Result<FileAccount> prepare(Written written, const AccountFileLimits& limits)
    {
        FileAccount account;
        if (!written.jid.empty()) {
            const auto jid = Jid::parse(written.jid);
            if (!jid)
                return Error { "jid: " + jid.error().text };
            if (jid->local().empty() || !jid->is_bare())
                return Error { "jid: expected USER@HOST" };
            account.user = jid->local();
            account.host = jid->domain();
        } else {
            auto user = prepare_local(written.user);
            if (!user || user->empty())
                return Error { "user: " + (user ? "is empty" : user.error().text) };
            account.user = std::move(*user);
            if (!written.host.empty()) {
                auto host = prepare_domain(written.host);
                if (!host)
                    return Error { "host: " + host.error().text };
                account.host = std::move(*host);
            }
        }
        const bool has_keys
            = std::ranges::any_of(written.keys, [](const auto& keys) { return keys.has_value(); });
        if (written.password && written.password->empty())
            written.password.reset();
        if (!written.password && !has_keys)
            return Error { "has neither a password nor SCRAM keys" };
        if (written.password && written.password->size() > limits.password_bytes)
            return Error { "the password is longer than " + std::to_string(limits.password_bytes)
                + " bytes" };
        if (written.password && !prepare_password(*written.password))
            return Error { "the password is none that could be typed (RFC 8265)" };
        account.password = std::move(written.password);
        account.keys = std::move(written.keys);
        return account;
    }

    /// The bytes of a file, a piece at a time, with the number of the line they are in.
    class Source {
    public:
        explicit Source(std::string text)
            : buffer_(std::move(text))
            , size_(buffer_.size())
            , read_(buffer_.size())
        {
        }
        Source(int fd, std::uint64_t size, std::uint64_t most)
            : fd_(fd)
            , size_(size)
            , most_(most)
        {
        }
        Source(const Source&) = delete;
        Source& operator=(const Source&) = delete;
        ~Source()
        {
            if (fd_ >= 0)
                ::close(fd_);
        }

        /// What has been read and not been taken.
        std::string_view rest() const { return std::string_view(buffer_).substr(at_); }
        /// Reads on; false at the end.
        Result<bool> more()
        {
            if (fd_ < 0)
                return false;
            buffer_.erase(0, at_);
            at_ = 0;
            const std::size_t before = buffer_.size();
            buffer_.resize(before + chunk);
            ssize_t count = -1;
            do
                count = ::read(fd_, buffer_.data() + before, chunk);
            while (count < 0 && errno == EINTR);
            buffer_.resize(before + std::size_t(std::max<ssize_t>(count, 0)));
            if (count < 0)
                return at_line(line_, std::string("cannot be read: ") + std::strerror(errno));
            read_ += std::uint64_t(count);
            // It may have grown since it was opened.
            if (read_ > most_)
                return at_line(
                    line_, "the file is larger than " + std::to_string(most_) + " bytes");
            return count > 0;
        }
        void take(std::size_t count)
        {
            line_ += std::uint64_t(std::count(buffer_.begin() + std::ptrdiff_t(at_),
                buffer_.begin() + std::ptrdiff_t(at_ + count), '\n'));
            at_ += count;
        }
        Result<void> skip_space()
        {
            for (;;) {
                const auto text = rest();
                std::size_t count = 0;
                while (count < text.size() && is_space(text[count]))
                    ++count;
                const bool is_all = count == text.size();
                take(count);
                if (!is_all)
                    return {};
                const auto has_more = more();
                if (!has_more)
                    return has_more.error();
                if (!*has_more)
                    return {};
            }
        }
        /// At least so many bytes, unless the end comes first.
        Result<void> need(std::size_t count)
        {
            while (rest().size() < count) {
                const auto has_more = more();
                if (!has_more)
                    return has_more.error();
                if (!*has_more)
                    break;
            }
            return {};
        }

        std::uint64_t line() const { return line_; }
        std::uint64_t taken() const { return read_ - rest().size(); }
        std::uint64_t size() const { return size_; }

    private:
        int fd_ = -1;
        std::string buffer_;
        std::size_t at_ = 0;
        std::uint64_t size_ = 0;
        std::uint64_t read_ = 0;
        std::uint64_t most_ = 0;
        std::uint64_t line_ = 1;
    };

    /// One of the formats.
    class Format {
    public:
        virtual ~Format() = default;
        /// The next entry; nothing at the end.
        virtual Result<std::optional<FileEntry>> next() = 0;
    };

    // ---- Lines ----

    class Lines : public Format {
    public:
        Lines(Source& source, const AccountFileLimits& limits)
            : limits_(limits)
            , source_(source)
        {
        }
        Result<std::optional<FileEntry>> next() final
        {
            for (;;) {
                const std::uint64_t line = source_.line();
                std::string text;
                const auto has_line = take_line(text);
                if (!has_line)
                    return has_line.error();
                if (!*has_line)
                    return std::optional<FileEntry>();
                if (trimmed(text).empty())
                    continue;
                auto written = read(text);
                auto account = written ? prepare(std::move(*written), limits_)
                                       : Result<FileAccount>(written.error());
                return std::optional(FileEntry { line, std::move(account) });
            }
        }

    protected:
        virtual Result<Written> read(std::string_view line) = 0;

        /// Without its end; false at the end of the file. Too long a line is no bad record: nobody
        /// knows where the next one begins.
        Result<bool> take_line(std::string& line)
        {
            std::size_t searched = 0;
            for (;;) {
                const auto rest = source_.rest();
                const auto end = rest.find('\n', searched);
                if (end != rest.npos || rest.size() > limits_.line_bytes) {
                    if (std::min(end, rest.size()) > limits_.line_bytes)
                        return at_line(source_.line(),
                            "the line is longer than " + std::to_string(limits_.line_bytes)
                                + " bytes");
                    line = rest.substr(0, end);
                    source_.take(end + 1);
                    if (line.ends_with('\r'))
                        line.pop_back();
                    return true;
                }
                searched = rest.size();
                const auto has_more = source_.more();
                if (!has_more)
                    return has_more.error();
                if (*has_more)
                    continue;
                line = source_.rest();
                source_.take(line.size());
                return !line.empty();
            }
        }

        const AccountFileLimits& limits_;

    private:
        Source& source_;
    };

    class JsonLines final : public Lines {
    public:
        using Lines::Lines;

    protected:
        Result<Written> read(std::string_view line) override
        {
            const auto value = Value::parse_json(line, 4);
            if (!value || value->kind() != Value::Kind::table)
                return Error { "expected an object of JSON on a line" };
            Written written;
            const std::pair<const char*, std::string*> texts[]
                = { { "jid", &written.jid }, { "user", &written.user }, { "host", &written.host } };
            for (const auto& [name, text] : texts)
                if (const Value* member = value->find(name)) {
                    if (member->kind() != Value::Kind::string)
                        return Error { std::string(name) + ": expected a text" };
                    *text = member->as_string();
                }
            if (const Value* password = value->find("password"); password && !password->is_null()) {
                if (password->kind() != Value::Kind::string)
                    return Error { "password: expected a text" };
                written.password = password->as_string();
            }
            if (const Value* keys = value->find("keys"); keys && !keys->is_null()) {
                if (keys->kind() != Value::Kind::array)
                    return Error { "keys: expected a list of texts" };
                for (const Value& one : keys->as_array())
                    if (auto added = add_keys(written, one.as_string()); !added)
                        return added.error();
            }
            return written;
        }
    };

    /// RFC 4180, but a record is a line: no account's field has an end of line in it.
    class Csv final : public Lines {
    public:
        using Lines::Lines;
        /// The first line, which names the columns.
        Result<void> read_header()
        {
            std::string line;
            const auto has_line = take_line(line);
            if (!has_line)
                return has_line.error();
            auto names = fields_of(line);
            if (!names)
                return at_line(1, names.error().text);
            for (std::string& name : *names)
                columns_.emplace_back(trimmed(name));
            const auto has
                = [&](std::string_view name) { return std::ranges::count(columns_, name) == 1; };
            if ((has("jid") || has("user")) && (has("password") || has("keys")))
                return {};
            return at_line(1,
                "expected XML of XEP-0227, JSON objects, or a line that names the columns of CSV: "
                "jid (or user and host), and password or keys");
        }

    protected:
        Result<Written> read(std::string_view line) override
        {
            const auto fields = fields_of(line);
            if (!fields)
                return fields.error();
            if (fields->size() != columns_.size())
                return Error { "expected " + std::to_string(columns_.size()) + " fields, not "
                    + std::to_string(fields->size()) };
            Written written;
            for (std::size_t i = 0; i < fields->size(); ++i) {
                const std::string& field = (*fields)[i];
                const std::string& name = columns_[i];
                if (name == "jid")
                    written.jid = trimmed(field);
                else if (name == "user")
                    written.user = trimmed(field);
                else if (name == "host")
                    written.host = trimmed(field);
                else if (name == "password")
                    written.password = field;
                else if (name == "keys")
                    for (const auto keys : split(field, ' '))
                        if (!keys.empty())
                            if (auto added = add_keys(written, keys); !added)
                                return added.error();
            }
            return written;
        }

    private:
        static Result<std::vector<std::string>> fields_of(std::string_view line)
        {
            std::vector<std::string> fields;
            for (;;) {
                std::string field;
                if (line.starts_with('"')) {
                    line.remove_prefix(1);
                    for (;;) {
                        const auto quote = line.find('"');
                        if (quote == line.npos)
                            return Error { "a field's quotation mark is not closed on its line" };
                        field += line.substr(0, quote);
                        line.remove_prefix(quote + 1);
                        if (!line.starts_with('"'))
                            break;
                        field += '"';
                        line.remove_prefix(1);
                    }
                    if (!line.empty() && !line.starts_with(','))
                        return Error { "expected a comma behind a quoted field" };
                } else {
                    const auto end = line.find(',');
                    field = line.substr(0, end);
                    line.remove_prefix(std::min(end, line.size()));
                }
                fields.push_back(std::move(field));
                if (line.empty())
                    return fields;
                line.remove_prefix(1);
            }
        }

        std::vector<std::string> columns_;
    };

    // ---- XEP-0227 ----

    /// COMPAT(ejabberd): `scram:stored-key,server-key,salt,iterations`, later with the hash before
    /// the first key, in place of a password; some versions encode in Base64 twice.
    std::optional<std::pair<ScramHash, ScramKeys>> ejabberd_keys(std::string_view password)
    {
        if (!password.starts_with("scram:"))
            return {};
        auto pieces = split(password.substr(6), ',');
        auto hash = ScramHash::sha1;
        if (pieces.size() == 5) {
            const auto name = pieces.front();
            if (name != "sha" && name != "sha256" && name != "sha512")
                return {};
            hash = name == "sha"   ? ScramHash::sha1
                : name == "sha256" ? ScramHash::sha256
                                   : ScramHash::sha512;
            pieces.erase(pieces.begin());
        }
        if (pieces.size() != 4)
            return {};
        ScramKeys keys;
        const auto number = pieces[3];
        const auto [at, failure]
            = std::from_chars(number.data(), number.data() + number.size(), keys.iterations);
        if (failure != std::errc() || at != number.data() + number.size())
            return {};
        auto stored = from_base64(pieces[0]);
        auto server = from_base64(pieces[1]);
        auto salt = from_base64(pieces[2]);
        if (stored && server && salt && stored->size() != digest_size(hash)) {
            stored = from_base64(*stored);
            server = from_base64(*server);
            salt = from_base64(*salt);
        }
        if (!stored || !server || !salt)
            return {};
        keys.stored_key = std::move(*stored);
        keys.server_key = std::move(*server);
        keys.salt = std::move(*salt);
        if (!problem_with(keys, hash).empty())
            return {};
        return std::pair { hash, std::move(keys) };
    }

    Result<void> read_credentials(ElementRef element, Written& written)
    {
        const auto hash = scram_hash(element.attr("mechanism"));
        if (!hash)
            return {}; // of no use here; the others may be
        ScramKeys keys;
        const std::string number = element.child("iter-count").text();
        const auto digits = trimmed(number);
        const auto [at, failure]
            = std::from_chars(digits.data(), digits.data() + digits.size(), keys.iterations);
        const auto salt = from_base64(trimmed(element.child("salt").text()));
        const auto stored = from_base64(trimmed(element.child("stored-key").text()));
        const auto server = from_base64(trimmed(element.child("server-key").text()));
        if (failure != std::errc() || at != digits.data() + digits.size() || !salt || !stored
            || !server)
            return Error { std::string(scram_name(*hash))
                + ": expected iter-count, and salt, stored-key and server-key in Base64" };
        keys.salt = *salt;
        keys.stored_key = *stored;
        keys.server_key = *server;
        return add_keys(written, *hash, std::move(keys));
    }

    Result<Written> read_user(ElementRef user, std::string_view host)
    {
        Written written { .user = std::string(user.attr("name")), .host = std::string(host) };
        for (ElementRef child : user)
            if (child.is("scram-credentials", ns_scram))
                if (auto read = read_credentials(child, written); !read)
                    return read.error();
        if (user.has_attr("password")) {
            const auto password = user.attr("password");
            if (auto keys = ejabberd_keys(password)) {
                if (auto added = add_keys(written, keys->first, std::move(keys->second)); !added)
                    return added.error();
            } else {
                written.password = password;
            }
        }
        return written;
    }

    /// `<server-data/>` with a `<host/>` for each host, or one host's `<host/>` alone (as ejabberd
    /// writes them, for the other file to include). A host may have any number of users, so each
    /// host is read as a stream of its own: an XmlStream holds one user at a time.
    class Piefxis final : public Format {
    public:
        Piefxis(Source& source, const AccountFileLimits& limits, std::vector<std::string>& remarks)
            : limits_(limits)
            , source_(source)
            , remarks_(remarks)
            , outer_(xml_limits())
            , host_stream_(xml_limits())
        {
        }

        Result<std::optional<FileEntry>> next() override
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

    private:
        using Event = XmlStream::Event;

        XmlLimits xml_limits() const
        {
            return { .bytes = limits_.user_bytes, .depth = 64, .children = 1'000'000 };
        }

        /// The next event of a stream, however many bytes it takes.
        Result<Event> read(XmlStream& stream)
        {
            const std::uint64_t began = source_.line();
            for (;;) {
                auto input = source_.rest();
                const std::size_t before = input.size();
                const Event event = stream.next(input);
                source_.take(before - input.size());
                if (event == Event::error)
                    return at_line(
                        stream.error().kind == XmlError::Kind::limit ? began : source_.line(),
                        stream.error().kind == XmlError::Kind::limit ? "a user takes more than "
                                + std::to_string(limits_.user_bytes) + " bytes"
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

        bool is_ours(const Element& element, std::string_view name) const
        {
            // The host's stream does not see what the element around it declared.
            return element.is(name, ns_pie) || (is_nested_ && element.is(name, {}));
        }

        /// At the front of the file, or between two hosts.
        Result<void> look_outside()
        {
            if (!is_nested_) {
                const auto event = read(host_stream_);
                if (!event)
                    return event.error();
                const Element root = host_stream_.take();
                if (root.is("host", ns_pie))
                    return enter(root);
                if (!root.is("server-data", ns_pie))
                    return at_line(source_.line(),
                        "expected <server-data/> or <host/> of urn:xmpp:pie:0 (XEP-0227)");
                outer_ = std::move(host_stream_);
                is_nested_ = true;
                return {};
            }
            constexpr std::string_view start = "<host";
            if (auto read = source_.need(start.size() + 1); !read)
                return read;
            const auto text = source_.rest();
            const bool is_host = text.starts_with(start) && text.size() > start.size()
                && (is_space(text[start.size()]) || text[start.size()] == '>'
                    || text[start.size()] == '/');
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

        Result<void> enter(const Element& host)
        {
            host_ = host.attr("jid");
            if (host_.empty())
                return at_line(source_.line(), "a <host/> has no jid");
            is_in_host_ = true;
            return {};
        }

        Result<std::optional<FileEntry>> look_inside(std::uint64_t line)
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
            auto written = read_user(user, host_);
            auto account = written ? prepare(std::move(*written), limits_)
                                   : Result<FileAccount>(written.error());
            return std::optional(FileEntry { line, std::move(account) });
        }

        void remark(std::uint64_t line, const std::string& text)
        {
            if (remarks_.size() < most_remarks)
                remarks_.push_back(std::to_string(line) + ": " + text);
        }

        const AccountFileLimits& limits_;
        Source& source_;
        std::vector<std::string>& remarks_;
        XmlStream outer_;
        XmlStream host_stream_;
        std::string host_;
        bool is_nested_ = false; // the root is <server-data/>
        bool is_in_host_ = false;
        bool has_ended_ = false;
    };

}

struct AccountFile::State {
    template <class... Args>
    explicit State(const AccountFileLimits& wanted, Args&&... args)
        : limits(wanted)
        , source(std::forward<Args>(args)...)
    {
    }

    /// By how the file begins.
    Result<void> choose()
    {
        if (auto read = source.need(3); !read)
            return read;
        if (source.rest().starts_with("\xEF\xBB\xBF"))
            source.take(3);
        if (auto skipped = source.skip_space(); !skipped)
            return skipped;
        if (source.rest().starts_with('<')) {
            format = std::make_unique<Piefxis>(source, limits, remarks);
            return {};
        }
        if (source.rest().starts_with('{')) {
            format = std::make_unique<JsonLines>(source, limits);
            return {};
        }
        auto csv = std::make_unique<Csv>(source, limits);
        if (auto read = csv->read_header(); !read)
            return read;
        format = std::move(csv);
        return {};
    }

    AccountFileLimits limits;
    Source source;
    std::vector<std::string> remarks;
    std::unique_ptr<Format> format; // null: nothing was read yet
    std::optional<Error> failure; // of what comes next
};

AccountFile::AccountFile(std::unique_ptr<State> state)
    : state_(std::move(state))
{
}

AccountFile::~AccountFile() = default;

Result<std::unique_ptr<AccountFile>> AccountFile::open(
    const std::string& path, const AccountFileLimits& limits)
{
    // A fifo would block for as long as nobody writes to it.
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status { };
    if (fd < 0 || ::fstat(fd, &status) != 0) {
        const std::string why = std::strerror(errno);
        if (fd >= 0)
            ::close(fd);
        return Error { path + ": " + why + "; the server reads it, as the user it runs as",
            Error::Kind::not_found };
    }
    if (!S_ISREG(status.st_mode)) {
        ::close(fd);
        return Error { path + ": expected an ordinary file" };
    }
    const auto size = std::uint64_t(status.st_size);
    if (size > limits.file_bytes) {
        ::close(fd);
        return Error { path + ": is larger than " + std::to_string(limits.file_bytes) + " bytes",
            Error::Kind::limit };
    }
    return std::unique_ptr<AccountFile>(
        new AccountFile(std::make_unique<State>(limits, fd, size, limits.file_bytes)));
}

std::unique_ptr<AccountFile> AccountFile::over(std::string text, const AccountFileLimits& limits)
{
    return std::unique_ptr<AccountFile>(
        new AccountFile(std::make_unique<State>(limits, std::move(text))));
}

Result<std::vector<FileEntry>> AccountFile::read(std::size_t most)
{
    if (!state_->format)
        if (auto chosen = state_->choose(); !chosen)
            return chosen.error();
    std::vector<FileEntry> entries;
    if (state_->failure)
        return *state_->failure;
    while (entries.size() < most) {
        auto next = state_->format->next();
        if (!next && !entries.empty()) {
            state_->failure = next.error(); // after what stands before it
            break;
        }
        if (!next)
            return next.error();
        if (!*next)
            break;
        entries.push_back(**std::move(next));
    }
    return entries;
}

std::uint64_t AccountFile::bytes_read() const
{
    return state_->source.taken();
}

std::uint64_t AccountFile::bytes() const
{
    return state_->source.size();
}

std::vector<std::string> AccountFile::take_remarks()
{
    return std::exchange(state_->remarks, {});
}

std::string to_json_line(const FileAccount& account)
{
    Value line;
    line["jid"] = account.user + '@' + account.host;
    for (std::size_t i = 0; i < account.keys.size(); ++i)
        if (account.keys[i])
            line["keys"].array().emplace_back(to_text(static_cast<ScramHash>(i), *account.keys[i]));
    if (account.password)
        line["password"] = *account.password;
    return line.json() + '\n';
}

std::string to_piefxis_user(const FileAccount& account)
{
    Element user("user", ns_pie);
    user.attr("name", account.user);
    if (account.password)
        user.attr("password", *account.password);
    for (std::size_t i = 0; i < account.keys.size(); ++i) {
        const auto& keys = account.keys[i];
        if (!keys)
            continue;
        auto credentials = user.add("scram-credentials", ns_scram);
        credentials.attr("mechanism", scram_name(static_cast<ScramHash>(i)));
        credentials.add("iter-count").text(std::to_string(keys->iterations));
        credentials.add("salt").text(to_base64(keys->salt));
        credentials.add("server-key").text(to_base64(keys->server_key));
        credentials.add("stored-key").text(to_base64(keys->stored_key));
    }
    return to_string(user, ns_pie) + '\n';
}

}
