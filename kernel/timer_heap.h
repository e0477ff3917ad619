// The timers of one loop: a binary heap in which a timer can be found, so that cancelling is cheap.
#pragma once

#include <nuncio/loop.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace nuncio::kernel {

class TimerHeap {
public:
    /// A repeat of 0 fires once. Answers an id that is never reused.
    std::uint64_t start(TimePoint due, Duration repeat, Function<void()> job, void* plugin);
    void stop(std::uint64_t id);
    bool has(std::uint64_t id) const;

    std::optional<TimePoint> next_due() const;
    std::size_t size() const { return heap_.size(); }

    /// What is due at `now`: earliest first, equal ones in the order they were started. Empty when
    /// nothing is. A job that repeats is given back with `rearm` after it ran.
    struct Due {
        std::uint64_t id = 0;
        Function<void()> job;
        void* plugin = nullptr;
    };
    std::optional<Due> take_due(TimePoint now);
    /// Nothing happens when the job stopped its own timer.
    void rearm(Due due);

private:
    struct Record {
        Function<void()> job;
        void* plugin = nullptr;
        Duration repeat {};
        std::uint64_t id = 0; ///< 0: this record is free
        std::size_t at = 0; ///< where in the heap
    };
    struct Entry {
        TimePoint due;
        std::uint64_t order = 0;
        std::uint32_t record = 0;
        bool before(const Entry& other) const
        {
            return due != other.due ? due < other.due : order < other.order;
        }
    };
    // An id is a record's index and a number that no other id of this heap has.
    static constexpr unsigned index_bits = 24;
    static constexpr std::uint64_t index_mask = (std::uint64_t { 1 } << index_bits) - 1;

    const Record* find(std::uint64_t id) const;
    void put(std::size_t at, Entry entry);
    void sift_up(std::size_t at);
    void sift_down(std::size_t at);
    void remove_at(std::size_t at);
    void free(std::uint32_t record);

    std::vector<Record> records_;
    std::vector<std::uint32_t> free_;
    std::vector<Entry> heap_;
    std::uint64_t order_ = 0;
};

}
