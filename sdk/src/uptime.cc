// The age of the process: libnuncio is loaded first and stays to the end.
#include <nuncio/loop.h>

namespace nuncio::inline v1 {

namespace {

    const auto loaded = std::chrono::steady_clock::now();

}

Duration process_uptime()
{
    return std::chrono::steady_clock::now() - loaded;
}

}
