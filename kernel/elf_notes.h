// ELF notes read as data: nothing of the file is mapped or run.
#pragma once

#include "elf_file.h"

#include <nuncio/result.h>

#include <cstdint>
#include <string>
#include <vector>

namespace nuncio::kernel {

/// One note (System V gABI, "Note Section").
struct ElfNote {
    std::string name; ///< without its terminating zero
    std::uint32_t type = 0;
    std::string description; ///< bytes
};

/// The notes of a shared object, from its program headers and, for files without them, its
/// sections. `file` names it in errors.
Result<std::vector<ElfNote>> read_elf_notes(
    int descriptor, const std::string& file, const ElfLimits& limits = {});

}
