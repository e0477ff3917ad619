#include <nuncio/circuit_breaker.h>

#include <algorithm>

namespace nuncio::inline v1 {

Result<CircuitBreaker::Call> CircuitBreaker::admit(TimePoint now)
{
    const std::lock_guard lock(mutex_);
    if (failures_ < options_.failures)
        return Call(*this, false);
    if (now < open_until_ || is_probing_)
        return Error { "left alone after " + std::to_string(failures_)
                + " failures: " + last_error_,
            Error::Kind::unavailable };
    is_probing_ = true;
    return Call(*this, true);
}

CircuitBreaker::Call::~Call()
{
    if (!breaker_ || !is_probe_)
        return;
    const std::lock_guard lock(breaker_->mutex_);
    breaker_->is_probing_ = false;
}

void CircuitBreaker::Call::succeeded()
{
    auto* const breaker = std::exchange(breaker_, nullptr);
    if (!breaker)
        return;
    const std::lock_guard lock(breaker->mutex_);
    breaker->close();
}

void CircuitBreaker::close()
{
    failures_ = 0;
    rest_ = {};
    is_probing_ = false;
    last_error_.clear();
}

void CircuitBreaker::recovered()
{
    const std::lock_guard lock(mutex_);
    close();
}

void CircuitBreaker::Call::failed(TimePoint now, std::string text)
{
    auto* const breaker = std::exchange(breaker_, nullptr);
    if (!breaker)
        return;
    const std::lock_guard lock(breaker->mutex_);
    breaker->last_error_ = std::move(text);
    ++breaker->failures_;
    if (is_probe_)
        breaker->is_probing_ = false;
    else if (now < breaker->open_until_)
        return; // admitted before it opened: a late failure does not lengthen the rest
    if (breaker->failures_ < breaker->options_.failures)
        return;
    breaker->rest_ = breaker->rest_ == Duration()
        ? breaker->options_.rest
        : std::min(breaker->rest_ * 2, breaker->options_.longest_rest);
    breaker->open_until_ = now + breaker->rest_;
}

bool CircuitBreaker::is_open(TimePoint now) const
{
    const std::lock_guard lock(mutex_);
    return failures_ >= options_.failures && (now < open_until_ || is_probing_);
}

std::string CircuitBreaker::last_error() const
{
    const std::lock_guard lock(mutex_);
    return last_error_;
}

}
