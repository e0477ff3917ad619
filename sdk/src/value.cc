// A structured value, and its JSON form (RFC 8259).
#include <nuncio/value.h>

#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>
#include <nlohmann/json.hpp>

namespace nuncio::inline v1 {

std::string SourcePlace::text() const
{
    if (!file || line == 0)
        return {};
    return *file + ":" + std::to_string(line) + ":" + std::to_string(column);
}

Value::Value(bool value)
    : data_(value)
{
}

Value::Value(int value)
    : data_(std::int64_t(value))
{
}

Value::Value(std::int64_t value)
    : data_(value)
{
}

Value::Value(std::uint64_t value)
{
    if (std::in_range<std::int64_t>(value))
        data_ = std::int64_t(value);
    else
        data_ = double(value);
}

Value::Value(double value)
    : data_(value)
{
}

Value::Value(std::string value)
    : data_(std::move(value))
{
}

Value::Value(std::string_view value)
    : data_(std::string(value))
{
}

Value::Value(const char* value)
    : data_(std::string(value))
{
}

Value::Value(Array value)
    : data_(std::move(value))
{
}

Value::Value(Table value)
    : data_(std::move(value))
{
}

Value::Kind Value::kind() const
{
    return static_cast<Kind>(data_.index());
}

bool Value::as_bool() const
{
    const auto* value = std::get_if<bool>(&data_);
    return value && *value;
}

std::int64_t Value::as_integer() const
{
    const auto* value = std::get_if<std::int64_t>(&data_);
    return value ? *value : 0;
}

double Value::as_number() const
{
    if (const auto* value = std::get_if<std::int64_t>(&data_))
        return double(*value);
    const auto* value = std::get_if<double>(&data_);
    return value ? *value : 0;
}

const std::string& Value::as_string() const
{
    static const std::string none;
    const auto* value = std::get_if<std::string>(&data_);
    return value ? *value : none;
}

const Value::Array& Value::as_array() const
{
    static const Array none;
    const auto* value = std::get_if<Array>(&data_);
    return value ? *value : none;
}

const Value::Table& Value::as_table() const
{
    static const Table none;
    const auto* value = std::get_if<Table>(&data_);
    return value ? *value : none;
}

Value::Array& Value::array()
{
    if (kind() != Kind::array)
        data_ = Array();
    return *std::get_if<Array>(&data_);
}

Value::Table& Value::table()
{
    if (kind() != Kind::table)
        data_ = Table();
    return *std::get_if<Table>(&data_);
}

const Value* Value::find(std::string_view key) const
{
    for (const auto& [name, value] : as_table())
        if (name == key)
            return &value;
    return nullptr;
}

Value& Value::operator[](std::string_view key)
{
    for (auto& [name, value] : table())
        if (name == key)
            return value;
    table().emplace_back(std::string(key), Value());
    return table().back().second;
}

bool operator==(const Value& a, const Value& b)
{
    return a.data_ == b.data_;
}

std::string_view to_string(Value::Kind kind)
{
    switch (kind) {
    case Value::Kind::null:
        return "nothing";
    case Value::Kind::boolean:
        return "boolean";
    case Value::Kind::integer:
        return "whole number";
    case Value::Kind::number:
        return "number";
    case Value::Kind::string:
        return "string";
    case Value::Kind::array:
        return "list";
    case Value::Kind::table:
        return "table";
    }
    return {};
}

namespace {

    /// The length of the well-formed UTF-8 sequence at the front of `text` (RFC 3629 §4), or 0.
    std::size_t utf8_length(std::string_view text)
    {
        const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
        const auto follows = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xbf) {
            return i < text.size() && byte(i) >= low && byte(i) <= high;
        };
        const unsigned first = byte(0);
        if (first < 0x80)
            return 1;
        if (first >= 0xc2 && first <= 0xdf)
            return follows(1) ? 2 : 0;
        if (first >= 0xe0 && first <= 0xef) {
            const unsigned low = first == 0xe0 ? 0xa0 : 0x80;
            const unsigned high = first == 0xed ? 0x9f : 0xbf;
            return follows(1, low, high) && follows(2) ? 3 : 0;
        }
        if (first >= 0xf0 && first <= 0xf4) {
            const unsigned low = first == 0xf0 ? 0x90 : 0x80;
            const unsigned high = first == 0xf4 ? 0x8f : 0xbf;
            return follows(1, low, high) && follows(2) && follows(3) ? 4 : 0;
        }
        return 0;
    }

