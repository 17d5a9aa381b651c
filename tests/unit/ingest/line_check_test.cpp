#include "ingest/line_check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/limits.hpp"
#include "model/params.hpp"
#include "tests/unit/ingest/ingest_helpers.hpp"

namespace offpeak {
namespace {

using testing::HasSubstr;

class LineCheckTest : public testing::Test {
 protected:
  std::vector<Fault> faults(std::string_view line) { return checker_.check(line, checked_); }
  // The one fault, as "offset: message (hint)".
  std::string only_fault(std::string_view line) {
    const auto found = faults(line);
    if (found.size() != 1) return fmt::format("{} faults", found.size());
    return fmt::format("{}: {} ({})", found[0].offset, found[0].message, found[0].hint);
  }
  JsonChecker json_;
  LineChecker checker_{json_, 256'000'000};
  CheckedLine checked_;
};

TEST_F(LineCheckTest, AGoodLineIsSlicedExactly) {
  const std::string line = R"( { "params" : {"model":"m","max_tokens":1,"messages":[1]} , "custom_id" : "a\u0062" } )";
  EXPECT_TRUE(faults(line).empty());
  const auto& entry = checked_.entry;
  EXPECT_EQ(slice(line, entry.params_offset, entry.params_bytes), R"({"model":"m","max_tokens":1,"messages":[1]})");
  EXPECT_EQ(slice(line, entry.id_offset, entry.id_bytes), R"("a\u0062")");
  EXPECT_EQ(entry.bytes, line.size());
  EXPECT_EQ(entry.sent_params_bytes, entry.params_bytes);
  EXPECT_EQ(entry.checksum, checksum32(R"({"model":"m","max_tokens":1,"messages":[1]})"));
  EXPECT_EQ(checked_.id_digest, digest128("ab"));
}

TEST_F(LineCheckTest, MembersWeDoNotKnowPassThrough) {
  EXPECT_TRUE(
      faults(
          R"({"custom_id":"a","params":{"model":"m","max_tokens":1,"messages":[1],"new":{"x":1e400},"stream":false}})")
          .empty());
}

TEST_F(LineCheckTest, SaysWhatIsWrongAndWhere) {
  struct Row {
    const char* line;
    const char* says;
  };
  const Row rows[] = {
      {R"([])", "0: a request must be an object"},
      {R"("x")", "0: a request must be an object"},
      {R"({"custom_id":"a"})", "0: \"params\" is missing"},
      {R"({"params":{"model":"m","max_tokens":1,"messages":[1]}})", "0: \"custom_id\" is missing"},
      {R"({"custom_id":7,"params":{"model":"m","max_tokens":1,"messages":[1]}})", "13: \"custom_id\" must be a string"},
      {R"({"custom_id":"","params":{"model":"m","max_tokens":1,"messages":[1]}})", "13: \"custom_id\" has 0 bytes"},
      {R"({"custom_id":"a","params":[]})", "26: \"params\" must be an object"},
      {R"({"custom_id":"a","params":{"max_tokens":1,"messages":[1]}})", "26: params.model is missing"},
      {R"({"custom_id":"a","params":{"model":"","max_tokens":1,"messages":[1]}})",
       "35: params.model must be a non-empty"},
      {R"({"custom_id":"a","params":{"model":4,"max_tokens":1,"messages":[1]}})",
       "35: params.model must be a non-empty"},
      {R"({"custom_id":"a","params":{"model":"m","messages":[1]}})", "26: params.max_tokens is missing"},
      {R"({"custom_id":"a","params":{"model":"m","max_tokens":0,"messages":[1]}})",
       "52: params.max_tokens must be an integer"},
      {R"({"custom_id":"a","params":{"model":"m","max_tokens":-5,"messages":[1]}})", "52: params.max_tokens must be"},
      {R"({"custom_id":"a","params":{"model":"m","max_tokens":1e3,"messages":[1]}})", "52: params.max_tokens must be"},
      {R"({"custom_id":"a","params":{"model":"m","max_tokens":1.0,"messages":[1]}})", "52: params.max_tokens must be"},
      {R"({"custom_id":"a","params":{"model":"m","max_tokens":"1","messages":[1]}})", "52: params.max_tokens must be"},
      {R"({"custom_id":"a","params":{"model":"m","max_tokens":null,"messages":[1]}})", "52: params.max_tokens must be"},
      {R"({"custom_id":"a","params":{"model":"m","max_tokens":1}})", "26: params.messages is missing"},
      {R"({"custom_id":"a","params":{"model":"m","max_tokens":1,"messages":[ ]}})",
       "65: params.messages must be a non-empty"},
      {R"({"custom_id":"a","params":{"model":"m","max_tokens":1,"messages":"x"}})",
       "65: params.messages must be a non-empty"},
      {R"({"custom_id":"a","params":{"model":"m","max_tokens":1,"messages":[1],"stream":true}})",
       "78: params.stream must not be true"},
      {R"({"custom_id":"a","id":1,"params":{"model":"m","max_tokens":1,"messages":[1]}})", "18: unknown member \"id\""},
      {R"({"customid":"a","params":{"model":"m","max_tokens":1,"messages":[1]},"custom_id":"a"})",
       "did you mean \"custom_id\"?"},
      {R"({"offpeak":{},"custom_id":"a","params":{"model":"m","max_tokens":1,"messages":[1]}})",
       "options may stand only in a line of their own"},
  };
  for (const auto& row : rows) EXPECT_THAT(only_fault(row.line), HasSubstr(row.says)) << row.line;
}

// faults.md 55: which of two equal members counts is defined nowhere.
TEST_F(LineCheckTest, AMemberGivenTwiceIsAFaultOnBothLevels) {
  struct Row {
    const char* line;
    const char* says;
  };
  const Row rows[] = {
      {R"({"custom_id":"a","custom_id":"a","params":{"model":"m","max_tokens":1,"messages":[1]}})",
       "18: the member \"custom_id\" is given twice"},
      {R"({"custom_id":"a","params":{"model":"m","max_tokens":1,"messages":[1]},"params":{"model":"m","max_tokens":1,"messages":[1]}})",
       "given twice"},
      {R"({"custom_id":"a","params":{"model":"m","max_tokens":1,"messages":[1],"model":"m"}})",
       "70: params has the member \"model\" twice"},
      {R"({"custom_id":"a","params":{"model":"m","max_tokens":1,"messages":[1],"x":1,"\u0078":2}})",
       "params has the member \"x\" twice"},
      {R"({"custom_id":"a","c\u0075stom_id":"b","params":{"model":"m","max_tokens":1,"messages":[1]}})", "given twice"},
  };
  for (const auto& row : rows) EXPECT_THAT(only_fault(row.line), HasSubstr(row.says)) << row.line;
  std::string many = R"({"custom_id":"a","params":{"model":"m","max_tokens":1,"messages":[1])";
  for (int i = 0; i < 1000; ++i) many += fmt::format(",\"k{}\":{}", i % 999, i);
  EXPECT_THAT(only_fault(many + "}}"), HasSubstr("params has the member \"k0\" twice"));
}

TEST_F(LineCheckTest, DeeperRepetitionIsTheProvidersBusiness) {
  EXPECT_TRUE(faults(R"({"custom_id":"a","params":{"model":"m","max_tokens":1,"messages":[{"a":1,"a":2}]}})").empty());
}

TEST_F(LineCheckTest, CountsACustomIdInDecodedBytes) {
  const auto line = [](std::string_view id) { return request(id); };
  EXPECT_TRUE(faults(line(std::string(256, 'x'))).empty());
  EXPECT_THAT(only_fault(line(std::string(257, 'x'))), HasSubstr("has 257 bytes; it must have 1 to 256"));
  std::string escaped;
  for (int i = 0; i < 256; ++i) escaped += "\\u0041";
  EXPECT_TRUE(faults(line(escaped)).empty());
  std::string umlauts;
  for (int i = 0; i < 129; ++i) umlauts += "\\u00e4";
  EXPECT_THAT(only_fault(line(umlauts)), HasSubstr("has 258 bytes"));
  EXPECT_TRUE(faults(line(R"(any \u0000 \" \\ thing/..)")).empty());
}

TEST_F(LineCheckTest, EqualIdsHaveEqualDigestsHoweverTheyAreWritten) {
  EXPECT_TRUE(faults(request("a/b")).empty());
  const auto plain = checked_.id_digest;
  EXPECT_TRUE(faults(request(R"(\u0061\/b)")).empty());
  EXPECT_EQ(checked_.id_digest, plain);
}

TEST_F(LineCheckTest, AnotherVendorsShapeGetsOneFaultWithAHint) {
  const char* lines[] = {
      R"({"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"m","messages":[1]}})",
      R"({"custom_id":"a","body":{"model":"m"}})",
      R"({"key":"a","request":{"contents":[]}})",
      R"({"recordId":"a","modelInput":{}})",
  };
  for (const auto* line : lines) {
    const auto said = only_fault(line);
    EXPECT_THAT(said, HasSubstr("another vendor's")) << line;
    EXPECT_THAT(said, HasSubstr("params is the body of a Messages request")) << line;
  }
  EXPECT_THAT(only_fault(R"({"model":"m","max_tokens":1,"messages":[1]})"), HasSubstr("it belongs into \"params\""));
  EXPECT_THAT(only_fault(R"({"requests":[]})"), HasSubstr("name the file *.json"));
}

