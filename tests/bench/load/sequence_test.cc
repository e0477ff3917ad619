#include "histogram.h"
#include "sequence.h"

#include <doctest/doctest.h>

using namespace nuncio::bench;

namespace {

Faults after(std::initializer_list<std::uint64_t> arrivals, std::uint64_t sent)
{
    Faults faults;
    SequenceCheck check;
    for (const auto number : arrivals)
        check.arrived(number, faults);
    check.finish(sent, faults);
    return faults;
}

}

TEST_CASE("numbers in order are no fault")
{
    CHECK_FALSE(after({ 0, 1, 2, 3 }, 4).any());
}

TEST_CASE("what is lost is counted, in the middle and at the end")
{
    CHECK(after({ 0, 2, 3 }, 4).lost == 1);
    CHECK(after({ 0, 1 }, 4).lost == 2);
    CHECK(after({}, 3).lost == 3);
}

TEST_CASE("what comes twice is repeated, also when it is late")
{
    CHECK(after({ 0, 1, 1, 0 }, 2).repeated == 2);
    const auto faults = after({ 0, 2, 1, 1 }, 3);
    CHECK(faults.repeated == 1);
    CHECK(faults.reordered == 1);
    CHECK(faults.lost == 0);
}

TEST_CASE("a huge gap is lost without being listed")
{
    CHECK(after({ 1'000'000'000 }, 1'000'000'001).lost == 1'000'000'000);
}

TEST_CASE("percentiles are right to two per cent")
{
    Histogram histogram;
    for (std::uint64_t value = 1; value <= 100'000; ++value)
        histogram.record(value);
    CHECK(histogram.percentile(0.5) == doctest::Approx(50'000).epsilon(0.02));
    CHECK(histogram.percentile(0.99) == doctest::Approx(99'000).epsilon(0.02));
    CHECK(histogram.percentile(1) == 100'000);
    CHECK(histogram.max() == 100'000);
    CHECK(Histogram().percentile(0.5) == 0);
}
