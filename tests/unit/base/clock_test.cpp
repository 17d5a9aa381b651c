// RFC 3339 there and back.
#include "base/clock.hpp"

#include <gtest/gtest.h>

namespace offpeak {
namespace {

TEST(Rfc3339, IsWrittenInUtcWithMillisecondsWhereThereAreSome) {
  EXPECT_EQ(to_rfc3339(from_millis(0)), "1970-01-01T00:00:00Z");
  EXPECT_EQ(to_rfc3339(from_millis(1'767'225'923'250)), "2026-01-01T00:05:23.250Z");
  EXPECT_EQ(to_rfc3339(from_millis(-1)), "1969-12-31T23:59:59.999Z");
}

TEST(Rfc3339, IsReadInEveryShapeTheProviderSends) {
  const auto millis = [](std::string_view text) {
    const auto instant = parse_rfc3339(text);
    return instant ? to_millis(*instant) : -1;
  };
  EXPECT_EQ(millis("2026-01-01T00:05:23Z"), 1'767'225'923'000);
  EXPECT_EQ(millis("2026-01-01t00:05:23.25z"), 1'767'225'923'250);
  EXPECT_EQ(millis("2026-01-01T00:05:23.250999+00:00"), 1'767'225'923'250);
  EXPECT_EQ(millis("2026-01-01T01:35:23+01:30"), 1'767'225'923'000);
  EXPECT_EQ(millis("2025-12-31T19:05:23-05:00"), 1'767'225'923'000);
  EXPECT_EQ(millis("2024-02-29T00:00:00Z"), 1'709'164'800'000);
  EXPECT_EQ(millis("2026-12-31T23:59:60Z"), millis("2027-01-01T00:00:00Z")) << "a leap second";
}

TEST(Rfc3339, NonsenseIsRefused) {
  using namespace std::string_view_literals;
  for (const auto text : {""sv,
                          "2026-01-01"sv,
                          "2026-01-01T00:00:00"sv,
                          "2026-01-01 00:00:00Z"sv,
                          "2026-02-29T00:00:00Z"sv,
                          "2026-13-01T00:00:00Z"sv,
                          "2026-00-01T00:00:00Z"sv,
                          "2026-01-32T00:00:00Z"sv,
                          "2026-01-01T24:00:00Z"sv,
                          "2026-01-01T00:60:00Z"sv,
                          "2026-01-01T00:00:61Z"sv,
                          "2026-01-01T00:00:00.Z"sv,
                          "2026-01-01T-0:00:00Z"sv,
                          "2026\r01\r01T00:00:00Z"sv,
                          "2026-01-01T00\x1A"
                          "00:00Z"sv,
                          "2026-01-01T00:00:00+24:00"sv,
                          "2026-01-01T00:00:00+00:60"sv,
                          "2026-01-01T00:00:00+0000"sv,
                          "2026-01-01T00:00:00ZZ"sv,
                          "26-01-01T00:00:00Z"sv,
                          "+026-01-01T00:00:00Z"sv,
                          "null"sv}) {
    EXPECT_EQ(parse_rfc3339(text), std::nullopt) << text;
  }
}

TEST(Rfc3339, WhatIsWrittenCanBeRead) {
  for (std::int64_t millis = -2'000'000'000'000; millis < 4'000'000'000'000; millis += 34'567'890'123) {
    EXPECT_EQ(parse_rfc3339(to_rfc3339(from_millis(millis))), from_millis(millis));
  }
}

}  // namespace
}  // namespace offpeak
