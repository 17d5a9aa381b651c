// The pure parts: names, options, the error document.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.hpp"
#include "ingest/error_report.hpp"
#include "ingest/file_kind.hpp"
#include "ingest/options.hpp"

namespace offpeak {
namespace {

using testing::HasSubstr;

TEST(FileKind, ReadsFormatAndCompressionFromTheSuffixes) {
  struct Row {
    const char* name;
    JobFormat format;
    Compression compression;
    const char* job_name;
  };
  const Row rows[] = {
      {"reviews.jsonl", JobFormat::lines, Compression::none, "reviews"},
      {"reviews.ndjson", JobFormat::lines, Compression::none, "reviews"},
      {"reviews.json", JobFormat::requests, Compression::none, "reviews"},
      {"reviews.jsonl.gz", JobFormat::lines, Compression::gzip, "reviews"},
      {"reviews.json.zst", JobFormat::requests, Compression::zstd, "reviews"},
      {"REVIEWS.JSONL.GZ", JobFormat::lines, Compression::gzip, "REVIEWS"},
      {"a.b.jsonl", JobFormat::lines, Compression::none, "a.b"},
      {"a.jsonl.jsonl", JobFormat::lines, Compression::none, "a.jsonl"},
      {"-rf.jsonl", JobFormat::lines, Compression::none, "-rf"},
      {".jsonl", JobFormat::lines, Compression::none, "job"},
      {"new\nline.jsonl", JobFormat::lines, Compression::none, "new\\x0aline"},
      {"\x1b[31m.jsonl", JobFormat::lines, Compression::none, "\\x1b[31m"},
      {"\xff.jsonl", JobFormat::lines, Compression::none, "\\xff"},
  };
  for (const auto& row : rows) {
    const auto kind = file_kind(row.name);
    ASSERT_TRUE(kind) << row.name;
    EXPECT_EQ(*kind, (FileKind{row.format, row.compression, row.job_name})) << row.name;
  }
}

TEST(FileKind, RefusesOtherSuffixesAndNamesWhatIsAccepted) {
  for (const auto* name : {"a.txt", "a", "a.gz", "a.csv.gz", "a.jsonl.bz2", "a.jsonl.gz.zst", "a.jsonl.gz.gz", ""}) {
    const auto kind = file_kind(name);
    ASSERT_FALSE(kind) << name;
    EXPECT_EQ(kind.error().kind, ErrorKind::invalid);
    EXPECT_THAT(kind.error().hint, HasSubstr("*.jsonl, *.ndjson or *.json"));
  }
}

TEST(Options, ReadsThemAll) {
  JobOptions options;
  const auto faults = parse_options(
      R"({"name":"reviews \u00e9","priority":-3,"hold":true,"max_attempts":7,"anthropic_beta":["a-1","b_2.3"],)"
      R"("anthropic_version":"2023-06-01","defaults":{"model":"m"},"max_cost_usd":20.5,"on_invalid":"skip","rerun":true})",
      options);
  EXPECT_TRUE(faults.empty());
  EXPECT_EQ(options.name, "reviews é");
  EXPECT_EQ(options.priority, -3);
  EXPECT_EQ(options.hold, true);
  EXPECT_EQ(options.max_attempts, 7U);
  EXPECT_EQ(options.betas, (std::vector<std::string>{"a-1", "b_2.3"}));
  EXPECT_EQ(options.version, "2023-06-01");
  EXPECT_EQ(options.defaults, R"({"model":"m"})");
  EXPECT_EQ(options.max_cost, 20'500'000'000);
  EXPECT_EQ(options.on_invalid, OnInvalid::skip);
  EXPECT_TRUE(options.rerun);
}

TEST(Options, AreAllOptional) {
  JobOptions options;
  EXPECT_TRUE(parse_options("{}", options).empty());
  EXPECT_EQ(options, JobOptions{});
}

TEST(Options, AnUnknownOneIsNamedWithTheNearestKnown) {
  JobOptions options;
  const auto faults = parse_options(R"({"hold":true,"priorty":1})", options);
  ASSERT_EQ(faults.size(), 1U);
  EXPECT_THAT(faults[0].message, HasSubstr("\"priorty\""));
  EXPECT_THAT(faults[0].hint, HasSubstr("\"priority\""));
  EXPECT_EQ(faults[0].offset, 14U);
}

TEST(Options, RefusesWrongTypesAndValuesOutOfRange) {
  const char* rows[] = {
      R"({"name":""})",
      R"({"name":7})",
      R"({"name":"a\nb"})",
      R"({"priority":"1"})",
      R"({"priority":1.0})",
      R"({"priority":1000001})",
      R"({"hold":1})",
      R"({"hold":null})",
      R"({"max_attempts":0})",
      R"({"max_attempts":101})",
      R"({"anthropic_beta":"a"})",
      R"({"anthropic_beta":["a,b"]})",
      R"({"anthropic_beta":["a\r\nx: y"]})",
      R"({"anthropic_beta":["a","a"]})",
      R"({"anthropic_beta":[""]})",
      R"({"anthropic_version":"a b"})",
      R"({"anthropic_version":7})",
      R"({"defaults":[]})",
      R"({"defaults":{"model":"a","model":"b"}})",
      R"({"defaults":{"stream":true}})",
      R"({"defaults":{"max_tokens":1e3}})",
      R"({"max_cost_usd":-1})",
      R"({"max_cost_usd":"20"})",
      R"({"max_cost_usd":1e10})",
      R"({"on_invalid":"ignore"})",
      R"({"rerun":"yes"})",
      R"({"hold":true,"hold":true})",
      R"({"hold":true,"h\u006fld":true})",
      R"([])",
      R"("x")",
  };
  for (const auto* row : rows) {
    JobOptions options;
    EXPECT_EQ(parse_options(row, options).size(), 1U) << row;
  }
}

TEST(Options, EveryFaultIsReportedAtOnce) {
  JobOptions options;
  EXPECT_EQ(parse_options(R"({"hold":1,"rerun":1,"x":1})", options).size(), 3U);
}

TEST(ErrorReport, KeepsTheFirstHundredAndCountsAll) {
  ErrorReport report;
  for (std::uint64_t line = 1; line <= 250; ++line) {
    FileError error;
    error.line = line;
    error.message = "wrong";
    report.add(std::move(error));
  }
  EXPECT_EQ(report.count(), 250U);
  EXPECT_EQ(report.errors().size(), 100U);
  EXPECT_EQ(report.errors().back().line, 100U);
  EXPECT_FALSE(JsonChecker().check(report.document("a.jsonl")));
}

TEST(ErrorReport, HasTheDocumentedShape) {
  ErrorReport report;
  report.add(FileError{3, 14, 210, "wrong", "do it right"});
  report.add("no place", "");
  const auto document = report.document("reviews.jsonl");
  EXPECT_EQ(json_on_one_line(document),
            R"({"file":"reviews.jsonl","error_count":2,"errors":[ )"
            R"({"line":null,"column":null,"offset":null,"message":"no place","hint":""}, )"
            R"({"line":3,"column":14,"offset":210,"message":"wrong","hint":"do it right"}]} )");
}

// faults.md 49, 60: names and texts cannot carry control characters anywhere.
TEST(ErrorReport, EscapesAndCutsNamesAndMessages) {
  ErrorReport report;
  report.add("bad \x1b[31m \n" + std::string(5000, 'x'));
  const auto document = report.document("a\n\x1b\xff" + std::string(300, 'y'));
  EXPECT_FALSE(JsonChecker().check(document));
  EXPECT_EQ(document.find('\x1b'), std::string::npos);
  EXPECT_LT(document.size(), 1500U);
}

}  // namespace
}  // namespace offpeak
