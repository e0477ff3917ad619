// What the tests of reloading reload: it says which object answers, and fails where it is told to.
#include <nuncio/plugin.h>

#include <cstdlib>
#include <stdexcept>
#include <string>

using namespace nuncio;

namespace {

/// The environment names what goes wrong next, and what a new object calls itself.
std::string environment(const char* name)
{
    const char* const value = std::getenv(name);
    return value ? value : "";
}

bool is_to_fail(std::string_view where)
{
    return environment("NUNCIO_TEST_FAULT") == where;
}

class Subject final : public Plugin {
public:
    Result<void> configure(const Config&) override
    {
        if (is_to_fail("configure"))
            return Error { "its options are wrong" };
        return {};
    }

    Result<void> start(Context& context) override
    {
        context.on_iq(Component::local, "urn:test:subject", {},
            [this](const Iq&) { return IqReply(answer()); });
        context.on_iq(
            Component::local, "urn:test:subject-slow", {}, [this](const Iq&) -> task<IqReply> {
                co_await sleep_for(5s);
                co_return IqReply(answer());
            });
        context.every(1s, [] {});
        if (is_to_fail("start"))
            return Error { "it cannot start" };
        if (is_to_fail("start throws"))
            throw std::runtime_error("it threw");
        return {};
    }

private:
    Element answer() const
    {
        Element element("subject", "urn:test:subject");
        element.text(label_);
        return element;
    }

    const std::string label_ = environment("NUNCIO_TEST_LABEL");
};

}

NUNCIO_PLUGIN(Subject, "subject", "1.0", "Is reloaded")
