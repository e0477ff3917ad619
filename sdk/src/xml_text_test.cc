#include <nuncio/ns.h>
#include <nuncio/xml.h>

#include <doctest/doctest.h>
#include <random>

using namespace nuncio;

namespace {

const char* const sample = "<message from='a@example.org/home' to='test@conference.example.org' "
                           "type='groupchat'><body>test</body></message>";

/// A tree of random shape with awkward text.
void grow(Element::Cursor at, std::mt19937& random, int depth)
{
    static const char* const texts[]
        = { "plain", "<&>'\"", "]]>", "\r\n\t", " \xC3\xA9\xF0\x9F\x98\x80", "a'b\"c", "\n" };
    static const char* const spaces[] = { "", "u", "v&'w", "jabber:client", ns_xml.data() };
    const auto pick = [&random](auto& from) { return from[random() % std::size(from)]; };
    for (auto i = random() % 4; i > 0; --i)
        at.attr("a" + std::to_string(random() % 5), pick(texts), pick(spaces));
    for (auto i = random() % 4; i > 0; --i) {
        if (random() % 2)
            at.text(pick(texts));
        if (depth > 0)
            grow(at.add("e" + std::to_string(random() % 3), pick(spaces)), random, depth - 1);
    }
}

}

TEST_CASE("the guide's sample message is read, asked and written (S59, S60)")
{
    const auto element = parse_element(sample);
    REQUIRE(element);
    CHECK(element->name() == "message");
    CHECK(element->attr("type") == "groupchat");
    CHECK(element->child("body").text() == "test");
    CHECK(to_string(element->ref()) == sample);
}

TEST_CASE("an element built in code reads as it was built (S58)")
{
    Element query("query", "jabber:iq:version");
    query.attr("b", "2").attr("a", "1").add("name").text("nun").text("cio");
    query.text("tail").add("x", "urn:x").attr("lang", "en", ns_xml).add("y");
    CHECK(to_string(query.ref())
        == "<query xmlns='jabber:iq:version' b='2' a='1'><name>nuncio</name>tail"
           "<x xmlns='urn:x' xml:lang='en'><y/></x></query>");
    CHECK(query.child("name").text() == "nuncio");
    CHECK(query.child("x", "urn:x").child("y"));
    CHECK(!query.child("x"));
    CHECK(query.child("", "urn:x").name() == "x");
    query.attr("b", "3").remove_attr("a");
    CHECK(query.attr("b") == "3");
    CHECK(!query.has_attr("a"));
}

TEST_CASE("parsing what was written gives an equal element, whatever is in it (S60)")
{
    std::mt19937 random(7);
    for (int i = 0; i < 500; ++i) {
        Element element("root", random() % 2 ? "u" : "");
        grow(element.cursor(), random, 4);
        const auto xml = to_string(element.ref());
        const auto again = parse_element(xml);
        REQUIRE_MESSAGE(again, xml);
        CHECK_MESSAGE(*again == element, xml);
        CHECK(Element(element) == element);
        std::string under = "<p xmlns='u'>";
        append_xml(under, element.ref(), "u");
        const auto inside = parse_element(under + "</p>");
        REQUIRE_MESSAGE(inside, under);
        CHECK(inside->first_child() == element.ref());
    }
}

TEST_CASE("elements are equal when names, attributes in any order and children agree")
{
    const auto equal
        = [](const char* a, const char* b) { return *parse_element(a) == *parse_element(b); };
    CHECK(equal("<a b='1' c='2'>t</a>", "<a c=\"2\" b=\"1\"><![CDATA[t]]></a>"));
    CHECK(equal("<p:a xmlns:p='u'/>", "<a xmlns='u'></a>"));
    CHECK(!equal("<a b='1'/>", "<a b='1' c='2'/>"));
    CHECK(!equal("<a b='1'/>", "<a b='2'/>"));
    CHECK(!equal("<a><b/><c/></a>", "<a><c/><b/></a>"));
    CHECK(!equal("<a>t<b/></a>", "<a><b/>t</a>"));
    CHECK(!equal("<a>t</a>", "<a>tt</a>"));
    CHECK(!equal("<a/>", "<a><b/></a>"));
    CHECK(ElementRef() == ElementRef());
}

