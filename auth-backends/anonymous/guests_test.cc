#include "guests.h"

#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::anonymous;
using namespace std::chrono_literals;

namespace {

const TimePoint noon { std::chrono::hours(12) };

}

TEST_CASE("no more guests come in than may be here, and a place is free again when one has left")
{
    Guests guests({ .users = 2, .users_per_address = 10 });
    CHECK(guests.add("a", noon));
    CHECK(guests.add("b", noon));
    CHECK_FALSE(guests.add("c", noon));
    CHECK_FALSE(guests.has("c"));
    guests.remove("a");
    CHECK(guests.add("c", noon));
}

TEST_CASE("no more guests come from one network than may, whatever their addresses there")
{
    Guests guests({ .users = 10, .users_per_address = 2 });
    for (const char* user : { "a", "b", "c", "d" })
        CHECK(guests.add(user, noon));
    CHECK(guests.settle("a", "2001:db8::1"));
    CHECK(guests.settle("b", "2001:db8::2"));
    CHECK_FALSE(guests.settle("c", "2001:db8::3"));
    CHECK(guests.settle("d", "2001:db8:0:1::1"));
    guests.remove("c"); // who was refused takes no place with them
    CHECK(guests.add("e", noon));
    CHECK_FALSE(guests.settle("e", "2001:db8::3"));
    guests.remove("a");
    CHECK(guests.settle("e", "2001:db8::3"));
    CHECK_FALSE(guests.settle("nobody", "192.0.2.1"));
}

TEST_CASE("guests without a session are due after a time, once, and sooner when they have left")
{
    using Users = std::vector<std::string>;
    Guests guests({});
    const auto due = [&](TimePoint now) { return guests.take_due(now, 1s, 5min); };
    guests.add("never", noon);
    guests.add("here", noon);
    CHECK(guests.open("here"));
    CHECK_FALSE(guests.open("nobody"));
    CHECK(due(noon + 5min - 1s).empty());
    CHECK(due(noon + 5min) == Users { "never" });
    CHECK(due(noon + 1h).empty());
    CHECK(guests.close("here", noon + 1h));
    CHECK_FALSE(guests.close("nobody", noon));
    CHECK(due(noon + 1h).empty());
    CHECK(due(noon + 1h + 1s) == Users { "here" });
    CHECK(due(noon + 2h).empty());
    // It could not be removed, so it is due again.
    guests.close("never", noon + 3h);
    CHECK(due(noon + 4h) == Users { "never" });
}

TEST_CASE("who is leaving does not exist any more, but is remembered until nothing is left")
{
    Guests guests({ .users = 1, .users_per_address = 1 });
    guests.add("a", noon);
    CHECK(guests.has("a"));
    CHECK(guests.close("a", noon));
    CHECK_FALSE(guests.has("a"));
    CHECK_FALSE(guests.add("b", noon));
    guests.set_leaving("a", false);
    CHECK(guests.has("a"));
    guests.remove("a");
    CHECK_FALSE(guests.has("a"));
}

TEST_CASE("the next generation knows the guests, and counts them")
{
    Guests former({ .users = 10, .users_per_address = 2 });
    for (const char* user : { "a", "b", "c" })
        former.add(user, noon);
    former.settle("a", "192.0.2.1");
    former.settle("b", "192.0.2.1");
    former.open("a");
    former.open("b");
    former.close("b", noon);
    Snapshot snapshot;
    former.save(snapshot);

    Guests guests({ .users = 2, .users_per_address = 2 });
    guests.restore(snapshot);
    CHECK(guests.has("a"));
    CHECK_FALSE(guests.has("b"));
    CHECK_FALSE(guests.settle("c", "192.0.2.1"));
    CHECK_FALSE(guests.add("d", noon));
    CHECK(guests.take_due(noon + 1s, 1s, 5min) == std::vector<std::string> { "b" });
    CHECK(guests.take_due(noon + 1h, 1s, 5min) == std::vector<std::string> { "c" });
}

TEST_CASE(
    "guests of a former time are taken in beyond the limit, once, and leave unless they are here")
{
    Guests guests({ .users = 1, .users_per_address = 1 });
    guests.add("a", noon);
    CHECK(guests.adopt("b", noon));
    CHECK(guests.adopt("c", noon));
    CHECK_FALSE(guests.adopt("b", noon));
    CHECK_FALSE(guests.adopt("a", noon));
    guests.open("c");
    CHECK(guests.has("c"));
    CHECK(guests.take_due(noon + 1s, 1s, 5min) == std::vector<std::string> { "b" });
}
