// Taking up new settings while the server runs.
#pragma once

#include "settings.h"

#include <nuncio/function.h>
#include <nuncio/result.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace nuncio::kernel {

class HostDeparture;
class Server;
class TlsContext;
class VirtualHost;

/// One change of the settings as a whole. Main thread; the server runs one after the other. What
/// may fail comes first and has no effect that anybody sees: certificates are read, new ports are
/// opened, and new hosts start their plugins while nobody is led to them. Then the server changes
/// over: new hosts are served, hosts that are gone are taken down, the others get what is new. What
/// a plugin of theirs does not bear is among the notes; it goes on as it was.
class ServerReload final {
public:
    /// What the administrator should know beside that it was done.
    using Notes = std::vector<std::string>;
    using Done = std::function<void(Result<Notes>)>;

    ServerReload(Server& server, Settings settings, Done done);
    ~ServerReload();
    ServerReload(const ServerReload&) = delete;
    ServerReload& operator=(const ServerReload&) = delete;

    /// Calls what it was made with; then `ended`, in a turn of its own.
    void begin(std::function<void()> ended);

private:
    Result<void> prepare();
    Result<void> make_hosts();
    void give_up(const Error& error);
    void change_over();
    void watch_files();
    void end_hosts();
    void end_next_host();
    void note_kept(const HostDeparture& departure);
    void reconfigure_from(std::size_t index);
    void finish(Result<Notes> result);

    Server& server_;
    std::shared_ptr<Settings> settings_; // shared: by the loops, once changed over
    Done done_;
    std::function<void()> ended_;
    std::shared_ptr<TlsContext> tls_; // shared: with streams
    Function<void()> listen_;
    std::vector<std::unique_ptr<VirtualHost>> coming_;
    std::vector<std::string> going_;
    std::vector<std::string> waiting_; // for a restart
    Notes notes_;
};

}
