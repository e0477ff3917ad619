// nuncio-document.so: whole documents, read by Xerces-C++ with all off that XML 1.0 does not need.
#include "document_module.h"
#include "tree_copy.h"
#include "unicode.h"

#include <nuncio/ns.h>

#include <memory>
#include <vector>
#include <xercesc/framework/MemBufInputSource.hpp>
#include <xercesc/sax2/Attributes.hpp>
#include <xercesc/sax2/DefaultHandler.hpp>
#include <xercesc/sax2/SAX2XMLReader.hpp>
#include <xercesc/sax2/XMLReaderFactory.hpp>
#include <xercesc/util/OutOfMemoryException.hpp>
#include <xercesc/util/PlatformUtils.hpp>
#include <xercesc/util/XMLNetAccessor.hpp>
#include <xercesc/util/XMLUni.hpp>

namespace nuncio::inline v1 {

namespace {

    using namespace xercesc;

    // Trees are walked by recursion, and Xerces itself knows no bound.
    constexpr std::size_t deepest = 1024;

    /// Ends the parse from inside a handler.
    struct Stop {
        DocumentError error;
    };

    /// XMLCh is UTF-16; Xerces has checked the pairs of surrogates.
    std::string to_utf8(const XMLCh* text, std::size_t size)
    {
        std::string out;
        out.reserve(size);
        for (std::size_t i = 0; i < size; ++i) {
            char32_t c = text[i];
            if (c >= 0xD800 && c < 0xDC00 && i + 1 < size)
                c = 0x10000 + ((c - 0xD800) << 10) + (text[++i] - 0xDC00u);
            char bytes[4];
            out.append(bytes, unicode::encode(c, bytes));
        }
        return out;
    }

    std::string to_utf8(const XMLCh* text)
    {
        return text ? to_utf8(text, XMLString::stringLen(text)) : std::string();
    }

    /// Builds the tree and resolves prefixes. Xerces' own resolver accepts some reserved names, and
    /// keeps every namespace it ever saw.
    class Builder final : public DefaultHandler {
    public:
        explicit Builder(const SAX2XMLReader& reader)
            : reader_(reader)
        {
        }
        Element take() { return Element(std::move(arena_), root_); }

        void startElement(
            const XMLCh*, const XMLCh*, const XMLCh* name, const xercesc::Attributes& list) override
        {
            end_text();
            if (open_.size() >= deepest)
                stop("elements nested deeper than 1024");
            auto* const node = make_node(arena_);
            if (open_.empty())
                root_ = node;
            else
                link_child(*open_.back().node, node);
            open_.push_back({ node, prefixes_.size() });
            read_declarations(list);
            auto** link = &node->attributes;
            for (XMLSize_t i = 0; i < list.getLength(); ++i) {
                const auto full = to_utf8(list.getQName(i));
                if (full == "xmlns" || full.starts_with("xmlns:"))
                    continue;
                const auto [local, ns] = resolve(full, {});
                refuse_duplicate(*node, local, ns);
                *link = make_attribute(arena_, local, ns, arena_.copy(to_utf8(list.getValue(i))));
                link = &(*link)->next;
            }
            const auto [local, ns] = resolve(to_utf8(name), find(""));
            node->name = local;
            node->ns = ns;
        }

        void endElement(const XMLCh*, const XMLCh*, const XMLCh*) override
        {
            end_text();
            prefixes_.resize(open_.back().prefixes);
            open_.pop_back();
        }

        void characters(const XMLCh* text, const XMLSize_t size) override
        {
            text_ += to_utf8(text, size);
        }
        void ignorableWhitespace(const XMLCh* text, const XMLSize_t size) override
        {
            characters(text, size);
        }

        void error(const SAXParseException& what) override { fatalError(what); }
        void fatalError(const SAXParseException& what) override
        {
            throw Stop { { to_utf8(what.getMessage()), reader_.getSrcOffset() } };
        }
        InputSource* resolveEntity(const XMLCh*, const XMLCh*) override
        {
            stop("an external entity is not allowed");
        }

    private:
        struct Open {
            Node* node;
            std::size_t prefixes; // to restore at the end
        };
        struct Prefix {
            std::string name;
            std::string_view ns;
        };
        struct Resolved {
            std::string_view local;
            std::string_view ns;
        };

        [[noreturn]] void stop(std::string text) const
        {
            throw Stop { { std::move(text), reader_.getSrcOffset() } };
        }

        void end_text()
        {
            if (text_.empty())
                return;
            auto* const node = make_node(arena_);
            node->text = arena_.copy(text_);
            link_child(*open_.back().node, node);
            text_.clear();
        }

        void read_declarations(const xercesc::Attributes& list)
        {
            for (XMLSize_t i = 0; i < list.getLength(); ++i) {
                const auto full = to_utf8(list.getQName(i));
                const auto ns = to_utf8(list.getValue(i));
                if (full == "xmlns") {
                    declare("", ns);
                } else if (full.starts_with("xmlns:")) {
                    split(full);
                    declare(full.substr(6), ns);
                }
            }
        }

        void declare(const std::string& prefix, const std::string& ns)
        {
            // Namespaces in XML §3.
            if ((prefix == "xml") != (ns == ns_xml) || prefix == "xmlns" || ns == ns_xmlns)
                stop("a reserved namespace prefix must not be declared");
            if (ns.empty() && !prefix.empty())
                stop("a namespace prefix cannot be undeclared");
            prefixes_.push_back({ prefix, arena_.copy(ns) });
        }

