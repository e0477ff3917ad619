// Between libnuncio and nuncio-document.so, the module that holds Xerces-C++.
#pragma once

#include <nuncio/xml.h>

namespace nuncio::inline v1 {

/// What went wrong in a document, as the module says it.
struct DocumentError {
    std::string text;
    std::size_t offset = 0; ///< in bytes, about
};

/// Reads a document without BOM and XML declaration. Exported as `nuncio_read_document`; both sides
/// are built together, so C++ types may cross.
using ReadDocument = bool(std::string_view bytes, Element& document, DocumentError& error);
inline constexpr const char* read_document_symbol = "nuncio_read_document";
inline constexpr const char* document_module_file = "nuncio-document.so";

}
