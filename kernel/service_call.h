// Asks a plugin's service as the plugin's own code.
#pragma once

#include "plugin_instance.h"

#include <nuncio/result.h>
#include <nuncio/task.h>

#include <exception>
#include <string>

namespace nuncio::kernel {

/// Runs `call`, which answers a task of the service, behind the wall that catches what it throws.
/// The caller holds a lease of `instance`.
template <class T, class Call>
task<Result<T>> call_service(PluginInstance& instance, Call call)
{
    std::string thrown;
    try {
        task<Result<T>> answer = [&] {
            const InPlugin inside(instance, Leased::Part::service);
            return call();
        }();
        co_return co_await answer;
    } catch (const std::exception& failure) {
        thrown = failure.what();
    }
    co_return Error { instance.name() + ": " + thrown, Error::Kind::unavailable };
}

}
