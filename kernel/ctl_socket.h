// The administrator's unix socket: commands in, answers out, one JSON object a line.
#pragma once

#include <nuncio/result.h>

#include <memory>
#include <string>

namespace nuncio::kernel {

class Server;

/// Main thread only. The socket file is made with mode 0600 and removed at the end; peers of
/// another user than the server's or root are refused.
class CtlSocket {
public:
    static Result<std::unique_ptr<CtlSocket>> create(Server& server, const std::string& path);
    ~CtlSocket();

private:
    CtlSocket();
    struct State;
    std::unique_ptr<State> state_;
};

}
