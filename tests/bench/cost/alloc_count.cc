// LD_PRELOAD: counts heap calls of a process in a file that others can read while it runs.
// NUNCIO_ALLOC_COUNT names the file; it holds three 64-bit numbers: allocations, bytes asked for,
// frees.
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

// glibc's own entrances, which stay reachable when the public ones are replaced.
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
void __libc_free(void*);
}

namespace {

struct Counts {
    std::atomic<std::uint64_t> allocations;
    std::atomic<std::uint64_t> bytes;
    std::atomic<std::uint64_t> frees;
};

constinit Counts unmapped {};
constinit std::atomic<Counts*> counts { &unmapped };

// What was counted before the file is there belongs to the start of the process and is dropped.
__attribute__((constructor)) void map_file()
{
    const char* const name = std::getenv("NUNCIO_ALLOC_COUNT");
    if (name == nullptr)
        return;
    const int file = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || ftruncate(file, sizeof(Counts)) != 0)
        return;
    void* const memory = mmap(nullptr, sizeof(Counts), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (memory != MAP_FAILED)
        counts = static_cast<Counts*>(memory);
}

void count(std::size_t bytes)
{
    auto& to = *counts.load(std::memory_order_relaxed);
    to.allocations.fetch_add(1, std::memory_order_relaxed);
    to.bytes.fetch_add(bytes, std::memory_order_relaxed);
}

}

extern "C" {

void* malloc(std::size_t size)
{
    count(size);
    return __libc_malloc(size);
}

void* calloc(std::size_t number, std::size_t size)
{
    count(number * size);
    return __libc_calloc(number, size);
}

void* realloc(void* old, std::size_t size)
{
    count(size);
    return __libc_realloc(old, size);
}

void* memalign(std::size_t alignment, std::size_t size)
{
    count(size);
    return __libc_memalign(alignment, size);
}

void* aligned_alloc(std::size_t alignment, std::size_t size)
{
    return memalign(alignment, size);
}

int posix_memalign(void** result, std::size_t alignment, std::size_t size)
{
    *result = memalign(alignment, size);
    return *result == nullptr ? ENOMEM : 0;
}

void free(void* memory)
{
    if (memory != nullptr)
        counts.load(std::memory_order_relaxed)->frees.fetch_add(1, std::memory_order_relaxed);
    __libc_free(memory);
}
}
