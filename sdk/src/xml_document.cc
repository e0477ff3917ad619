// One element, and whole documents, out of a string.
#include "document_module.h"
#include "unicode.h"
#include "xml_declaration.h"
#include "xml_parser.h"
#include "xml_scan.h"

#include <algorithm>
#include <dlfcn.h>

namespace nuncio::inline v1 {

namespace {

    Error make_error(XmlError::Kind kind, std::string_view text, std::size_t offset)
    {
        return { std::string(text) + " at byte " + std::to_string(offset),
            kind == XmlError::Kind::limit ? Error::Kind::limit : Error::Kind::invalid };
    }

    /// The module lies beside libnuncio in the build tree, and in `nuncio/` where it is installed.
    Result<ReadDocument*> load_document_module()
    {
        Dl_info self {};
        if (dladdr(reinterpret_cast<void*>(&load_document_module), &self) == 0 || !self.dli_fname)
            return Error { "cannot tell where libnuncio lies", Error::Kind::internal };
        const std::string file = self.dli_fname;
        const auto folder = file.substr(0, file.rfind('/') + 1);
        std::string reason;
        for (const char* const room : { "", "nuncio/" }) {
            const auto path = folder + room + document_module_file;
            // Kept for good: Xerces-C++ does not start twice in one process.
            if (void* const module = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
                if (void* const read = dlsym(module, read_document_symbol))
                    return reinterpret_cast<ReadDocument*>(read);
            }
            if (const char* const said = dlerror())
                reason.append(reason.empty() ? "" : "; ").append(said);
        }
        return Error { "cannot load the document parser: " + reason, Error::Kind::unavailable };
    }

}

Result<Element> parse_element(std::string_view text, const XmlLimits& limits)
{
    const char* const end = text.data() + text.size();
    const char* const start = xml::skip_space(text.data(), end);
    const auto before = static_cast<std::size_t>(start - text.data());
    if (start == end || *start != '<')
        return make_error({}, "an element was expected", before);
    XmlParser parser(XmlParser::What::alone, limits, XmlContext::none());
    const auto outcome = parser.run(start, static_cast<std::size_t>(end - start));
    if (outcome == XmlParser::Outcome::failed)
        return make_error(parser.error_kind(), parser.error_text(), before + parser.error_offset());
    if (outcome == XmlParser::Outcome::need_more)
        return make_error({}, "the element does not end", text.size());
    const char* const after = start + parser.consumed();
    if (const auto* const rest = xml::skip_space(after, end); rest != end)
        return make_error(
            {}, "data after the element", static_cast<std::size_t>(rest - text.data()));
    return parser.take();
}

namespace {

    bool begins_with_declaration(std::string_view bytes)
    {
        return bytes.starts_with("<?xml") && bytes.size() > 5 && xml::is(bytes[5], xml::space);
    }

    Error document_error(std::string_view bytes, std::string_view text, std::size_t offset)
    {
        const auto before = bytes.substr(0, offset);
        const auto line = 1 + std::count(before.begin(), before.end(), '\n');
        return { "line " + std::to_string(line) + ", byte " + std::to_string(offset) + ": "
            + std::string(text) };
    }

}

Result<Element> parse_document(std::string_view bytes)
{
    constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
    // Xerces says less clearly what is wrong with bytes.
    if (const auto good = unicode::xml_text_prefix(bytes); good != bytes.size())
        return document_error(bytes, "not UTF-8, or a character that XML forbids", good);
    auto rest = bytes;
    if (rest.starts_with(byte_order_mark))
        rest.remove_prefix(byte_order_mark.size());
    // Xerces accepts any version, and then other characters, so it never sees a declaration.
    if (begins_with_declaration(rest)) {
        const auto declaration = xml::read_declaration(rest);
        if (declaration.verdict == xml::Declaration::Verdict::need_more)
            return document_error(bytes, "the XML declaration does not end", 0);
        if (declaration.verdict == xml::Declaration::Verdict::failed)
            return document_error(bytes, declaration.text, 0);
        rest.remove_prefix(declaration.size);
        // A second one would be the first that Xerces sees.
        if (begins_with_declaration(rest) || rest.starts_with(byte_order_mark))
            return document_error(bytes, "an element was expected", bytes.size() - rest.size());
    }
    static const auto module = load_document_module();
    if (!module)
        return module.error();
    Element document;
    DocumentError error;
    if (!(*module)(rest, document, error))
        return document_error(bytes, error.text,
            bytes.size() - rest.size() + std::min<std::size_t>(error.offset, rest.size()));
    return document;
}

}
