// What a request looks like on the wire, counted before it is made.
#include "model/params.hpp"

#include <gtest/gtest.h>

#include "model/limits.hpp"

namespace offpeak {
namespace {

const std::string nonce(wire_nonce_bytes, 'a');

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

TEST(Params, AWireIdIsReadBackAsItWasMade) {
  for (const std::uint32_t place : {0u, 1u, 9u, 10u, 99'999u, 4'294'967'295u}) {
    const auto text = wire_id(nonce, place);
    EXPECT_LE(text.size(), wire_id_bytes_max);
    const auto read = parse_wire_id(text);
    ASSERT_TRUE(read) << text;
    EXPECT_EQ(read->nonce, nonce);
    EXPECT_EQ(read->place, place);
  }
}

// Whatever is not exactly what wire_id() makes is somebody else's.
TEST(Params, AnotherFormIsNoWireId) {
  for (const std::string& text :
       {std::string(), std::string("-"), nonce, nonce + "-", nonce + "-00", nonce + "-01", nonce + "-1x", nonce + "-x",
        nonce + "- 1", nonce + "-+1", nonce + "-4294967296", nonce + "-1-1", nonce.substr(1) + "-1", "a" + nonce + "-1",
        nonce + "-" + std::string(wire_id_bytes_max, '1')}) {
    EXPECT_FALSE(parse_wire_id(text)) << text;
  }
}

TEST(Params, TheBytesOfARequestAreCountedExactly) {
  const std::string params = R"({"model":"m"})";
  std::string body(body_open);
  std::uint64_t counted = body_open.size() + body_close.size();
  for (std::uint32_t place = 0; place < 1200; ++place) {
    if (place != 0) body += ',';
    body += request_prefix(nonce, place) + params + "}";
    counted += request_bytes(place, params.size());
  }
  body += body_close;
  EXPECT_EQ(body.size(), counted);
}

}  // namespace
}  // namespace offpeak
