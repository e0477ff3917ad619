// All lanes of all plugins.
#pragma once

#include <mutex>
#include <vector>

namespace nuncio::kernel {

class WorkerPool;

/// Lets in-process tests wait for what plugins do on threads of their own. Any thread.
class Lanes {
public:
    void add(WorkerPool& pool);
    void remove(WorkerPool& pool);
    /// Waits until the jobs that were accepted before have ended. Not from one of them.
    void drain();

private:
    std::mutex mutex_;
    std::vector<WorkerPool*> pools_;
};

}
