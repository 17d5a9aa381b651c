#include "ingest/file_check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ingest/check_file.hpp"
#include "tests/unit/ingest/compressed.hpp"
#include "tests/unit/ingest/ingest_helpers.hpp"

namespace offpeak {
namespace {

using testing::HasSubstr;

const std::string bad_line = R"({"custom_id":"bad","params":{"model":"m","max_tokens":0,"messages":[1]}})";

TEST(FileCheck, IndexesEveryLineOfAGoodFile) {
  std::string text;
  for (int i = 0; i < 3000; ++i)
    text += request("id" + std::to_string(i), std::string(static_cast<std::size_t>(i % 97), 'x')) + "\n";
  const auto whole = check_whole(text);
  EXPECT_FALSE(whole.rejected);
  ASSERT_EQ(whole.requests, 3000U);
  ASSERT_EQ(whole.entries.size(), 3000U);
  for (std::size_t i = 0; i < 3000; ++i) {
    const auto& entry = whole.entries[i];
    EXPECT_EQ(slice(text, entry.offset, entry.bytes), request("id" + std::to_string(i), std::string(i % 97, 'x')));
    EXPECT_EQ(slice(text, entry.offset + entry.params_offset, entry.params_bytes), params(std::string(i % 97, 'x')));
  }
  EXPECT_EQ(whole.digest, digest128(text));
}

// faults.md 54.
TEST(FileCheck, AcceptsBomCrlfBlankLinesAndAnUnterminatedLastLine) {
  const std::string text = "\xEF\xBB\xBF" + request("a") + "\r\n\r\n  \t\n" + request("b") + "\n\n" + request("c");
  const auto whole = check_whole(text);
  EXPECT_FALSE(whole.rejected);
  ASSERT_EQ(whole.entries.size(), 3U);
  EXPECT_EQ(whole.entries[0].offset, 3U);
  EXPECT_EQ(slice(text, whole.entries[0].offset, whole.entries[0].bytes), request("a"));
  EXPECT_EQ(slice(text, whole.entries[2].offset, whole.entries[2].bytes), request("c"));
  EXPECT_EQ(whole.digest, digest128(text)) << "the mark is part of the content";
}

TEST(FileCheck, LineNumbersArePhysicalAndColumnsCountBytes) {
  const auto whole = check_whole("\xEF\xBB\xBF\n\n" + request("a") + "\r\n" + bad_line + "\n");
  ASSERT_EQ(whole.errors.size(), 1U);
  EXPECT_EQ(whole.errors[0].line, 4U);
  EXPECT_EQ(whole.errors[0].column, bad_line.find(":0,") + 2);
  EXPECT_EQ(whole.errors[0].offset, 3 + 2 + request("a").size() + 2 + bad_line.find(":0,") + 1);
}

// A line that is too long to be held is read in blocks, and what is said of it is the same.
TEST(FileCheck, ALineThatIsNotHeldIsCheckedLikeAnyOther) {
  const std::string long_id(300, 'i');
  const std::vector<std::string> lines{
      request("a"),
      request("b", std::string(3000, 'x')) + "\r",
      R"(  { "params" : {"model":"m", "max_tokens":16,"messages":[ ], "metadata":{"a":[1,{"b":2}]}} , "custom_id":"c"} )",
      R"({"custom_id":"d","params":{"model":"","max_tokens":1.5,"messages":[[1],2],"stream":true}})",
      R"({"custom_id":"e","params":{"model":"m","max_tokens":1,"messages":[{}],"model":"n"},"extra":[1,2]})",
      R"({"custom_id":"f","params":[{"model":"m"},2]})",
      R"({"custom_id":7,"params":{"model":"m","max_tokens":1,"messages":["\ud83d\ude00"]}})",
      R"({"custom_id":"\u0067","par\u0061ms":{"mod\u0065l":"m","max_tokens":1,"messages":[0]}})",
      R"({"custom_id":"h","params":{"model":"m","max_tokens":1,"messages":[0])",
      R"({"custom_id":"i","params":{"model":"m","max_tokens":NaN,"messages":[0]}})",
      R"({"custom_id":")" + long_id + R"(","params":{"max_tokens":1}})",
      R"([{"custom_id":"j"}])",
      R"("text")",
      "   \t ",
      "garbage ",
      R"({"custom_id":"k","body":{"model":"m"},"method":"POST"})",
      R"({"requests":[{"custom_id":"l"}]})",
      R"({"custom_id":"m","params":{"a":)" + std::string(300, '[') + std::string(300, ']') + "}}"};
  CheckSettings short_windows;
  short_windows.window_bytes = 16;
  auto unheld = short_windows;
  unheld.held_bytes_max = 4;
  for (const std::string before : {"\n", "{\"offpeak\":{\"on_invalid\":\"skip\",\"defaults\":{\"model\":\"x\"}}}\n"}) {
    std::string all = before;
    for (const auto& line : lines) {
      all += line + "\n";
      const auto held = check_whole(before + line + "\n", JobFormat::lines, short_windows);
      auto long_settings = unheld;
      long_settings.held_bytes_max = std::max<std::uint64_t>(4, before.size());
      if (line.size() <= long_settings.held_bytes_max) continue;
      const auto read = check_whole(before + line + "\n", JobFormat::lines, long_settings);
      EXPECT_EQ(read.errors, held.errors) << line.substr(0, 100);
      EXPECT_EQ(read.entries, held.entries) << line.substr(0, 100);
      EXPECT_EQ(read.rejected, held.rejected);
      EXPECT_EQ(read.skipped, held.skipped);
    }
    unheld.held_bytes_max = std::max<std::uint64_t>(4, before.size());
    EXPECT_EQ(check_whole(all, JobFormat::lines, unheld).error_count, check_whole(all).error_count);
  }
}

TEST(FileCheck, AnElementThatIsNotHeldIsCheckedLikeAnyOther) {
  const std::string good =
      "{\n \"custom_id\":\"a\",\n \"params\":{\"model\":\"m\",\n\"max_tokens\":1,\"messages\":[\n0]}}";
  const std::string bad =
      "{\n \"custom_id\":\"a\",\n \"params\":{\"model\":\"m\",\n\"max_tokens\":0,\n\"messages\":[]}}";
  const auto text = "{\"requests\":[" + good + ",\n" + bad + "]}";
  CheckSettings unheld;
  unheld.window_bytes = 16;
  unheld.held_bytes_max = 4;
  const auto read = check_whole(text, JobFormat::requests, unheld);
  const auto held = check_whole(text, JobFormat::requests);
  EXPECT_EQ(held.error_count, 3U);
  EXPECT_EQ(read.errors, held.errors);
  EXPECT_EQ(read.entries, held.entries);
}

TEST(FileCheck, OptionsThatAreNotHeldAreTooLong) {
  CheckSettings unheld;
  unheld.window_bytes = 16;
  unheld.held_bytes_max = 4;
  const auto whole = check_whole("{\"offpeak\":{\"priority\":7}}\n" + request("a") + "\n", JobFormat::lines, unheld);
  EXPECT_TRUE(whole.rejected);
  ASSERT_EQ(whole.errors.size(), 1U);
  EXPECT_THAT(whole.errors[0].message, HasSubstr("the options have more than"));
}

TEST(FileCheck, AFileWithoutRequestsIsRejected) {
  for (const auto* text : {"", "\n", "\xEF\xBB\xBF", "  \r\n\n", "{\"offpeak\":{}}\n", "{\"offpeak\":{}}"}) {
    const auto whole = check_whole(text);
    EXPECT_TRUE(whole.rejected) << text;
    ASSERT_EQ(whole.errors.size(), 1U) << text;
    EXPECT_EQ(whole.errors[0].message, "the file has no requests");
    EXPECT_FALSE(whole.errors[0].line);
  }
  EXPECT_TRUE(check_whole(R"({"requests":[]})", JobFormat::requests).rejected);
  EXPECT_TRUE(check_whole(R"({"offpeak":{}})", JobFormat::requests).rejected);
}

TEST(FileCheck, ReadsTheOptionsLineVerbatim) {
  const std::string options = R"( {"offpeak": {"name": "reviews", "defaults": {"model":"m", "max_tokens":1}}} )";
  const auto whole = check_whole("\n" + options + "\r\n" + R"({"custom_id":"a","params":{"messages":[1]}})");
  EXPECT_FALSE(whole.rejected);
  EXPECT_EQ(whole.options_line, options);
  EXPECT_EQ(whole.options.name, "reviews");
  EXPECT_EQ(whole.options.defaults, R"({"model":"m", "max_tokens":1})");
  ASSERT_EQ(whole.entries.size(), 1U);
  EXPECT_EQ(whole.entries[0].sent_params_bytes, std::string(R"({"messages":[1],"model":"m","max_tokens":1})").size());
}

TEST(FileCheck, OptionsAnywhereElseAreAnError) {
  const auto whole = check_whole(request("a") + "\n" + R"({"offpeak":{}})" + "\n");
  EXPECT_TRUE(whole.rejected);
  EXPECT_THAT(whole.errors[0].message, HasSubstr("the first of the file"));
  EXPECT_EQ(whole.errors[0].line, 2U);
  EXPECT_TRUE(check_whole(R"({"offpeak":{},"x":1})"
                          "\n" +
                          request("a"))
                  .rejected);
}

TEST(FileCheck, BadOptionsRejectTheFileEvenWithSkip) {
  const auto whole = check_whole(R"({"offpeak":{"on_invalid":"skip","priorty":1}})"
                                 "\n" +
                                 request("a"));
  EXPECT_TRUE(whole.rejected);
  EXPECT_EQ(whole.errors[0].line, 1U);
  EXPECT_EQ(whole.errors[0].column, 34U);
}

TEST(FileCheck, OneBadLineRejectsTheFileAndNothingIsIndexedAfterIt) {
  std::string text = bad_line + "\n";
  for (int i = 0; i < 2000; ++i) text += request(std::to_string(i)) + "\n";
  const auto whole = check_whole(text);
  EXPECT_TRUE(whole.rejected);
  EXPECT_EQ(whole.error_count, 1U);
  EXPECT_TRUE(whole.entries.empty());
  EXPECT_TRUE(whole.made.empty());
}

TEST(FileCheck, ReportsTheFirstHundredErrorsAndCountsAll) {
  std::string text;
  for (int i = 0; i < 500; ++i) text += "{}\n";
  const auto whole = check_whole(text);
  EXPECT_EQ(whole.error_count, 1000U) << "custom_id and params are missing on every line";
  EXPECT_EQ(whole.errors.size(), 100U);
}

TEST(FileCheck, SkipMakesBadLinesErroredAndRunsTheRest) {
  const std::string text = R"({"offpeak":{"on_invalid":"skip"}})"
                           "\n" +
                           request("a") + "\n" + bad_line + "\nnonsense\n" + request("b") + "\n";
  const auto whole = check_whole(text);
  EXPECT_FALSE(whole.rejected);
  EXPECT_EQ(whole.requests, 4U);
  EXPECT_EQ(whole.skipped, 2U);
  ASSERT_EQ(whole.entries.size(), 4U);
  EXPECT_EQ(slice(text, whole.entries[1].offset + whole.entries[1].id_offset, whole.entries[1].id_bytes), "\"bad\"");
  EXPECT_EQ(whole.entries[1].params_bytes, 0U);
  EXPECT_EQ(whole.entries[2].id_bytes, 0U);
  ASSERT_EQ(whole.made.size(), 2U);
  EXPECT_EQ(whole.made[0].first, 1U);
  EXPECT_EQ(whole.made[0].type, OutcomeType::errored);
  EXPECT_EQ(whole.made[0].result,
            R"({"type":"errored","error":{"type":"error","error":{"type":"offpeak_invalid_line",)"
            R"("message":"params.max_tokens must be an integer of at least 1","line":3},"request_id":null}})");
  EXPECT_EQ(whole.made[1].first, 2U);
  EXPECT_FALSE(JsonChecker().check(whole.made[1].result));
}

// faults.md 21.
TEST(FileCheck, ACustomIdUsedTwiceRejectsTheFileNamingBothLines) {
  const auto whole = check_whole(request("a/b") + "\n" + request("c") + "\n" + request(R"(a\/\u0062)") + "\n");
  EXPECT_TRUE(whole.rejected);
  ASSERT_EQ(whole.errors.size(), 1U);
  EXPECT_EQ(whole.errors[0].line, 3U);
  EXPECT_EQ(whole.errors[0].column, 14U);
  EXPECT_THAT(whole.errors[0].message, HasSubstr("on line 1"));
}

TEST(FileCheck, FindsRepetitionsOverSpilledRunsWithSkip) {
  CheckSettings settings;
  settings.run_entries = 100;
  std::string text = R"({"offpeak":{"on_invalid":"skip"}})"
                     "\n";
  for (int i = 0; i < 2500; ++i) text += request(std::to_string(i % 2000)) + "\n";
  const auto whole = check_whole(text, JobFormat::lines, settings, 10'000);
  EXPECT_FALSE(whole.rejected);
  EXPECT_EQ(whole.requests, 2500U);
  EXPECT_EQ(whole.skipped, 500U);
  std::set<Seq> skipped;
  for (const auto& made : whole.made) skipped.insert(made.first);
  EXPECT_EQ(skipped.size(), 500U);
  EXPECT_EQ(*skipped.begin(), 2000U) << "of equal custom_ids the first runs";
}

TEST(FileCheck, WithSkipAGoodLineBehindABadOneOfTheSameIdRuns) {
  const auto whole = check_whole(R"({"offpeak":{"on_invalid":"skip"}})"
                                 "\n" +
                                 bad_line + "\n" + request("bad") + "\n");
  EXPECT_EQ(whole.skipped, 1U);
  EXPECT_EQ(whole.made[0].first, 0U);
}

// faults.md 45, 50: a hole in a file, a line beyond all limits.
TEST(FileCheck, RefusesNulsAndLinesBeyondTheLimitWithoutHoldingThem) {
  EXPECT_TRUE(check_whole(request("a") + "\n" + std::string(5000, '\0')).rejected);
  CheckSettings settings;
  settings.batch_bytes_max = 1000;
  const auto whole = check_whole(std::string(500'000, 'x') + "\n" + request("a") + "\n" + std::string(500'000, 'y'),
                                 JobFormat::lines, settings);
  ASSERT_EQ(whole.errors.size(), 2U);
  EXPECT_EQ(whole.errors[0].line, 1U);
  EXPECT_THAT(whole.errors[0].message, HasSubstr("the request has 500000 bytes; a batch holds at most 1000"));
  EXPECT_EQ(whole.errors[1].line, 3U);
}

TEST(FileCheck, ResultsDoNotDependOnWindowOrSlice) {
  std::string text = R"({"offpeak":{"on_invalid":"skip"}})"
                     "\r\n";
  for (int i = 0; i < 400; ++i) {
    text += i % 7 == 0 ? "oops"
                       : request("id" + std::to_string(i % 350), std::string(static_cast<std::size_t>(i * 3), 'x'));
    text += i % 5 == 0 ? "\r\n\n" : "\n";
  }
  const auto expected = check_whole(text);
  EXPECT_EQ(expected.requests, 400U);
  for (const std::size_t window : {std::size_t{16}, std::size_t{100}, std::size_t{1000}, std::size_t{4096}}) {
    for (const std::uint64_t budget : {std::uint64_t{1}, std::uint64_t{5000}}) {
      for (const std::uint64_t together : {std::uint64_t{1}, CheckSettings().together_bytes_min}) {
        CheckSettings settings;
        settings.window_bytes = window;
        settings.together_bytes_min = together;
        settings.run_entries = 50;
        const auto whole = check_whole(text, JobFormat::lines, settings, budget);
        EXPECT_EQ(whole.entries, expected.entries) << window;
        EXPECT_EQ(whole.errors, expected.errors) << window;
        EXPECT_EQ(whole.digest, expected.digest) << window;
        EXPECT_EQ(whole.skipped, expected.skipped) << window;
      }
    }
  }
}

// One thread or two, a window that holds the whole file, and one that grows with it.
TEST(FileCheck, ALongFileIsCheckedOnTwoThreadsAsOnOne) {
  std::string text = R"({"offpeak":{"on_invalid":"skip","defaults":{"model":"m"}}})"
                     "\n";
  for (int i = 0; i < 3000; ++i) {
    auto line = i % 11 == 0 ? fmt::format(R"({{"custom_id":"{}","params":{{"messages":[]}}}})", i)
                            : request("id" + std::to_string(i), std::string(static_cast<std::size_t>(i % 700), 'x'));
    text += i % 500 == 7 ? line + std::string(100'000, ' ') : line;
    text += '\n';
  }
  CheckSettings alone;
  alone.together_bytes_min = UINT64_MAX;
  const auto expected = check_whole(text, JobFormat::lines, alone);
  EXPECT_EQ(expected.requests, 3000U);
  EXPECT_EQ(expected.skipped, 273U);
  for (const auto budget : {std::uint64_t{100'000}, std::uint64_t{1} << 30}) {
    const auto whole = check_whole(text, JobFormat::lines, CheckSettings(), budget);
    EXPECT_EQ(whole.entries, expected.entries);
    EXPECT_EQ(whole.errors, expected.errors);
    ASSERT_EQ(whole.made.size(), expected.made.size());
    for (std::size_t i = 0; i < whole.made.size(); ++i) EXPECT_EQ(whole.made[i].result, expected.made[i].result);
    EXPECT_EQ(whole.digest, expected.digest);
  }
}

TEST(FileCheck, TheElementsOfACreateBodyAreCheckedOnTwoThreadsAsOnOne) {
  std::string text = "{\"requests\": [";
  for (int i = 0; i < 1000; ++i)
    text += (i > 0 ? ",\n" : "\n") + request(std::to_string(i % 997), std::string(600, 'x'));
  text += "]}";
  CheckSettings alone;
  alone.together_bytes_min = UINT64_MAX;
  const auto expected = check_whole(text, JobFormat::requests, alone);
  const auto whole = check_whole(text, JobFormat::requests);
  EXPECT_EQ(whole.error_count, 3U);
  EXPECT_EQ(whole.errors, expected.errors);
  EXPECT_EQ(whole.digest, expected.digest);
}

TEST(FileCheck, ReadsACreateBodyElementByElement) {
  const std::string text = "{\"requests\": [\n" + request("a") +
                           ",\n  {\n  \"custom_id\": \"b\",\n  \"params\": " + params() +
                           "\n  }\n],\n \"offpeak\": {\"name\": \"n\",\n \"priority\": 3}}\n";
  for (const std::size_t window : {std::size_t{16}, std::size_t{64}, std::size_t{4096}}) {
    CheckSettings settings;
    settings.window_bytes = window;
    const auto whole = check_whole(text, JobFormat::requests, settings, 100);
    EXPECT_FALSE(whole.rejected);
    ASSERT_EQ(whole.entries.size(), 2U);
    EXPECT_EQ(slice(text, whole.entries[0].offset, whole.entries[0].bytes), request("a"));
    const auto& second = whole.entries[1];
    EXPECT_EQ(slice(text, second.offset + second.params_offset, second.params_bytes), params());
    EXPECT_EQ(slice(text, second.offset + second.id_offset, second.id_bytes), "\"b\"");
    EXPECT_EQ(whole.options.priority, 3);
    EXPECT_EQ(whole.options_line, R"({"offpeak":{"name": "n",  "priority": 3}})");
    EXPECT_EQ(whole.digest, digest128(text));
  }
}

TEST(FileCheck, PlacesAnErrorInsideAnElementThatSpansLines) {
  const auto whole = check_whole(
      "{\"requests\": [\n  {\"custom_id\": \"a\",\n   \"params\": {\"model\": \"m\", \"max_tokens\": 1,\n    "
      " \"messages\": []}}]}",
      JobFormat::requests);
  ASSERT_EQ(whole.errors.size(), 1U);
  EXPECT_EQ(whole.errors[0].line, 4U);
  EXPECT_EQ(whole.errors[0].column, 18U);
}

TEST(FileCheck, DefaultsBehindTheRequestsStillHold) {
  const auto whole = check_whole(
      R"({"requests":[{"custom_id":"a","params":{"messages":[1]}}],"offpeak":{"defaults":{"model":"m","max_tokens":1}}})",
      JobFormat::requests);
  EXPECT_FALSE(whole.rejected);
}

TEST(FileCheck, ADocumentThatIsNotJsonIsRejectedEvenWithSkip) {
  for (const auto* tail : {R"([{"custom_id":"a",}]})", R"([{"a":1}]} x)", R"([{"a":1)"}) {
    const auto whole =
        check_whole(std::string(R"({"offpeak":{"on_invalid":"skip"},"requests":)") + tail, JobFormat::requests);
    EXPECT_TRUE(whole.rejected) << tail;
  }
  const auto skipped = check_whole(R"({"offpeak":{"on_invalid":"skip"},"requests":[{"a":1}]})", JobFormat::requests);
  EXPECT_FALSE(skipped.rejected);
  EXPECT_EQ(skipped.skipped, 1U);
}

class CheckFileTest : public testing::Test {
 protected:
  Result<CheckReport> check(const std::string& name, std::string_view content, RequestVisitor visitor = {}) {
    const auto path = folder_.write("in/" + name, content);
    return check_file(files_, path, name, folder_.path(), CheckSettings{}, std::move(visitor));
  }
  std::size_t names() { return files_.list(folder_.path()).value().size(); }
  TemporaryFolder folder_;
  SystemFiles files_;
};

TEST_F(CheckFileTest, SeesEveryGoodRequestOfAnyKindOfFile) {
  const auto text = request("a") + "\n" + request("b", "longer") + "\n";
  for (const auto& [name, content] : {std::pair<std::string, std::string>{"a.jsonl", text},
                                      {"a.jsonl.gz", gzip(text)},
                                      {"a.ndjson.zst", zstd(text)}}) {
    std::vector<std::string> seen;
    const auto report = check(name, content, [&](const LineEntry&, std::string_view raw) { seen.emplace_back(raw); });
    ASSERT_TRUE(report) << name;
    EXPECT_FALSE(report->rejected);
    EXPECT_EQ(report->requests, 2U);
    EXPECT_EQ(report->bytes, text.size());
    EXPECT_EQ(seen, (std::vector<std::string>{params(), params("longer")}));
    EXPECT_EQ(names(), 1U) << "scratch files are removed";
  }
}

TEST_F(CheckFileTest, ReportsWhatTheDaemonWouldRefuse) {
  const auto report = check("a.jsonl", bad_line);
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->rejected);
  EXPECT_EQ(report->error_count, 1U);
  for (const auto& [name, content] : {std::pair<std::string, std::string>{"a.txt", ""}, {"a.jsonl.gz", "no gzip"}}) {
    const auto refused = check(name, content);
    ASSERT_TRUE(refused) << name;
    EXPECT_TRUE(refused->rejected) << name;
    EXPECT_EQ(refused->error_count, 1U) << name;
  }
}

TEST_F(CheckFileTest, AFileThatIsNotThereIsAnError) {
  EXPECT_FALSE(check_file(files_, folder_ / "none.jsonl", "none.jsonl", folder_.path(), CheckSettings{}));
}

}  // namespace
}  // namespace offpeak
