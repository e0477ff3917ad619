// Structured log lines: how `{}` are filled in.
#include <nuncio/log.h>

#include <charconv>

namespace nuncio::inline v1 {

Log::~Log() = default;

LogValue::LogValue(double number)
    : real_(number)
    , is_real_(true)
{
}

void LogValue::append_to(std::string& out) const
{
    if (!is_number_ && !is_real_) {
        out += text_;
        return;
    }
    char digits[32];
    const auto end = is_real_ ? std::to_chars(digits, digits + sizeof digits, real_).ptr
                              : std::to_chars(digits, digits + sizeof digits, number_).ptr;
    out.append(digits, end);
}

std::string format(std::string_view pattern, std::span<const LogValue> values)
{
    std::string out;
    out.reserve(pattern.size() + values.size() * 16);
    for (const LogValue& value : values) {
        const auto braces = pattern.find("{}");
        if (braces == std::string_view::npos)
            break;
        out += pattern.substr(0, braces);
        value.append_to(out);
        pattern.remove_prefix(braces + 2);
    }
    out += pattern;
    return out;
}

}
