#include "results/download_reader.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/digest.hpp"
#include "model/params.hpp"
#include "unit/base/temporary_folder.hpp"

namespace offpeak {
namespace {

constexpr const char* nonce = "0123456789abcdef01234567";

std::string line_of(std::uint32_t place, std::string_view result = R"({"type":"canceled"})") {
  return fmt::format("{{\"custom_id\":\"{}\",\"result\":{}}}", wire_id({nonce, place, {}}), result);
}

class LineReaderTest : public ::testing::Test {
 protected:
  std::vector<FileLine> read(std::string_view content, std::size_t most = 1000) {
    texts.clear();
    auto file = files.open(folder.write("file", content), OpenFor::reading).value();
    LineReader reader(*file, most);
    std::vector<FileLine> lines;
    for (FileLine line; reader.next(line).value();) {
      texts.emplace_back(line.text);
      lines.push_back(line);
    }
    EXPECT_EQ(reader.offset(), content.size());
    return lines;
  }
  TemporaryFolder folder;
  SystemFiles files;
  std::vector<std::string> texts;
};

// faults.md 32
TEST_F(LineReaderTest, EveryLineBreakEndsALine) {
  const auto lines = read("\xEF\xBB\xBF{a}\n{b}\r\n\r\n  \n{c}\r{d}\n\n{e}");
  EXPECT_EQ(texts, (std::vector<std::string>{"{a}", "{b}", "{c}", "{d}", "{e}"}));
  EXPECT_EQ(lines[0].offset, 3u);
  EXPECT_EQ(lines[1].offset, 7u);
  EXPECT_TRUE(lines[3].terminated);
  EXPECT_FALSE(lines[4].terminated);
}

TEST_F(LineReaderTest, AnEmptyFileHasNoLine) { EXPECT_TRUE(read("").empty()); }

TEST_F(LineReaderTest, ALineTooLongIsPassedOverAndTheNextOneIsRead) {
  const std::string longer(3'000'000, 'x');
  const auto lines = read("a\n" + longer + "\nb\n", 1000);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_TRUE(lines[1].too_long);
  EXPECT_EQ(lines[1].bytes, longer.size());
  EXPECT_EQ(lines[1].offset, 2u);
  EXPECT_EQ(texts[2], "b");
  EXPECT_EQ(lines[2].offset, longer.size() + 3);
  EXPECT_EQ(read(longer, 1000).size(), 1u);
}

TEST_F(LineReaderTest, LinesAroundTheBlockSizeAreWhole) {
  std::string content;
  std::vector<std::string> expected;
  for (std::size_t size : {262'143u, 262'144u, 262'145u, 1u, 524'288u, 1'000'000u, 524'287u}) {
    expected.emplace_back(size, static_cast<char>('a' + expected.size()));
    content += expected.back() + "\r\n";
  }
  read(content, 2'000'000);
  EXPECT_EQ(texts, expected);
}

class DownloadReaderTest : public ::testing::Test {
 protected:
  ReadTally read(std::string_view content, std::uint32_t requests = 4, bool complete = true,
                 bool take_unreadable = false) {
    ReadPlan plan;
    plan.take_unreadable = take_unreadable;
    plan.prices.models["m"] = {RateCard{1000, 0, 0, 0, 0}, std::nullopt, {}};
    plan.nonce = nonce;
    plan.requests = requests;
    // Places 0 and 1 are job 7 from request 10 on, the others job 3 from request 0 on.
    plan.assignments = {{0, {JobId{7}, 10, 2}, 0, 0, {}}, {2, {JobId{3}, 0, requests - 2}, 0, 0, {}}};
    plan.aside_path = folder / "aside";
    rows.clear();
    DownloadReader reader(files, plan);
    reader.begin(files.open(folder.write("raw", content), OpenFor::reading).value(), complete);
    while (!reader.at_end()) {
      auto slice = reader.next(3).value();
      EXPECT_TRUE(std::is_sorted(slice.begin(), slice.end(),
                                 [](const auto& a, const auto& b) { return a.request < b.request; }));
      rows.insert(rows.end(), slice.begin(), slice.end());
    }
    return reader.tally();
  }
  TemporaryFolder folder;
  SystemFiles files;
  std::vector<ResultRow> rows;
};

TEST_F(DownloadReaderTest, FindsTheRequestOfEachPlaceAndWhereItsBytesLie) {
  const auto content =
      line_of(3) + "\n" + line_of(1, R"({"type":"expired"})") + "\r\n" + line_of(2) + "\n" + line_of(0);
  const auto tally = read(content);
  EXPECT_EQ(tally.own, 4u);
  EXPECT_EQ(tally.by_type, (std::array<std::int64_t, 4>{0, 0, 1, 3}));
  std::set<std::pair<std::int64_t, Seq>> found;
  for (const auto& row : rows) {
    found.emplace(row.request.job.value, row.request.first);
    const auto bytes = content.substr(row.offset, row.bytes);
    EXPECT_EQ(bytes,
              row.request == (RequestRange{JobId{7}, 11, 1}) ? R"({"type":"expired"})" : R"({"type":"canceled"})");
  }
  EXPECT_EQ(found, (std::set<std::pair<std::int64_t, Seq>>{{7, 10}, {7, 11}, {3, 0}, {3, 1}}));
}

// faults.md 30
TEST_F(DownloadReaderTest, OfDuplicateLinesTheFirstWins) {
  const auto tally = read(line_of(0) + "\n" + line_of(0) + "\n" + line_of(0, R"({"type":"expired"})") + "\n");
  EXPECT_EQ(tally.own, 1u);
  EXPECT_EQ(tally.identical, 1u);
  EXPECT_EQ(tally.different, 1u);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].type, OutcomeType::canceled);
  EXPECT_EQ(folder.read("aside"), line_of(0, R"({"type":"expired"})") + "\n");
}

// faults.md 31, 34
TEST_F(DownloadReaderTest, LinesOfUnknownIdsAreKeptAside) {
  const std::string other = R"({"custom_id":"ffffffffffffffffffffffff-0","result":{"type":"expired"}})";
  const std::string user = R"({"custom_id":"my own id","result":{"type":"expired"}})";
  const auto beyond = line_of(4);
  const auto tally = read(other + "\n" + line_of(0) + "\n" + user + "\n" + beyond + "\n");
  EXPECT_EQ(tally.own, 1u);
  EXPECT_EQ(tally.foreign, 3u);
  EXPECT_EQ(folder.read("aside"), other + "\n" + user + "\n" + beyond + "\n");
}

TEST_F(DownloadReaderTest, ForeignLinesTellTheOneNonceThatTheyCarry) {
  const auto line = [](std::string_view id) {
    return std::string(R"({"custom_id":")") + std::string(id) + R"(","result":{"type":"expired"}})" + "\n";
  };
  const std::string other = "ffffffffffffffffffffffff-";
  EXPECT_EQ(read(line(other + "0") + line(other + "1")).other_nonce, "ffffffffffffffffffffffff");
  EXPECT_EQ(read(line(other + "0") + line("mine") + line(other + "1")).other_nonce, "");
  EXPECT_EQ(read(line("mine") + line(other + "0")).other_nonce, "");
  EXPECT_EQ(read(line(other + "0") + line("eeeeeeeeeeeeeeeeeeeeeeee-0")).other_nonce, "");
  EXPECT_EQ(read(line_of(4) + "\n").other_nonce, "") << "our own nonce is no other one";
}

// faults.md 32
TEST_F(DownloadReaderTest, LinesThatCannotBeReadAreKeptAsideAndTheOthersGoOn) {
  const std::string nul("{\0}", 3);
  const auto tally =
      read("\xEF\xBB\xBF" + line_of(0) + "\n{bad\n" + nul + "\n" + line_of(1) + "\r" + line_of(2) + "\r\n");
  EXPECT_EQ(tally.own, 3u);
  EXPECT_EQ(tally.unreadable, 2u);
  EXPECT_EQ(folder.read("aside"), "{bad\n" + nul + "\n");
}

// faults.md 32
TEST_F(DownloadReaderTest, AHundredMegabyteLineIsCopiedAsideInConstantMemory) {
  const std::string huge(100'000'000, 'y');
  const auto tally = read(line_of(0) + "\n" + huge + "\n" + line_of(1) + "\n");
  EXPECT_EQ(tally.own, 2u);
  EXPECT_EQ(tally.unreadable, 1u);
  EXPECT_EQ(std::filesystem::file_size(folder / "aside"), huge.size() + 1);
}

TEST_F(DownloadReaderTest, AHundredMegabyteAnswerIsAnAnswerLikeAnyOther) {
  const std::string head = R"({"type":"succeeded","message":{"content":[{"type":"text","text":")";
  const std::string tail = R"("}],"model":"m","stop_reason":"end_turn","usage":{"input_tokens":7}}})";
  const auto value = head + std::string(100'000'000, 'y') + tail;
  const auto before = line_of(0) + "\n";
  const auto tally = read(before + line_of(1, value) + "\n" + line_of(2) + "\n");
  EXPECT_EQ(tally.own, 3u);
  EXPECT_EQ(tally.unreadable, 0u);
  ASSERT_EQ(rows.size(), 3u);
  const auto row = std::ranges::find(rows, OutcomeType::succeeded, &ResultRow::type);
  ASSERT_NE(row, rows.end());
  EXPECT_EQ(row->offset, before.size() + line_of(1, "").size() - 1);
  EXPECT_EQ(row->bytes, value.size());
  EXPECT_EQ(row->checksum, checksum32(value));
  EXPECT_EQ(row->usage.input_tokens, 7);
  EXPECT_EQ(row->stop_reason, "end_turn");
}

