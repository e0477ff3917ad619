// Addresses: preparation is idempotent, a view says what a copy says, and escaping comes back.
#include <nuncio/jid.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

using namespace nuncio;

namespace {

void require(bool holds, const char* what)
{
    if (holds)
        return;
    std::fprintf(stderr, "%s\n", what);
    std::abort();
}

void check_parts(const Jid& jid)
{
    std::string whole;
    if (!jid.local().empty())
        whole.append(jid.local()).append("@");
    whole.append(jid.domain());
    require(whole == jid.bare_text(), "the bare address is its parts");
    if (!jid.resource().empty())
        whole.append("/").append(jid.resource());
    require(whole == jid.text(), "an address is its parts");
    require(!jid.domain().empty(), "every address has a domain");
    require(
        jid.local().size() <= 1023 && jid.domain().size() <= 1023 && jid.resource().size() <= 1023,
        "parts are bounded after preparation");
    require(jid.local().find_first_of("\"&'/:<>@") == jid.local().npos, "excluded characters");
}

}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string text(reinterpret_cast<const char*>(data), size);
    const auto jid = Jid::parse(text);
    Jid storage;
    const auto view = Jid::parse_view(text, storage);
    require(jid.ok() == view.ok(), "parse and parse_view agree");
    if (jid) {
        check_parts(*jid);
        require(view->text() == jid->text(), "parse and parse_view prepare alike");
        const auto again = Jid::parse(jid->text());
        require(again.ok() && *again == *jid, "a prepared address is prepared already");
        const auto made = Jid::make(jid->local(), jid->domain(), jid->resource());
        require(made.ok() && *made == *jid, "an address is made of its parts again");
        const auto ascii = domain_to_ascii(jid->domain());
        require(ascii.ok(), "a prepared domain has A-labels");
        const auto back = prepare_domain(*ascii);
        require(back.ok() && *back == jid->domain(), "A-labels come back as the same domain");
    }
    const bool blank_ends = text.starts_with(' ') || text.ends_with(' ');
    require(blank_ends || unescape_local(escape_local(text)) == text, "escaping comes back");
    if (const auto password = prepare_password(text)) {
        const auto again = prepare_password(*password);
        require(again.ok() && *again == *password, "a prepared password is prepared already");
    }
    return 0;
}
