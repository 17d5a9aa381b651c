#include "sim/script.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace offpeak::sim {
namespace {

std::string error_of(std::string_view text) {
  const auto script = parse_script(text, Settings{});
  return script ? "" : script.error().message;
}

TEST(SimScript, ReadsEveryMember) {
  const auto script = parse_script(R"({
    "outcomes": {"succeeded": 97, "errored:overloaded_error": 2.5, "expired": 1}, "stop_reasons": {"max_tokens": 1},
    "processing_time": "5s", "cancel_time": "1s", "expire_after": "1h", "results_kept": "2h", "list_lag": "3s",
    "answer_bytes": "1KB", "max_requests": 10, "max_bytes": 1000, "queue_limit": 5, "progress": true,
    "too_large": "api", "poll_retry_after": 0, "api_key": "k", "workspace": "w", "organization": "o",
    "results_url_base": "http://x", "faults": [{"on": "create", "nth": 3, "do": "lose_answer"}]})",
                                   Settings{});
  ASSERT_TRUE(script) << script.error().message;
  const auto& settings = script->settings;
  EXPECT_EQ(settings.outcomes.size(), 3U);
  EXPECT_EQ(settings.outcomes[1].name, "errored:overloaded_error");
  EXPECT_EQ(settings.outcomes[1].weight, 2.5);
  EXPECT_EQ(settings.processing_time, Duration(5000));
  EXPECT_EQ(settings.list_lag, Duration(3000));
  EXPECT_EQ(settings.answer_bytes, 1000U);
  EXPECT_EQ(settings.max_bytes, 1000U);
  EXPECT_TRUE(settings.progress);
  EXPECT_FALSE(settings.html_413);
  ASSERT_EQ(script->faults.size(), 1U);
  EXPECT_EQ(script->faults[0].on, Verb::create);
  EXPECT_EQ(script->faults[0].from, 3U);
  EXPECT_EQ(script->faults[0].to, 3U);
  EXPECT_EQ(std::get<Drop>(script->faults[0].action).when, When::after);
}

TEST(SimScript, KeepsWhatItDoesNotMention) {
  Settings settings;
  settings.answer_bytes = 77;
  EXPECT_EQ(parse_script(R"({"max_requests":5})", settings)->settings.answer_bytes, 77U);
}

TEST(SimScript, NamesTheMemberThatIsWrong) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {R"({)", "not JSON at byte"},
      {R"([])", "expected an object"},
      {R"({"procesing_time":"2s"})", "procesing_time is not known; did you mean \"processing_time\"?"},
      {R"({"processing_time":"2 fortnights"})", "processing_time must be a duration"},
      {R"({"max_requests":-1})", "max_requests must be a whole number"},
      {R"({"max_bytes":"many"})", "max_bytes must be a number of bytes"},
      {R"({"progress":1})", "progress must be true or false"},
      {R"({"api_key":1})", "api_key must be a string"},
      {R"({"too_large":"pdf"})", "too_large must be one of html, api"},
      {R"({"api_key":"a","api_key":"b"})", "api_key is given twice"},
      {R"({"outcomes":{"vanished":1}})", "outcomes has the unknown name \"vanished\""},
      {R"({"outcomes":{"expired":-1}})", "outcomes.expired.weight must be a number"},
      {R"({"outcomes":{"expired":0}})", "outcomes must have a weight above 0"},
      {R"({"stop_reasons":{"tired":1}})", "stop_reasons has the unknown name \"tired\""},
      {R"({"faults":{}})", "faults must be an array"},
      {R"({"faults":[{"on":"create"}]})", "faults[0].do is missing"},
      {R"({"faults":[{"on":"creat","do":"close"}]})", "faults[0].on must be one of create"},
      {R"({"faults":[{"do":"close"},{"do":"clse"}]})",
       "faults[1].do.action \"clse\" is not known; did you mean \"close\"?"},
      {R"({"faults":[{"do":{"action":"delay","four":"1s"}}]})",
       "faults[0].do.four is not known; did you mean \"for\"?"},
      {R"({"faults":[{"do":{"action":"error","status":99}}]})", "faults[0].do.status must be from 200 to 599"},
      {R"({"faults":[{"do":{"action":"redirect"}}]})", "faults[0].do.to is missing"},
      {R"({"faults":[{"nth":2,"every":2,"do":"close"}]})", "faults[0].nth excludes from, to, every"},
      {R"({"faults":[{"nth":0,"do":"close"}]})", "count from 1"},
      {R"({"faults":[{"probability":1.5,"do":"close"}]})", "faults[0].probability must be a number from 0 to 1"},
  };
  for (const auto& [text, message] : cases) EXPECT_THAT(error_of(text), testing::HasSubstr(message)) << text;
}

TEST(SimScript, TheDocumentedFormatNamesEveryAction) {
  for (const std::string action :
       {"error",         "redirect",  "lose_answer", "close",  "reset",     "hang",       "delay",    "slow",
        "cut",           "garble",    "frame",       "lag",    "late",      "never_end",  "stale",    "counts",
        "foreign_batch", "row_error", "lines",       "repeat", "untallied", "short_list", "odd_entry"}) {
    EXPECT_NE(script_format.find(action), std::string_view::npos) << action;
    const auto text =
        action == "redirect" ? R"({"do":{"action":"redirect","to":"http://x"}})" : R"({"do":")" + action + R"("})";
    EXPECT_TRUE(parse_faults(text)) << action;
  }
}

TEST(SimFaultBook, FiresOnTheCallsThatItsRuleNames) {
  const auto fired = [](std::string_view when, Verb verb = Verb::list) {
    FaultBook book;
    const auto rules = parse_faults(fmt::format(R"({{"on":"list",{}"do":"close"}})", when));
    book.add(rules.value().front());
    std::string pattern;
    for (int i = 0; i < 8; ++i) pattern += book.plan(verb, 2, 1).actions.empty() ? '.' : 'x';
    return pattern;
  };
  EXPECT_EQ(fired(""), "xxxxxxxx");
  EXPECT_EQ(fired("", Verb::create), "........");
  EXPECT_EQ(fired(R"("nth":3,)"), "..x.....");
  EXPECT_EQ(fired(R"("from":3,"to":5,)"), "..xxx...");
  EXPECT_EQ(fired(R"("every":3,)"), "x..x..x.");
  EXPECT_EQ(fired(R"("from":2,"every":2,)"), ".x.x.x.x");
  EXPECT_EQ(fired(R"("probability":0,)"), "........");
  EXPECT_EQ(fired(R"("batch":2,)"), "xxxxxxxx");
  EXPECT_EQ(fired(R"("batch":3,)"), "........");
  EXPECT_EQ(fired(R"("probability":0.5,)"), fired(R"("probability":0.5,)"));
}

}  // namespace
}  // namespace offpeak::sim
