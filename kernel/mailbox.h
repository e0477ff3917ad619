// The mailbox of a loop: many senders, one reader, no lock.
#pragma once

#include "loop.h"

#include <atomic>

namespace nuncio::kernel {

/// A stack that senders push to and the reader takes as a whole and turns round: FIFO per sender.
/// Its head also says whether the reader sleeps, so a sender knows by its one exchange whether it
/// has to wake it.
class Mailbox {
public:
    Mailbox() = default;
    Mailbox(const Mailbox&) = delete;
    Mailbox& operator=(const Mailbox&) = delete;

    /// Any thread. True when the reader sleeps and this sender is the one to wake it.
    [[nodiscard]] bool push(Mail* mail)
    {
        auto* head = head_.load(std::memory_order_relaxed);
        do {
            mail->next = head == asleep() ? nullptr : head;
        } while (!head_.compare_exchange_weak(
            head, mail, std::memory_order_release, std::memory_order_relaxed));
        return head == asleep();
    }

    /// The reader announces that it is going to sleep; false when there is mail.
    bool fall_asleep()
    {
        Mail* expected = nullptr;
        return head_.compare_exchange_strong(expected, asleep(), std::memory_order_relaxed);
    }
    /// The reader woke by something else than mail, and spares the senders the effort.
    void wake_up()
    {
        auto* expected = asleep();
        head_.compare_exchange_strong(expected, nullptr, std::memory_order_relaxed);
    }

    /// All there is, oldest first, linked by `next`.
    Mail* take()
    {
        if (!head_.load(std::memory_order_relaxed))
            return nullptr;
        auto* newest = head_.exchange(nullptr, std::memory_order_acquire);
        if (newest == asleep())
            return nullptr;
        Mail* oldest = nullptr;
        while (newest) {
            auto* const next = newest->next;
            newest->next = oldest;
            oldest = newest;
            newest = next;
        }
        return oldest;
    }

private:
    struct Asleep final : Mail {
        void deliver() override { }
    };
    Mail* asleep() { return &asleep_; }

    std::atomic<Mail*> head_ = nullptr;
    Asleep asleep_;
};

}
