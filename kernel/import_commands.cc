// Commands that move accounts between servers: import and export.
#include "accounts/account_file.h"
#include "accounts/json_lines.h"
#include "accounts/piefxis_user.h"
#include "auth_chain.h"
#include "command_registry.h"
#include "command_target.h"
#include "commands.h"
#include "host_ref.h"
#include "line_listener.h"
#include "server.h"
#include "together.h"
#include "virtual_host.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <set>
#include <unistd.h>

namespace nuncio::kernel {

namespace {

    using accounts::AccountFile;
    using accounts::FileAccount;
    using accounts::FileEntry;

    constexpr std::size_t batch = 128; ///< accounts under way at once
    /// Of these, such whose keys are derived from a password: as many turns of the worker pool,
    /// behind which a login may have to wait.
    constexpr std::size_t most_derived = 16;
    constexpr std::size_t most_told = 100; ///< of what went wrong; the rest is counted
    constexpr std::uint64_t told_every = 1000; ///< accounts, for who waits
    constexpr std::uint32_t page = 200; ///< of an export

    bool flag(const CommandCall& call, std::string_view name)
    {
        const Value* const value = call.arguments.find(name);
        return value && value->as_bool();
    }

    // ---- Import ----

    class Import {
    public:
        Import(Server& server, const CommandCall& call)
            : server_(server)
            , call_(call)
            , path_(call.text("file"))
            , only_host_(call.text("host"))
            , existing_(
                  flag(call, "overwrite") ? ExistingAccount::replace : ExistingAccount::refuse)
            , trial_(
                  flag(call, "dry-run") ? AuthChain::Trial::only_ask : AuthChain::Trial::carry_out)
        {
        }

        task<Result<Value>> run()
        {
            if (!only_host_.empty() && !server_.find_host(only_host_))
                co_return unknown_host(server_, only_host_);
            auto open = [path = path_] { return AccountFile::open(path); };
            auto opened = co_await in_pool(server_, std::move(open));
            if (!opened)
                co_return opened.error();
            file_ = std::move(*opened);
            for (;;) {
                auto read = [file = file_] { return file->read(batch); };
                auto entries = co_await in_pool(server_, std::move(read));
                for (const std::string& remark : file_->take_remarks())
                    tell(path_ + ':' + remark);
                if (!entries)
                    co_return stopped(path_ + ':' + entries.error().text);
                if (entries->empty())
                    co_return outcome();
                auto taken = take(std::move(*entries));
                co_await taken;
                if (failure_)
                    co_return stopped(*failure_);
                if (!is_heard_)
                    co_return stopped("nobody waits for it any more");
                tell_progress();
            }
        }

    private:
        struct Attempt {
            std::uint64_t line = 0;
            std::string jid {};
            std::optional<Result<AuthChain::Imported>> result {};
        };

        /// The entries of one batch; those about one account one after the other.
        task<void> take(std::vector<FileEntry> entries)
        {
            std::vector<Attempt> attempts(entries.size());
            std::vector<task<void>> jobs;
            std::set<std::string> busy;
            std::size_t derived = 0;
            for (std::size_t i = 0; i < entries.size(); ++i) {
                ++seen_;
                FileEntry& entry = entries[i];
                attempts[i].line = entry.line;
                VirtualHost* const host = host_for(entry, attempts[i]);
                if (!host)
                    continue;
                derived += entry.account->password ? 1 : 0;
                if (busy.contains(attempts[i].jid) || derived > most_derived) {
                    auto before = together(std::exchange(jobs, {}));
                    co_await before;
                    busy.clear();
                    derived = entry.account->password ? 1 : 0;
                }
                busy.insert(attempts[i].jid);
                AuthChain::Import account { .user = std::move(entry.account->user),
                    .password = std::move(entry.account->password),
                    .keys = std::move(entry.account->keys) };
                jobs.push_back(import_one(HostRef(host), std::move(account), attempts[i]));
            }
            auto rest = together(std::move(jobs));
            co_await rest;
            for (const Attempt& attempt : attempts)
                if (attempt.result)
                    count(attempt);
        }

        /// Null: there is nothing to do for this one, which has been counted.
        VirtualHost* host_for(const FileEntry& entry, Attempt& attempt)
        {
            if (!entry.account) {
                ++bad_;
                complain(attempt.line, entry.account.error().text);
                return nullptr;
            }
            const FileAccount& account = *entry.account;
            if (!only_host_.empty() && !account.host.empty() && account.host != only_host_) {
                ++elsewhere_;
                return nullptr;
            }
            const std::string& domain = account.host.empty() ? only_host_ : account.host;
            attempt.jid = account.user + '@' + domain;
            VirtualHost* const host = domain.empty() ? nullptr : server_.find_host(domain);
            if (host)
                return host;
            ++bad_;
            complain(attempt.line,
                domain.empty() ? account.user + ": of which host? say --host"
                               : unknown_host(server_, domain).text);
            return nullptr;
        }

