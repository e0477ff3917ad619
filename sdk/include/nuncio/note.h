// The ELF note of a plugin: what the loader reads as data before any of its code runs.
#pragma once

#include <nuncio/abi.h>

#include <cstddef>
#include <cstdint>

#if defined(__clang__)
#define NUNCIO_DETAIL_HAS_ASAN __has_feature(address_sanitizer)
#define NUNCIO_DETAIL_HAS_TSAN __has_feature(thread_sanitizer)
#else
#if defined(__SANITIZE_ADDRESS__)
#define NUNCIO_DETAIL_HAS_ASAN 1
#else
#define NUNCIO_DETAIL_HAS_ASAN 0
#endif
#if defined(__SANITIZE_THREAD__)
#define NUNCIO_DETAIL_HAS_TSAN 1
#else
#define NUNCIO_DETAIL_HAS_TSAN 0
#endif
#endif

#include <version>

// Generated when the SDK is built, and installed with it. Without it code compiles; as a plugin it
// is refused.
#if __has_include(<nuncio/fingerprint.h>)
#include <nuncio/fingerprint.h>
#else
#define NUNCIO_DETAIL_HEADERS "unknown"
#endif

#define NUNCIO_DETAIL_TEXT_(x) #x
#define NUNCIO_DETAIL_TEXT(x) NUNCIO_DETAIL_TEXT_(x)
#define NUNCIO_DETAIL_ABI 1

#if defined(__x86_64__)
#define NUNCIO_DETAIL_ARCH "x86_64"
#elif defined(__aarch64__)
#define NUNCIO_DETAIL_ARCH "aarch64"
#elif defined(__riscv)
#define NUNCIO_DETAIL_ARCH "riscv"
#elif defined(__arm__)
#define NUNCIO_DETAIL_ARCH "arm"
#elif defined(__i386__)
#define NUNCIO_DETAIL_ARCH "i386"
#else
#define NUNCIO_DETAIL_ARCH "other"
#endif

#if NUNCIO_DETAIL_HAS_ASAN
#define NUNCIO_DETAIL_SANITIZER "address"
#elif NUNCIO_DETAIL_HAS_TSAN
#define NUNCIO_DETAIL_SANITIZER "thread"
#else
#define NUNCIO_DETAIL_SANITIZER "none"
#endif

#if defined(_GLIBCXX_DEBUG)
#define NUNCIO_DETAIL_CONTAINERS "debug"
#else
#define NUNCIO_DETAIL_CONTAINERS "release"
#endif

#if defined(__GLIBCXX__)
#define NUNCIO_DETAIL_LIBRARY "libstdc++ cxx11-abi=" NUNCIO_DETAIL_TEXT(_GLIBCXX_USE_CXX11_ABI)
#else
#define NUNCIO_DETAIL_LIBRARY "other"
#endif

/// Everything that must be equal between a plugin and the server beside the ABI number, as
/// `field:value` words; the loader names the field that differs.
#define NUNCIO_DETAIL_TOOLCHAIN                                                                    \
    "arch:" NUNCIO_DETAIL_ARCH ";library:" NUNCIO_DETAIL_LIBRARY                                   \
    ";containers:" NUNCIO_DETAIL_CONTAINERS ";sanitizer:" NUNCIO_DETAIL_SANITIZER

namespace nuncio::inline v1::detail {

static_assert(NUNCIO_DETAIL_ABI == abi_number);

/// Layout of one ELF note (System V gABI): sizes, type, name padded to 4 bytes, description.
template <std::size_t N>
struct Note {
    std::uint32_t name_size = 7;
    std::uint32_t description_size = N;
    std::uint32_t type = 1;
    char name[8] = { 'n', 'u', 'n', 'c', 'i', 'o', '\0', '\0' };
    char description[(N + 3) / 4 * 4] = {};

    constexpr Note(const char (&text)[N])
    {
        for (std::size_t i = 0; i < N; ++i)
            description[i] = text[i];
    }
};
template <std::size_t N>
Note(const char (&)[N]) -> Note<N>;

}
