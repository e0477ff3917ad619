// What the dynamic linker would do with a shared object, read as data.
#pragma once

#include "elf_file.h"

#include <string>
#include <vector>

namespace nuncio::kernel {

/// One entry of the dynamic symbol table that other objects see, or that this one asks for.
struct ElfSymbol {
    std::string name; ///< as the linker has it (mangled)
    bool is_defined = false;
    bool is_weak = false;
    bool is_unique = false; ///< STB_GNU_UNIQUE: one for the whole process, for ever
};

struct ElfDynamic {
    std::vector<std::string> needed;
    std::string soname;
    std::string run_path; ///< DT_RUNPATH or DT_RPATH
    bool binds_now = false;
    bool is_never_unloaded = false; ///< DF_1_NODELETE
    bool has_text_relocations = false;
    bool has_executable_stack = false;
    std::vector<ElfSymbol> symbols;
};

/// `file` names it in errors. Nothing is mapped, nothing runs.
Result<ElfDynamic> read_elf_dynamic(
    int descriptor, const std::string& file, const ElfLimits& limits = {});

}