        task<void> import_one(HostRef host, AuthChain::Import account, Attempt& attempt)
        {
            auto done = host->auth().import_account(std::move(account), existing_, trial_);
            attempt.result = co_await done;
        }

        void count(const Attempt& attempt)
        {
            const auto& result = *attempt.result;
            if (result) {
                ++(*result == AuthChain::Imported::created ? created_ : replaced_);
                return;
            }
            const Error& error = result.error();
            ++(error.kind == Error::Kind::conflict ? existing_count_ : bad_);
            complain(attempt.line, attempt.jid + ": " + error.text);
            // What does not answer for this account will not for the others.
            if (error.kind == Error::Kind::unavailable && !failure_)
                failure_ = path_ + ':' + std::to_string(attempt.line) + ": " + error.text;
        }

        void complain(std::uint64_t line, const std::string& text)
        {
            if (++complaints_ <= most_told)
                tell(path_ + ':' + std::to_string(line) + ": " + text);
            if (complaints_ == most_told + 1)
                tell("further ones are only counted");
        }

        void tell(const std::string& line)
        {
            if (call_.progress)
                is_heard_ = show_line(call_.progress, line) && is_heard_;
        }

        void tell_progress()
        {
            if (seen_ / told_every == told_ / told_every)
                return;
            told_ = seen_;
            const auto size = std::max<std::uint64_t>(file_->bytes(), 1);
            tell(std::to_string(seen_) + " accounts, "
                + std::to_string(100 * file_->bytes_read() / size) + " % of the file");
        }

        std::string counts() const
        {
            std::string text = std::to_string(created_) + " created";
            const std::pair<std::uint64_t, const char*> others[] = { { replaced_, "replaced" },
                { existing_count_, "exist already (--overwrite replaces them)" },
                { bad_, "not taken" }, { elsewhere_, "of other hosts" } };
            for (const auto& [number, what] : others)
                if (number > 0)
                    text += ", " + std::to_string(number) + ' ' + what;
            return trial_ == AuthChain::Trial::only_ask
                ? "nothing was changed; it would be: " + text
                : text;
        }

        Error stopped(const std::string& why) const
        {
            return Error { why
                    + "\nStopped there: what follows was not imported, what stands before "
                      "it was ("
                    + counts() + ")",
                Error::Kind::unavailable };
        }

        Result<Value> outcome() const
        {
            if (existing_count_ + bad_ > 0)
                return Error { path_ + ": not all of it was imported: " + counts(),
                    Error::Kind::conflict };
            Value answer;
            answer["imported"] = path_;
            answer["dry_run"] = trial_ == AuthChain::Trial::only_ask;
            answer["created"] = created_;
            answer["replaced"] = replaced_;
            answer["of_other_hosts"] = elsewhere_;
            return answer;
        }

        Server& server_;
        const CommandCall& call_;
        std::string path_;
        std::string only_host_;
        ExistingAccount existing_;
        AuthChain::Trial trial_;
        std::shared_ptr<AccountFile> file_; // shared: with a job that may end after this
        std::uint64_t seen_ = 0, told_ = 0, complaints_ = 0;
        std::uint64_t created_ = 0, replaced_ = 0, existing_count_ = 0, bad_ = 0, elsewhere_ = 0;
        std::optional<std::string> failure_;
        bool is_heard_ = true;
    };

    task<Result<Value>> import_accounts(Server& server, const CommandCall& call)
    {
        Import import(server, call);
        auto run = import.run();
        co_return co_await run;
    }

    // ---- Export ----

    /// Written beside its place, and moved there when it is whole.
    class OutFile {
    public:
        static Result<std::unique_ptr<OutFile>> create(const std::string& path)
        {
            if (::access(path.c_str(), F_OK) == 0)
                return Error { path + ": exists already", Error::Kind::conflict };
            const std::string part = path + ".part";
            const int fd
                = ::open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
            if (fd < 0)
                return Error { part + ": " + std::strerror(errno)
                    + "; the server writes it, as the user it runs as" };
            return std::unique_ptr<OutFile>(new OutFile(fd, path, part));
        }
        OutFile(const OutFile&) = delete;
        OutFile& operator=(const OutFile&) = delete;
        ~OutFile()
        {
            if (fd_ < 0)
                return;
            ::close(fd_);
            ::unlink(part_.c_str());
        }

        Result<void> write(std::string_view text)
        {
            while (!text.empty()) {
                const ssize_t count = ::write(fd_, text.data(), text.size());
                if (count < 0 && errno == EINTR)
                    continue;
                if (count < 0)
                    return failed();
                text.remove_prefix(std::size_t(count));
            }
            return {};
        }
        Result<void> finish()
        {
            // Linking takes no place that somebody else has taken meanwhile.
            if (::fsync(fd_) != 0 || ::link(part_.c_str(), path_.c_str()) != 0)
                return failed();
            ::close(std::exchange(fd_, -1));
            ::unlink(part_.c_str());
            return {};
        }

