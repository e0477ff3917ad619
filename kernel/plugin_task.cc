// The root of every plugin coroutine stands in the kernel, so that the lease outlives its frame.
#include "plugin_task.h"

namespace nuncio::kernel {

namespace {

    Detached run_to_end(PluginInstance& instance, task<void> job)
    {
        const Lease lease(instance);
        {
            // Moved inside, so that the plugin's frame is gone before the lease.
            task<void> inner = std::move(job);
            try {
                co_await inner;
            } catch (...) {
                const std::string text = thrown_text();
                instance.log().error("a task threw: {}", text);
                if (HandlerMeter* const meter = instance.meter(Leased::Part::task))
                    meter->count_failure();
            }
        }
        // The lease ends here, but code of the plugin may still be below us on this stack: without
        // tail calls it resumed us. Who ends an instance therefore lets every loop take another
        // turn after the last lease.
    }

}

std::string thrown_text()
{
    try {
        throw;
    } catch (const std::exception& thrown) {
        return thrown.what();
    } catch (...) {
        return "something that is no std::exception";
    }
}

void run_task(PluginInstance& instance, task<void> job)
{
    if (!job)
        return;
    const InPlugin inside(instance);
    run_to_end(instance, std::move(job));
}

}