        std::string_view find(std::string_view prefix) const
        {
            for (auto known = prefixes_.rbegin(); known != prefixes_.rend(); ++known) {
                if (known->name == prefix)
                    return known->ns;
            }
            if (prefix == "xml")
                return ns_xml;
            if (!prefix.empty())
                stop("namespace prefix " + std::string(prefix) + " was not declared");
            return {};
        }

        /// The place of the colon, or npos.
        std::size_t split(std::string_view full) const
        {
            const auto colon = full.find(':');
            if (colon == full.npos)
                return colon;
            const auto local = full.substr(colon + 1);
            const auto first = unicode::decode(local.data(), local.data() + local.size());
            if (colon == 0 || first.size <= 0 || !unicode::is_name_start(first.value)
                || local.find(':') != local.npos)
                stop("a colon in the wrong place of a name");
            return colon;
        }

        Resolved resolve(std::string_view full, std::string_view unprefixed_ns)
        {
            const auto colon = split(full);
            if (colon == full.npos)
                return { arena_.copy(full), unprefixed_ns };
            return { arena_.copy(full.substr(colon + 1)), find(full.substr(0, colon)) };
        }

        void refuse_duplicate(const Node& node, std::string_view local, std::string_view ns) const
        {
            for (const auto* other = node.attributes; other && !ns.empty(); other = other->next) {
                if (other->name == local && other->ns == ns)
                    stop("an attribute twice in one tag");
            }
        }

        const SAX2XMLReader& reader_;
        Arena arena_;
        Node* root_ = nullptr;
        std::vector<Open> open_;
        std::vector<Prefix> prefixes_;
        std::string text_;
    };

    struct Platform {
        Platform()
        {
            XMLPlatformUtils::Initialize();
            // Whatever a feature says, there is no way to the network.
            delete XMLPlatformUtils::fgNetAccessor;
            XMLPlatformUtils::fgNetAccessor = nullptr;
        }
    };

    std::unique_ptr<SAX2XMLReader> make_reader()
    {
        static const Platform platform;
        std::unique_ptr<SAX2XMLReader> reader(XMLReaderFactory::createXMLReader());
        // This scanner has no code for DTDs and schemas at all.
        reader->setProperty(
            XMLUni::fgXercesScannerName, const_cast<XMLCh*>(XMLUni::fgWFXMLScanner));
        reader->setFeature(XMLUni::fgSAX2CoreNameSpaces, false);
        reader->setFeature(XMLUni::fgSAX2CoreNameSpacePrefixes, true);
        reader->setFeature(XMLUni::fgSAX2CoreValidation, false);
        reader->setFeature(XMLUni::fgXercesSchema, false);
        reader->setFeature(XMLUni::fgXercesLoadSchema, false);
        reader->setFeature(XMLUni::fgXercesLoadExternalDTD, false);
        reader->setFeature(XMLUni::fgXercesSkipDTDValidation, true);
        reader->setFeature(XMLUni::fgXercesDisableDefaultEntityResolution, true);
        reader->setFeature(XMLUni::fgXercesCalculateSrcOfs, true);
        return reader;
    }

    /// The scanner skips a DOCTYPE without a word, so we look for it where one can stand: before
    /// the root, among white space, comments and processing instructions.
    std::size_t find_doctype(std::string_view bytes)
    {
        std::size_t at = 0;
        for (;;) {
            at = bytes.find_first_not_of(" \t\r\n", at);
            if (at == bytes.npos)
                return at;
            const auto rest = bytes.substr(at);
            if (rest.starts_with("<!DOCTYPE"))
                return at;
            const std::string_view end = rest.starts_with("<!--") ? "-->"
                : rest.starts_with("<?")                          ? "?>"
                                                                  : "";
            if (end.empty())
                return bytes.npos;
            at = bytes.find(end, at + 2);
            if (at == bytes.npos)
                return at;
            at += end.size();
        }
    }

}

extern "C" NUNCIO_API bool nuncio_read_document(
    std::string_view bytes, Element& document, DocumentError& error)
{
    if (const auto at = find_doctype(bytes); at != bytes.npos) {
        error = { "a document type declaration is not allowed", at };
        return false;
    }
    // One reader per thread: making one costs more than reading a small document.
    thread_local const auto reader = make_reader();
    Builder builder(*reader);
    reader->setContentHandler(&builder);
    reader->setErrorHandler(&builder);
    reader->setEntityResolver(&builder);
    MemBufInputSource source(
        reinterpret_cast<const XMLByte*>(bytes.data()), bytes.size(), "document", false);
    source.setEncoding(XMLUni::fgUTF8EncodingString);
    try {
        reader->parse(source);
    } catch (const Stop& stop) {
        error = stop.error;
        return false;
    } catch (const XMLException& thrown) {
        error = { to_utf8(thrown.getMessage()) };
        return false;
    } catch (const SAXException& thrown) {
        error = { to_utf8(thrown.getMessage()) };
        return false;
    } catch (const OutOfMemoryException&) {
        error = { "out of memory" };
        return false;
    }
    document = builder.take();
    return true;
}

}
