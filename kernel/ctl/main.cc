// nuncioctl: sends one command to the server and prints its answer.
#include "client.h"
#include "command_line.h"
#include "completion.h"
#include "help.h"
#include "printing.h"
#include "terminal.h"
#include "top.h"

#include <nuncio/abi.h>

#include <cstdio>

namespace {

using namespace nuncio;
using namespace nuncio::ctl;

enum Exit { done = 0, failed = 1, misused = 2, unreachable = 3 };

Exit complain(const Error& error, Exit code)
{
    std::fprintf(stderr, "nuncioctl: %s\n", error.text.c_str());
    return error.kind == Error::Kind::unavailable && code == failed ? unreachable : code;
}

Exit print(const std::string& text)
{
    std::fputs(text.c_str(), stdout);
    return done;
}

/// "plugin", or "plugin --help".
bool is_group(const Value& description, const std::vector<std::string>& words)
{
    return (words.size() == 1 || words[1] == "--help")
        && !group_of(description, words[0]).as_array().empty();
}

Exit print_help(const Invocation& invocation, const std::vector<std::string>& about)
{
    auto client = Client::connect(invocation.socket);
    auto description = client ? client->call("help", Value()) : Result<Value>(client.error());
    if (!description) {
        print(general_help() + '\n' + static_command_list());
        return complain(description.error(), unreachable);
    }
    if (invocation.as_json)
        return print(description->json(2) + '\n');
    if (about.empty())
        return print(general_help() + '\n' + command_list(*description));
    std::size_t used = 0;
    const Value* command = find_command(*description, about, used);
    if (!command && is_group(*description, about))
        return print(command_list(group_of(*description, about[0])));
    if (!command)
        return complain(unknown_command(*description, about), misused);
    return print(command_help(*command));
}

/// Required secrets that were left out are asked for; the answer says how many.
Result<std::size_t> ask_for_secrets(const Value& command, Value& arguments)
{
    std::size_t asked = 0;
    const Value* declared = command.find("arguments");
    if (!declared)
        return asked;
    for (const Value& argument : declared->as_array()) {
        const std::string name(text_of(argument, "name"));
        if (!flag_of(argument, "required") || arguments.find(name))
            continue;
        if (!flag_of(argument, "secret"))
            return Error { name + " is missing; the usage is: nuncioctl " + usage_of(command) };
        auto secret = ask_secret(name);
        if (!secret)
            return secret.error();
        arguments[name] = std::move(*secret);
        ++asked;
    }
    return asked;
}

Exit complete(const std::vector<std::string>& words)
{
    // The word under the cursor is not finished, and so no option yet.
    const auto invocation
        = read_invocation({ words.begin(), words.empty() ? words.end() : words.end() - 1 });
    auto client = invocation ? Client::connect(invocation->socket) : invocation.error();
    return print(completions(
        [&](const std::string& command) {
            return client ? client->call(command, Value()) : Result<Value>(client.error());
        },
        words));
}

Exit run(const Invocation& invocation)
{
    auto client = Client::connect(invocation.socket);
    if (!client)
        return complain(client.error(), unreachable);
    const auto description = client->call("help", Value());
    if (!description)
        return complain(description.error(), failed);

    std::size_t used = 0;
    const Value* command = find_command(*description, invocation.words, used);
    if (!command && invocation.words.size() > 1 && is_group(*description, invocation.words))
        return print(command_list(group_of(*description, invocation.words[0])));
    if (!command)
        return complain(unknown_command(*description, invocation.words), misused);
    const auto first = invocation.words.begin() + static_cast<std::ptrdiff_t>(used);
    const std::vector<std::string> words(first, invocation.words.end());
    if (!words.empty() && words[0] == "--help")
        return print(command_help(*command));
    auto arguments = read_arguments(*command, words);
    if (!arguments)
        return complain(arguments.error(), misused);
    const auto asked = ask_for_secrets(*command, *arguments);
    if (!asked)
        return complain(asked.error(), misused);
    // The server does not wait for ever on a client that says nothing, and people type slowly.
    if (*asked > 0)
        client = Client::connect(invocation.socket);
    if (!client)
        return complain(client.error(), unreachable);

    const std::string name(text_of(*command, "name"));
    if (name == "plugin top" && !invocation.as_json && !flag_of(*arguments, "once")
        && Screen::is_possible()) {
        const auto watched = watch_top(*client, *arguments);
        return watched ? done : complain(watched.error(), failed);
    }
    StatusLine status(name);
    StatusLine* const shown = invocation.as_json ? nullptr : &status;
    const auto answer = client->call(name, std::move(*arguments), shown);
    if (answer && name == "stop")
        client->wait_for_end(shown);
    status.wipe();
    if (!answer)
        return complain(answer.error(), failed);
    return print(invocation.as_json ? answer->json(2) + '\n' : to_text(*answer, name));
}

}

int main(int argc, char** argv)
{
    const std::vector<std::string> words(argv + 1, argv + argc);
    if (!words.empty() && words[0] == "__complete")
        return complete({ words.begin() + 1, words.end() });
    const auto invocation = read_invocation(words);
    if (!invocation)
        return complain(invocation.error(), misused);
    const auto& given = invocation->words;
    if (invocation->wants_version)
        return print(std::string("nuncioctl ") + sdk_version + '\n');
    if (invocation->wants_help || given.empty()) {
        const Exit shown = print_help(*invocation, given);
        return given.empty() && !invocation->wants_help && shown == done ? misused : shown;
    }
    if (given[0] == "help")
        return print_help(*invocation, { given.begin() + 1, given.end() });
    if (given[0] == "completion") {
        const std::string script = given.size() == 2 ? completion_script(given[1]) : std::string();
        if (script.empty())
            return complain(Error { "expected: nuncioctl completion bash|zsh|fish" }, misused);
        return print(script);
    }
    return run(*invocation);
}
