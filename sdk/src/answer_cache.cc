#include <nuncio/answer_cache.h>
#include <nuncio/crypto.h>

#include <algorithm>

namespace nuncio::inline v1 {

namespace {

    constexpr std::size_t secret_bytes = 32;

}

AnswerCache::AnswerCache(Options options)
    : options_(options)
    , secret_(random_bytes(secret_bytes))
    , users_(options.capacity)
{
}

std::string AnswerCache::key(
    std::string_view question, std::string_view user, std::string_view password) const
{
    // Colons part the fields: neither of the first two has one.
    std::string text(question);
    text.append(":").append(user).append(":").append(password);
    return hmac(Hash::sha256, secret_, text);
}

std::optional<bool> AnswerCache::find(
    const std::string& user, const std::string& key, TimePoint now)
{
    const std::lock_guard lock(mutex_);
    Answers* const answers = users_.find(user);
    if (!answers)
        return std::nullopt;
    std::erase_if(*answers, [&](const Answer& answer) { return answer.until <= now; });
    if (answers->empty()) {
        users_.erase(user);
        return std::nullopt;
    }
    const auto found = std::ranges::find(*answers, key, &Answer::key);
    return found == answers->end() ? std::nullopt : std::optional(found->is_yes);
}

std::uint64_t AnswerCache::changes() const
{
    const std::lock_guard lock(mutex_);
    return changes_;
}

void AnswerCache::insert(
    const std::string& user, std::string key, bool answer, std::uint64_t changes, TimePoint now)
{
    const Duration kept = answer ? options_.positive : options_.negative;
    const std::lock_guard lock(mutex_);
    if (kept == Duration() || changes != changes_)
        return;
    Answers* answers = users_.find(user);
    if (!answers)
        answers = users_.insert(user, {});
    if (!answers)
        return;
    std::erase_if(*answers, [&](const Answer& other) { return other.key == key; });
    if (answers->size() == answers_per_user)
        answers->erase(answers->begin());
    answers->push_back({ std::move(key), answer, now + kept });
}

void AnswerCache::forget(const std::string& user)
{
    const std::lock_guard lock(mutex_);
    ++changes_;
    users_.erase(user);
}

void AnswerCache::forget_all()
{
    const std::lock_guard lock(mutex_);
    ++changes_;
    users_.clear();
}

std::size_t AnswerCache::size() const
{
    const std::lock_guard lock(mutex_);
    return users_.size();
}

}
