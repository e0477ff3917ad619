#include "password_rules.h"

#include <algorithm>
#include <fstream>

namespace nuncio::accounts {

namespace {

    std::size_t characters(std::string_view utf8)
    {
        return static_cast<std::size_t>(std::ranges::count_if(
            utf8, [](char byte) { return (static_cast<unsigned char>(byte) & 0xc0) != 0x80; }));
    }

    std::string lower(std::string_view text)
    {
        std::string result(text);
        for (char& letter : result)
            if (letter >= 'A' && letter <= 'Z')
                letter = static_cast<char>(letter - 'A' + 'a');
        return result;
    }

}

Result<PasswordRules> PasswordRules::create(const Options& options)
{
    PasswordRules rules(options);
    if (options.common_file.empty())
        return rules;
    std::ifstream file(options.common_file);
    for (std::string line; std::getline(file, line);) {
        if (line.ends_with('\r'))
            line.pop_back();
        if (line.empty())
            continue;
        if (rules.common_.size() == most_common)
            return Error { options.common_file + ": more than " + std::to_string(most_common)
                    + " passwords",
                Error::Kind::limit };
        rules.common_.insert(lower(line));
    }
    if (!file.eof())
        return Error { options.common_file
                + ": cannot be read: expected a text file with one "
                  "password on each line",
            Error::Kind::unavailable };
    return rules;
}

Result<void> PasswordRules::check(std::string_view user, std::string_view password) const
{
    if (password.size() > options_.max_bytes)
        return Error { "the password is longer than " + std::to_string(options_.max_bytes)
            + " bytes" };
    if (characters(password) < options_.min_length)
        return Error { "the password needs at least " + std::to_string(options_.min_length)
            + " characters" };
    const std::string folded = lower(password);
    // A user called "a" is in every password.
    constexpr std::size_t telling = 4;
    if (!options_.may_contain_user
        && (folded == user || (user.size() >= telling && folded.find(user) != folded.npos)))
        return Error { "the password contains the user name" };
    if (common_.contains(folded))
        return Error { "the password is among those that are guessed first" };
    return {};
}

}
