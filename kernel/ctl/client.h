// nuncioctl's end of the control socket.
#pragma once

#include <nuncio/value.h>

#include <string>

namespace nuncio::ctl {

class StatusLine;

/// One connection. Calls wait for their answer.
class Client {
public:
    /// An error says what to look at when no server answers.
    static Result<Client> connect(const std::string& path);
    Client(Client&& other) noexcept;
    Client& operator=(Client&& other) noexcept;
    ~Client();

    /// The command's result, or its error. An error of kind `unavailable` means that the server
    /// went away. `status`, if there is one, is kept moving meanwhile.
    Result<Value> call(const std::string& command, Value arguments, StatusLine* status = nullptr);
    /// Returns when the server's process has ended; at once where that cannot be seen.
    void wait_for_end(StatusLine* status);

private:
    explicit Client(int fd)
        : fd_(fd)
    {
    }
    Result<std::string> read_line(StatusLine* status);

    int fd_ = -1;
    std::string input_;
};

}