// faults.md 45, 54, 55 and 50: what is not JSON, with a hint for the usual causes.
TEST_F(LineCheckTest, RefusesWhatIsNotJson) {
  using namespace std::string_view_literals;
  struct Row {
    std::string_view line;
    const char* says;
  };
  const Row rows[] = {
      {R"({"custom_id":"a","params":{"x":NaN}})", "no NaN"},
      {R"({'custom_id':'a'})", "double quotes"},
      {R"({"custom_id":"a",})", "one comma too many"},
      {R"({"custom_id":"a"} // comment)", "no comments"},
      {R"({"custom_id":"a"} {"custom_id":"b"})", "two objects stand on one line"},
      {R"({"custom_id":"a"}{"custom_id":"b"})", "two objects stand on one line"},
      {"{\"custom_id\":\"a\tb\"}", R"(written \t)"},
      {"{\"custom_id\":\"a\x01b\"}", R"(write \u001b)"},
      {R"({"custom_id":"a","params":{)", "one line"},
      {"{\"custom_id\":\"\xff\"}"sv, "not UTF-8: byte 0xFF"},
      {"{\"custom_id\":\"caf\xe9\"}"sv, "Latin-1 or Windows-1252"},
      {"{\"custom_id\":\"\x93quoted\x94\"}"sv, "not UTF-8: byte 0x93"},
      {"{\"custom_id\":\"\xed\xa0\x80\"}"sv, "a surrogate"},
      {R"({"custom_id":"\ud800"})"sv, "half a character"},
      {"{\"custom_id\":\"a\0b\"}"sv, "not valid JSON"},
      {"{\"custom_id\":\"a\"}\0\0\0"sv, "NUL"},
      {"\0\0\0\0"sv, "NUL"},
      {"\xEF\xBB\xBF{}"sv, "byte order mark"},
      {"{} \xEF\xBB\xBF"sv, "byte order mark"},
      {"\xff\xfe{\0"sv, "UTF-16"},
      {"\x1f\x8b\x08\x00"sv, "gzip"},
      {"\x28\xb5\x2f\xfd"sv, "zstd"},
      {"custom_id,params"sv, "not valid JSON"},
  };
  for (const auto& row : rows) {
    EXPECT_THAT(only_fault(row.line), HasSubstr(row.says)) << row.line;
    EXPECT_TRUE(checker_.was_not_json());
  }
}

