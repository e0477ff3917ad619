// The XML declaration.
#include "xml_declaration.h"

#include "xml_scan.h"

#include <algorithm>

namespace nuncio::inline v1::xml {

namespace {

    /// Takes the declaration apart from the front.
    class Reader {
    public:
        explicit Reader(std::string_view rest)
            : rest_(rest)
        {
        }

        bool skip(std::string_view text)
        {
            if (!rest_.starts_with(text))
                return false;
            rest_.remove_prefix(text.size());
            return true;
        }
        bool skip_spaces()
        {
            const auto before = rest_.size();
            while (!rest_.empty() && is(rest_.front(), space))
                rest_.remove_prefix(1);
            return rest_.size() != before;
        }
        /// `name = 'value'`; false when it is something else.
        bool attribute(std::string_view name, std::string_view& value)
        {
            if (!skip(name))
                return false;
            skip_spaces();
            if (!skip("="))
                return false;
            skip_spaces();
            const std::string_view quote = rest_.substr(0, 1);
            if (quote != "'" && quote != "\"")
                return false;
            const auto end = rest_.find(quote, 1);
            if (end == rest_.npos)
                return false;
            value = rest_.substr(1, end - 1);
            rest_.remove_prefix(end + 1);
            return true;
        }
        bool at_end() const { return rest_.empty(); }
        bool at(std::string_view text) const { return rest_.starts_with(text); }

    private:
        std::string_view rest_;
    };

    bool is_utf8(std::string_view encoding)
    {
        // §4.3.3: encoding names are compared without regard to case.
        constexpr std::string_view wanted = "utf-8";
        return std::equal(encoding.begin(), encoding.end(), wanted.begin(), wanted.end(),
            [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; });
    }

    Declaration fail(const char* text, XmlError::Kind kind = XmlError::Kind::not_well_formed)
    {
        return { Declaration::Verdict::failed, 0, kind, text };
    }

    Declaration check(std::string_view declaration)
    {
        Reader reader(declaration);
        std::string_view value;
        if (!reader.skip("<?xml") || !reader.skip_spaces())
            return fail("a processing instruction is not allowed", XmlError::Kind::restricted);
        if (!reader.attribute("version", value))
            return fail("the XML declaration must begin with version='1.0'");
        if (value != "1.0")
            return fail("only XML version 1.0 is understood");
        bool spaces = reader.skip_spaces();
        if (spaces && reader.at("encoding")) {
            if (!reader.attribute("encoding", value))
                return fail("the encoding in the XML declaration is not in quotes");
            if (!is_utf8(value))
                return fail("the encoding must be UTF-8", XmlError::Kind::bad_encoding);
            spaces = reader.skip_spaces();
        }
        if (spaces && reader.at("standalone")) {
            if (!reader.attribute("standalone", value) || (value != "yes" && value != "no"))
                return fail("standalone in the XML declaration must be 'yes' or 'no'");
            reader.skip_spaces();
        }
        if (!reader.at_end())
            return fail("the XML declaration may hold version, encoding and standalone only");
        return { Declaration::Verdict::ok, declaration.size() + 2 };
    }

}

Declaration read_declaration(std::string_view bytes)
{
    const auto end = bytes.substr(0, longest_declaration).find("?>");
    if (end != bytes.npos)
        return check(bytes.substr(0, end));
    if (bytes.size() < longest_declaration)
        return { Declaration::Verdict::need_more };
    return fail("the XML declaration does not end within 256 bytes", XmlError::Kind::limit);
}

}
