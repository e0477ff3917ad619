// What keeps a program from being started, in words that say what to do.
#pragma once

#include <nuncio/process.h>
#include <nuncio/result.h>

namespace nuncio::kernel {

/// Looks before execve(2) does: its error does not tell a missing script from a missing
/// interpreter, and for a file that is no program execvp(3) tries the shell. Blocks when the file
/// system does: see start_program().
Result<void> check_program(const ProcessOptions& options);

}