    void write_string(std::string& out, std::string_view text)
    {
        out += '"';
        while (!text.empty()) {
            const char c = text.front();
            std::size_t length = 1;
            if (c == '"' || c == '\\') {
                out += '\\';
                out += c;
            } else if (c == '\n') {
                out += "\\n";
            } else if (c == '\t') {
                out += "\\t";
            } else if (c == '\r') {
                out += "\\r";
            } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
                char escaped[8];
                std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned char>(c));
                out += escaped;
            } else if (length = utf8_length(text); length == 0) {
                // What is not UTF-8 has no JSON form; its reader must not stumble over it.
                out += "\xef\xbf\xbd";
                length = 1;
            } else {
                out.append(text.substr(0, length));
            }
            text.remove_prefix(length);
        }
        out += '"';
    }

    class Writer {
    public:
        explicit Writer(int indent)
            : indent_(indent)
        {
        }

        void write(const Value& value)
        {
            switch (value.kind()) {
            case Value::Kind::null:
                out_ += "null";
                break;
            case Value::Kind::boolean:
                out_ += value.as_bool() ? "true" : "false";
                break;
            case Value::Kind::integer:
                out_ += std::to_string(value.as_integer());
                break;
            case Value::Kind::number:
                write_number(value.as_number());
                break;
            case Value::Kind::string:
                write_string(out_, value.as_string());
                break;
            case Value::Kind::array:
                write_list('[', ']', value.as_array(), [this](const Value& item) { write(item); });
                break;
            case Value::Kind::table:
                write_list('{', '}', value.as_table(), [this](const auto& member) {
                    write_string(out_, member.first);
                    out_ += indent_ > 0 ? ": " : ":";
                    write(member.second);
                });
                break;
            }
        }

        std::string take() { return std::move(out_); }

    private:
        template <class List, class Each>
        void write_list(char open, char close, const List& list, Each each)
        {
            out_ += open;
            ++level_;
            bool is_first = true;
            for (const auto& item : list) {
                if (!is_first)
                    out_ += ',';
                is_first = false;
                new_line();
                each(item);
            }
            --level_;
            if (!list.empty())
                new_line();
            out_ += close;
        }

        void new_line()
        {
            if (indent_ > 0)
                out_.append("\n").append(std::size_t(indent_) * level_, ' ');
        }

        void write_number(double number)
        {
            // JSON knows neither NaN nor infinity (RFC 8259 §6).
            if (!std::isfinite(number)) {
                out_ += "null";
                return;
            }
            char digits[32];
            const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
            const std::string_view text(digits, std::size_t(end - digits));
            out_ += text;
            if (text.find_first_of(".e") == std::string_view::npos)
                out_ += ".0"; // stays a number, not a whole number, when it is read again
        }

        std::string out_;
        int indent_;
        std::size_t level_ = 0;
    };

    /// Builds a Value from nlohmann's events, so that depth is checked before anything is nested.
    class Builder final : public nlohmann::json_sax<nlohmann::json> {
    public:
        Builder(Value& root, int depth)
            : root_(root)
            , depth_(depth)
        {
        }

        bool null() override { return put(Value()); }
        bool boolean(bool value) override { return put(value); }
        bool number_integer(std::int64_t value) override { return put(value); }
        bool number_unsigned(std::uint64_t value) override { return put(value); }
        bool number_float(double value, const std::string&) override { return put(value); }
        bool string(std::string& value) override { return put(std::move(value)); }
        bool binary(nlohmann::json::binary_t&) override { return false; } // not in JSON text
        bool start_object(std::size_t) override { return open(Value::Table()); }
        bool start_array(std::size_t) override { return open(Value::Array()); }
        bool end_object() override { return close(); }
        bool end_array() override { return close(); }

        bool key(std::string& name) override
        {
            if (open_.back()->find(name)) {
                error_ = "the key \"" + name + "\" occurs twice";
                return false;
            }
            key_ = std::move(name);
            return true;
        }

        bool parse_error(std::size_t position, const std::string& token,
            const nlohmann::json::exception&) override
        {
            error_ = "not JSON at byte " + std::to_string(position);
            if (!token.empty() && token.size() < 40)
                error_ += ", near '" + token + "'";
            return false;
        }

        const std::string& error() const { return error_; }

    private:
        Value* add(Value value)
        {
            if (open_.empty()) {
                root_ = std::move(value);
                return &root_;
            }
            Value& parent = *open_.back();
            if (parent.kind() == Value::Kind::array) {
                parent.array().push_back(std::move(value));
                return &parent.array().back();
            }
            parent.table().emplace_back(std::move(key_), std::move(value));
            return &parent.table().back().second;
        }

        bool put(Value value)
        {
            add(std::move(value));
            return true;
        }

        bool open(Value value)
        {
            if (open_.size() >= std::size_t(depth_)) {
                error_ = "nested deeper than " + std::to_string(depth_) + " levels";
                return false;
            }
            // The pointer stays good: a container grows only while it is the innermost one.
            open_.push_back(add(std::move(value)));
            return true;
        }

        bool close()
        {
            open_.pop_back();
            return true;
        }

        Value& root_;
        int depth_;
        std::vector<Value*> open_;
        std::string key_;
        std::string error_;
    };

}

std::string Value::json(int indent) const
{
    Writer writer(indent);
    writer.write(*this);
    return writer.take();
}

Result<Value> Value::parse_json(std::string_view text, int depth)
{
    Value root;
    Builder builder(root, depth);
    if (!nlohmann::json::sax_parse(text.begin(), text.end(), &builder))
        return Error { builder.error() };
    return root;
}

}
