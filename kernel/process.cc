// What the process arranges with the system around it.
#include "process.h"

#include "command_registry.h"
#include "server.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <uv.h>

#ifdef NUNCIO_HAS_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

namespace nuncio::kernel {

namespace {

    Error system_error(const std::string& what)
    {
        return Error { what + ": " + std::strerror(errno), Error::Kind::unavailable };
    }

    /// The account to become, or null when that is not asked for or not possible.
    const passwd* wanted_account(const Settings& settings)
    {
        if (settings.user.empty() || ::geteuid() != 0)
            return nullptr;
        return ::getpwnam(settings.user.c_str());
    }

    Result<void> make_folder(const std::string& path, mode_t mode, const passwd* owner)
    {
        if (std::filesystem::is_directory(path))
            return {};
        std::error_code failure;
        std::filesystem::create_directories(std::filesystem::path(path).parent_path(), failure);
        if (::mkdir(path.c_str(), mode) != 0)
            return system_error("cannot make the folder " + path);
        if (owner && ::chown(path.c_str(), owner->pw_uid, owner->pw_gid) != 0)
            return system_error("cannot give the folder " + path + " to " + owner->pw_name);
        return {};
    }

    Result<void> keep_only_low_ports()
    {
        __user_cap_header_struct header { _LINUX_CAPABILITY_VERSION_3, 0 };
        __user_cap_data_struct data[2] {};
        data[0].permitted = data[0].effective = 1U << CAP_NET_BIND_SERVICE;
        if (::syscall(SYS_capset, &header, data) != 0)
            return system_error("cannot limit the process's capabilities");
        return {};
    }

}

void raise_file_limit()
{
    rlimit limit {};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

Result<void> make_folders(const Settings& settings)
{
    const passwd* owner = wanted_account(settings);
    if (auto made = make_folder(settings.data_dir, 0700, owner); !made)
        return made;
    return make_folder(settings.runtime_dir, 0755, owner);
}

Result<DataLock> DataLock::create(const Settings& settings)
{
    const std::string path = settings.data_dir + "/nunciod.lock";
    DataLock lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (lock.fd_ < 0 && errno == EACCES)
        return Error { "the data folder " + settings.data_dir
            + " must belong to the user that nunciod runs as"
            + (settings.user.empty() ? "" : ", " + settings.user) };
    if (lock.fd_ < 0)
        return system_error("cannot open " + path);
    // The lock goes with the process, however it ends; the file may stay.
    if (::flock(lock.fd_, LOCK_EX | LOCK_NB) != 0)
        return Error { "another nunciod uses the data folder " + settings.data_dir
                + "; stop it, or give this one another folder with --data",
            Error::Kind::conflict };
    return lock;
}

DataLock::DataLock(DataLock&& other) noexcept
    : fd_(std::exchange(other.fd_, -1))
{
}

DataLock& DataLock::operator=(DataLock&& other) noexcept
{
    std::swap(fd_, other.fd_);
    return *this;
}

DataLock::~DataLock()
{
    if (fd_ >= 0)
        ::close(fd_);
}

Result<void> drop_privileges(const Settings& settings)
{
    const passwd* account = wanted_account(settings);
    if (!account) {
        if (settings.user.empty() || ::geteuid() != 0)
            return {};
        return Error { "server.user: there is no account \"" + settings.user + '"' };
    }
    if (::prctl(PR_SET_KEEPCAPS, 1) != 0)
        return system_error("cannot keep capabilities");
    if (::initgroups(account->pw_name, account->pw_gid) != 0 || ::setgid(account->pw_gid) != 0
        || ::setuid(account->pw_uid) != 0)
        return system_error("cannot become " + settings.user);
    // Nor may anything that it starts become somebody else again.
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return system_error("cannot give up new privileges");
    // The change of user made the process undumpable; a core dump helps whoever runs it.
    ::prctl(PR_SET_DUMPABLE, 1);
    return keep_only_low_ports();
}

void notify_service_manager([[maybe_unused]] const std::string& state)
{
#ifdef NUNCIO_HAS_SYSTEMD
    sd_notify(0, state.c_str());
#endif
}

ReloadNotice::ReloadNotice()
{
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    notify_service_manager("RELOADING=1\nMONOTONIC_USEC="
        + std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(now).count()));
}

ReloadNotice::~ReloadNotice()
{
    notify_service_manager("READY=1");
}

namespace {

    /// A watch whose memory lives until libuv has let go of it.
    struct Watch {
        uv_signal_t uv {};
        Function<void(int signal)> handle;
    };
    struct CloseWatch {
        void operator()(Watch* watch) const
        {
            uv_close(reinterpret_cast<uv_handle_t*>(&watch->uv),
                [](uv_handle_t* handle) { delete static_cast<Watch*>(handle->data); });
        }
    };

}

struct Signals::State {
    Server& server;
    bool is_stopping = false;
    std::vector<std::unique_ptr<Watch, CloseWatch>> watches {};
    Timer watchdog {};
    bool are_loops_asked = false;

    /// Feeds the watchdog once every loop has answered: one that is stuck lets it starve.
    void feed_watchdog()
    {
        if (std::exchange(are_loops_asked, true))
            return;
        server.on_every_loop([](KernelLoop&) {},
            [this] {
                are_loops_asked = false;
                notify_service_manager("WATCHDOG=1");
            });
    }

    void handle(int signal)
    {
        server.main_loop().io_happened();
        if (signal == SIGHUP)
            return run_command("reload");
        if (signal == SIGUSR1)
            return run_command("reopen-log");
        // Somebody who asks twice does not want to wait for slow clients.
        if (is_stopping)
            ::_exit(1);
        is_stopping = true;
        server.stop();
    }

    void run_command(const std::string& name)
    {
        server.commands().call(
            name, Value(), CommandCaller::console("signal"), [this, name](Result<Value> result) {
                if (!result)
                    server.log().error("{}: {}", name, result.error().text);
            });
    }

    Result<void> watch(int signal)
    {
        auto made = std::make_unique<Watch>();
        made->uv.data = made.get();
        const auto failed = [&](int failure) {
            return Error { "cannot watch signal " + std::to_string(signal) + ": "
                + uv_strerror(failure) };
        };
        if (const int failure = uv_signal_init(server.main_loop().uv(), &made->uv))
            return failed(failure);
        watches.emplace_back(made.release());
        uv_signal_t* uv = &watches.back()->uv;
        watches.back()->handle = [this](int number) { handle(number); };
        const int failure = uv_signal_start(
            uv,
            [](uv_signal_t* handle, int number) {
                static_cast<Watch*>(handle->data)->handle(number);
            },
            signal);
        if (failure)
            return failed(failure);
        return {};
    }
};

Signals::Signals() = default;
Signals::~Signals() = default;

Result<std::unique_ptr<Signals>> Signals::create(Server& server)
{
    std::signal(SIGPIPE, SIG_IGN); // a peer that left is told by write's error
    std::unique_ptr<Signals> made(new Signals);
    made->state_.reset(new State { server });
    for (const int signal : { SIGTERM, SIGINT, SIGHUP, SIGUSR1 })
        if (auto watched = made->state_->watch(signal); !watched)
            return watched.error();
#ifdef NUNCIO_HAS_SYSTEMD
    std::uint64_t microseconds = 0;
    if (sd_watchdog_enabled(0, &microseconds) > 0)
        made->state_->watchdog
            = server.main_loop().every(std::chrono::microseconds(microseconds / 4),
                [&state = *made->state_] { state.feed_watchdog(); });
#endif
    return made;
}

}