// Python's and Node's parsers take such a file, so its writer must see where it is.
TEST_F(LineCheckTest, NamesHalfACharacterAndItsPlace) {
  struct Row {
    std::string before, half, behind;
  };
  const Row rows[] = {
      {R"({"custom_id":"a","x":")", R"(\ud83d)", R"("})"},
      {R"({"custom_id":"a","x":")", R"(\uDE00)", R"("})"},
      {R"({"custom_id":"a","x":")", R"(\ude00\ud83d)", R"("})"},
      {R"({"custom_id":"a","x":")", R"(\ud83d\n)", R"("})"},
      {R"({"custom_id":"a","x":")", R"(\ud83d\u0041)", R"("})"},
      {R"({"custom_id":")", R"(\ud83d)", R"("})"},
      {R"({")", R"(\ud83d)", R"(":1})"},
      {R"({"x":"\ud83d\ude00\\","y":")", R"(\ud83d)", R"("})"},
      {R"({"x":"\\ud83d","y":")", R"(\ud83d)", R"( and more"})"},
  };
  for (const auto& row : rows) {
    const auto line = row.before + row.half + row.behind;
    const auto found = faults(line);
    ASSERT_EQ(found.size(), 1u) << line;
    EXPECT_EQ(found[0].offset, row.before.size()) << line;
    EXPECT_THAT(found[0].message, HasSubstr(row.half.substr(0, 6) + " is half a character (a lone surrogate)"));
  }
  const auto elsewhere = faults(R"({"x":nope,"y":"\ud83d"})");
  ASSERT_EQ(elsewhere.size(), 1u);
  EXPECT_THAT(elsewhere[0].message, ::testing::Not(HasSubstr("surrogate"))) << "the first fault is another one";
}

