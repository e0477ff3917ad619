// A plugin's place for a child process: its events run as the plugin's code, behind the wall.
#pragma once

#include "child_process.h"

#include <nuncio/process.h>

#include <memory>

namespace nuncio::kernel {

class PluginInstance;

class PluginProcess final : public Process, private ChildUser {
public:
    PluginProcess(
        PluginInstance& instance, KernelLoop& loop, ProcessOptions options, ProcessEvents events);
    ~PluginProcess() override;

    // Process
    void start(Duration delay) override;
    bool write(std::string_view bytes) override;
    void end() override;
    void kill() override;
    std::int64_t id() const override { return child_ ? child_->id() : 0; }

    /// On its loop, before its plugin ends: ends the child and tells nothing any more.
    void retire();
    const KernelLoop& loop() const { return loop_; }

private:
    void start_now();
    /// Runs one of the handlers, which may drop this object.
    template <class Handler, class... Args>
    void tell(const Handler& handler, const Args&... args);

    // ChildUser
    void on_started() override;
    void on_output(std::string_view bytes) override;
    void on_errors(std::string_view bytes) override;
    void on_ended(const ProcessEnd& end) override;

    PluginInstance& instance_;
    KernelLoop& loop_;
    const ProcessOptions options_;
    std::shared_ptr<const ProcessEvents> events_; // shared: a handler may drop this object
    std::shared_ptr<ChildProcess> child_; // shared: see ChildProcess
    std::weak_ptr<ChildProcess> late_; // one that does not come to start
    Timer delay_;
    bool is_retired_ = false;
};

}
