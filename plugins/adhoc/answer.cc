#include "answer.h"

#include <nuncio/jid.h>

#include <algorithm>

namespace nuncio::adhoc {

namespace {

    std::string text_of(const Value& value)
    {
        switch (value.kind()) {
        case Value::Kind::null:
            return {};
        case Value::Kind::string:
            return value.as_string();
        default:
            return value.json();
        }
    }

    bool is_row(const Value& value)
    {
        return value.kind() == Value::Kind::table;
    }

    std::string row_in_words(const Value& row)
    {
        std::string words;
        for (const auto& [key, value] : row.as_table())
            words += (words.empty() ? "" : ", ") + key + ' ' + text_of(value);
        return words;
    }

    /// The values of one field: a list has several, and a row in it is told in words.
    std::vector<std::string> texts_of(const Value& value)
    {
        if (value.kind() != Value::Kind::array)
            return { is_row(value) ? row_in_words(value) : text_of(value) };
        std::vector<std::string> texts;
        for (const Value& one : value.as_array())
            texts.push_back(is_row(one) ? row_in_words(one) : text_of(one));
        return texts;
    }

    Element result_form(std::string_view title)
    {
        Element form("x", ns_data);
        form.attr("type", "result");
        form.add("title").text(printable(title));
        return form;
    }

    std::string_view type_of(std::string_view key, bool has_many)
    {
        if (key == "jid")
            return has_many ? "jid-multi" : "jid-single";
        return has_many ? "text-multi" : "text-single";
    }

    /// What is more than `most` is cut off, and told of.
    void bound(std::vector<std::string>& texts, std::string_view what, std::size_t most,
        std::vector<Note>& notes)
    {
        if (texts.size() <= most)
            return;
        notes.push_back({ Note::Type::warn,
            std::string(what) + ": only the first " + std::to_string(most) + " of "
                + std::to_string(texts.size()) + " are shown" });
        texts.resize(most);
    }

    void add_field(Element::Cursor to, std::string_view key, const std::vector<std::string>& texts,
        const AnswerBounds& bounds)
    {
        auto field = to.add("field");
        field.attr("var", printable(key)).attr("type", type_of(key, texts.size() > 1));
        field.attr("label", printable(key));
        for (const std::string& text : texts)
            field.add("value").text(printable(text, bounds.cell_bytes));
    }

    /// XEP-0004 §3.4: every item has a field for each that is reported.
    Element table_form(
        const std::string& title, const Value::Array& rows, const AnswerBounds& bounds)
    {
        const std::size_t count = std::min(rows.size(), bounds.rows);
        std::vector<std::string> columns;
        for (std::size_t i = 0; i < count; ++i)
            for (const auto& [key, value] : rows[i].as_table())
                if (std::ranges::find(columns, key) == columns.end())
                    columns.push_back(key);
        Element form = result_form(title);
        auto reported = form.add("reported");
        for (const std::string& column : columns)
            reported.add("field")
                .attr("var", printable(column))
                .attr("type", type_of(column, false))
                .attr("label", printable(column));
        for (std::size_t i = 0; i < count; ++i) {
            auto item = form.add("item");
            for (const std::string& column : columns) {
                const Value* const value = rows[i].find(column);
                auto field = item.add("field");
                field.attr("var", printable(column));
                std::string text;
                for (const std::string& one : value ? texts_of(*value) : std::vector<std::string>())
                    text += (text.empty() ? "" : ", ") + one;
                field.add("value").text(printable(text, bounds.cell_bytes));
            }
        }
        return form;
    }

