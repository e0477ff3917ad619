// operator new and delete for nunciod, which count what a handler allocates. One addition each:
// the C library does the rest, as it would anyway. Sanitizers have their own.
#include "thread_activity.h"

#include <cstdlib>
#include <new>

namespace {

void* allocate(std::size_t size, std::size_t alignment = 0)
{
    nuncio::kernel::this_thread.allocated += size;
    for (;;) {
        // The size of an aligned block has to be a multiple of its alignment, and not 0.
        void* const block = alignment == 0
            ? std::malloc(size != 0 ? size : 1)
            : std::aligned_alloc(
                alignment, size != 0 ? (size + alignment - 1) / alignment * alignment : alignment);
        if (block) [[likely]]
            return block;
        const auto handler = std::get_new_handler();
        if (!handler)
            throw std::bad_alloc();
        handler();
    }
}

void* allocate_or_null(std::size_t size, std::size_t alignment = 0) noexcept
{
    try {
        return allocate(size, alignment);
    } catch (...) {
        return nullptr;
    }
}

}

void* operator new(std::size_t size)
{
    return allocate(size);
}
void* operator new[](std::size_t size)
{
    return allocate(size);
}
void* operator new(std::size_t size, std::align_val_t to)
{
    return allocate(size, std::size_t(to));
}
void* operator new[](std::size_t size, std::align_val_t to)
{
    return allocate(size, std::size_t(to));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept
{
    return allocate_or_null(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept
{
    return allocate_or_null(size);
}
void* operator new(std::size_t size, std::align_val_t to, const std::nothrow_t&) noexcept
{
    return allocate_or_null(size, std::size_t(to));
}
void* operator new[](std::size_t size, std::align_val_t to, const std::nothrow_t&) noexcept
{
    return allocate_or_null(size, std::size_t(to));
}

void operator delete(void* block) noexcept
{
    std::free(block);
}
void operator delete[](void* block) noexcept
{
    std::free(block);
}
void operator delete(void* block, std::size_t) noexcept
{
    std::free(block);
}
void operator delete[](void* block, std::size_t) noexcept
{
    std::free(block);
}
void operator delete(void* block, std::align_val_t) noexcept
{
    std::free(block);
}
void operator delete[](void* block, std::align_val_t) noexcept
{
    std::free(block);
}
void operator delete(void* block, std::size_t, std::align_val_t) noexcept
{
    std::free(block);
}
void operator delete[](void* block, std::size_t, std::align_val_t) noexcept
{
    std::free(block);
}
void operator delete(void* block, const std::nothrow_t&) noexcept
{
    std::free(block);
}
void operator delete[](void* block, const std::nothrow_t&) noexcept
{
    std::free(block);
}
void operator delete(void* block, std::align_val_t, const std::nothrow_t&) noexcept
{
    std::free(block);
}
void operator delete[](void* block, std::align_val_t, const std::nothrow_t&) noexcept
{
    std::free(block);
}
