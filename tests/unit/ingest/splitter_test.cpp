#include "ingest/splitter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/json.hpp"

namespace offpeak {
namespace {

using testing::HasSubstr;

struct Split {
  std::vector<std::string> pieces;  // line:column:text
  std::string fault;                // line:column: message
  bool operator==(const Split&) const = default;
};

// Feeds `text` in blocks of `block` bytes.
Split split(JobFormat format, std::string_view text, std::size_t block) {
  const auto splitter = make_splitter(format, 0);
  Split result;
  const auto note = [&](Found found) {
    if (found == Found::piece) {
      const auto& piece = splitter->piece();
      result.pieces.push_back(std::to_string(piece.line) + ":" + std::to_string(piece.column) + ":" +
                              std::string(text.substr(piece.offset, piece.bytes)));
    }
    if (found == Found::fault) {
      const auto& fault = splitter->fault();
      result.fault =
          std::to_string(*fault.line) + ":" + std::to_string(*fault.column) + ": " + fault.message + fault.hint;
    }
    return found != Found::fault;
  };
  for (std::size_t at = 0; at < text.size();) {
    auto bytes = text.substr(at, block);
    while (!bytes.empty()) {
      std::size_t taken = 0;
      if (!note(splitter->scan(bytes, taken))) return result;
      EXPECT_LE(splitter->kept_from(), at + taken);
      bytes.remove_prefix(taken);
      at += taken;
    }
  }
  for (auto found = splitter->finish(); found != Found::end; found = splitter->finish()) {
    if (!note(found)) return result;
  }
  return result;
}

// The same however the bytes arrive.
Split split_any_way(JobFormat format, std::string_view text) {
  const auto whole = split(format, text, text.size() + 1);
  for (const std::size_t block : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{7}}) {
    EXPECT_EQ(split(format, text, block), whole) << text << " in blocks of " << block;
  }
  return whole;
}

using Pieces = std::vector<std::string>;

TEST(LineSplitter, CountsPhysicalLines) {
  const auto lines = [](std::string_view text) { return split_any_way(JobFormat::lines, text).pieces; };
  EXPECT_EQ(lines(""), Pieces{});
  EXPECT_EQ(lines("a"), Pieces{"1:1:a"});
  EXPECT_EQ(lines("a\n"), Pieces{"1:1:a"});
  EXPECT_EQ(lines("a\n\nb\r\n"), (Pieces{"1:1:a", "2:1:", "3:1:b\r"}));
  EXPECT_EQ(lines("\n\n"), (Pieces{"1:1:", "2:1:"}));
}

TEST(RequestsSplitter, GivesEveryElementWithItsPlace) {
  const auto found = split_any_way(JobFormat::requests, R"(
{ "offpeak" : {"hold":true} ,
  "requests":[ {"a":"]}\"\\"},
    [1,{"b":[]}],"x]",  12, true
  ]
}
)");
  EXPECT_EQ(found.fault, "");
  EXPECT_EQ(found.pieces, (Pieces{"2:15:{\"hold\":true}", "3:16:{\"a\":\"]}\\\"\\\\\"}", "4:5:[1,{\"b\":[]}]",
                                  "4:18:\"x]\"", "4:25:12", "4:29:true"}));
}

TEST(RequestsSplitter, OptionsMayStandBehindTheRequests) {
  EXPECT_EQ(split_any_way(JobFormat::requests, R"({"requests":[1],"offpeak":{}})").pieces,
            (Pieces{"1:14:1", "1:27:{}"}));
  EXPECT_EQ(split_any_way(JobFormat::requests, R"({"requests":[]})"), (Split{}));
  EXPECT_EQ(split_any_way(JobFormat::requests, R"({})"), (Split{}));
  EXPECT_EQ(split_any_way(JobFormat::requests, R"({"reque\u0073ts":[1]})").pieces, Pieces{"1:19:1"});
}

TEST(RequestsSplitter, RefusesEverythingElseWithItsPlace) {
  struct Row {
    const char* text;
    const char* fault;
  };
  const Row rows[] = {
      {"", "1:1: the file ends in the middle"},
      {"[1]", "1:1: a *.json job file is one object"},
      {"{", "1:2: the file ends in the middle"},
      {R"({"requests":[1})", "1:15: expected \",\" or \"]\""},
      {R"({"requests":[1,]})", "1:16: expected an element"},
      {R"({"requests":[,1]})", "1:14: expected an element"},
      {R"({"requests":[1 2]})", "1:16: expected \",\" or \"]\""},
      {R"({"requests":[1]]})", "1:16: expected \",\" or \"}\""},
      {R"({"requests":{}})", "1:13: \"requests\" must be an array"},
      {R"({"requests":[1],})", "1:17: expected a key"},
      {R"({"requests":[1]} x)", "1:18: extra data"},
      {"{\"requests\":[1]}\n{\"requests\":[1]}", "2:1: extra data"},
      {R"({"requests":[1],"requests":[1]})", "1:26: the member \"requests\" is given twice"},
      {R"({"offpeak":{},"offpeak":{},"requests":[]})", "1:23: the member \"offpeak\" is given twice"},
      {R"({"request":[1]})", "1:10: unknown member \"request\""},
      {R"({"custom_id":"a","params":{}})", "name the file *.jsonl"},
      {R"({"requests" [1]})", "1:13: expected \":\""},
      {R"({"offpeak":,"requests":[]})", "1:12: expected a value"},
      {R"({"requests":[{"a":1)", "the file ends in the middle"},
      {R"({"requests":["abc)", "the file ends in the middle"},
      {R"({"requests":[1)", "the file ends in the middle"},
      {R"({requests:[1]})", "1:2: expected a key"},
      {"{\"a\nb\":1}", "1:4: a control character in a key"},
      {R"({"re\questes":[1]})", "the key is not valid JSON"},
  };
  for (const auto& row : rows)
    EXPECT_THAT(split_any_way(JobFormat::requests, row.text).fault, HasSubstr(row.fault)) << row.text;
}

// Whatever the bytes: it ends, and what it takes for pieces lies inside the text.
TEST(RequestsSplitter, NeverAcceptsTheGlueOfInvalidJson) {
  const std::string good = R"({"offpeak":{"a":[1,"x"]},"requests":[{"b":"}"},{"c":[{}]}]})";
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const char c : {'{', '}', '[', ']', '"', ',', ':', '\\', ' ', 'x'}) {
      std::string bad = good;
      bad[at] = c;
      const auto found = split_any_way(JobFormat::requests, bad);
      bool all_valid = true;
      for (const auto& piece : found.pieces) {
        const auto text = std::string_view(piece).substr(piece.find(':', piece.find(':') + 1) + 1);
        all_valid = all_valid && !JsonChecker().check(text);
      }
      const bool taken = found.fault.empty() && all_valid;
      EXPECT_FALSE(taken && JsonChecker().check(bad)) << bad;
    }
  }
}

}  // namespace
}  // namespace offpeak
