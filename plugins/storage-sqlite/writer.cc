#include "writer.h"

#include "steps.h"

#include <algorithm>
#include <chrono>

namespace nuncio::storage_sqlite {

namespace {

    /// Bounds how long the first of a group waits for the last, and the journal of one commit.
    constexpr std::size_t most_in_group = 1024;
    /// How long unhurried writes wait for company.
    constexpr std::chrono::milliseconds longest_gathering { 250 };

    std::size_t size_of(const std::vector<StorageOp>& batch)
    {
        std::size_t bytes = 256; // what a job costs beside its texts
        for (const StorageOp& op : batch)
            bytes
                += sizeof(op) + op.store.size() + op.owner.size() + op.key.size() + op.value.size();
        return bytes;
    }

    /// Stands for steps that concern every owner; no address is spelled like this.
    constexpr const char* everybody = "*";

    const std::string& owner_of(const StorageOp& op)
    {
        static const std::string all = everybody;
        const bool concerns_all
            = op.kind == StorageOp::Kind::expire || op.kind == StorageOp::Kind::owners;
        return concerns_all ? all : op.owner;
    }

}

Writer::Writer(
    std::unique_ptr<Database> writer, std::unique_ptr<Database> reader, std::size_t limit)
    : writer_(std::move(writer))
    , reader_(std::move(reader))
    , limit_(limit)
    , read_thread_([this] { read_loop(); })
    , write_thread_([this] { write_loop(); })
{
}

Writer::~Writer()
{
    {
        const std::lock_guard lock(mutex_);
        is_ending_ = true;
    }
    read_wanted_.notify_all();
    write_wanted_.notify_all();
    read_thread_.join();
    write_thread_.join();
}

void Writer::execute(std::vector<StorageOp> batch, StorageDriver::Done done)
{
    Job job { std::move(batch), std::move(done) };
    job.bytes = size_of(job.batch);
    std::unique_lock lock(mutex_);
    if (bytes_ + job.bytes > limit_) {
        lock.unlock();
        job.done(Error {
            "the storage queue is full: " + std::to_string(limit_) + " bytes wait to be written",
            Error::Kind::limit });
        return;
    }
    bytes_ += job.bytes;
    if (is_read(job.batch) && !must_wait_for_writes(job.batch)) {
        ++reads_accepted_;
        reads_.push_back(std::move(job));
        read_wanted_.notify_one();
        return;
    }
    job.reads_before = reads_accepted_;
    job.is_unhurried = std::ranges::all_of(job.batch, &StorageOp::is_unhurried);
    note_owners(job.batch, +1);
    const bool is_first_hurried = !job.is_unhurried && hurried_++ == 0;
    writes_.push_back(std::move(job));
    if (writes_.size() == 1 || is_first_hurried || writes_.size() == most_in_group)
        write_wanted_.notify_one();
}

void Writer::hurry()
{
    const std::lock_guard lock(mutex_);
    if (writes_.empty())
        return;
    is_due_ = true;
    write_wanted_.notify_one();
}

bool Writer::must_wait_for_writes(const std::vector<StorageOp>& batch) const
{
    if (written_owners_.empty())
        return false;
    return written_owners_.contains(everybody)
        || std::ranges::any_of(batch, [this](const StorageOp& op) {
               return owner_of(op) == everybody || written_owners_.contains(op.owner);
           });
}

void Writer::note_owners(const std::vector<StorageOp>& batch, int change)
{
    for (const StorageOp& op : batch) {
        const auto at = written_owners_.try_emplace(owner_of(op)).first;
        at->second += static_cast<std::size_t>(change);
        if (at->second == 0)
            written_owners_.erase(at);
    }
}

void Writer::write_loop()
{
    std::unique_lock lock(mutex_);
    for (;;) {
        write_wanted_.wait(lock, [this] { return is_ending_ || !writes_.empty(); });
        if (writes_.empty())
            return;
        write_wanted_.wait_for(lock, longest_gathering, [this] {
            return is_ending_ || is_due_ || hurried_ > 0 || writes_.size() >= most_in_group;
        });
        is_due_ = false;
        std::deque<Job> group;
        while (!writes_.empty() && group.size() < most_in_group) {
            hurried_ -= !writes_.front().is_unhurried;
            group.push_back(std::move(writes_.front()));
            writes_.pop_front();
        }
        // A read that was asked for earlier must not see what these write. It never waits itself.
        const auto reads = group.back().reads_before;
        read_done_.wait(lock, [&] { return reads_done_ >= reads; });

        lock.unlock();
        commit(group);
        lock.lock();
        for (const Job& job : group) {
            bytes_ -= job.bytes;
            note_owners(job.batch, -1);
        }
        lock.unlock();
        for (Job& job : group)
            job.done(std::move(job.answer));
        group.clear();
        lock.lock();
    }
}

void Writer::read_loop()
{
    std::unique_lock lock(mutex_);
    for (;;) {
        read_wanted_.wait(lock, [this] { return is_ending_ || !reads_.empty(); });
        if (reads_.empty())
            return;
        Job job = std::move(reads_.front());
        reads_.pop_front();
        lock.unlock();
        job.answer = run_steps(*reader_, job.batch);
        lock.lock();
        bytes_ -= job.bytes;
        ++reads_done_;
        read_done_.notify_one();
        lock.unlock();
        job.done(std::move(job.answer));
        lock.lock();
    }
}

void Writer::commit(std::deque<Job>& group)
{
    for (std::size_t first = 0; first < group.size();) {
        if (auto begun = writer_->run("BEGIN IMMEDIATE"); !begun) {
            for (; first < group.size(); ++first)
                group[first].answer = begun.error();
            return;
        }
        std::size_t next = first;
        while (next < group.size() && !writer_->is_idle())
            carry_out(group[next++]);
        // When the disk fails SQLite gives up the whole transaction: nothing since `first` holds.
        const auto committed = writer_->is_idle()
            ? Result<void>(Error { group[next - 1].answer ? "the transaction was given up"
                                                          : group[next - 1].answer.error().text,
                Error::Kind::unavailable })
            : writer_->run("COMMIT");
        if (!committed) {
            if (!writer_->is_idle())
                (void)writer_->run("ROLLBACK");
            for (; first < next; ++first)
                group[first].answer = committed.error();
        }
        first = next;
    }
}

void Writer::carry_out(Job& job)
{
    // One statement undoes itself when it fails; more need a mark to go back to.
    const bool needs_mark = job.batch.size() > 1 && !is_read(job.batch);
    if (needs_mark)
        if (auto marked = writer_->run("SAVEPOINT batch"); !marked) {
            job.answer = marked.error();
            return;
        }
    job.answer = run_steps(*writer_, job.batch);
    if (!needs_mark || writer_->is_idle())
        return;
    if (!job.answer)
        (void)writer_->run("ROLLBACK TO batch");
    (void)writer_->run("RELEASE batch");
}

}
