// ELF files: every offset and size comes from the file, so each is checked against its length.
#include "elf_file.h"

#include <bit>
#include <cerrno>
#include <cstring>
#include <sys/stat.h>
#include <unistd.h>

namespace nuncio::kernel {

ElfFile::ElfFile(int descriptor, std::string file, std::uint64_t size, const ElfLimits& limits)
    : descriptor_(descriptor)
    , file_(std::move(file))
    , size_(size)
    , limits_(limits)
{
}

Result<ElfFile> ElfFile::open(int descriptor, std::string name, const ElfLimits& limits)
{
    ElfFile file(descriptor, std::move(name), 0, limits);
    struct stat status { };
    if (::fstat(descriptor, &status) != 0)
        return file.wrong(std::string("cannot be read: ") + std::strerror(errno));
    if (!S_ISREG(status.st_mode))
        return file.wrong("is not a regular file");
    file.size_ = static_cast<std::uint64_t>(status.st_size);

    auto start = file.read(0, sizeof(Elf64_Ehdr), "ELF header");
    if (!start)
        return start.error();
    Elf64_Ehdr& header = file.header_;
    std::memcpy(&header, start->data(), sizeof header);
    constexpr auto native = std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;
    if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
        return file.wrong("is not an ELF file");
    if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != native)
        return file.wrong("is not a 64-bit ELF file of this machine's byte order");
    if (header.e_type != ET_DYN)
        return file.wrong("is not a shared object");

    auto segments = file.read_table<Elf64_Phdr>(
        header.e_phoff, header.e_phnum, header.e_phentsize, "program headers");
    if (!segments)
        return segments.error();
    // The loader would fail on these only after it began; a copy that is not finished is found
    // here.
    for (const Elf64_Phdr& segment : *segments)
        if (segment.p_type == PT_LOAD && !file.holds(segment.p_offset, segment.p_filesz))
            return file.cut_short("contents");
    file.segments_ = std::move(*segments);
    return file;
}

Result<std::vector<Elf64_Shdr>> ElfFile::sections() const
{
    return read_table<Elf64_Shdr>(
        header_.e_shoff, header_.e_shnum, header_.e_shentsize, "section headers");
}

Result<std::string> ElfFile::read(std::uint64_t offset, std::uint64_t size, const char* what) const
{
    if (!holds(offset, size))
        return cut_short(what);
    std::string bytes(size, '\0');
    std::size_t have = 0;
    while (have < size) {
        const auto got = ::pread(
            descriptor_, bytes.data() + have, size - have, static_cast<off_t>(offset + have));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return wrong(std::string("cannot be read: ") + std::strerror(errno));
        if (got == 0)
            return cut_short(what);
        have += static_cast<std::size_t>(got);
    }
    return bytes;
}

Result<std::uint64_t> ElfFile::offset_of(std::uint64_t address) const
{
    for (const Elf64_Phdr& segment : segments_)
        if (segment.p_type == PT_LOAD && address >= segment.p_vaddr
            && address - segment.p_vaddr < segment.p_filesz)
            return segment.p_offset + (address - segment.p_vaddr);
    return wrong("has a table outside of its contents: it is damaged");
}

bool ElfFile::holds(std::uint64_t offset, std::uint64_t size) const
{
    return offset <= size_ && size <= size_ - offset;
}

Error ElfFile::wrong(const std::string& what) const
{
    return { file_ + ": " + what, Error::Kind::invalid };
}

/// What is missing of a half-copied file is at its end.
Error ElfFile::cut_short(const char* what) const
{
    return wrong(
        std::string("the file ends before its ") + what + ": it is damaged, or still being copied");
}

template <class T>
Result<std::vector<T>> ElfFile::read_table(
    std::uint64_t offset, std::uint32_t count, std::size_t entry, const char* what) const
{
    if (count == 0)
        return std::vector<T>();
    if (entry != sizeof(T))
        return wrong(std::string("has ") + what + " of an unknown size");
    if (count > limits_.headers)
        return wrong(std::string("has too many ") + what);
    auto bytes = read(offset, std::uint64_t(count) * entry, what);
    if (!bytes)
        return bytes.error();
    std::vector<T> table(count);
    std::memcpy(table.data(), bytes->data(), bytes->size());
    return table;
}

}