TEST_CASE("the five characters are escaped (S61)")
{
    CHECK(escape("a&b<c>d\"e'f") == "a&amp;b&lt;c&gt;d&quot;e&apos;f");
    CHECK(escape("") == "");
    // Longer than a vector register, with the special bytes at every place of it.
    for (std::size_t i = 0; i < 40; ++i) {
        const auto left = std::string(i, '%');
        const auto right = std::string(40 - i, '?');
        CHECK(escape(left + "&" + right) == left + "&amp;" + right);
        CHECK(escape(left + "\xC3\xA9#\n" + right) == left + "\xC3\xA9#\n" + right);
    }
}

TEST_CASE("character data is removed, and elements keep their order (S62)")
{
    const auto element = *parse_element("<a>1<b/>2<c/><d/>3</a>");
    const auto kept = remove_cdata(element.ref());
    REQUIRE(kept.size() == 3);
    CHECK(kept[0].name() == "b");
    CHECK(kept[1].name() == "c");
    CHECK(kept[2].name() == "d");
}

TEST_CASE("paths lead to elements, attributes and character data (S63)")
{
    const auto root = *parse_element("<iq xmlns='jabber:client'><vCard xmlns='vcard-temp'><N>x</N>"
                                     "<TEL type='w'>1<i/>2</TEL></vCard></iq>");
    const auto string_at = [&root](std::initializer_list<PathItem> path) {
        const auto found = get_path(root.ref(), { path.begin(), path.size() });
        const auto* text = std::get_if<std::string>(&found);
        REQUIRE(text);
        return *text;
    };
    CHECK(std::get<ElementRef>(get_path(root.ref(), {})) == root.ref());
    const PathItem to_name[] = { path_element("vCard"), path_element("N") };
    CHECK(std::get<ElementRef>(get_path(root.ref(), to_name)).text() == "x");
    CHECK(string_at({ path_element("vCard"), path_element("TEL"), path_attr("type") }) == "w");
    CHECK(string_at({ path_element("vCard"), path_element("TEL"), path_cdata() }) == "12");
    CHECK(string_at({ path_element("nothing") }) == "");
    CHECK(string_at({ path_attr("nothing") }) == "");
    CHECK(string_at({ path_element("nothing"), path_cdata() }) == "");
    CHECK(string_at({ path_cdata(), path_element("vCard") }) == "");
    CHECK(string_at({ path_attr("type"), path_element("vCard") }) == "");
}

TEST_CASE("only direct character data counts (S64)")
{
    const auto element = *parse_element("<a>1<b>no</b>2</a>");
    CHECK(element.text() == "12");
    CHECK(element.ref().text_view() == "1");
    CHECK(ElementRef().text().empty());
}

TEST_CASE("a missing attribute is empty, and can be told from an empty one (S65, S66)")
{
    const auto element = *parse_element("<a b='' xml:lang='en' xmlns:p='u' p:b='1'/>");
    CHECK(element.attr("b") == "");
    CHECK(element.has_attr("b"));
    CHECK(element.attr("b", "u") == "1");
    CHECK(element.attr("c") == "");
    CHECK(!element.has_attr("c"));
    CHECK(element.attr("lang", ns_xml) == "en");
    CHECK(!element.has_attr("lang"));
    CHECK(!ElementRef().has_attr("b"));
}

TEST_CASE("the first direct child of a name is found (S67)")
{
    const auto element
        = *parse_element("<a><c><b n='0'/></c><b n='1'/><b n='2'/><b xmlns='u' n='3'/></a>");
    CHECK(element.child("b").attr("n") == "1");
    CHECK(element.child("b", "u").attr("n") == "3");
    CHECK(!element.child("n"));
    int count = 0;
    for (ElementRef child : element)
        count += child.name() == "b" ? 1 : 0;
    CHECK(count == 3);
}

