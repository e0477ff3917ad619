// What the process arranges with the system around it: rights, files, signals, the service manager.
#pragma once

#include "settings.h"

#include <nuncio/result.h>

#include <memory>
#include <string>

namespace nuncio::kernel {

class Server;

/// As many open files as the system lets us have.
void raise_file_limit();

/// Makes the data and runtime folders if they are missing, for settings.user when started as root.
Result<void> make_folders(const Settings& settings);

/// Keeps a second server out of the data folder while it lives.
class DataLock {
public:
    static Result<DataLock> create(const Settings& settings);
    DataLock(DataLock&& other) noexcept;
    DataLock& operator=(DataLock&& other) noexcept;
    ~DataLock();

private:
    explicit DataLock(int fd)
        : fd_(fd)
    {
    }
    int fd_ = -1;
};

/// Becomes settings.user, when started as root and one is named. Only the right to open ports below
/// 1024 is kept, so that listeners can be opened after this, and again at a reload. Before threads
/// are started.
Result<void> drop_privileges(const Settings& settings);

/// Tells the service manager ("READY=1"), if there is one.
void notify_service_manager(const std::string& state);

/// The service manager shows "reloading" while it lives.
class ReloadNotice {
public:
    ReloadNotice();
    ReloadNotice(const ReloadNotice&) = delete;
    ReloadNotice& operator=(const ReloadNotice&) = delete;
    ~ReloadNotice();
};

/// SIGTERM and SIGINT stop the server, SIGHUP reloads, SIGUSR1 opens the log again. Answers the
/// watchdog of the service manager. Main thread; ends before the server.
class Signals {
public:
    static Result<std::unique_ptr<Signals>> create(Server& server);
    ~Signals();

private:
    Signals();
    struct State;
    std::unique_ptr<State> state_;
};

}
