// Plays a transcript against a server inside this process.
#include "conversation.h"

#include "admin.h"
#include "expect.h"

#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <vector>

namespace nuncio::test {

namespace {

    /// One line of a transcript with the indented block below it.
    struct Step {
        std::size_t line = 0;
        std::string text;
        std::string block;
    };

    std::vector<std::string> words(const std::string& text)
    {
        std::istringstream in(text);
        std::vector<std::string> all;
        for (std::string word; in >> word;)
            all.push_back(word);
        return all;
    }

    Result<std::vector<Step>> read_steps(const std::filesystem::path& file)
    {
        std::ifstream in(file);
        if (!in)
            return Error { "cannot be read", Error::Kind::not_found };
        std::vector<Step> steps;
        std::string line;
        for (std::size_t number = 1; std::getline(in, line); ++number) {
            const auto first = line.find_first_not_of(" \t");
            if (first == line.npos)
                continue;
            if (first > 0) {
                if (steps.empty())
                    return Error { "line " + std::to_string(number) + ": nothing to belong to" };
                steps.back().block += line.substr(first) + "\n";
                continue;
            }
            // A comment ends the line only after a space: resources may hold a '#'.
            auto comment = line[0] == '#' ? 0 : line.find(" #");
            if (comment != line.npos)
                line.resize(comment);
            const auto last = line.find_last_not_of(" \t\r");
            if (last == line.npos)
                continue;
            line.resize(last + 1);
            steps.push_back({ number, line, {} });
        }
        return steps;
    }

    class Conversation {
    public:
        Conversation(const ConversationOptions& options)
            : options_(options)
        {
        }

        std::optional<std::string> run(const std::vector<Step>& steps)
        {
            std::size_t at = 0;
            if (auto wrong = read_head(steps, at))
                return wrong;
            server_ = std::make_unique<ScriptedServer>(head_);
            if (server_->failure())
                return "the server did not start: " + *server_->failure();
            admin_.emplace(*server_);
            for (const auto& [jid, password] : accounts_)
                if (auto wrong = server_->create_account(jid, password))
                    return "account " + jid.text() + ": " + *wrong;
            for (; at < steps.size(); ++at) {
                if (options_.is_verbose)
                    std::cerr << steps[at].line << ": " << steps[at].text << "\n"
                              << steps[at].block;
                if (auto wrong = play(steps[at]))
                    return std::to_string(steps[at].line) + ": " + *wrong;
            }
            for (auto& [name, client] : clients_)
                if (auto extra = client->hear())
                    return "at the end " + name + " had unexpectedly heard " + extra->text();
            return {};
        }

    private:
        std::optional<std::string> read_head(const std::vector<Step>& steps, std::size_t& at)
        {
            head_.plugin_path = { options_.plugin_path };
            head_.loops = options_.loops;
            for (; at < steps.size(); ++at) {
                const auto all = words(steps[at].text);
                if (all[0] == "host" && all.size() == 2) {
                    head_.hosts.push_back(all[1]);
                } else if (all[0] == "plugins") {
                    head_.plugins.insert(head_.plugins.end(), all.begin() + 1, all.end());
                } else if (all[0] == "auth") {
                    head_.auth.assign(all.begin() + 1, all.end());
                } else if (all[0] == "options") {
                    const auto colon = steps[at].text.find(':');
                    if (colon == std::string::npos || all.size() < 2)
                        return "an options line reads `options PLUGIN: key = value`";
                    const std::string name = all[1].substr(0, all[1].find(':'));
                    std::string line = steps[at].text.substr(colon + 1) + "\n";
                    if (const auto place = line.find("{folder}"); place != line.npos)
                        line.replace(place, 8, options_.folder);
                    head_.plugin_toml[name] += line;
                } else if (all[0] == "limit" && all.size() == 3) {
                    head_.limits_toml += all[1] + " = " + all[2] + "\n";
                } else if (all[0] == "administrator" && all.size() == 2) {
                    head_.admins.push_back(all[1]);
                } else if (all[0] == "administrator" && all.size() == 4 && all[2] == "of") {
                    head_.host_admins[all[3]].push_back(all[1]);
                } else if (all[0] == "account" && all.size() == 3) {
                    auto jid = Jid::parse(all[1]);
                    if (!jid)
                        return jid.error().text;
                    accounts_.emplace_back(std::move(*jid), all[2]);
                } else {
                    break;
                }
            }
            return {};
        }

        std::optional<std::string> play(const Step& step)
        {
            const auto all = words(step.text);
            if (all[0] == "raw" && all.size() >= 2) {
                auto& client = clients_[all[1]]
                    = std::make_unique<ScriptedClient>(*server_, all[1]);
                client->connect(step.text.find("without tls") == std::string::npos);
                return {};
            }
            if (step.text.starts_with("admin calls ")) {
                std::string call = step.text.substr(12);
                if (const auto place = call.find("{folder}"); place != call.npos)
                    call.replace(place, 8, options_.folder);
                return admin_->call(call);
            }
            if (all[0] == "host" && all.size() == 3 && all[2] == "comes") {
                server_->add_host(all[1]);
                return {};
            }
            if (all[0] == "host" && all.size() == 3 && all[2] == "goes") {
                server_->remove_host(all[1]);
                return {};
            }
            if (all[0] == "account" && all.size() == 3) {
                auto jid = Jid::parse(all[1]);
                if (!jid)
                    return jid.error().text;
                accounts_.emplace_back(*jid, all[2]);
                return server_->create_account(*jid, all[2]);
            }
            if (step.text == "admin is told")
                return admin_->is_told(step.block);
            if (all.size() == 3 && all[2] == "pass")
                return pass(all[0], all[1]);
            if (all.size() == 3 && all[1] == "is" && all[2] != "disconnected") {
                auto jid = Jid::parse(all[2]);
                if (!jid)
                    return jid.error().text;
                std::string password;
                for (const auto& [account, secret] : accounts_)
                    if (account.view() == jid->view().bare())
                        password = secret;
                auto& client = clients_[all[0]]
                    = std::make_unique<ScriptedClient>(*server_, all[0]);
                return client->log_in(*jid, password);
            }
            const auto client = clients_.find(all[0]);
            if (client == clients_.end())
                return "there is nobody called " + all[0];
            const std::string verb = step.text.size() > all[0].size()
                ? step.text.substr(all[0].size() + 1)
                : std::string();
            return act(*client->second, verb, step);
        }

