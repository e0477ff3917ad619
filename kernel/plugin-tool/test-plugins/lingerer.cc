// Has a job that never ends, so that its generation can never go: what the torture must notice.
#include <nuncio/plugin.h>

namespace nuncio::test {

class Lingerer final : public Plugin {
public:
    Result<void> start(Context& context) override
    {
        context.spawn(linger());
        return {};
    }

private:
    static task<void> linger()
    {
        const Completion<bool> never;
        co_await never;
    }
};

}

NUNCIO_PLUGIN(nuncio::test::Lingerer, "lingerer", "0.1.0", "Never ends")
