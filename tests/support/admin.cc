#include "admin.h"

#include "command_registry.h"

#include <sstream>

namespace nuncio::test {

Admin::Admin(ScriptedServer& server)
    : server_(server)
    , told_(std::make_shared<std::string>())
{
}

std::optional<std::string> Admin::call(const std::string& text)
{
    const auto brace = text.find('{');
    std::string name = text.substr(0, brace);
    name.erase(name.find_last_not_of(' ') + 1);
    Value arguments = Value::Table();
    if (brace != text.npos) {
        auto parsed = Value::parse_json(text.substr(brace));
        if (!parsed)
            return "the arguments: " + parsed.error().text;
        arguments = std::move(*parsed);
    }
    told_ = std::make_shared<std::string>();
    server_.server().main_loop().post(
        [&registry = server_.server().commands(), name, arguments, told = told_] {
            registry.call(
                name, arguments, kernel::CommandCaller::console("test"),
                [told](Result<Value> answer) {
                    *told += (answer ? answer->json() : "failed: " + answer.error().text) + '\n';
                },
                [told](std::string_view line) { *told += std::string(line) + '\n'; });
        });
    server_.settle();
    return {};
}

std::optional<std::string> Admin::is_told(const std::string& block) const
{
    server_.settle();
    std::istringstream lines(block);
    for (std::string line; std::getline(lines, line);)
        if (told_->find(line) == std::string::npos)
            return "the administrator was not told \"" + line + "\", but\n" + *told_;
    return {};
}

}
