#include "form.h"

namespace nuncio::registration {

namespace {

    constexpr std::string_view ns_data = "jabber:x:data";

    void add_field(
        Element::Cursor form, std::string_view name, std::string_view type, std::string_view label)
    {
        auto field = form.add("field");
        field.attr("var", name).attr("type", type).attr("label", label);
        field.add("required");
    }

}

Element blank_form(std::string_view instructions)
{
    Element query("query", ns_register);
    query.add("instructions").text(instructions);
    query.add("username");
    query.add("password");
    auto form = query.add("x", ns_data);
    form.attr("type", "form");
    form.add("title").text("Registration");
    form.add("instructions").text(instructions);
    auto type = form.add("field");
    type.attr("var", "FORM_TYPE").attr("type", "hidden");
    type.add("value").text(ns_register);
    add_field(form, "username", "text-single", "User name");
    add_field(form, "password", "text-private", "Password");
    return query;
}

Wish read_wish(ElementRef query)
{
    Wish wish;
    wish.removes = bool(query.child("remove"));
    const ElementRef form = query.child("x", ns_data);
    if (!form) {
        wish.username = query.child("username").text();
        wish.password = query.child("password").text();
        return wish;
    }
    for (ElementRef field : form) {
        if (field.attr("var") == "username")
            wish.username = field.child("value").text();
        else if (field.attr("var") == "password")
            wish.password = field.child("value").text();
    }
    return wish;
}

}
