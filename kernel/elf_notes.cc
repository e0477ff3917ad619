// ELF notes, from segments or sections.
#include "elf_notes.h"

#include <algorithm>
#include <cstring>

namespace nuncio::kernel {

namespace {

    /// Splits one segment or section into notes; what is malformed ends the list.
    void split_notes(const std::string& bytes, std::uint64_t alignment, std::uint32_t most,
        std::vector<ElfNote>& notes)
    {
        // The gABI says 8 for 64-bit files; everybody writes 4 except for GNU properties.
        const std::size_t unit = alignment == 8 ? 8 : 4;
        const auto padded = [unit](std::size_t size) { return (size + unit - 1) / unit * unit; };
        std::size_t at = 0;
        while (bytes.size() - at >= sizeof(Elf64_Nhdr) && notes.size() < most) {
            Elf64_Nhdr header;
            std::memcpy(&header, bytes.data() + at, sizeof header);
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

    Result<void> add_notes(const ElfFile& file, std::uint64_t offset, std::uint64_t size,
        std::uint64_t alignment, std::vector<ElfNote>& notes)
    {
        if (size > file.limits().note_bytes)
            return file.wrong("has notes of " + std::to_string(size) + " bytes; at most "
                + std::to_string(file.limits().note_bytes) + " are read");
        auto bytes = file.read(offset, size, "notes");
        if (!bytes)
            return bytes.error();
        split_notes(*bytes, alignment, file.limits().notes, notes);
        return {};
    }

}

Result<std::vector<ElfNote>> read_elf_notes(
    int descriptor, const std::string& name, const ElfLimits& limits)
{
    auto file = ElfFile::open(descriptor, name, limits);
    if (!file)
        return file.error();
    std::vector<ElfNote> notes;
    for (const Elf64_Phdr& segment : file->segments())
        if (segment.p_type == PT_NOTE)
            if (auto added
                = add_notes(*file, segment.p_offset, segment.p_filesz, segment.p_align, notes);
                !added)
                return added.error();
    if (!notes.empty())
        return notes;

    auto sections = file->sections();
    if (!sections)
        return sections.error();
    for (const Elf64_Shdr& section : *sections)
        if (section.sh_type == SHT_NOTE)
            if (auto added
                = add_notes(*file, section.sh_offset, section.sh_size, section.sh_addralign, notes);
                !added)
                return added.error();
    return notes;
}

}