    Answer show_list(const Value& value, const std::string& title, const AnswerBounds& bounds)
    {
        const Value::Array& rows = value.as_array();
        Answer answer;
        if (rows.empty()) {
            answer.notes.push_back({ Note::Type::info, "none" });
            return answer;
        }
        if (std::ranges::all_of(rows, is_row)) {
            if (rows.size() > bounds.rows)
                answer.notes.push_back({ Note::Type::warn,
                    "only the first " + std::to_string(bounds.rows) + " of "
                        + std::to_string(rows.size()) + " are shown" });
            answer.form = table_form(title, rows, bounds);
            return answer;
        }
        auto texts = texts_of(value);
        bound(texts, title, bounds.rows, answer.notes);
        answer.form = result_form(title);
        add_field(answer.form.cursor(), "result", texts, bounds);
        return answer;
    }

    /// Bare addresses of rows, each once.
    std::vector<std::string> accounts_of(const Value& rows)
    {
        std::vector<std::string> accounts;
        for (const Value& row : rows.as_array())
            if (const Value* jid = row.find("jid"))
                if (const auto parsed = Jid::parse(jid->as_string()))
                    accounts.emplace_back(parsed->bare_text());
        std::ranges::sort(accounts);
        accounts.erase(std::unique(accounts.begin(), accounts.end()), accounts.end());
        return accounts;
    }

    void collect(const Value& value, const AdminAnswer& wanted, std::vector<std::string>& texts)
    {
        switch (wanted.from) {
        case AdminAnswer::From::member:
            if (const Value* member = value.find(wanted.key))
                texts.push_back(text_of(*member));
            return;
        case AdminAnswer::From::column:
        case AdminAnswer::From::resource:
            for (const Value& row : value.as_array()) {
                const Value* const cell = row.find(wanted.key);
                if (!cell)
                    continue;
                std::string text = text_of(*cell);
                if (wanted.from == AdminAnswer::From::resource) {
                    const auto jid = Jid::parse(text);
                    text = jid ? std::string(jid->resource()) : std::string();
                }
                if (std::ranges::find(texts, text) == texts.end())
                    texts.push_back(std::move(text));
            }
            return;
        case AdminAnswer::From::account:
            for (std::string& account : accounts_of(value))
                texts.push_back(std::move(account));
            return;
        case AdminAnswer::From::account_count:
            texts.push_back(std::to_string(accounts_of(value).size()));
            return;
        }
    }

}

std::string in_words(const Value& table, const AnswerBounds& bounds)
{
    return printable(row_in_words(table), bounds.cell_bytes);
}

Answer show(const Value& value, const std::string& title, const AnswerBounds& bounds)
{
    if (value.kind() == Value::Kind::array)
        return show_list(value, title, bounds);
    Answer answer;
    if (value.is_null() || (is_row(value) && value.as_table().empty())) {
        answer.notes.push_back({ Note::Type::info, "done" });
        return answer;
    }
    answer.form = result_form(title);
    if (!is_row(value)) {
        add_field(answer.form.cursor(), "result", texts_of(value), bounds);
        return answer;
    }
    for (const auto& [key, member] : value.as_table()) {
        auto texts = texts_of(member);
        bound(texts, key, bounds.rows, answer.notes);
        add_field(answer.form.cursor(), key, texts, bounds);
    }
    return answer;
}

Answer show_admin(
    const std::vector<Value>& values, const AdminNode& admin, const AnswerBounds& bounds)
{
    Answer answer;
    if (values.empty())
        return answer;
    if (admin.answers.empty()) {
        for (const Value& value : values)
            answer.notes.push_back({ Note::Type::info, in_words(value, bounds) });
        return answer;
    }
    answer.form = Element("x", ns_data);
    answer.form.attr("type", "result");
    auto type = answer.form.add("field");
    type.attr("type", "hidden").attr("var", "FORM_TYPE");
    type.add("value").text(ns_admin);
    for (const AdminAnswer& wanted : admin.answers) {
        std::vector<std::string> texts;
        for (const Value& value : values)
            collect(value, wanted, texts);
        bound(texts, wanted.var, bounds.rows, answer.notes);
        auto field = answer.form.add("field");
        field.attr("var", wanted.var);
        for (const std::string& text : texts)
            field.add("value").text(printable(text, bounds.cell_bytes));
    }
    return answer;
}

}
