// The two threads of a driver: one writes in groups, one reads beside it.
#pragma once

#include "database.h"

#include <nuncio/storage.h>

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace nuncio::storage_sqlite {

/// Takes batches from any thread and answers them in the driver's order:
/// writes in the order given, many in one commit; reads at once on the other connection, unless a
/// write to the same owner still waits: then the read takes its place in the line of writes.
class Writer {
public:
    Writer(std::unique_ptr<Database> writer, std::unique_ptr<Database> reader, std::size_t limit);
    /// Carries out what was accepted, then ends the threads.
    ~Writer();

    void execute(std::vector<StorageOp> batch, StorageDriver::Done done);
    /// What waits for company goes now.
    void hurry();

private:
    struct Job {
        std::vector<StorageOp> batch;
        StorageDriver::Done done;
        std::size_t bytes = 0;
        std::uint64_t reads_before = 0; ///< reads that were accepted before it
        bool is_unhurried = false;
        Result<std::vector<StorageAnswer>> answer { Error {} };
    };

    bool must_wait_for_writes(const std::vector<StorageOp>& batch) const;
    void note_owners(const std::vector<StorageOp>& batch, int change);
    void write_loop();
    void read_loop();
    void commit(std::deque<Job>& group);
    void carry_out(Job& job);

    std::unique_ptr<Database> writer_;
    std::unique_ptr<Database> reader_;
    const std::size_t limit_; ///< bytes waiting

    std::mutex mutex_;
    std::condition_variable write_wanted_, read_wanted_, read_done_;
    std::deque<Job> writes_, reads_;
    std::size_t bytes_ = 0;
    std::size_t hurried_ = 0; ///< of writes_
    /// How many writes wait for an owner.
    std::unordered_map<std::string, std::size_t> written_owners_;
    std::uint64_t reads_accepted_ = 0, reads_done_ = 0;
    bool is_due_ = false; ///< somebody waits for what was accepted
    bool is_ending_ = false;

    std::thread read_thread_, write_thread_; // last: they use everything above
};

}
