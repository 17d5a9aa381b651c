#include "model/params.hpp"

#include <gtest/gtest.h>

#include "base/digest.hpp"
#include "model/limits.hpp"

namespace offpeak {
namespace {

constexpr std::string_view nonce = "0123456789abcdef01234567";
constexpr Fingerprint smallest = 0;
constexpr Fingerprint largest = ~Fingerprint{0};
constexpr Fingerprint largest_of_old = (Fingerprint{1} << 40) - 1;

TEST(WireIdTest, CarriesPlaceAndFingerprintInAFixedLength) {
  for (const auto print : {smallest, Fingerprint{1}, Fingerprint{0xdeadbeef}, largest}) {
    for (const std::uint32_t place : {0U, 1U, 17U, 99'999U, 1'048'575U}) {
      const auto text = wire_id({nonce, place, print});
      EXPECT_EQ(text.size(), wire_nonce_bytes + 1 + wire_seq_bytes) << text;
      EXPECT_LE(text.size(), wire_id_bytes_max);
      const auto read = parse_wire_id(text);
      ASSERT_TRUE(read) << text;
      EXPECT_EQ(*read, (WireId{nonce, place, print})) << text;
    }
  }
}

TEST(WireIdTest, TheFormOfEarlierVersionsIsStillRead) {
  const auto read = parse_wire_id("0123456789abcdef01234567-99999");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->place, 99'999u);
  EXPECT_FALSE(read->fingerprint);
  EXPECT_EQ(wire_id(*read), "0123456789abcdef01234567-99999");
  for (const auto print : {smallest, Fingerprint{0xdeadbeef}, largest_of_old}) {
    const WireId old{nonce, 999'999, print, old_fingerprint_bits};
    const auto text = wire_id(old);
    EXPECT_EQ(text.size(), 24u + 1 + 19);
    EXPECT_EQ(parse_wire_id(text), old) << text;
  }
}

TEST(WireIdTest, ForeignIdsAreNone) {
  for (const auto* text :
       {"", "-", "my-id-7", "0123456789abcdef01234567-", "0123456789abcdef01234567-01", "0123456789abcdef01234567--1",
        "0123456789abcdef01234567-+1", "0123456789abcdef01234567-1x", "0123456789abcdef0123456-1",
        "0123456789abcdef01234567-4294967296",
        "0123456789abcdef01234567-1099511627775999999",  // below the smallest fingerprint
        "0123456789abcdef01234567-2199023255552000000",  // above the largest
        "0123456789abcdef01234567-0123456789abcdeF00000", "0123456789abcdef01234567-0123456789abcdef0000g",
        "0123456789abcdef01234567-0123456789abcdef0000", "0123456789abcdef01234567-+123456789abcdef00000",
        "0123456789abcdef01234567-0999511627776000000", "0123456789abcdef01234567-10995116277760000000"}) {
    EXPECT_FALSE(parse_wire_id(text)) << text;
  }
}

TEST(FingerprintTest, ContainsTheChecksumOfTheLineIndexWhereThereAreNoDefaults) {
  const std::string params = R"({"model":"m","max_tokens":1})";
  EXPECT_EQ(fingerprint_seed(""), 0u);
  EXPECT_EQ(checksum_part(fingerprint(params, 0)), checksum32(params));
  EXPECT_EQ(fingerprint(params, 0), fingerprint_of_hash(hash64(params)));
}

TEST(FingerprintTest, DependsOnParamsAndDefaults) {
  const auto seed = fingerprint_seed(R"({"system":"x"})");
  EXPECT_NE(fingerprint("{}", 0), fingerprint("{ }", 0));
  EXPECT_NE(fingerprint("{}", 0), fingerprint("{}", seed));
  EXPECT_NE(seed, fingerprint_seed(R"({"system":"y"})"));
  EXPECT_EQ(low_bits(largest, old_fingerprint_bits), largest_of_old);
  EXPECT_EQ(low_bits(largest, fingerprint_bits), largest);
}

TEST(RequestPrefix, IsCountedExactly) {
  for (const std::uint32_t place : {0U, 9U, 10U, 99'999U}) {
    const std::string params = R"({"model":"m"})";
    const auto sent = (place == 0 ? "" : ",") + request_prefix(nonce, place, fingerprint(params, 0)) + params + "}";
    EXPECT_EQ(sent.size(), request_bytes(place, params.size()));
  }
}

TEST(WireIdTest, WhatIsLongerThanTheProviderAllowsIsForeign) {
  EXPECT_FALSE(parse_wire_id(std::string(24, 'a') + "-" + std::string(64, '1')));
}

TEST(Params, WhereNothingIsMissingTheyTravelByteForByte) {
  EXPECT_EQ(merge_defaults(R"({ "a" : 1 , "b":2 })", R"({"b":3,"a":4})"), R"({ "a" : 1 , "b":2 })");
  EXPECT_EQ(merge_defaults(R"({"a":1})", "{}"), R"({"a":1})");
  EXPECT_EQ(merge_defaults("{}", "{}"), "{}");
}

TEST(Params, TheLinesOwnMemberWinsAndTheOthersStandBehindIt) {
  EXPECT_EQ(merge_defaults(R"({"a":1})", R"({"a":2,"b":{"c":3},"d":null})"), R"({"a":1,"b":{"c":3},"d":null})");
  EXPECT_EQ(merge_defaults(R"({"\u0061":1})", R"({"a":2})"), R"({"\u0061":1})") << "however its name is written";
}

TEST(Params, DefaultsOfAnEmptyObjectStandAlone) {
  EXPECT_EQ(merge_defaults("{ }", R"({"a":2,"b":3})"), R"({ "a":2,"b":3})");
  EXPECT_EQ(merge_defaults("{}", R"({"a":2})"), R"({"a":2})");
}

}  // namespace
}  // namespace offpeak
