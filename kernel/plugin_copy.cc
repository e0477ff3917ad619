// The folder of copies, and copying into it.
#include "plugin_copy.h"

#include "generation.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <vector>

namespace nuncio::kernel {

namespace {

    constexpr std::uint64_t most_bytes = std::uint64_t(1) << 30;

    Error failed(const std::string& what, Error::Kind kind = Error::Kind::unavailable)
    {
        return { what + ": " + std::strerror(errno), kind };
    }

    class OpenFile {
    public:
        explicit OpenFile(int descriptor)
            : descriptor_(descriptor)
        {
        }
        OpenFile(const OpenFile&) = delete;
        OpenFile& operator=(const OpenFile&) = delete;
        ~OpenFile()
        {
            if (descriptor_ >= 0)
                ::close(descriptor_);
        }
        explicit operator bool() const { return descriptor_ >= 0; }
        int operator*() const { return descriptor_; }

    private:
        int descriptor_;
    };

    /// Whoever may write the file may run code as the server.
    Result<void> check_owner(const struct stat& status, const std::string& file)
    {
        if (!S_ISREG(status.st_mode))
            return Error { file + ": is not a regular file", Error::Kind::refused };
        const auto me = ::geteuid();
        if (status.st_uid != 0 && status.st_uid != me)
            return Error { file + ": belongs to user " + std::to_string(status.st_uid)
                    + "; a plugin must belong to root or to the server's user ("
                    + std::to_string(me) + "): chown it",
                Error::Kind::refused };
        // A group of the owner's number is the owner's private group, where a umask of 002 is the
        // custom.
        const bool is_private_group = status.st_gid == status.st_uid;
        const mode_t too_open
            = status.st_mode & (is_private_group ? mode_t(S_IWOTH) : mode_t(S_IWGRP | S_IWOTH));
        if (too_open)
            return Error { file + ": may be written by "
                    + (too_open & S_IWOTH ? "everybody" : "its group")
                    + ", who could then run code as the server: chmod go-w it",
                Error::Kind::refused };
        if (static_cast<std::uint64_t>(status.st_size) > most_bytes)
            return Error { file + ": is larger than " + std::to_string(most_bytes) + " bytes",
                Error::Kind::limit };
        return {};
    }

    Result<void> copy_bytes(int from, int to, const std::string& file)
    {
        std::vector<char> buffer(1 << 18);
        std::uint64_t copied = 0;
        for (;;) {
            const auto got = ::read(from, buffer.data(), buffer.size());
            if (got < 0 && errno == EINTR)
                continue;
            if (got < 0)
                return failed(file);
            if (got == 0)
                return {};
            copied += static_cast<std::uint64_t>(got);
            if (copied > most_bytes)
                return Error { file + ": grew while it was copied", Error::Kind::limit };
            for (ssize_t written = 0; written < got;) {
                const auto put
                    = ::write(to, buffer.data() + written, static_cast<std::size_t>(got - written));
                if (put < 0 && errno == EINTR)
                    continue;
                if (put < 0)
                    return failed("the copy of " + file);
                written += put;
            }
        }
    }

    bool is_same(const struct stat& a, const struct stat& b)
    {
        return a.st_size == b.st_size && a.st_mtim.tv_sec == b.st_mtim.tv_sec
            && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
    }

}

Result<void> prepare_plugin_folder(const std::string& folder)
{
    std::error_code failure;
    std::filesystem::create_directories(std::filesystem::path(folder).parent_path(), failure);
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
        return failed(folder);

    struct stat status { };
    if (::lstat(folder.c_str(), &status) != 0)
        return failed(folder);
    if (!S_ISDIR(status.st_mode))
        return Error { folder
            + ": is not a folder: it is where the server keeps the copies of "
              "plugins that it runs" };
    if (status.st_uid != ::geteuid())
        return Error { folder + ": belongs to user " + std::to_string(status.st_uid)
                + ", not to the server's (" + std::to_string(::geteuid()) + "): chown it",
            Error::Kind::refused };
    if ((status.st_mode & 0777) != 0700 && ::chmod(folder.c_str(), 0700) != 0)
        return failed(folder);

    struct statvfs system { };
    if (::statvfs(folder.c_str(), &system) == 0 && (system.f_flag & ST_NOEXEC))
        return Error { folder
                + ": is on a file system mounted noexec, where plugins cannot be "
                  "mapped: choose another server.data_dir, or remount it with exec",
            Error::Kind::refused };
    sweep_plugin_folder(folder);
    return {};
}

void sweep_plugin_folder(const std::string& folder)
{
    std::error_code failure;
    for (const auto& entry : std::filesystem::directory_iterator(folder, failure))
        // What is mapped stays: core dumps and sanitizers read it.
        if (entry.path().extension() == ".so" && entry.is_regular_file(failure)
            && !is_resident(entry.path().string()))
            std::filesystem::remove(entry.path(), failure);
}

Result<PluginCopy> copy_plugin(const PluginNote& note, const std::string& folder)
{
    const std::string& file = note.file;
    const OpenFile source(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!source)
        return failed(file, Error::Kind::not_found);
    struct stat before { };
    if (::fstat(*source, &before) != 0)
        return failed(file);
    if (auto checked = check_owner(before, file); !checked)
        return checked.error();

    const std::string stem = folder + '/' + note.name + '-'
        + (note.build_id.empty() ? "nobuildid" : note.build_id.substr(0, 16)) + '-';
    PluginCopy copy;
    int created = -1;
    do {
        copy.path = stem + std::to_string(++copy.number) + ".so";
        // A path that is still resident would answer the old object, whatever the file now holds.
        if (is_resident(copy.path))
            continue;
        created = ::open(copy.path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0500);
        if (created < 0 && errno != EEXIST)
            return failed(copy.path);
    } while (created < 0 && copy.number < 100000);
    const OpenFile target(created);
    if (!target)
        return Error { folder + ": holds too many copies of " + note.name, Error::Kind::limit };

    auto copied = copy_bytes(*source, *target, file);
    struct stat after { };
    if (copied && (::fstat(*source, &after) != 0 || !is_same(before, after)))
        copied
            = Error { file + ": changed while it was copied: try again", Error::Kind::unavailable };
    if (!copied) {
        ::unlink(copy.path.c_str());
        return copied.error();
    }
    return copy;
}

}