// Which of them it is of is told by the id; what became of it, by nothing.
TEST_F(DownloadReaderTest, ALineThatCannotBeReadBecomesTheOutcomeOfItsRequestWhenItWasReadOftenEnough) {
  const auto odd =
      line_of(1, R"({"type":"succeeded","type":"errored","message":{"model":"m","usage":{"input_tokens":4}}})");
  const auto garbled = line_of(2).substr(0, line_of(2).size() - 3);
  const auto content = line_of(0) + "\n" + odd + "\n" + garbled + "\nnameless\n" + garbled + "\n";
  auto tally = read(content);
  EXPECT_EQ(rows.size(), 1u);
  EXPECT_EQ(tally.unreadable, 4u);
  EXPECT_EQ(tally.unreadable_own, 2u);
  EXPECT_EQ(tally.nameless, 1u);
  EXPECT_EQ(tally.by_type, (TypeCounts{0, 0, 0, 1}));
  std::filesystem::remove(folder / "aside");
  tally = read(content, 4, true, true);
  EXPECT_EQ(tally.unreadable_own, 2u);
  ASSERT_EQ(rows.size(), 3u);
  std::ranges::sort(rows, {}, &ResultRow::offset);
  EXPECT_EQ(content.substr(rows[1].offset, rows[1].bytes), odd);
  EXPECT_EQ(rows[1].type, OutcomeType::errored);
  EXPECT_EQ(rows[1].action, ResultAction::outcome);
  EXPECT_EQ(rows[1].checksum, checksum32(odd));
  EXPECT_EQ(rows[1].unreadable, (Unreadable{"the type of its result is given twice", true}));
  EXPECT_EQ(rows[1].cost, 4 * 1000 / 2) << "it may have been paid for";
  EXPECT_EQ(content.substr(rows[2].offset, rows[2].bytes), garbled);
  EXPECT_EQ(rows[2].unreadable, (Unreadable{"it is no JSON", false}));
  EXPECT_EQ(folder.read("aside"), "nameless\n" + garbled + "\n");
}

