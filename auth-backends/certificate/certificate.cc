// SASL EXTERNAL by clients' certificates (RFC 6120 §13.7.1, XEP-0178 §2).
#include "owners.h"

#include <nuncio/plugin.h>

#include <algorithm>
#include <filesystem>
#include <mutex>

namespace nuncio::certificate {

struct Settings {
    std::vector<std::string> sources { "xmpp" };
    std::vector<std::string> email_domains;
    std::string file;
    bool trusted_only = true;
    bool create = false;
};

constexpr std::pair<std::string_view, Source> source_names[] = { { "xmpp", Source::xmpp },
    { "email", Source::email }, { "common-name", Source::common_name }, { "file", Source::file } };

class Certificate final : public Plugin, public AuthBackend {
public:
    static Schema schema()
    {
        return Schema::of<Settings>("Logins with a certificate instead of a password")
            .option("sources", &Settings::sources,
                "Where a certificate says whose it is; the first that names anybody counts: "
                "\"xmpp\" (an XMPP address in it), \"email\", \"common-name\", \"file\".")
            .choices({ "xmpp", "email", "common-name", "file" })
            .option("email_domains", &Settings::email_domains,
                "Domains whose e-mail addresses name users. Empty: the host's own.")
            .option("file", &Settings::file,
                "Lines `FINGERPRINT USER`: the SHA-256 of a certificate in hex, and whose it is. "
                "Read again when it has changed.")
            .option("trusted_only", &Settings::trusted_only,
                "Only certificates of the host's authorities (client_ca) count. If false, the "
                "file counts for others as well.")
            .option("create", &Settings::create,
                "Whoever an authority vouches for has an account here. Else only those whom the "
                "file, or another plugin of the host's auth, knows.");
    }

    Result<void> configure(const Config& config) override
    {
        settings_ = config.as<Settings>();
        for (const std::string& name : settings_.sources)
            for (const auto& [known, source] : source_names)
                if (name == known)
                    rules_.sources.push_back(source);
        rules_.trusted_only = settings_.trusted_only;
        for (const std::string& name : settings_.email_domains) {
            auto domain = prepare_domain(name);
            if (!domain)
                return config.error("email_domains", domain.error().text);
            rules_.email_domains.push_back(*std::move(domain));
        }
        const bool uses_file
            = std::ranges::find(rules_.sources, Source::file) != rules_.sources.end();
        if (uses_file == settings_.file.empty())
            return config.error(uses_file ? "sources" : "file",
                uses_file ? "\"file\" needs the option file" : "is set, but no source is \"file\"");
        if (!uses_file)
            return {};
        // As it stands in the settings: beside the file that says so.
        const Value* const member = config.table().find("file");
        if (member && member->place().file)
            file_ = std::filesystem::path(*member->place().file).parent_path() / settings_.file;
        else
            file_ = settings_.file;
        read_at_ = changed_at();
        auto fingerprints = Fingerprints::load(file_.string());
        if (!fingerprints)
            return config.error("file", fingerprints.error().text);
        fingerprints_ = std::make_shared<const Fingerprints>(*std::move(fingerprints));
        return {};
    }

    Result<void> start(Context& context) override
    {
        context_ = &context;
        store_ = context.store("certificate");
        rules_.domain = context.host().domain();
        if (rules_.email_domains.empty())
            rules_.email_domains.push_back(rules_.domain);
        context.provide<AuthBackend>(*this);
        return {};
    }

    AuthAbilities abilities() const override
    {
        return { .check_password = false, .remove = true, .list = true, .certificate = true };
    }

    task<Result<bool>> exists(std::string user) override
    {
        if (fingerprints()->has_user(user))
            co_return true;
        const auto noted = co_await store_.get({}, std::move(user));
        if (!noted)
            co_return noted.error();
        co_return noted->has_value();
    }

    task<Result<bool>> check_password(std::string, std::string) override { co_return false; }

    task<Result<std::vector<std::string>>> certificate_users(ClientCertificate shown) override
    {
        if (!file_.empty()) {
            auto refresh = [this] { read_again(); };
            co_await context_->work(std::move(refresh));
        }
        auto users = owners_of(shown, rules_, *fingerprints());
        if (settings_.create && shown.is_trusted)
            for (const std::string& user : users) {
                const auto noted = co_await note(user);
                if (!noted)
                    co_return noted.error();
            }
        co_return users;
    }

    task<Result<void>> remove(std::string user) override
    {
        if (fingerprints()->has_user(user))
            co_return Error { user + " stands in " + file_.string() + ": remove the line first",
                Error::Kind::refused };
        co_return co_await store_.remove({}, std::move(user));
    }

    task<Result<std::vector<std::string>>> list(std::string after, std::uint32_t limit) override
    {
        std::vector<StorageOp> steps(1);
        steps[0] = { .kind = StorageOp::Kind::list, .key = after, .limit = limit };
        auto answers = co_await store_.batch(std::move(steps));
        if (!answers)
            co_return answers.error();
        std::vector<std::string> users;
        for (StorageRow& row : answers->front())
            users.push_back(std::move(row.key));
        const auto known = fingerprints();
        for (auto at = known->users().upper_bound(after);
             at != known->users().end() && users.size() < 2 * std::size_t(limit); ++at)
            users.push_back(*at);
        std::ranges::sort(users);
        users.erase(std::unique(users.begin(), users.end()), users.end());
        if (users.size() > limit)
            users.resize(limit);
        co_return users;
    }

private:
    /// An account of its own for somebody who has nothing but a certificate.
    task<Result<void>> note(std::string user)
    {
        const auto noted = co_await store_.get({}, user);
        if (!noted)
            co_return noted.error();
        if (*noted)
            co_return Result<void>();
        co_return co_await store_.put({}, std::move(user), {});
    }

    std::shared_ptr<const Fingerprints> fingerprints() const
    {
        const std::lock_guard lock(mutex_);
        return fingerprints_;
    }

    std::filesystem::file_time_type changed_at() const
    {
        std::error_code ignored;
        return std::filesystem::last_write_time(file_, ignored);
    }

    /// In the worker pool. A file that has become wrong leaves what was known before.
    void read_again()
    {
        const std::lock_guard reading(reading_);
        const auto changed = changed_at();
        if (changed == read_at_)
            return;
        read_at_ = changed;
        auto loaded = Fingerprints::load(file_.string());
        if (!loaded)
            return context_->log().error("the file is not taken: {}", loaded.error().text);
        const std::lock_guard lock(mutex_);
        fingerprints_ = std::make_shared<const Fingerprints>(*std::move(loaded));
    }

    Settings settings_;
    Rules rules_;
    std::filesystem::path file_;
    Context* context_ = nullptr;
    Store store_;
    std::mutex reading_; // one reads, the others wait for it
    std::filesystem::file_time_type read_at_;
    mutable std::mutex mutex_; // any loop asks while a worker exchanges it
    std::shared_ptr<const Fingerprints> fingerprints_
        = std::make_shared<const Fingerprints>(); // shared: by who is looking something up
};

}

NUNCIO_PLUGIN(nuncio::certificate::Certificate, "certificate", "0.1.0",
    "XEP-0178: logins with a certificate instead of a password",
    "provides=auth/1\nrequires=storage/1")
