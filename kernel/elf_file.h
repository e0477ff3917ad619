// An ELF file read as data: nothing of it is mapped or run, and nothing in it is believed.
#pragma once

#include <nuncio/result.h>

#include <cstdint>
#include <elf.h>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::kernel {

/// Bounds on a file that anybody may have made.
struct ElfLimits {
    std::uint32_t headers = 4096; ///< program or section headers
    std::uint64_t note_bytes = 65536; ///< of one segment or section with notes
    std::uint32_t notes = 256; ///< in all
    std::uint64_t table_bytes = 64 * 1024 * 1024; ///< of one table of symbols or of their names
};

/// A 64-bit shared object of this machine's byte order. Reads it with pread: a file that shrinks
/// under a mapping kills the process.
class ElfFile {
public:
    /// Checks the header and the segments. The descriptor stays the caller's, and open; `file`
    /// names it in errors.
    static Result<ElfFile> open(int descriptor, std::string file, const ElfLimits& limits = {});

    const std::vector<Elf64_Phdr>& segments() const { return segments_; }
    Result<std::vector<Elf64_Shdr>> sections() const;

    /// `what` names the bytes for the error of a file that is cut short.
    Result<std::string> read(std::uint64_t offset, std::uint64_t size, const char* what) const;
    /// The bytes at a virtual address, as far as the file has them.
    Result<std::uint64_t> offset_of(std::uint64_t address) const;

    const std::string& file() const { return file_; }
    const ElfLimits& limits() const { return limits_; }
    Error wrong(const std::string& what) const;

private:
    ElfFile(int descriptor, std::string file, std::uint64_t size, const ElfLimits& limits);
    bool holds(std::uint64_t offset, std::uint64_t size) const;
    Error cut_short(const char* what) const;
    template <class T>
    Result<std::vector<T>> read_table(
        std::uint64_t offset, std::uint32_t count, std::size_t entry, const char* what) const;

    int descriptor_;
    std::string file_;
    std::uint64_t size_;
    ElfLimits limits_;
    Elf64_Ehdr header_ {};
    std::vector<Elf64_Phdr> segments_;
};

}
