// The oracles of the differential test.
#include "oracles.h"

#include <algorithm>
#include <expat.h>
#include <memory>
#include <vector>
#include <xercesc/framework/MemBufInputSource.hpp>
#include <xercesc/sax2/Attributes.hpp>
#include <xercesc/sax2/DefaultHandler.hpp>
#include <xercesc/sax2/SAX2XMLReader.hpp>
#include <xercesc/sax2/XMLReaderFactory.hpp>
#include <xercesc/util/OutOfMemoryException.hpp>
#include <xercesc/util/PlatformUtils.hpp>
#include <xercesc/util/TransService.hpp>
#include <xercesc/util/XMLNetAccessor.hpp>
#include <xercesc/util/XMLUni.hpp>

namespace oracle {

std::string quoted(std::string_view text)
{
    return "\"" + std::string(text) + "\"";
}

namespace {

    /// Collects the written form of a tree.
    class Writer {
    public:
        void open(const std::string& name, std::vector<std::string> attributes)
        {
            end_text();
            std::sort(attributes.begin(), attributes.end());
            tree_ += "(" + name;
            for (const auto& attribute : attributes)
                tree_ += " " + attribute;
            ++depth_;
        }
        void close()
        {
            end_text();
            tree_ += ")";
            --depth_;
        }
        void text(std::string_view piece) { text_ += piece; }
        std::string take() { return std::move(tree_); }

    private:
        void end_text()
        {
            // A stream may have white space between its stanzas, and nothing makes of it.
            if (!text_.empty() && depth_ != 1)
                tree_ += quoted(text_);
            text_.clear();
        }

        std::string tree_;
        std::string text_;
        int depth_ = 0;
    };

    std::string expanded(std::string_view local, std::string_view ns)
    {
        return std::string(local) + "|" + std::string(ns);
    }

    // ---- expat ----

    constexpr char separator = '\f'; // no XML text holds it

    std::string from_expat(const XML_Char* name)
    {
        const std::string_view text(name);
        const auto at = text.find(separator);
        return at == text.npos ? expanded(text, "")
                               : expanded(text.substr(at + 1), text.substr(0, at));
    }

    void XMLCALL expat_start(void* data, const XML_Char* name, const XML_Char** attributes)
    {
        std::vector<std::string> list;
        for (; attributes[0]; attributes += 2)
            list.push_back(from_expat(attributes[0]) + "=" + quoted(attributes[1]));
        static_cast<Writer*>(data)->open(from_expat(name), std::move(list));
    }
    void XMLCALL expat_end(void* data, const XML_Char*)
    {
        static_cast<Writer*>(data)->close();
    }
    void XMLCALL expat_text(void* data, const XML_Char* text, int size)
    {
        static_cast<Writer*>(data)->text({ text, static_cast<std::size_t>(size) });
    }

    // ---- Xerces ----

    using namespace xercesc;

    std::string to_utf8(const XMLCh* text)
    {
        const TranscodeToStr made(text, "UTF-8");
        return { reinterpret_cast<const char*>(made.str()), made.length() };
    }

    class Handler final : public DefaultHandler {
    public:
        Writer writer;
        bool failed = false;

        void startElement(const XMLCh* ns, const XMLCh* local, const XMLCh*,
            const xercesc::Attributes& list) override
        {
            std::vector<std::string> attributes;
            for (XMLSize_t i = 0; i < list.getLength(); ++i) {
                const auto full = to_utf8(list.getQName(i));
                if (full == "xmlns" || full.starts_with("xmlns:"))
                    continue;
                attributes.push_back(
                    expanded(to_utf8(list.getLocalName(i)), to_utf8(list.getURI(i))) + "="
                    + quoted(to_utf8(list.getValue(i))));
            }
            writer.open(expanded(to_utf8(local), to_utf8(ns)), std::move(attributes));
        }
        void endElement(const XMLCh*, const XMLCh*, const XMLCh*) override { writer.close(); }
        void characters(const XMLCh* text, const XMLSize_t size) override
        {
            writer.text(to_utf8(std::u16string(text, size).c_str()));
        }
        void error(const SAXParseException&) override { failed = true; }
        void fatalError(const SAXParseException&) override { failed = true; }
    };

    std::unique_ptr<SAX2XMLReader> make_reader()
    {
        XMLPlatformUtils::Initialize();
        delete XMLPlatformUtils::fgNetAccessor;
        XMLPlatformUtils::fgNetAccessor = nullptr;
        std::unique_ptr<SAX2XMLReader> reader(XMLReaderFactory::createXMLReader());
        reader->setProperty(
            XMLUni::fgXercesScannerName, const_cast<XMLCh*>(XMLUni::fgWFXMLScanner));
        reader->setFeature(XMLUni::fgSAX2CoreValidation, false);
        reader->setFeature(XMLUni::fgXercesLoadExternalDTD, false);
        reader->setFeature(XMLUni::fgXercesDisableDefaultEntityResolution, true);
        return reader;
    }

}

Verdict read_with_expat(std::string_view document)
{
    const std::unique_ptr<XML_ParserStruct, decltype(&XML_ParserFree)> parser(
        XML_ParserCreateNS("UTF-8", separator), &XML_ParserFree);
    Writer writer;
    XML_SetUserData(parser.get(), &writer);
    XML_SetElementHandler(parser.get(), expat_start, expat_end);
    XML_SetCharacterDataHandler(parser.get(), expat_text);
    const bool accepted
        = XML_Parse(parser.get(), document.data(), static_cast<int>(document.size()), XML_TRUE)
        == XML_STATUS_OK;
    return { accepted, writer.take() };
}

Verdict read_with_xerces(std::string_view document)
{
    // A reader with namespaces on keeps every namespace it saw, so it is renewed now and then.
    static std::unique_ptr<SAX2XMLReader> reader;
    static unsigned uses = 0;
    if (uses++ % 4096 == 0)
        reader = make_reader();
    Handler handler;
    reader->setContentHandler(&handler);
    reader->setErrorHandler(&handler);
    MemBufInputSource source(
        reinterpret_cast<const XMLByte*>(document.data()), document.size(), "fuzz", false);
    source.setEncoding(XMLUni::fgUTF8EncodingString);
    try {
        reader->parse(source);
    } catch (const XMLException&) {
        handler.failed = true;
    } catch (const SAXException&) {
        handler.failed = true;
    } catch (const OutOfMemoryException&) {
        handler.failed = true;
    }
    return { !handler.failed, handler.writer.take() };
}

}