        std::optional<std::string> pass(const std::string& count, const std::string& unit)
        {
            const long number = std::strtol(count.c_str(), nullptr, 10);
            if (number <= 0)
                return "a time is a positive number of seconds, minutes, hours or days";
            if (unit.starts_with("second"))
                server_->advance(std::chrono::seconds(number));
            else if (unit.starts_with("minute"))
                server_->advance(std::chrono::minutes(number));
            else if (unit.starts_with("hour"))
                server_->advance(std::chrono::hours(number));
            else if (unit.starts_with("day"))
                server_->advance(std::chrono::hours(24 * number));
            else
                return "unknown unit of time: " + unit;
            return {};
        }

        std::optional<std::string> act(
            ScriptedClient& client, const std::string& verb, const Step& step)
        {
            if (verb == "sends") {
                client.send(substitute(step.block, bindings_));
                server_->settle();
                return {};
            }
            if (verb == "receives")
                return receive(client, step, Strictness::exact);
            if (verb == "receives some of")
                return receive(client, step, Strictness::some);
            if (verb == "receives in any order")
                return receive_unordered(client, step);
            if (verb == "hears nothing") {
                if (auto heard = client.hear())
                    return client.name() + " heard " + heard->text();
                return {};
            }
            if (verb == "disconnects") {
                client.hang_up();
                server_->settle();
                return {};
            }
            if (verb == "is disconnected") {
                auto heard = client.hear();
                if (!heard)
                    return client.name() + " is still connected";
                if (heard->kind != Heard::Kind::closed)
                    return client.name() + " heard " + heard->text();
                return {};
            }
            return "what is `" + verb + "`?";
        }

        std::optional<std::string> receive(
            ScriptedClient& client, const Step& step, Strictness strictness)
        {
            std::string block = step.block;
            while (!block.empty()) {
                if (block.starts_with("<stream:stream") || block.starts_with("<?xml")) {
                    const auto end = block.find('>', block.find("<stream:stream"));
                    if (end == std::string::npos)
                        return "the stream header does not end";
                    auto wrong = receive_header(client, block.substr(0, end + 1), strictness);
                    if (wrong)
                        return wrong;
                    block.erase(0, block.find_first_not_of(" \n", end + 1));
                    if (block.find_first_not_of(" \n") == std::string::npos)
                        return {};
                    continue;
                }
                if (block.starts_with("</stream:stream>")) {
                    auto heard = client.hear();
                    if (!heard || heard->kind != Heard::Kind::end_tag)
                        return "expected the stream's end, heard "
                            + (heard ? heard->text() : std::string("nothing"));
                    return {};
                }
                const auto next = block.find("\n</stream:stream>");
                auto wanted = read_block(block.substr(0, next));
                if (!wanted)
                    return "the transcript itself: " + wanted.error().text;
                for (const ElementRef expected : *wanted)
                    if (auto wrong = expect_next(client, expected, strictness, bindings_))
                        return wrong;
                if (next == std::string::npos)
                    return {};
                block.erase(0, next + 1);
            }
            return {};
        }

        std::optional<std::string> receive_header(
            ScriptedClient& client, std::string text, Strictness strictness)
        {
            text.insert(text.size() - 1, "/");
            auto wanted = parse_element(text);
            if (!wanted)
                return "the transcript itself: " + wanted.error().text;
            auto heard = client.hear();
            if (!heard || heard->kind != Heard::Kind::header)
                return "expected a stream header, heard "
                    + (heard ? heard->text() : std::string("nothing"));
            return difference(*wanted, heard->element, strictness, bindings_);
        }

        std::optional<std::string> receive_unordered(ScriptedClient& client, const Step& step)
        {
            auto wanted = read_block(step.block);
            if (!wanted)
                return "the transcript itself: " + wanted.error().text;
            return expect_in_any_order(client, *wanted, bindings_);
        }

        const ConversationOptions& options_;
        ScriptOptions head_;
        std::vector<std::pair<Jid, std::string>> accounts_;
        std::unique_ptr<ScriptedServer> server_;
        std::optional<Admin> admin_;
        std::map<std::string, std::unique_ptr<ScriptedClient>> clients_; // end before the server
        Bindings bindings_;
    };

}

std::optional<std::string> run_conversation(
    const std::filesystem::path& file, const ConversationOptions& options)
{
    auto steps = read_steps(file);
    if (!steps)
        return file.string() + ": " + steps.error().text;
    ConversationOptions here = options;
    here.folder = std::filesystem::absolute(file).parent_path().string();
    if (auto wrong = Conversation(here).run(*steps))
        return file.string() + ":" + *wrong;
    return {};
}

}
