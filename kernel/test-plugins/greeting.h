// The service of the test plugin `greeter`.
#pragma once

#include <nuncio/abi.h>

#include <string>
#include <string_view>

#ifndef NUNCIO_TEST_GREETING
#define NUNCIO_TEST_GREETING "greeting/1"
#endif

/// Without a key function in a library: each object has its own vtable, as a test may.
struct Greeting {
    static constexpr std::string_view interface = NUNCIO_TEST_GREETING;
    virtual ~Greeting() = default;
    virtual std::string word() = 0;
    virtual int beats() = 0;
};
