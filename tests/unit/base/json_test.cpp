// What is valid JSON, and where its parts lie.
#include "base/json.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace offpeak {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

bool valid(std::string_view text) { return !JsonChecker().check(text); }

// The same value made so long that the streaming parser checks it.
bool valid_when_long(std::string_view text) {
  return valid(fmt::format("[\"{}\",{}]", std::string(600'000, 'x'), text));
}

TEST(JsonChecker, TakesWhatTheStandardAllows) {
  for (const std::string_view text :
       {"{}", " [ ] ", "\t\r\n0\n", "-0.5e+10", "\"\"", "true", "null", "[1,[2,{\"a\":[]}]]", "{\"a\":1,\"a\":2}",
        "123456789012345678901234567890", "1e999", "\"\\u0000\\ud83d\\ude00\\/\"",
        "\"gr\xC3\xBC\xC3\x9F \xF0\x9F\x98\x80\""}) {
    EXPECT_TRUE(valid(text)) << text;
    EXPECT_TRUE(valid_when_long(text)) << text;
  }
}

TEST(JsonChecker, RefusesEverythingElse) {
  using namespace std::string_view_literals;
  for (const std::string_view text : {""sv,
                                      " "sv,
                                      "{"sv,
                                      "}"sv,
                                      "[1,]"sv,
                                      "{\"a\":1,}"sv,
                                      "{a:1}"sv,
                                      "{'a':1}"sv,
                                      "[1 2]"sv,
                                      "01"sv,
                                      "1."sv,
                                      ".5"sv,
                                      "+1"sv,
                                      "-"sv,
                                      "1e"sv,
                                      "NaN"sv,
                                      "Infinity"sv,
                                      "tru"sv,
                                      "nulll"sv,
                                      "\"a"sv,
                                      "\"\\x\""sv,
                                      "\"\\u12\""sv,
                                      "\"\t\""sv,
                                      "\"\n\""sv,
                                      "// c\n1"sv,
                                      "/**/1"sv,
                                      "{} {}"sv,

                                      "\"\xFF\""sv,
                                      "\"\xC3\""sv,
                                      "\"\xED\xA0\x80\""sv,
                                      "\"\xC0\x80\""sv,
                                      "\xEF\xBB\xBF{}"sv,
                                      "{}\0"sv,
                                      "\0{}"sv,
                                      "\"\0\""sv,
                                      "[\xC2\xA0]"sv,
                                      "{\"a\"}"sv,
                                      "{\"a\":}"sv,
                                      "{1:2}"sv,
                                      "[,]"sv}) {
    EXPECT_FALSE(valid(text)) << text;
    EXPECT_FALSE(valid_when_long(text)) << text;
  }
}

TEST(JsonChecker, RefusesALoneSurrogate) {
  for (const std::string_view text : {R"("\ud800")", R"("\udc00")", R"("\ud800x")", R"("\ud800\n")",
                                      R"("\ud800\ud800")", R"("\udc00\ud800")", R"("a\udfff")", R"({"\ud800":1})"}) {
    EXPECT_FALSE(valid(text)) << text;
    EXPECT_FALSE(valid_when_long(text)) << text;
  }
}

TEST(JsonChecker, BothParsersStopAtTheSameDepth) {
  const auto nested = [](std::size_t depth, std::size_t padding) {
    return std::string(depth, '[') + "\"" + std::string(padding, 'x') + "\"" + std::string(depth, ']');
  };
  for (const std::size_t padding : {1U, 600'000U}) {
    EXPECT_TRUE(valid(nested(json_depth_max, padding))) << padding;
    EXPECT_FALSE(valid(nested(json_depth_max + 1, padding))) << padding;
    EXPECT_FALSE(valid(nested(100'000, padding))) << padding;
    JsonChecker checker;
    EXPECT_FALSE(checker.check(nested(1'000'000, padding), JsonTaken::as_it_came)) << padding;
  }
}

TEST(JsonChecker, SaysWhereTheTextStopsBeingJson) {
  JsonChecker checker;
  const auto offset = [&](std::string_view text) {
    const auto fault = checker.check(text);
    return fault ? static_cast<int>(fault->offset) : -1;
  };
  EXPECT_EQ(offset("{\"a\": nope}"), 6);
  EXPECT_EQ(offset("[1,2"), 4);
  EXPECT_EQ(offset("{} x"), 3);
  EXPECT_EQ(offset(""), 0);
  EXPECT_EQ(offset("{}"), -1) << "a fault leaves nothing behind";
}

TEST(JsonChecker, ChecksTextsOfAnyLengthInAnyOrder) {
  JsonChecker checker;
  for (const std::size_t size : {1U, 100'000U, 10U, 524'286U, 524'287U, 2U, 2'000'000U, 3U}) {
    const auto text = "\"" + std::string(size, 'x') + "\"";
    EXPECT_FALSE(checker.check(text)) << size;
    EXPECT_TRUE(checker.check(text.substr(1))) << size;
  }
}

std::vector<std::pair<std::string, std::string>> members_of(std::string_view object) {
  std::vector<std::pair<std::string, std::string>> found;
  JsonMembers members(object);
  for (JsonMember member; members.next(member);) found.emplace_back(member.key, member.value);
  return found;
}

TEST(JsonMembers, AreSlicesOfTheText) {
  EXPECT_THAT(
      members_of(R"( { "a" : 1 , "b":[1,{"x":"]"}], "c\"}" : "q\\", "d":-1.5e3 } )"),
      ElementsAre(Pair("a", "1"), Pair("b", R"([1,{"x":"]"}])"), Pair(R"(c\"})", R"("q\\")"), Pair("d", "-1.5e3")));
  EXPECT_THAT(members_of("{}"), ::testing::IsEmpty());
  EXPECT_THAT(members_of(R"({"a":{},"b":null,"":""})"),
              ElementsAre(Pair("a", "{}"), Pair("b", "null"), Pair("", "\"\"")));
}

TEST(JsonElements, AreSlicesOfTheText) {
  std::vector<std::string> found;
  JsonElements elements(R"( [ 1,"a,]" , {"x":[]},[[ ]] ,null ] )");
  for (std::string_view element; elements.next(element);) found.emplace_back(element);
  EXPECT_THAT(found, ElementsAre("1", "\"a,]\"", "{\"x\":[]}", "[[ ]]", "null"));
  std::string_view element;
  EXPECT_FALSE(JsonElements("[ ]").next(element));
}

TEST(Json, FindsMembersByTheirDecodedKey) {
  constexpr std::string_view object = R"({"a":{"b":{"c":7}},"\u0064":8,"e":[]})";
  EXPECT_EQ(json_member(object, "a"), R"({"b":{"c":7}})");
  EXPECT_EQ(json_member(object, "d"), "8");
  EXPECT_EQ(json_member(object, "x"), std::nullopt);
  EXPECT_EQ(json_member("[1]", "a"), std::nullopt);
  EXPECT_EQ(json_path(object, {"a", "b", "c"}), "7");
  EXPECT_EQ(json_path(object, {"a", "x", "c"}), std::nullopt);
  EXPECT_EQ(json_path(object, {"e", "x"}), std::nullopt);
}

TEST(Json, KnowsTheKindOfAValue) {
  EXPECT_EQ(json_kind(" {}"), JsonKind::object);
  EXPECT_EQ(json_kind("[]"), JsonKind::array);
  EXPECT_EQ(json_kind("\"\""), JsonKind::string);
  EXPECT_EQ(json_kind("-1"), JsonKind::number);
  EXPECT_EQ(json_kind("false"), JsonKind::boolean);
  EXPECT_EQ(json_kind("null"), JsonKind::null);
}

TEST(Json, DecodesStrings) {
  EXPECT_EQ(json_decode_string(R"("\"\\\/\b\f\n\r\t")"), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(json_decode_string(R"("\u0041\u00fc\u20AC\ud83d\uDE00")"), "A\xC3\xBC\xE2\x82\xAC\xF0\x9F\x98\x80");
  EXPECT_EQ(json_decode_string(R"("\u0000")"), std::string(1, '\0'));
  EXPECT_EQ(json_decode_key(R"(a\tb)"), "a\tb");
  EXPECT_EQ(json_decode_string("\"\""), "");
}

TEST(Json, ReadsPlainIntegersOnly) {
  EXPECT_EQ(json_integer("-12"), -12);
  EXPECT_EQ(json_integer("9223372036854775807"), INT64_MAX);
  for (const auto* text : {"9223372036854775808", "1.0", "1e3", "\"1\"", "null", "", " 1"}) {
    EXPECT_EQ(json_integer(text), std::nullopt) << text;
  }
}

TEST(Json, QuotingAndDecodingAgree) {
  std::string every_byte;
  for (int c = 0; c < 128; ++c) every_byte += static_cast<char>(c);
  every_byte += "\xC2\x85\xE2\x80\xA8\xF0\x9F\x98\x80";
  const auto quoted = json_quote(every_byte);
  EXPECT_TRUE(valid(quoted)) << quoted;
  EXPECT_EQ(json_decode_string(quoted), every_byte);
  EXPECT_EQ(json_quote("a\xFF\xC3z"), "\"a\xEF\xBF\xBD\xEF\xBF\xBDz\"");
}

TEST(Json, IsPutOnOneLine) { EXPECT_EQ(json_on_one_line("{\r\n\"a\":\n1}"), "{  \"a\": 1}"); }

TEST(JsonChecker, TakesALoneSurrogateOnlyWhereAllowed) {
  JsonChecker checker;
  for (const std::string text : {R"({"a":"\ud83d"})", R"(["\udc00 x", "\\ud800"])", R"({"\uDBFF":1})"}) {
    EXPECT_TRUE(checker.check(text)) << text;
    EXPECT_FALSE(checker.check(text, JsonTaken::as_it_came)) << text;
  }
  EXPECT_FALSE(checker.check(R"("\ud83d\ude00")"));
  EXPECT_TRUE(checker.check(R"({"a":"\ud83d")", JsonTaken::as_it_came)) << "still no JSON";
  EXPECT_TRUE(checker.check(R"("\ud8")", JsonTaken::as_it_came));
}

}  // namespace
}  // namespace offpeak
