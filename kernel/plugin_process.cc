#include "plugin_process.h"

#include "plugin_task.h"
#include "server.h"
#include "virtual_host.h"

namespace nuncio::kernel {

PluginProcess::PluginProcess(
    PluginInstance& instance, KernelLoop& loop, ProcessOptions options, ProcessEvents events)
    : instance_(instance)
    , loop_(loop)
    , options_(std::move(options))
    , events_(std::make_shared<const ProcessEvents>(std::move(events)))
{
    instance_.add_process(*this);
}

PluginProcess::~PluginProcess()
{
    instance_.remove_process(*this);
    if (child_)
        child_->forget();
}

template <class Handler, class... Args>
void PluginProcess::tell(const Handler& handler, const Args&... args)
{
    if (!handler)
        return;
    const auto kept = events_;
    run_guarded(
        instance_, Leased::Part::task, "an event of a child process", [&] { handler(args...); });
}

void PluginProcess::start(Duration delay)
{
    if (child_ || is_retired_)
        return;
    // The kernel's timer: a plugin's would have to be dropped on this loop.
    const AsKernel as_kernel;
    delay_ = loop_.after(delay, [this] { start_now(); });
}

void PluginProcess::start_now()
{
    // At most one thread hangs for it.
    if (const auto late = late_.lock(); late && late->is_starting())
        return tell(events_->ended,
            ProcessEnd { .failure = Error { options_.command.front()
                                 + ": an earlier start has not come to its end yet: does the file "
                                   "system that it lies on answer?",
                             Error::Kind::unavailable } });
    auto child = ChildProcess::start(loop_, instance_.host().server().children(), options_, *this);
    if (!child)
        return tell(events_->ended, ProcessEnd { .failure = child.error() });
    child_ = std::move(*child);
}

bool PluginProcess::write(std::string_view bytes)
{
    return child_ && child_->write(bytes);
}

void PluginProcess::end()
{
    delay_.cancel();
    if (child_)
        child_->end();
}

void PluginProcess::kill()
{
    delay_.cancel();
    if (child_)
        child_->kill();
}

void PluginProcess::retire()
{
    is_retired_ = true;
    delay_.cancel();
    if (const auto child = std::exchange(child_, nullptr))
        child->forget();
}

void PluginProcess::on_started()
{
    tell(events_->started);
}

void PluginProcess::on_output(std::string_view bytes)
{
    tell(events_->output, bytes);
}

void PluginProcess::on_errors(std::string_view bytes)
{
    tell(events_->errors, bytes);
}

void PluginProcess::on_ended(const ProcessEnd& end)
{
    late_ = std::exchange(child_, nullptr);
    tell(events_->ended, end);
}

}
