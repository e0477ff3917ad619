#include "record.h"

#include <algorithm>
#include <charconv>

namespace nuncio::internal {

namespace {

    constexpr ScramHash hashes[] = { ScramHash::sha1, ScramHash::sha256, ScramHash::sha512 };
    constexpr std::string_view names[] = { "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512" };
    constexpr std::size_t salt_size = 16;

    /// Cuts off and answers what comes before `end`; all of it when there is no `end`.
    std::string_view cut(std::string_view& text, char end)
    {
        const auto at = text.find(end);
        const auto piece = text.substr(0, at);
        text = at == text.npos ? std::string_view() : text.substr(at + 1);
        return piece;
    }

    bool read_keys(std::string_view line, ScramKeys& keys)
    {
        const auto iterations = cut(line, ':');
        const auto salt = from_base64(cut(line, '$'));
        const auto stored = from_base64(cut(line, ':'));
        const auto server = from_base64(line);
        const char* const end = iterations.data() + iterations.size();
        const auto [at, failure] = std::from_chars(iterations.data(), end, keys.iterations);
        if (failure != std::errc() || at != end || keys.iterations == 0 || !salt || !stored
            || !server)
            return false;
        keys.salt = *salt;
        keys.stored_key = *stored;
        keys.server_key = *server;
        return true;
    }

}

ScramHash Record::checked() const
{
    return has(ScramHash::sha256) ? ScramHash::sha256
        : has(ScramHash::sha512)  ? ScramHash::sha512
                                  : ScramHash::sha1;
}

Record make_record(std::string_view password, std::uint32_t iterations)
{
    Record record;
    for (const ScramHash hash : hashes)
        record.keys[static_cast<std::size_t>(hash)]
            = make_scram_keys(password, random_bytes(salt_size), iterations, hash);
    return record;
}

std::string to_text(const Record& record)
{
    std::string text;
    for (std::size_t i = 0; i < std::size(hashes); ++i) {
        const ScramKeys& keys = record.keys[i];
        if (keys.iterations == 0)
            continue;
        text += names[i];
        text += "$" + std::to_string(keys.iterations) + ":" + to_base64(keys.salt) + "$"
            + to_base64(keys.stored_key) + ":" + to_base64(keys.server_key) + "\n";
    }
    return text;
}

Result<Record> read_record(std::string_view text)
{
    Record record;
    std::size_t i = 0;
    do {
        std::string_view line = cut(text, '\n');
        const auto name = cut(line, '$');
        while (i < std::size(names) && names[i] != name)
            ++i;
        if (i == std::size(names) || !read_keys(line, record.keys[i]))
            return Error { "an account's keys are damaged: expected a line '"
                    + std::string(names[std::min(i, std::size(names) - 1)])
                    + "$iterations:salt$stored-key:server-key'",
                Error::Kind::unavailable };
        ++i;
    } while (!text.empty());
    return record;
}

std::optional<std::optional<Record>> RecordCache::find(const std::string& user)
{
    const std::lock_guard lock(mutex_);
    const std::optional<Record>* const found = records_.find(user);
    if (!found)
        return std::nullopt;
    return *found;
}

std::uint64_t RecordCache::changes() const
{
    const std::lock_guard lock(mutex_);
    return changes_;
}

void RecordCache::insert(
    const std::string& user, const std::optional<Record>& record, std::uint64_t changes)
{
    const std::lock_guard lock(mutex_);
    if (changes == changes_)
        records_.insert(user, record);
}

void RecordCache::forget(const std::string& user)
{
    const std::lock_guard lock(mutex_);
    ++changes_;
    records_.erase(user);
}

}