    private:
        OutFile(int fd, std::string path, std::string part)
            : fd_(fd)
            , path_(std::move(path))
            , part_(std::move(part))
        {
        }
        Error failed() const
        {
            return Error { path_ + ": cannot be written: " + std::strerror(errno),
                Error::Kind::unavailable };
        }

        int fd_;
        std::string path_;
        std::string part_;
    };

    class Export {
    public:
        Export(Server& server, VirtualHost& host, const CommandCall& call)
            : server_(server)
            , host_(&host)
            , call_(call)
            , path_(call.text("file"))
            , is_xml_(path_.ends_with(".xml"))
        {
        }

        task<Result<Value>> run()
        {
            auto create = [path = path_] { return OutFile::create(path); };
            auto made = co_await in_pool(server_, std::move(create));
            if (!made)
                co_return made.error();
            file_ = std::move(*made);
            if (is_xml_)
                text_ = "<?xml version='1.0' encoding='UTF-8'?>\n<server-data "
                        "xmlns='urn:xmpp:pie:0'>\n<host xmlns='urn:xmpp:pie:0' jid='"
                    + escape(host_->domain()) + "'>\n";
            std::string after;
            for (bool is_last = false; !is_last;) {
                const auto users = co_await host_->auth().list(after, page);
                if (!users)
                    co_return users.error();
                is_last = users->size() < page;
                if (!is_last)
                    after = users->back();
                for (const std::string& user : *users) {
                    const auto added = co_await add(user);
                    if (!added)
                        co_return added.error();
                }
                if (is_last && is_xml_)
                    text_ += "</host>\n</server-data>\n";
                auto write
                    = [file = file_, text = std::exchange(text_, {})] { return file->write(text); };
                const auto written = co_await in_pool(server_, std::move(write));
                if (!written)
                    co_return written.error();
            }
            auto finish = [file = file_] { return file->finish(); };
            const auto finished = co_await in_pool(server_, std::move(finish));
            if (!finished)
                co_return finished.error();
            Value answer;
            answer["exported"] = path_;
            answer["accounts"] = count_;
            answer["without_keys"] = without_keys_;
            co_return answer;
        }

    private:
        task<Result<void>> add(std::string user)
        {
            FileAccount account { .host = std::string(host_->domain()), .user = user };
            bool has_keys = false;
            for (const auto hash : { ScramHash::sha1, ScramHash::sha256, ScramHash::sha512 }) {
                auto keys = co_await host_->auth().scram_keys(user, hash);
                // Some backends have none at all.
                if (!keys && keys.error().kind != Error::Kind::refused)
                    co_return keys.error();
                if (keys && *keys) {
                    account.keys[static_cast<std::size_t>(hash)] = std::move(*keys);
                    has_keys = true;
                }
            }
            if (has_keys) {
                ++count_;
                text_ += is_xml_ ? accounts::to_piefxis_user(account)
                                 : accounts::to_json_line(account);
            } else if (++without_keys_ <= most_told && call_.progress) {
                call_.progress(user + '@' + account.host + ": has no SCRAM keys");
            }
            co_return Result<void>();
        }

        Server& server_;
        HostRef host_;
        const CommandCall& call_;
        std::string path_;
        bool is_xml_;
        std::shared_ptr<OutFile> file_; // shared: with a job that may end after this
        std::string text_; // not written yet
        std::uint64_t count_ = 0, without_keys_ = 0;
    };

    task<Result<Value>> export_accounts(Server& server, const CommandCall& call)
    {
        VirtualHost* const host = server.find_host(call.text("host"));
        if (!host)
            co_return unknown_host(server, call.text("host"));
        Export exporting(server, *host, call);
        auto run = exporting.run();
        co_return co_await run;
    }

}

void add_import_commands(Server& server, CommandRegistry& registry)
{
    using Type = CommandArgument::Type;
    const CommandArgument file { .name = "file", .type = Type::file };
    CommandArgument source = file;
    source.doc = "XEP-0227, JSON lines or CSV; the server reads it, as the user it runs as";
    CommandArgument target = file;
    target.doc = "a new file: JSON lines, or XEP-0227 when its name ends in .xml";
    registry.add(
        { .name = "import",
            .summary = "Take over accounts of another server, with passwords or SCRAM keys.",
            .arguments = { source,
                { .name = "host",
                    .type = Type::host,
                    .doc = "only accounts of this host, and of it those that name none",
                    .required = false },
                { .name = "dry-run",
                    .type = Type::boolean,
                    .doc = "only read it, and tell what would be done",
                    .required = false },
                { .name = "overwrite",
                    .type = Type::boolean,
                    .doc = "give accounts that exist the passwords of the file",
                    .required = false } },
            .fronts = Fronts::console },
        [&server](const CommandCall& call) { return import_accounts(server, call); });
    registry.add({ .name = "export",
                     .summary = "Write the accounts of a host into a file, with their SCRAM keys.",
                     .arguments
                     = { target, { .name = "host", .type = Type::host, .doc = "whose accounts" } },
                     .fronts = Fronts::console },
        [&server](const CommandCall& call) { return export_accounts(server, call); });
}

}
