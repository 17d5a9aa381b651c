// The packed line index: the layout that databases hold, and what is damaged is refused (fault 41).
#include "model/line_index.hpp"

#include <gtest/gtest.h>

#include "base/digest.hpp"

namespace offpeak {
namespace {

std::string with_checksum(std::string_view body) {
  const auto checksum = checksum32(body);
  std::string blob;
  for (int shift = 0; shift < 32; shift += 8) blob += static_cast<char>(checksum >> shift & 0xFF);
  return blob.append(body);
}

std::vector<LineEntry> two_entries() {
  LineEntry first;
  first.bytes = 300;
  first.id_offset = 13;
  first.id_bytes = 6;
  first.params_offset = 30;
  first.params_bytes = first.sent_params_bytes = 200;
  first.checksum = 0x01020304;
  LineEntry second;
  second.offset = 301;
  second.bytes = 5;
  second.sent_params_bytes = 7;
  second.checksum = 0xFFFFFFFF;
  return {first, second};
}

TEST(LineIndex, TheLayoutStaysAsItIs) {
  using namespace std::string_view_literals;
  constexpr auto body =
      "\x00\xAC\x02\x0D\x06\x1E\xC8\x01\x00\x04\x03\x02\x01"
      "\x01\x05\x00\x00\x00\x00\x07\xFF\xFF\xFF\xFF"sv;
  EXPECT_EQ(encode_segment(two_entries()), with_checksum(body));
  EXPECT_EQ(decode_segment(with_checksum(body)), two_entries());
}

TEST(LineIndex, TheLargestValuesCome) {
  LineEntry entry;
  entry.offset = UINT64_MAX - UINT32_MAX;
  entry.bytes = entry.id_offset = entry.id_bytes = entry.params_offset = UINT32_MAX;
  entry.sent_params_bytes = entry.checksum = UINT32_MAX;
  const std::vector<LineEntry> entries(segment_entries, entry);
  EXPECT_EQ(decode_segment(encode_segment(entries)), entries);
  EXPECT_EQ(decode_segment(encode_segment({})), std::vector<LineEntry>());
}

TEST(LineIndex, WhatIsDamagedOrCutIsRefused) {
  const auto blob = encode_segment(two_entries());
  for (std::size_t i = 0; i < blob.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      auto damaged = blob;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
      EXPECT_FALSE(decode_segment(damaged)) << "byte " << i << " bit " << bit;
    }
    EXPECT_FALSE(decode_segment(std::string_view(blob).substr(0, i))) << i;
  }
}

// Whatever a program wrote that counted wrong.
TEST(LineIndex, HalfAnEntryAndANumberBeyond32BitsAreRefusedThoughTheChecksumFits) {
  const auto body = encode_segment(two_entries()).substr(4);
  constexpr std::size_t first_entry_bytes = 13;
  for (std::size_t bytes = 1; bytes < body.size(); ++bytes) {
    const bool whole = bytes == first_entry_bytes;
    EXPECT_EQ(decode_segment(with_checksum(body.substr(0, bytes))).has_value(), whole) << bytes;
  }
  EXPECT_TRUE(decode_segment(with_checksum('\x00' + std::string("\xFF\xFF\xFF\xFF\x0F") + std::string(9, '\0'))));
  EXPECT_FALSE(decode_segment(with_checksum('\x00' + std::string("\xFF\xFF\xFF\xFF\x1F") + std::string(9, '\0'))));
  EXPECT_FALSE(decode_segment(with_checksum(std::string(11, static_cast<char>(0x80)) + std::string(10, 0))))
      << "a number without end";
}

}  // namespace
}  // namespace offpeak
