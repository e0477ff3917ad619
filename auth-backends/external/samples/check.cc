// An auth script as a program: knows the accounts in a file of lines USER:PASSWORD.
// usage: check FILE          build: g++ -std=c++17 -O2 -o check check.cc
#include <cstddef>
#include <fstream>
#include <iostream>
#include <optional>
#include <string>

namespace {

std::optional<std::string> password_of(const char* file, const std::string& user)
{
    std::ifstream accounts(file);
    for (std::string line; std::getline(accounts, line);) {
        const auto colon = line.find(':');
        if (colon != line.npos && line[0] != '#' && line.compare(0, colon, user) == 0)
            return line.substr(colon + 1);
    }
    return std::nullopt;
}

/// Everything up to the next colon; all that is left when there is none.
std::string take_field(std::string& rest)
{
    const auto colon = rest.find(':');
    const std::string field = rest.substr(0, colon);
    rest.erase(0, colon == rest.npos ? rest.size() : colon + 1);
    return field;
}

bool answer(const char* file, std::string request)
{
    const std::string operation = take_field(request);
    const std::string user = take_field(request);
    take_field(request); // the server: this one knows only one
    // What is left is the password, colons and all.
    const auto password = password_of(file, user);
    if (operation == "auth")
        return password && *password == request;
    return operation == "isuser" && password;
}

bool read(std::string& bytes, std::size_t count)
{
    bytes.resize(count);
    return bool(std::cin.read(bytes.data(), static_cast<std::streamsize>(count)));
}

}

int main(int count, char** arguments)
{
    if (count != 2)
        return 2;
    for (std::string head, request; read(head, 2);) { // until the server has gone
        const auto high = static_cast<unsigned char>(head[0]);
        const auto low = static_cast<unsigned char>(head[1]);
        if (!read(request, high * 256U + low))
            break;
        std::cout.write(answer(arguments[1], request) ? "\0\2\0\1" : "\0\2\0\0", 4).flush();
    }
}
