// ELF notes: every offset and size comes from the file, so each is checked against its length.
#include "elf_notes.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <elf.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nuncio::kernel {

namespace {

    Error wrong(const std::string& file, const std::string& what)
    {
        return { file + ": " + what, Error::Kind::invalid };
    }

    /// Reads ranges of a file, and nothing outside of it. Reading, not mapping: a file that shrinks
    /// under a mapping kills the process.
    class FileRanges {
    public:
        FileRanges(int descriptor, const std::string& file, std::uint64_t size)
            : descriptor_(descriptor)
            , file_(file)
            , size_(size)
        {
        }

        bool holds(std::uint64_t offset, std::uint64_t size) const
        {
            return offset <= size_ && size <= size_ - offset;
        }

        /// What is missing of a half-copied file is at its end.
        Error cut_short(const char* what) const
        {
            return wrong(file_,
                std::string("its ") + what
                    + " lie beyond the end of the file: it is damaged, or still being copied");
        }

        Result<std::string> read(std::uint64_t offset, std::uint64_t size, const char* what) const
        {
            if (!holds(offset, size))
                return cut_short(what);
            std::string bytes(size, '\0');
            std::size_t have = 0;
            while (have < size) {
                const auto got = ::pread(descriptor_, bytes.data() + have, size - have,
                    static_cast<off_t>(offset + have));
                if (got < 0 && errno == EINTR)
                    continue;
                if (got < 0)
                    return wrong(file_, std::string("cannot be read: ") + std::strerror(errno));
                if (got == 0)
                    return cut_short(what);
                have += static_cast<std::size_t>(got);
            }
            return bytes;
        }

        const std::string& file() const { return file_; }

    private:
        int descriptor_;
        const std::string& file_;
        std::uint64_t size_;
    };

    template <class T>
    T copy_from(const std::string& bytes, std::size_t offset = 0)
    {
        T value;
        std::memcpy(&value, bytes.data() + offset, sizeof value);
        return value;
    }

    Result<void> check_header(const Elf64_Ehdr& header, const std::string& file)
    {
        constexpr auto native
            = std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;
        if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
            return wrong(file, "is not an ELF file");
        if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != native)
            return wrong(file, "is not a 64-bit ELF file of this machine's byte order");
        if (header.e_type != ET_DYN)
            return wrong(file, "is not a shared object");
        return {};
    }

    /// Splits one segment or section into notes; what is malformed ends the list.
    void split_notes(const std::string& bytes, std::uint64_t alignment, std::uint32_t most,
        std::vector<ElfNote>& notes)
    {
        // The gABI says 8 for 64-bit files; everybody writes 4 except for GNU properties.
        const std::size_t unit = alignment == 8 ? 8 : 4;
        const auto padded = [unit](std::size_t size) { return (size + unit - 1) / unit * unit; };
        std::size_t at = 0;
        while (bytes.size() - at >= sizeof(Elf64_Nhdr) && notes.size() < most) {
            const auto header = copy_from<Elf64_Nhdr>(bytes, at);
            at += sizeof header;
            // Sizes are 32 bits wide, so these sums cannot overflow.
            const std::size_t name_room = padded(header.n_namesz);
            if (name_room > bytes.size() - at || header.n_descsz > bytes.size() - at - name_room)
                return;
            ElfNote note;
            note.name.assign(bytes, at, header.n_namesz);
            if (!note.name.empty() && note.name.back() == '\0')
                note.name.pop_back();
            note.type = header.n_type;
            note.description.assign(bytes, at + name_room, header.n_descsz);
            notes.push_back(std::move(note));
            at += std::min(bytes.size() - at, name_room + padded(header.n_descsz));
        }
    }

    Result<void> add_notes(const FileRanges& ranges, std::uint64_t offset, std::uint64_t size,
        std::uint64_t alignment, const ElfLimits& limits, std::vector<ElfNote>& notes)
    {
        if (size > limits.note_bytes)
            return wrong(ranges.file(),
                "has notes of " + std::to_string(size) + " bytes; at most "
                    + std::to_string(limits.note_bytes) + " are read");
        auto bytes = ranges.read(offset, size, "notes");
        if (!bytes)
            return bytes.error();
        split_notes(*bytes, alignment, limits.notes, notes);
        return {};
    }

    Result<std::string> read_table(const FileRanges& ranges, std::uint64_t offset,
        std::uint32_t count, std::size_t entry, std::size_t expected, const ElfLimits& limits,
        const char* what)
    {
        if (count == 0)
            return std::string();
        if (entry != expected)
            return wrong(ranges.file(), std::string("has ") + what + " of an unknown size");
        if (count > limits.headers)
            return wrong(ranges.file(), std::string("has too many ") + what);
        return ranges.read(offset, std::uint64_t(count) * entry, what);
    }

}

Result<std::vector<ElfNote>> read_elf_notes(
    int descriptor, const std::string& file, const ElfLimits& limits)
{
    struct stat status { };
    if (::fstat(descriptor, &status) != 0)
        return wrong(file, std::string("cannot be read: ") + std::strerror(errno));
    if (!S_ISREG(status.st_mode))
        return wrong(file, "is not a regular file");

    const FileRanges ranges(descriptor, file, static_cast<std::uint64_t>(status.st_size));
    auto start = ranges.read(0, sizeof(Elf64_Ehdr), "ELF header");
    if (!start)
        return start.error();
    const auto header = copy_from<Elf64_Ehdr>(*start);
    if (auto checked = check_header(header, file); !checked)
        return checked.error();

    std::vector<ElfNote> notes;
    auto segments = read_table(ranges, header.e_phoff, header.e_phnum, header.e_phentsize,
        sizeof(Elf64_Phdr), limits, "program headers");
    if (!segments)
        return segments.error();
    for (std::size_t at = 0; at < segments->size(); at += sizeof(Elf64_Phdr)) {
        const auto segment = copy_from<Elf64_Phdr>(*segments, at);
        // The loader would fail on these only after it began; a copy that is not finished is found
        // here.
        if (segment.p_type == PT_LOAD && !ranges.holds(segment.p_offset, segment.p_filesz))
            return ranges.cut_short("contents");
        if (segment.p_type != PT_NOTE)
            continue;
        if (auto added
            = add_notes(ranges, segment.p_offset, segment.p_filesz, segment.p_align, limits, notes);
            !added)
            return added.error();
    }
    if (!notes.empty())
        return notes;

    auto sections = read_table(ranges, header.e_shoff, header.e_shnum, header.e_shentsize,
        sizeof(Elf64_Shdr), limits, "section headers");
    if (!sections)
        return sections.error();
    for (std::size_t at = 0; at < sections->size(); at += sizeof(Elf64_Shdr)) {
        const auto section = copy_from<Elf64_Shdr>(*sections, at);
        if (section.sh_type != SHT_NOTE)
            continue;
        if (auto added = add_notes(
                ranges, section.sh_offset, section.sh_size, section.sh_addralign, limits, notes);
            !added)
            return added.error();
    }
    return notes;
}

}
