#include "exchange.h"

#include "clock.h"

#include <array>
#include <bit>
#include <charconv>
#include <cstdio>
#include <openssl/rand.h>
#include <poll.h>
#include <unistd.h>

namespace nuncio::bench {

namespace {

    std::string random_token()
    {
        std::array<unsigned char, 3> random {};
        RAND_bytes(random.data(), static_cast<int>(random.size()));
        std::array<char, 9> text {};
        std::snprintf(text.data(), text.size(), "b%02x%02x%02x-", random[0], random[1], random[2]);
        return text.data();
    }

    void tell_leader()
    {
        std::puts("measuring");
        std::fflush(stdout);
    }

    bool leader_has_gone()
    {
        pollfd input { .fd = STDIN_FILENO, .events = POLLIN, .revents = 0 };
        std::array<char, 64> said {};
        return ::poll(&input, 1, 0) == 1 && ::read(STDIN_FILENO, said.data(), said.size()) <= 0;
    }

}

NumberedStanza::NumberedStanza(std::string_view head, std::string_view tail)
    : text_(head)
    , digits_at_(head.size())
{
    text_.append(digits, '0').append(tail);
}

std::string_view NumberedStanza::numbered(std::uint64_t number)
{
    for (std::size_t i = digits; i-- > 0; number /= 10)
        text_[digits_at_ + i] = static_cast<char>('0' + number % 10);
    return text_;
}

bool read_number(std::string_view text, std::string_view token, std::uint64_t& number)
{
    if (!text.starts_with(token) || text.size() < token.size() + NumberedStanza::digits)
        return false;
    const auto* const begin = text.data() + token.size();
    const auto result = std::from_chars(begin, begin + NumberedStanza::digits, number);
    return result.ptr == begin + NumberedStanza::digits;
}

SentTimes::SentTimes(std::size_t room)
    : times_(std::bit_ceil(room))
{
}

Exchange::Exchange(Engine& engine, const Options& options, Report& report)
    : engine_(engine)
    , options_(options)
    , report_(report)
    , token_(random_token())
{
}

void Exchange::run(Meter& meter)
{
    const auto failed = [this] { return report_.error_count != 0; };
    const auto interval = is_closed_loop() ? 0 : to_ns(1 / options_.rate);
    std::uint64_t due = now_ns();
    std::uint64_t turn = 0;
    Engine::Tick tick;
    if (!is_closed_loop()) {
        tick = [&](std::uint64_t now) -> std::uint64_t {
            for (; due <= now; due += interval)
                send_turn(turn++, due);
            return due;
        };
    }
    keeps_sending_ = true;
    if (is_closed_loop())
        start();
    engine_.run(now_ns() + to_ns(options_.warm_up), failed, tick);

    latency_.clear();
    meter.begin();
    const auto before = delivered_;
    const auto is_enough = [&] {
        return failed() || delivered_ - before >= options_.count
            || (options_.is_led && leader_has_gone());
    };
    if (options_.is_led)
        tell_leader();
    engine_.run(now_ns() + to_ns(options_.seconds), is_enough, tick);
    meter.end();
    report_.units = delivered_ - before;

    keeps_sending_ = false;
    engine_.run(now_ns() + to_ns(options_.grace), [&] { return failed() || under_way_ == 0; });
    // A repetition would come after what it repeats.
    engine_.settle(ns_per_second / 5, now_ns() + ns_per_second);
    finish();
    report_.units_in_all = delivered_;
}

}
