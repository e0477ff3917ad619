// Starting a program with pipes, as slowly as the file system it lies on.
#pragma once

#include <nuncio/process.h>
#include <nuncio/result.h>

#include <utility>

namespace nuncio::kernel {

/// A descriptor, closed at the end.
class FileDescriptor {
public:
    FileDescriptor() = default;
    explicit FileDescriptor(int number)
        : number_(number)
    {
    }
    FileDescriptor(FileDescriptor&& other) noexcept
        : number_(other.release())
    {
    }
    FileDescriptor& operator=(FileDescriptor&& other) noexcept
    {
        std::swap(number_, other.number_);
        return *this;
    }
    ~FileDescriptor();

    int number() const { return number_; }
    /// The caller closes it.
    int release() { return std::exchange(number_, -1); }

private:
    int number_ = -1;
};

/// It runs, and is to be reaped by who has it.
struct StartedProgram {
    int id = 0;
    FileDescriptor input, output, errors; ///< our ends of its pipes; they do not block
};

/// Checks the program, and starts it as ProcessOptions has it. Any thread, and not one that anybody
/// waits for: stat(2), open(2) and execve(2) take as long as a file system hangs.
Result<StartedProgram> start_program(const ProcessOptions& options);

}
