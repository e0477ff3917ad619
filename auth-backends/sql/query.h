// A query as the administrator writes it: with `:names` where values go.
#pragma once

#include "driver.h"

#include <map>

namespace nuncio::sql {

/// The values of a query's names.
using Values = std::map<std::string_view, Parameter>;

/// The text never changes after it was read: values are bound beside it.
class Query {
public:
    /// Takes `:name` out of everything that is no text, quoted name or comment. The error says what
    /// is wrong, with the nearest name of `known` for one that is not.
    static Result<Query> parse(
        std::string_view text, const std::vector<std::string_view>& known, Syntax syntax);

    /// With the placeholders of its syntax.
    const std::string& sql() const { return sql_; }
    bool uses(std::string_view name) const;
    /// A parameter for each placeholder; all names it uses must have a value.
    std::vector<Parameter> bind(const Values& values) const;

private:
    std::string sql_;
    std::vector<std::string> names_; // by placeholder
};

}
