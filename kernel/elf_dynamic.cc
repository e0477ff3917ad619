// The dynamic section by its segment, the symbols by their section (which strip keeps).
#include "elf_dynamic.h"

#include <algorithm>
#include <cstring>

namespace nuncio::kernel {

namespace {

    template <class T>
    std::vector<T> split(const std::string& bytes)
    {
        std::vector<T> entries(bytes.size() / sizeof(T));
        std::memcpy(entries.data(), bytes.data(), entries.size() * sizeof(T));
        return entries;
    }

    /// The zero-terminated text at `offset` of a table, or empty.
    std::string text_at(const std::string& table, std::uint64_t offset)
    {
        if (offset >= table.size())
            return {};
        const auto end = table.find('\0', offset);
        return table.substr(offset, end == table.npos ? end : end - offset);
    }

    Result<std::string> read_bounded(
        const ElfFile& file, std::uint64_t offset, std::uint64_t size, const char* what)
    {
        if (size > file.limits().table_bytes)
            return file.wrong(std::string("has too large ") + what);
        return file.read(offset, size, what);
    }

    Result<void> read_entries(
        const ElfFile& file, const std::vector<Elf64_Dyn>& entries, ElfDynamic& dynamic)
    {
        const auto value_of = [&](Elf64_Sxword tag) -> std::uint64_t {
            const auto found = std::ranges::find(entries, tag, &Elf64_Dyn::d_tag);
            return found == entries.end() ? 0 : found->d_un.d_val;
        };
        auto offset = file.offset_of(value_of(DT_STRTAB));
        if (!offset)
            return offset.error();
        auto names = read_bounded(file, *offset, value_of(DT_STRSZ), "names");
        if (!names)
            return names.error();
        for (const Elf64_Dyn& entry : entries) {
            const std::uint64_t value = entry.d_un.d_val;
            switch (entry.d_tag) {
            case DT_NEEDED:
                dynamic.needed.push_back(text_at(*names, value));
                break;
            case DT_SONAME:
                dynamic.soname = text_at(*names, value);
                break;
            case DT_RPATH:
            case DT_RUNPATH:
                dynamic.run_path = text_at(*names, value);
                break;
            case DT_TEXTREL:
                dynamic.has_text_relocations = true;
                break;
            case DT_BIND_NOW:
                dynamic.binds_now = true;
                break;
            case DT_FLAGS:
                dynamic.binds_now |= (value & DF_BIND_NOW) != 0;
                dynamic.has_text_relocations |= (value & DF_TEXTREL) != 0;
                break;
            case DT_FLAGS_1:
                dynamic.binds_now |= (value & DF_1_NOW) != 0;
                dynamic.is_never_unloaded |= (value & DF_1_NODELETE) != 0;
                break;
            default:
                break;
            }
        }
        return {};
    }

    Result<void> read_symbols(const ElfFile& file, ElfDynamic& dynamic)
    {
        auto sections = file.sections();
        if (!sections)
            return sections.error();
        const auto table
            = std::ranges::find(*sections, Elf64_Word(SHT_DYNSYM), &Elf64_Shdr::sh_type);
        if (table == sections->end() || table->sh_link >= sections->size())
            return file.wrong(
                "has no table of dynamic symbols: strip it with strip(1) at the most");
        auto bytes = read_bounded(file, table->sh_offset, table->sh_size, "symbols");
        if (!bytes)
            return bytes.error();
        const Elf64_Shdr& strings = (*sections)[table->sh_link];
        auto names = read_bounded(file, strings.sh_offset, strings.sh_size, "names");
        if (!names)
            return names.error();
        for (const Elf64_Sym& entry : split<Elf64_Sym>(*bytes)) {
            const auto binding = ELF64_ST_BIND(entry.st_info);
            const auto visibility = ELF64_ST_VISIBILITY(entry.st_other);
            if (binding == STB_LOCAL || visibility == STV_HIDDEN || visibility == STV_INTERNAL)
                continue;
            dynamic.symbols.push_back({ text_at(*names, entry.st_name), entry.st_shndx != SHN_UNDEF,
                binding == STB_WEAK, binding == STB_GNU_UNIQUE });
        }
        return {};
    }

}

Result<ElfDynamic> read_elf_dynamic(
    int descriptor, const std::string& name, const ElfLimits& limits)
{
    auto file = ElfFile::open(descriptor, name, limits);
    if (!file)
        return file.error();
    ElfDynamic dynamic;
    bool is_dynamic = false;
    for (const Elf64_Phdr& segment : file->segments()) {
        if (segment.p_type == PT_GNU_STACK)
            dynamic.has_executable_stack = (segment.p_flags & PF_X) != 0;
        if (segment.p_type != PT_DYNAMIC)
            continue;
        is_dynamic = true;
        auto bytes = read_bounded(*file, segment.p_offset, segment.p_filesz, "dynamic section");
        if (!bytes)
            return bytes.error();
        if (auto read = read_entries(*file, split<Elf64_Dyn>(*bytes), dynamic); !read)
            return read.error();
    }
    if (!is_dynamic)
        return file->wrong("has no dynamic section");
    if (auto read = read_symbols(*file, dynamic); !read)
        return read.error();
    return dynamic;
}

}
