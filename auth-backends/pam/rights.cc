#include "rights.h"

#include <csignal>
#include <cstdlib>
#include <initializer_list>
#include <linux/capability.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace nuncio::pam {

namespace {

    // Reading and locking /etc/shadow, counting failures in files of root's, helpers that become
    // the user, the audit log.
    constexpr int kept[] = { CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER,
        CAP_SETGID, CAP_SETUID, CAP_AUDIT_WRITE };

    bool limit_capabilities()
    {
        __user_cap_data_struct data[2] {};
        for (const int capability : kept)
            data[capability / 32].permitted |= 1U << (capability % 32);
        for (int capability = 0; capability <= CAP_LAST_CAP; ++capability)
            if (!(data[capability / 32].permitted & 1U << (capability % 32)))
                ::prctl(PR_CAPBSET_DROP, capability); // fails for what a container had not
        __user_cap_header_struct header { _LINUX_CAPABILITY_VERSION_3, 0 };
        __user_cap_data_struct have[2] {};
        if (::syscall(SYS_capget, &header, have) != 0)
            return false;
        for (int i = 0; i < 2; ++i) {
            data[i].permitted &= have[i].permitted;
            data[i].effective = data[i].permitted;
        }
        return ::syscall(SYS_capset, &header, data) == 0;
    }

    void close_descriptors()
    {
        constexpr unsigned first = STDERR_FILENO + 1;
        if (::syscall(SYS_close_range, first, ~0U, 0U) == 0)
            return;
        const long most = ::sysconf(_SC_OPEN_MAX);
        for (int fd = first; fd < most; ++fd)
            ::close(fd);
    }

}

bool are_rights_raised()
{
    return ::getauxval(AT_SECURE) != 0;
}

bool drop_rights()
{
    close_descriptors();
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    for (const int signal : { SIGPIPE, SIGALRM, SIGTERM, SIGCHLD })
        std::signal(signal, SIG_DFL);
    const rlimit no_core {};
    ::setrlimit(RLIMIT_CORE, &no_core);
    ::prctl(PR_SET_DUMPABLE, 0);
    ::umask(077);
    if (::chdir("/") != 0)
        return false;
    if (are_rights_raised()
        && (::clearenv() != 0 || ::setenv("PATH", "/usr/sbin:/usr/bin", 1) != 0))
        return false;
    return ::geteuid() != 0 || limit_capabilities();
}

}
