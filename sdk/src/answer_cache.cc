#include <nuncio/answer_cache.h>
#include <nuncio/context.h>
#include <nuncio/crypto.h>
#include <nuncio/value.h>

#include <algorithm>

namespace nuncio::inline v1 {

namespace {

    constexpr std::size_t secret_bytes = 32;

    task<Result<Value>> forget(AnswerCache& cache, std::string user)
    {
        const auto before = cache.size();
        if (user.empty())
            cache.forget_all();
        else
            cache.forget(user);
        Value answer;
        answer["forgotten"] = std::uint64_t(before - std::min(before, cache.size()));
        co_return answer;
    }

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

void add_forget_command(
    Context& context, AnswerCache& cache, std::string plugin, const std::string& service)
{
    const CommandArgument host {
        .name = "host", .type = CommandArgument::Type::host, .doc = "whose accounts"
    };
    const CommandArgument user {
        .name = "user", .doc = "about this account only", .required = false
    };
    context.command({ .name = plugin + " forget",
                        .summary = "Ask " + service + " anew: forget what it answered",
                        .arguments = { host, user } },
        [&cache](
            const CommandCall& call) { return forget(cache, std::string(call.text("user"))); });
}

}
