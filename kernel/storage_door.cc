#include "storage_door.h"

#include "plugin_instance.h"
#include "virtual_host.h"

namespace nuncio::kernel {

void StorageDoor::execute(std::vector<StorageOp> batch, Done done)
{
    // A store belongs to a loop: only there is a table.
    const ServiceEntry* const driver = Loop::current() ? host_.storage_driver() : nullptr;
    if (!driver)
        return done(Error {
            "no storage driver runs on " + std::string(host_.domain()), Error::Kind::unavailable });
    PluginInstance& instance = *driver->instance;
    if (host_.table().is_paused(instance))
        return host_.hold(
            interface, [this, batch = std::move(batch), done = std::move(done)]() mutable {
                execute(std::move(batch), std::move(done));
            });
    const InPlugin inside(instance); // what the driver posts counts as its own
    static_cast<StorageDriver*>(driver->service)
        ->execute(std::move(batch),
            [held = Lease(instance), done = std::move(done)](
                Result<std::vector<StorageAnswer>> answer) { done(std::move(answer)); });
}

}
