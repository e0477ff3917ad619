#include "record.h"

namespace nuncio::internal {

namespace {

    constexpr ScramHash hashes[] = { ScramHash::sha1, ScramHash::sha256, ScramHash::sha512 };
    constexpr std::size_t salt_size = 16;
    constexpr std::size_t id_size = 16;
    constexpr std::string_view id_prefix = "password:";

    /// Cuts off and answers what comes before `end`; all of it when there is no `end`.
    std::string_view cut(std::string_view& text, char end)
    {
        const auto at = text.find(end);
        const auto piece = text.substr(0, at);
        text = at == text.npos ? std::string_view() : text.substr(at + 1);
        return piece;
    }

}

ScramHash Record::checked() const
{
    return has(ScramHash::sha256) ? ScramHash::sha256
        : has(ScramHash::sha512)  ? ScramHash::sha512
                                  : ScramHash::sha1;
}

std::string make_password_id()
{
    return to_hex(random_bytes(id_size));
}

Record make_record(std::string_view password, std::uint32_t iterations)
{
    Record record { .password_id = make_password_id() };
    for (const ScramHash hash : hashes)
        record.keys[static_cast<std::size_t>(hash)]
            = make_scram_keys(password, random_bytes(salt_size), iterations, hash);
    return record;
}

std::string to_text(const Record& record)
{
    std::string text;
    if (!record.password_id.empty())
        text.append(id_prefix).append(record.password_id).append(1, '\n');
    for (std::size_t i = 0; i < std::size(hashes); ++i) {
        const ScramKeys& keys = record.keys[i];
        if (keys.iterations == 0)
            continue;
        text += nuncio::to_text(hashes[i], keys) + '\n';
    }
    return text;
}

Result<Record> read_record(std::string_view text)
{
    Record record;
    if (text.starts_with(id_prefix))
        record.password_id = cut(text, '\n').substr(id_prefix.size());
    int last = -1; // hashes come in their order, each once
    do {
        const auto line = parse_scram_keys(cut(text, '\n'));
        if (!line || static_cast<int>(line->hash) <= last)
            return Error { "an account's keys are damaged: "
                    + (line ? std::string("expected each hash once, in order") : line.error().text),
                Error::Kind::unavailable };
        last = static_cast<int>(line->hash);
        record.of(line->hash) = line->keys;
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
