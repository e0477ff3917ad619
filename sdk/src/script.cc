// Arguments that scripts give to functions of plugins.
#include <nuncio/script.h>

namespace nuncio::inline v1 {

namespace {

    Error expected(std::string_view what, const Value& value)
    {
        return Error { "expected " + std::string(what) + ", not "
            + std::string(to_string(value.kind())) };
    }

}

namespace detail {

    Result<void> read_argument(const Value& value, bool& to)
    {
        if (value.kind() != Value::Kind::boolean)
            return expected("a boolean", value);
        to = value.as_bool();
        return {};
    }

    Result<void> read_argument(const Value& value, std::int64_t& to)
    {
        if (value.kind() != Value::Kind::integer)
            return expected("an integer", value);
        to = value.as_integer();
        return {};
    }

    Result<void> read_argument(const Value& value, double& to)
    {
        if (value.kind() != Value::Kind::integer && value.kind() != Value::Kind::number)
            return expected("a number", value);
        to = value.kind() == Value::Kind::integer ? double(value.as_integer()) : value.as_number();
        return {};
    }

    Result<void> read_argument(const Value& value, std::string& to)
    {
        if (value.kind() != Value::Kind::string)
            return expected("a string", value);
        to = value.as_string();
        return {};
    }

    Result<void> read_argument(const Value& value, std::vector<std::string>& to)
    {
        const bool is_empty = value.kind() == Value::Kind::table && value.as_table().empty();
        if (value.kind() != Value::Kind::array && !is_empty)
            return expected("a list of strings", value);
        for (const Value& item : value.as_array()) {
            if (item.kind() != Value::Kind::string)
                return expected("a list of strings", item);
            to.push_back(item.as_string());
        }
        return {};
    }

    Result<void> read_argument(const Value& value, Jid& to)
    {
        if (value.kind() != Value::Kind::string)
            return expected("an address", value);
        auto jid = Jid::parse(value.as_string());
        if (!jid)
            return jid.error();
        to = *std::move(jid);
        return {};
    }

}

}
