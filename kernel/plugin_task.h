// Running a plugin's code from the kernel: behind the wall that catches what it throws, and with a
// lease for as long as it waits.
#pragma once

#include "plugin_instance.h"

#include <nuncio/task.h>

#include <exception>
#include <string>
#include <string_view>

namespace nuncio::kernel {

/// The text of the exception being handled. Exceptions belong to the plugin: nothing else is kept.
std::string thrown_text();

/// Calls `code` as the instance's. What it throws is logged with `what`; false then.
template <class Code>
bool run_guarded(PluginInstance& instance, Leased::Part part, std::string_view what, Code&& code)
{
    const InPlugin inside(instance, part);
    try {
        code();
        return true;
    } catch (...) {
        const std::string text = thrown_text();
        instance.log().error("{} threw: {}", what, text);
        if (HandlerMeter* const meter = instance.meter(part))
            meter->count_failure();
        return false;
    }
}

/// Runs a task to its end on the current loop, holding a lease. What it throws is logged.
void run_task(PluginInstance& instance, task<void> job);

/// A coroutine that nobody waits for; it frees itself. Kernel code only.
struct Detached {
    struct promise_type {
        Detached get_return_object() { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() { }
        void unhandled_exception() noexcept { std::terminate(); }
    };
};

}