TEST_F(DownloadReaderTest, OfARequestsLinesTheFirstThatCanBeReadWins) {
  const auto bad = line_of(0, "7");
  const auto tally = read(bad + "\n" + line_of(0) + "\n" + bad + "\n");
  EXPECT_EQ(tally.own, 1u);
  EXPECT_EQ(tally.unreadable, 2u);
  EXPECT_EQ(tally.unreadable_own, 0u);
}

// faults.md 29
TEST_F(DownloadReaderTest, HalfALineAtACutIsNoLine) {
  const auto whole = line_of(0) + "\n" + line_of(1);
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    const auto tally = read(std::string_view(whole).substr(0, cut), 4, false);
    EXPECT_EQ(tally.unreadable, 0u) << cut;
    EXPECT_EQ(tally.own, (cut >= line_of(0).size() ? 1u : 0u) + (cut == whole.size() ? 1u : 0u)) << cut;
  }
}

TEST_F(DownloadReaderTest, UnknownModelsAreCountedNeverGuessed) {
  read(line_of(0, R"({"type":"succeeded","message":{"model":"claude-next","usage":{"input_tokens":5}}})") + "\n");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].model, "claude-next");
  EXPECT_EQ(rows[0].cost, 0);
}

}  // namespace
}  // namespace offpeak
