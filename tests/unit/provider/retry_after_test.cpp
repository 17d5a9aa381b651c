#include "provider/retry_after.hpp"

#include <gtest/gtest.h>

namespace offpeak {
namespace {

const Instant now = parse_rfc3339("1994-11-06T08:49:00Z").value();
constexpr const char* date = "Sun, 06 Nov 1994 08:49:37 GMT";

TEST(RetryAfter, ReadsSecondsMillisecondsAndDates) {
  struct Row {
    const char *millis, *seconds, *date;
    std::int64_t wait;  // milliseconds; 0: none
  };
  for (const Row& row : {
           Row{"", "10", "", 10'000},
           Row{"", "0.25", "", 250},
           Row{"", "1.0001", "", 1001},
           Row{"500", "10", "", 500},
           Row{"0.5", "", "", 1},
           Row{"x", "10", "", 10'000},
           Row{"-5", "10", "", 10'000},
           Row{"", "0", "", 0},
           Row{"", "-1", "", 0},
           Row{"", "", "", 0},
           Row{"", "soon", "", 0},
           Row{"", "10s", "", 0},
           Row{"", " 10", "", 0},
           Row{"", "nan", "", 0},
           Row{"", "inf", "", 0},
           Row{"", "2147483", "", 2'147'483'000},
           Row{"", "2147484", "", 0},
           Row{"", "1e3", "", 0},
           Row{"", "99999999999999999999999", "", 0},
           Row{"", date, "", 37'000},
           Row{"", date, "Sun, 06 Nov 1994 08:49:27 GMT", 10'000},
           Row{"", date, date, 0},
           Row{"", date, "nonsense", 37'000},
           Row{"", "Sun, 06 Nov 1994 08:48:00 GMT", "", 0},
       }) {
    const auto wait = parse_retry_after(row.millis, row.seconds, row.date, now);
    EXPECT_EQ(wait.value_or(Duration(0)).count(), row.wait) << row.millis << "|" << row.seconds << "|" << row.date;
  }
}

TEST(RetryAfter, ReadsHttpDates) {
  EXPECT_EQ(to_rfc3339(parse_http_date(date).value()), "1994-11-06T08:49:37Z");
  EXPECT_EQ(to_rfc3339(parse_http_date("Sat, 29 Feb 2028 23:59:60 GMT").value()), "2028-03-01T00:00:00Z");
  for (const char* text :
       {"", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 Nox 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, x6 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun,,06 Nov 1994 08:49:37 GMT"}) {
    EXPECT_FALSE(parse_http_date(text)) << text;
  }
}

}  // namespace
}  // namespace offpeak
