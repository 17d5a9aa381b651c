#include "watch/settle.hpp"

#include <gtest/gtest.h>

namespace offpeak {
namespace {

constexpr Duration settle_time = std::chrono::seconds(2);

SteadyTime at(int millis) { return SteadyTime(std::chrono::milliseconds(millis)); }

FileInfo file(const std::string& name, std::int64_t modified_ns = 1, std::uint64_t bytes = 10,
              std::uint64_t inode = 7) {
  FileInfo info;
  info.name = name;
  info.type = FileType::regular;
  info.bytes = bytes;
  info.inode = inode;
  info.links = 1;
  info.modified_ns = modified_ns;
  return info;
}

std::vector<std::string> names(const Settled& settled) {
  std::vector<std::string> found;
  for (const auto& info : settled.ready) found.push_back(info.name);
  return found;
}

using Names = std::vector<std::string>;

TEST(Settle, IgnoresHiddenAndUnfinishedNames) {
  struct Row {
    const char* name;
    bool ignored;
  };
  const Row rows[] = {{".hidden.jsonl", true}, {"..", true},
                      {"a.tmp", true},         {"a.part", true},
                      {"a.jsonl~", true},      {"a.jsonl", false},
                      {"tmp", false},          {"-rf.jsonl", false},
                      {"a.tmp.jsonl", false},  {"a.jsonl.tmp", true},
                      {"\x1b.gz", false},      {"a.jsonl.filepart", true},
                      {"a.partial", true},     {"a.jsonl.crdownload", true},
                      {"filepart", false},     {"a.filepart.jsonl", false}};
  for (const auto& row : rows) EXPECT_EQ(is_ignored_name(row.name), row.ignored) << row.name;
  const auto settled = look_for_settled({}, {file(".a"), file("b.part")}, {"b.part"}, settle_time, at(0));
  EXPECT_TRUE(settled.ready.empty());
  EXPECT_TRUE(settled.seen.empty());
  EXPECT_FALSE(settled.look_again_at);
}

TEST(Settle, TakesARenamedFileAtOnce) {
  const auto settled = look_for_settled({}, {file("a.jsonl")}, {"a.jsonl"}, settle_time, at(0));
  EXPECT_EQ(names(settled), Names{"a.jsonl"});
}

TEST(Settle, RemembersTheRenameWhileTheFileCannotBeTaken) {
  const auto first = look_for_settled({}, {file("a.jsonl")}, {"a.jsonl"}, settle_time, at(0));
  EXPECT_EQ(names(look_for_settled(first.seen, {file("a.jsonl")}, {}, settle_time, at(1))), Names{"a.jsonl"});
}

// faults.md 43: a writer that is still writing.
TEST(Settle, WaitsUntilAFileWrittenInPlaceIsUnchangedForTheSettleTime) {
  const auto first = look_for_settled({}, {file("a.jsonl", 1)}, {}, settle_time, at(0));
  EXPECT_TRUE(first.ready.empty());
  EXPECT_EQ(first.look_again_at, at(2000));
  const auto grown = look_for_settled(first.seen, {file("a.jsonl", 2, 20)}, {}, settle_time, at(1999));
  EXPECT_TRUE(grown.ready.empty());
  EXPECT_EQ(grown.look_again_at, at(3999));
  const auto early = look_for_settled(grown.seen, {file("a.jsonl", 2, 20)}, {}, settle_time, at(3998));
  EXPECT_TRUE(early.ready.empty());
  const auto settled = look_for_settled(early.seen, {file("a.jsonl", 2, 20)}, {}, settle_time, at(3999));
  EXPECT_EQ(names(settled), Names{"a.jsonl"});
  EXPECT_FALSE(settled.look_again_at);
}

TEST(Settle, EveryAttributeThatChangesStartsTheWaitAgain) {
  auto changed = file("a.jsonl");
  changed.changed_ns = 99;
  const auto first = look_for_settled({}, {file("a.jsonl")}, {}, settle_time, at(0));
  EXPECT_TRUE(look_for_settled(first.seen, {changed}, {}, settle_time, at(2000)).ready.empty());
}

TEST(Settle, AnotherFileUnderTheSameNameInheritsNoRename) {
  const auto first = look_for_settled({}, {file("a.jsonl")}, {"a.jsonl"}, settle_time, at(0));
  const auto other = look_for_settled(first.seen, {file("a.jsonl", 1, 10, 8)}, {}, settle_time, at(1));
  EXPECT_TRUE(other.ready.empty());
}

TEST(Settle, ForgetsNamesThatAreGone) {
  const auto first = look_for_settled({}, {file("a.jsonl")}, {}, settle_time, at(0));
  EXPECT_TRUE(look_for_settled(first.seen, {}, {}, settle_time, at(1)).seen.empty());
}

TEST(Settle, GivesTheOldestFirst) {
  const auto settled = look_for_settled({}, {file("c.jsonl", 2), file("b.jsonl", 1), file("a.jsonl", 2)},
                                        {"a.jsonl", "b.jsonl", "c.jsonl"}, settle_time, at(0));
  EXPECT_EQ(names(settled), (Names{"b.jsonl", "a.jsonl", "c.jsonl"}));
}

TEST(Settle, LooksAgainWhenTheFirstOfSeveralMayBeReady) {
  const auto first = look_for_settled({}, {file("a.jsonl")}, {}, settle_time, at(0));
  const auto second = look_for_settled(first.seen, {file("a.jsonl"), file("b.jsonl")}, {}, settle_time, at(500));
  EXPECT_EQ(second.look_again_at, at(2000));
}

TEST(Settle, WithoutASettleTimeEverythingIsReadyAtOnce) {
  EXPECT_EQ(names(look_for_settled({}, {file("a.jsonl")}, {}, Duration(0), at(0))), Names{"a.jsonl"});
}

SeenFile unchanged_since(int millis, bool moved_in = false) { return SeenFile{file("a.jsonl"), at(millis), moved_in}; }

// What is unchanged is taken only when nobody of this host writes to it: a writer may pause for longer than `settle`.
TEST(Settle, AFileThatIsOpenIsNotReadyHoweverLongItIsUnchanged) {
  EXPECT_EQ(ready_at(unchanged_since(500), Writers::some, settle_time), std::nullopt);
  EXPECT_EQ(ready_at(unchanged_since(500), Writers::none, settle_time), at(2500));
}

TEST(Settle, WhereNothingTellsOfWritersItWaitsLonger) {
  EXPECT_EQ(ready_at(unchanged_since(500), Writers::unknown, settle_time), at(500 + 2000 * blind_settle_factor));
}

TEST(Settle, ARenamedFileIsReadyWhoeverHasItOpen) {
  for (const auto writers : {Writers::none, Writers::some, Writers::unknown}) {
    EXPECT_EQ(ready_at(unchanged_since(500, true), writers, settle_time), at(500));
  }
}

// A reader is no writer: only the file system tells them apart.
TEST(Settle, TheFileSystemsWordGoesBeforeTheEvents) {
  struct Row {
    Writers by_lease, by_events, expected;
  };
  using enum Writers;
  const Row rows[] = {{none, some, none},    {none, none, none},    {none, unknown, none},
                      {some, none, some},    {some, some, some},    {some, unknown, some},
                      {unknown, none, none}, {unknown, some, some}, {unknown, unknown, unknown}};
  for (const auto& row : rows) EXPECT_EQ(who_writes(row.by_lease, row.by_events), row.expected);
}

}  // namespace
}  // namespace offpeak
