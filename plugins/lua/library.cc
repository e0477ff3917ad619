#include "library.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

namespace nuncio::lua {

namespace fs = std::filesystem;

namespace {

    bool is_name(const std::string& name)
    {
        if (name.empty() || name.size() > 200 || name.front() == '.' || name.back() == '.'
            || name.find("..") != name.npos)
            return false;
        return std::ranges::all_of(name, [](unsigned char c) {
            return c < 128 && (std::isalnum(c) || c == '-' || c == '_' || c == '.');
        });
    }

}

Result<std::string> read_script_file(const std::string& path, std::size_t most_bytes)
{
    std::error_code failure;
    if (!fs::is_regular_file(path, failure))
        return Error { path + ": "
                + (failure && failure != std::errc::no_such_file_or_directory
                        ? failure.message()
                        : std::string("there is no such file")),
            Error::Kind::not_found };
    const auto size = fs::file_size(path, failure);
    if (!failure && size > most_bytes)
        return Error { path + ": larger than " + std::to_string(most_bytes)
                + " bytes, the most that a script may have (option script_bytes)",
            Error::Kind::limit };
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    if (!in)
        return Error { path + ": " + std::strerror(errno), Error::Kind::unavailable };
    return std::move(text).str();
}

Result<std::string> Library::read(const std::string& name)
{
    if (const auto found = read_.find(name); found != read_.end())
        return found->second;
    if (!is_name(name))
        return Error { "\"" + name + "\" is no name of a script: letters, digits, - and _" };
    std::string path = name;
    std::ranges::replace(path, '.', '/');
    auto text = read_script_file(folder_ + '/' + path + ".lua", most_bytes_);
    if (text)
        read_[name] = *text;
    return text;
}

std::vector<std::string> Library::scripts() const
{
    std::vector<std::string> names;
    std::error_code failure;
    for (fs::directory_iterator at(folder_, failure), end; !failure && at != end;
         at.increment(failure)) {
        const fs::path& file = at->path();
        // Definitions for editors (nuncio.d.lua) are no scripts.
        if (file.extension() == ".lua" && file.stem().extension().empty())
            names.push_back(file.stem().string());
    }
    std::ranges::sort(names);
    return names;
}

}