TEST_F(LineCheckTest, RefusesDeepNestingWithTheLimit) {
  const auto nested = [](int depth) {
    return fmt::format(R"({{"custom_id":"a","params":{{"model":"m","max_tokens":1,"messages":[1],"x":{}{}}}}})",
                       std::string(static_cast<std::size_t>(depth), '['),
                       std::string(static_cast<std::size_t>(depth), ']'));
  };
  EXPECT_TRUE(faults(nested(200)).empty());
  EXPECT_THAT(only_fault(nested(300)), HasSubstr("nested deeper than 256 levels"));
  EXPECT_THAT(only_fault(std::string(100'000, '[')), HasSubstr("nested deeper"));
}

TEST_F(LineCheckTest, NumbersOfAnySizeTravelVerbatim) {
  EXPECT_TRUE(
      faults(
          R"({"custom_id":"a","params":{"model":"m","max_tokens":1,"messages":[1],"n":123456789012345678901234567890}})")
          .empty());
}

TEST_F(LineCheckTest, ARequestMustFitABatchAlone) {
  const auto good = request("a");
  ASSERT_TRUE(faults(good).empty());
  const auto body = body_open.size() + request_bytes(0, checked_.entry.sent_params_bytes) + body_close.size();
  LineChecker exact(json_, body);
  EXPECT_TRUE(exact.check(good, checked_).empty());
  LineChecker small(json_, body - 1);
  const auto found = small.check(good, checked_);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].message, fmt::format("the request has {} bytes; a batch holds at most {}", body, body - 1));
}

TEST_F(LineCheckTest, DefaultsFillWhatTheLineLacks) {
  checker_.use(Defaults(R"({"model":"m","max_tokens":5})"));
  EXPECT_TRUE(faults(R"({"custom_id":"a","params":{"messages":[1]}})").empty());
  EXPECT_THAT(only_fault(R"({"custom_id":"a","params":{}})"), HasSubstr("params.messages is missing"));
  EXPECT_THAT(only_fault(R"({"custom_id":"a","params":{"messages":[1],"max_tokens":0}})"),
              HasSubstr("max_tokens must"));
}

TEST_F(LineCheckTest, CountsMergedParamsExactlyAsTheyAreSent) {
  const char* defaults[] = {R"({})", R"({"model":"m"})", R"({ "model" : "m", "max_tokens": 5 ,"system":[1, 2]})",
                            R"({"m\u006fdel":"m","messages":[1],"max_tokens":5})"};
  const char* lines[] = {R"({})", R"({ })", R"({"model":"x"})", R"({"mo\u0064el":"x","messages":[2]})",
                         R"({ "system" : 1 , "max_tokens": 1 })"};
  for (const auto* merged : defaults) {
    checker_.use(Defaults(merged));
    for (const auto* own : lines) {
      ParamsRules rules;
      std::vector<Fault> ignored;
      rules.check(own, 0, "params", ignored);
      EXPECT_EQ(Defaults(merged).merged_bytes(std::string_view(own).size(), rules.keys()),
                merge_defaults(own, merged).size())
          << own << merged;
    }
  }
}

TEST_F(LineCheckTest, ABadLineKeepsItsReadableIdAndNothingElse) {
  EXPECT_EQ(faults(R"({"custom_id":"a","params":{"model":"m","max_tokens":0,"messages":[1]}})").size(), 1U);
  EXPECT_TRUE(checked_.has_id);
  EXPECT_EQ(checked_.entry.id_bytes, 3U);
  EXPECT_EQ(checked_.entry.params_bytes, 0U);
  EXPECT_EQ(faults(R"({"custom_id":1})").size(), 2U);
  EXPECT_FALSE(checked_.has_id);
  EXPECT_EQ(checked_.entry.id_bytes, 0U);
}

// Contents never reach a message: only keys and ids do, cut and escaped.
TEST_F(LineCheckTest, MessagesHoldNoContent) {
  const std::string secret = "SECRET-PROMPT";
  const std::string lines[] = {
      R"({"custom_id":"a","params":{"model":"m","max_tokens":0,"messages":[")" + secret + R"("]}})",
      R"({"custom_id":"a","params":{"model":"m","max_tokens":1,"messages":")" + secret + R"("}})",
      R"({"custom_id":"a","params":")" + secret + R"("})",
      R"({"custom_id":"a","params":{"model":"m","max_tokens":1,"messages":[")" + secret,
      secret,
  };
  for (const auto& line : lines) {
    for (const auto& fault : faults(line)) {
      EXPECT_EQ(fault.message.find(secret), std::string::npos) << fault.message;
      EXPECT_EQ(fault.hint.find(secret), std::string::npos) << fault.hint;
    }
  }
}

}  // namespace
}  // namespace offpeak
