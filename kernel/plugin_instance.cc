// The end of an instance: first what it registered, then the object, then perhaps its code.
#include "plugin_instance.h"

#include "context.h"
#include "generation.h"
#include "plugin_task.h"

namespace nuncio::kernel {

PluginInstance::PluginInstance(
    std::string name, VirtualHost& host, std::shared_ptr<Generation> generation)
    : name_(std::move(name))
    , host_(host)
    , generation_(std::move(generation))
{
}

PluginInstance::~PluginInstance()
{
    // Handlers refer to the plugin object, and their code is the plugin's.
    const InPlugin inside(*this);
    registrations_ = {};
    parts_.reset();
}

void PluginInstance::make_parts(PoolBacklog& pool, Value settings, std::unique_ptr<Log> log)
{
    parts_ = std::make_unique<Parts>(*this, pool, std::move(settings), std::move(log));
}

Log& PluginInstance::log()
{
    return parts_->context.log();
}

}
