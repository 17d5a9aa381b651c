// Text that people write and read: escapes, names, durations, sizes.
#include "base/text.hpp"

#include <gtest/gtest.h>

#include <array>

namespace offpeak {
namespace {

using namespace std::chrono_literals;

TEST(Text, KnowsUtf8FromOtherBytes) {
  EXPECT_EQ(utf8_length("a"), 1U);
  EXPECT_EQ(utf8_length("\xC3\xBC"), 2U);
  EXPECT_EQ(utf8_length("\xE2\x82\xAC"), 3U);
  EXPECT_EQ(utf8_length("\xF0\x9F\x98\x80"), 4U);
  for (const auto* bad : {"\x80", "\xC0\x80", "\xC1\xBF", "\xC3", "\xC3(", "\xE0\x80\x80", "\xED\xA0\x80", "\xE2\x82",
                          "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF"}) {
    EXPECT_EQ(utf8_length(bad), 0U) << bad;
  }
}

TEST(Text, EscapesWhatCouldForgeALineOrSteerATerminal) {
  EXPECT_EQ(escape_for_display("a\nb\r\x1b[2J\x7f\t", 100), "a\\x0ab\\x0d\\x1b[2J\\x7f\\x09");
  EXPECT_EQ(escape_for_display("\xC2\x9B"
                               "1m",
                               100),
            "\\xc2\\x9b1m")
      << "C1 controls";
  EXPECT_EQ(escape_for_display("\xFFz\xC3", 100), "\\xffz\\xc3");
  EXPECT_EQ(escape_for_display("gr\xC3\xBC\xC3\x9F", 100), "gr\xC3\xBC\xC3\x9F");
  EXPECT_EQ(escape_for_display(std::string("\0x", 2), 100), "\\x00x");
}

TEST(Text, CutsBetweenCharactersNeverWithinOne) {
  EXPECT_EQ(escape_for_display("abcdef", 6), "abcdef");
  EXPECT_EQ(escape_for_display("abcdef", 5), "abcde...");
  EXPECT_EQ(escape_for_display("abc\xE2\x82\xAC", 5), "abc...");
  EXPECT_EQ(escape_for_display("abc\n", 5), "abc...");
}

TEST(Text, MakesFileNamesThatCannotLeaveTheirFolder) {
  EXPECT_EQ(safe_file_name("reviews-2026_v1.jsonl", 100), "reviews-2026_v1.jsonl");
  EXPECT_EQ(safe_file_name("../../etc/passwd", 100), ".._.._etc_passwd");
  EXPECT_EQ(safe_file_name("a b\n\xC3\xBC", 100), "a_b___");
  EXPECT_EQ(safe_file_name("", 100), "_");
  EXPECT_EQ(safe_file_name(".", 100), "_");
  EXPECT_EQ(safe_file_name("..", 100), "_");
  EXPECT_EQ(safe_file_name("...", 2), "_") << "after the cut too";
  EXPECT_EQ(safe_file_name(std::string(300, 'a'), 100).size(), 100U);
}

TEST(Text, NamesTheNearestWordOnlyWhereItIsNear) {
  constexpr std::array<std::string_view, 4> known{"linger", "max_requests", "max_bytes", "id"};
  EXPECT_EQ(nearest_word("lingr", known), "linger");
  EXPECT_EQ(nearest_word("max-requests", known), "max_requests");
  EXPECT_EQ(nearest_word("maxbytes", known), "max_bytes");
  EXPECT_EQ(nearest_word("completely_different", known), std::nullopt);
  EXPECT_EQ(nearest_word("x", {}), std::nullopt);
}

TEST(Text, ReadsDurations) {
  EXPECT_EQ(parse_duration("250ms"), 250ms);
  EXPECT_EQ(parse_duration("2s"), 2s);
  EXPECT_EQ(parse_duration("1.5h"), 90min);
  EXPECT_EQ(parse_duration("30d"), 720h);
  EXPECT_EQ(parse_duration("5 m"), 5min);
  EXPECT_EQ(parse_duration("0"), 0ms);
  EXPECT_EQ(parse_duration("1.001s"), 1001ms) << "not cut by binary fractions";
  for (const auto* bad : {"", "5", "s", "-1s", "1 parsec", "1e3s", "nans", "infs", "1s 2", " 1s", "+1s", "1S",
                          "99999999d", "0x10s", "1..5s"}) {
    EXPECT_EQ(parse_duration(bad), std::nullopt) << bad;
  }
}

TEST(Text, WritesDurationsThatItCanRead) {
  EXPECT_EQ(to_text(Duration(1500)), "1500ms");
  EXPECT_EQ(to_text(Duration(60'000)), "1m");
  EXPECT_EQ(to_text(Duration(90'000)), "90s");
  EXPECT_EQ(to_text(Duration(0)), "0ms");
  for (const auto duration : {Duration(0), Duration(1), Duration(999), Duration(3'600'000), Duration(86'400'001)}) {
    EXPECT_EQ(parse_duration(to_text(duration)), duration);
  }
}

TEST(Text, ReadsSizes) {
  EXPECT_EQ(parse_bytes("256MB"), 256'000'000U);
  EXPECT_EQ(parse_bytes("1KB"), 1000U);
  EXPECT_EQ(parse_bytes("1.5GiB"), 1'610'612'736U);
  EXPECT_EQ(parse_bytes("17B"), 17U);
  EXPECT_EQ(parse_bytes("0"), 0U);
  EXPECT_EQ(parse_bytes("1.001KB"), 1001U);
  for (const auto* bad : {"", "5", "KB", "-1KB", "1kb", "1TB", "1M", "10000000000GB"}) {
    EXPECT_EQ(parse_bytes(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace offpeak