TEST_CASE("exactly one element is parsed, and errors tell the byte (S68)")
{
    CHECK(parse_element(" \n<a/>\t"));
    const auto error = [](std::string_view text) { return parse_element(text).error().text; };
    CHECK(error("<a></b>") == "an end tag that does not match its start tag at byte 5");
    CHECK(error("  <a>&foo;</a>") == "an entity that is not one of XML's five at byte 5");
    CHECK(error("<a/><b/>") == "data after the element at byte 4");
    CHECK(error("<a/> x") == "data after the element at byte 5");
    CHECK(error("") == "an element was expected at byte 0");
    CHECK(error(" x") == "an element was expected at byte 1");
    CHECK(error("<a>") == "the element does not end at byte 3");
    CHECK(!parse_element("<?xml version='1.0'?><a/>"));
    CHECK(!parse_element("<!DOCTYPE a><a/>"));
    std::string deep;
    for (int i = 0; i < 33; ++i)
        deep += "<a>";
    CHECK(parse_element(deep).error().kind == Error::Kind::limit);
    CHECK(parse_element(std::string(300000, '<')).error().kind == Error::Kind::invalid);
    CHECK(parse_element("<a>" + std::string(300000, 'x')).error().kind == Error::Kind::limit);
}

TEST_CASE("text that XML forbids is replaced when it is put into a tree")
{
    Element element("a", "");
    element.text("ok\x01\xFFz").attr("b", std::string_view("\0x", 2));
    CHECK(to_string(element.ref()) == "<a b='\xEF\xBF\xBDx'>ok\xEF\xBF\xBD\xEF\xBF\xBDz</a>");
}

TEST_CASE("every change below the root forgets the raw bytes")
{
    const auto changed = [](auto change) {
        auto element = *parse_element("<a><b>x</b></a>");
        REQUIRE(element.raw_children() == "<b>x</b>");
        change(element);
        return element.raw_children().empty();
    };
    CHECK(changed([](Element& e) { e.text("t"); }));
    CHECK(changed([](Element& e) { e.add("c"); }));
    CHECK(changed([](Element& e) { e.append(Element("c", "").ref()); }));
    CHECK(changed([](Element& e) { e.remove_child(e.first_child()); }));
    CHECK(changed([](Element& e) { e.clear_children(); }));
    CHECK(changed([](Element& e) { e.at(e.first_child()).attr("c", "1"); }));
    CHECK(changed([](Element& e) { e.at(e.first_child()).text("1"); }));
    CHECK(!changed([](Element& e) { e.attr("c", "1").remove_attr("c"); }));
    CHECK(!changed([](Element& e) { e.remove_child(ElementRef()); }));
}

TEST_CASE("children are removed from any place, and more are added after")
{
    auto element = *parse_element("<a><b/><c/><d/></a>");
    element.remove_child(element.child("d"));
    element.remove_child(element.child("b"));
    element.add("e");
    CHECK(to_string(element.ref()) == "<a><c/><e/></a>");
    element.clear_children();
    element.add("f").append(element.ref());
    CHECK(to_string(element.ref()) == "<a><f><a><f/></a></f></a>");
}

TEST_CASE("copies do not share and moves leave nothing behind")
{
    auto first = *parse_element("<a><b/></a>");
    auto copy = first;
    copy.attr("x", "1");
    CHECK(!first.has_attr("x"));
    CHECK(copy.raw_children() == "<b/>");
    CHECK(copy.raw_children().data() != first.raw_children().data());
    const Element moved = std::move(first);
    CHECK(!first);
    CHECK(first.raw_children().empty());
    CHECK(to_string(moved.ref()) == "<a><b/></a>");
}
