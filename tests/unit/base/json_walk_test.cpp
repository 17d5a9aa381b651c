#include "base/json_walk.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace offpeak {
namespace {

// What it was told, as text.
class Told final : public JsonListener {
 public:
  void on_key(std::size_t depth, std::string_view raw, std::uint64_t offset) override {
    add(fmt::format("{}k{}:{}", depth, offset, raw));
  }
  void on_begin(std::size_t depth, JsonKind kind, std::uint64_t offset) override {
    add(fmt::format("{}{}@{}", depth, std::string_view("oasnbz")[static_cast<std::size_t>(kind)], offset));
  }
  void on_end(std::size_t depth, JsonKind, std::uint64_t end, std::string_view raw) override {
    add(fmt::format("{}e@{}{}{}", depth, end, raw.empty() ? "" : "=", raw));
  }
  std::string text;

 private:
  void add(const std::string& one) { text += (text.empty() ? "" : " ") + one; }
};

std::string told(std::string_view text, std::size_t depth, std::size_t piece) {
  Told listener;
  JsonWalk walk(JsonTaken::as_it_came, listener, depth);
  bool good = true;
  for (std::size_t at = 0; at < text.size() && good; at += piece) good = walk.feed(text.substr(at, piece));
  if (good) walk.finish();
  if (walk.fault()) listener.text += fmt::format(" !{}", walk.fault()->offset);
  return listener.text;
}

TEST(JsonWalk, TellsWhatStandsNearTheTop) {
  constexpr std::string_view text = R"( {"a":"x\"y","b":[1,{"c":2}],"d":{}, "e" : -1.5e+3,"f":true} )";
  const auto whole = told(text, 1, text.size());
  EXPECT_EQ(whole, R"(0o@1 1k3:a 1s@6 1e@12="x\"y" 1k14:b 1a@17 1e@28 1k30:d 1o@33 1e@35 1k38:e 1n@43 1e@50=-1.5e+3 )"
                   R"(1k52:f 1b@55 1e@59=true 0e@60)");
  for (std::size_t piece = 1; piece < 8; ++piece) EXPECT_EQ(told(text, 1, piece), whole) << piece;
  EXPECT_EQ(told(text, 0, 3), "0o@1 0e@60");
  EXPECT_EQ(told("7", 3, 1), "0n@0 0e@1=7");
}

TEST(JsonWalk, TellsOfWhatCameBeforeAFault) {
  EXPECT_EQ(told(R"({"a":"x","b":nope)", 1, 2), R"(0o@0 1k2:a 1s@5 1e@8="x" 1k10:b 1z@13 !13)") << "a fault is a fault";
}

TEST(JsonWalk, KeepsOnlyShortValues) {
  const std::string longest(json_kept_bytes - 2, 'x');
  Told listener;
  JsonWalk walk(JsonTaken::strictly, listener, 1);
  EXPECT_TRUE(walk.feed("[\"" + longest + "\",\"" + longest + "y\"]") && walk.finish());
  const auto end = std::to_string(json_kept_bytes + 1);
  EXPECT_NE(listener.text.find("1e@" + end + "=\"x"), std::string::npos);
  EXPECT_TRUE(listener.text.ends_with(fmt::format("1e@{} 0e@{}", 2 * json_kept_bytes + 3, 2 * json_kept_bytes + 4)));
}

// A bit a level: millions of levels are a text like any other.
TEST(JsonWalk, HasNoDepthThatIsTooMuch) {
  JsonWalk walk(JsonTaken::as_it_came);
  const std::string open(1'000'000, '[');
  const std::string close(1'000'000, ']');
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(walk.feed(open));
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(walk.feed(close));
  EXPECT_TRUE(walk.finish());
  JsonWalk strict(JsonTaken::strictly);
  EXPECT_FALSE(strict.feed(open));
  EXPECT_EQ(strict.fault()->offset, json_depth_max);
  EXPECT_EQ(strict.fault()->message, "too deep");
}

TEST(JsonWalk, PiecesOfAnySizeSayTheSame) {
  for (const std::string_view text : {"\"\\ud83d\\ude00\"",
                                      "\"\\ud83d\"",
                                      "\"\\ude00\\ud83d\"",
                                      "\"\xF0\x9F\x98\x80\"",
                                      "\"\xF0\x9F\x98\"",
                                      "\"\xED\xA0\x80\"",
                                      "\"\xC0\x80\"",
                                      "01",
                                      "-",
                                      "1.",
                                      "1e",
                                      "1e+",
                                      "-0.0e-0",
                                      "tru",
                                      "truex",
                                      "[1,]",
                                      "{\"a\"}",
                                      "{,}",
                                      "[1}",
                                      "\"\\x\"",
                                      "\"\\u12g4\"",
                                      "\"a\nb\"",
                                      "1 2",
                                      ""}) {
    for (const auto taken : {JsonTaken::strictly, JsonTaken::as_it_came}) {
      std::optional<std::string> first;
      for (std::size_t piece = 1; piece < 12; ++piece) {
        JsonWalk walk(taken);
        bool good = true;
        for (std::size_t at = 0; at < text.size() && good; at += piece) good = walk.feed(text.substr(at, piece));
        if (good) walk.finish();
        const auto& fault = walk.fault();
        const auto said = fault ? fmt::format("{}: {}", fault->offset, fault->message) : "good";
        if (!first) first = said;
        EXPECT_EQ(said, *first) << text << " in pieces of " << piece;
      }
    }
  }
}

}  // namespace
}  // namespace offpeak
