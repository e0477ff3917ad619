// What a command answered, as notes and a result form.
#pragma once

#include "admin_nodes.h"
#include "form.h"

#include <nuncio/value.h>

#include <string>
#include <vector>

namespace nuncio::adhoc {

/// XEP-0050 §4.3.
struct Note {
    enum class Type { info, warn, error };
    Type type = Type::info;
    std::string text;
};

/// `form` is empty where there is nothing to show.
struct Answer {
    std::vector<Note> notes {};
    Element form {};
};

/// Bounds on what one answer shows; a note tells of the rest.
struct AnswerBounds {
    std::size_t rows = 500;
    std::size_t cell_bytes = 1024;
};

/// A table as fields, an array of tables as a table of XEP-0004 §3.4, anything else as one field.
Answer show(const Value& value, const std::string& title, const AnswerBounds& bounds);

/// As XEP-0133 has it: the fields of `admin`, over the answers of all calls.
Answer show_admin(
    const std::vector<Value>& values, const AdminNode& admin, const AnswerBounds& bounds);

/// One line of words: "kicked romeo@localhost, sessions 2".
std::string in_words(const Value& table, const AnswerBounds& bounds);

}
