// Arena: a chain of blocks, the first of which comes from a bounded cache of the calling thread.
#include <nuncio/xml.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

namespace nuncio::inline v1 {

struct Arena::Block {
    Block* next;
    std::size_t size; // with this head
};

namespace {

    constexpr std::size_t first_block = 2048;
    constexpr std::size_t largest_growth = 65536;

// AddressSanitizer must see every use after free, so nothing is kept for reuse under it.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define NUNCIO_ARENA_WITHOUT_CACHE
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define NUNCIO_ARENA_WITHOUT_CACHE
#endif
#ifdef NUNCIO_ARENA_WITHOUT_CACHE
    constexpr unsigned most_cached = 0;
#else
    constexpr unsigned most_cached = 64;
#endif

    /// Free first blocks of one thread. Trivial on purpose: reading it needs no initialisation
    /// guard, and blocks may still be given back after the thread's destructors ran.
    struct Cache {
        Arena::Block* blocks;
        unsigned count;
        unsigned limit;
    };
    constinit thread_local Cache cache { nullptr, 0, most_cached };

    /// Empties the cache when the thread ends.
    struct Reaper {
        bool awake = false;
        ~Reaper()
        {
            cache.limit = 0;
            cache.count = 0;
            while (cache.blocks)
                std::free(std::exchange(cache.blocks, cache.blocks->next));
        }
    };
    thread_local Reaper reaper;

    Arena::Block* make_block(std::size_t size)
    {
        if (size == first_block && cache.blocks) {
            --cache.count;
            return std::exchange(cache.blocks, cache.blocks->next);
        }
        auto* const block = static_cast<Arena::Block*>(std::malloc(size));
        if (!block)
            throw std::bad_alloc();
        block->size = size;
        return block;
    }

    void release(Arena::Block* block)
    {
        while (block) {
            auto* const next = block->next;
            if (block->size == first_block && cache.count < cache.limit) {
                if (cache.count == 0)
                    reaper.awake = true; // its first use registers the destructor
                block->next = std::exchange(cache.blocks, block);
                ++cache.count;
            } else {
                std::free(block);
            }
            block = next;
        }
    }

}

Arena::Arena(Arena&& other) noexcept
    : blocks_(std::exchange(other.blocks_, nullptr))
    , at_(std::exchange(other.at_, nullptr))
    , end_(std::exchange(other.end_, nullptr))
{
}

Arena& Arena::operator=(Arena&& other) noexcept
{
    if (this != &other) {
        release(blocks_);
        blocks_ = std::exchange(other.blocks_, nullptr);
        at_ = std::exchange(other.at_, nullptr);
        end_ = std::exchange(other.end_, nullptr);
    }
    return *this;
}

Arena::~Arena()
{
    release(blocks_);
}

void* Arena::allocate_block(std::size_t bytes)
{
    // Blocks double, so that a tree of n bytes takes O(log n) of them; a large request gets a block
    // of its own and what is left of the current one stays in use.
    const auto needed = bytes + sizeof(Block);
    const auto usual = blocks_ ? std::min(blocks_->size * 2, largest_growth) : first_block;
    auto* const block = make_block(std::max(needed, usual));
    char* const start = reinterpret_cast<char*>(block + 1);
    if (needed > usual && blocks_) {
        block->next = blocks_->next;
        blocks_->next = block;
        return start;
    }
    block->next = blocks_;
    blocks_ = block;
    at_ = start + bytes;
    end_ = reinterpret_cast<char*>(block) + block->size;
    return start;
}

void Arena::reserve(std::size_t bytes)
{
    if (blocks_)
        return;
    blocks_ = make_block(bytes + sizeof(Block));
    blocks_->next = nullptr;
    at_ = reinterpret_cast<char*>(blocks_ + 1);
    end_ = reinterpret_cast<char*>(blocks_) + blocks_->size;
}

std::string_view Arena::copy(std::string_view text)
{
    if (text.empty())
        return {};
    auto* const bytes = static_cast<char*>(allocate(text.size()));
    std::memcpy(bytes, text.data(), text.size());
    return { bytes, text.size() };
}

std::size_t Arena::capacity() const
{
    std::size_t sum = 0;
    for (const auto* block = blocks_; block; block = block->next)
        sum += block->size;
    return sum;
}

}
