#include "ingest/unique_ids.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "base/random.hpp"
#include "tests/unit/base/temporary_folder.hpp"

namespace offpeak {
namespace {

IdUse use(const std::string& id, std::uint32_t seq) {
  auto made = id_use(digest128(id));
  made.seq = seq;
  made.line = seq + 1;
  return made;
}

std::map<std::uint32_t, std::uint64_t> repeated(UniqueIds& ids, std::size_t most) {
  std::map<std::uint32_t, std::uint64_t> found;  // the seq of the later one -> the line of the first
  for (;;) {
    std::vector<RepeatedId> slice;
    const bool done = ids.find(most, slice).value();
    EXPECT_LE(slice.size(), most);
    for (const auto& again : slice) found[again.again.seq] = again.first_line;
    if (done) return found;
  }
}

TEST(UniqueIds, FindsTheSecondUseInMemory) {
  const TemporaryFolder folder;
  SystemFiles files;
  UniqueIds ids(files, folder / "ids", 100);
  for (std::uint32_t seq = 0; seq < 10; ++seq)
    ASSERT_TRUE(ids.add(use(seq == 7 ? "id3" : "id" + std::to_string(seq), seq)));
  EXPECT_EQ(repeated(ids, 3), (std::map<std::uint32_t, std::uint64_t>{{7, 4}}));
  EXPECT_FALSE(std::filesystem::exists(folder / "ids"));
}

TEST(UniqueIds, NothingIsNoRepetition) {
  const TemporaryFolder folder;
  SystemFiles files;
  UniqueIds ids(files, folder / "ids", 100);
  EXPECT_TRUE(repeated(ids, 10).empty());
}

TEST(UniqueIds, EveryLaterUseNamesTheFirst) {
  const TemporaryFolder folder;
  SystemFiles files;
  UniqueIds ids(files, folder / "ids", 2);
  for (std::uint32_t seq = 0; seq < 7; ++seq) ASSERT_TRUE(ids.add(use("same", seq)));
  EXPECT_EQ(repeated(ids, 1), (std::map<std::uint32_t, std::uint64_t>{{1, 1}, {2, 1}, {3, 1}, {4, 1}, {5, 1}, {6, 1}}));
}

TEST(UniqueIds, FindsTheSameOverSpilledRunsOfAnySize) {
  for (const std::size_t run : {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{64}, std::size_t{999},
                                std::size_t{1000}, std::size_t{1001}, std::size_t{5000}}) {
    const TemporaryFolder folder;
    SystemFiles files;
    SeededRandom random(42);
    std::map<std::string, std::uint32_t> first;
    std::map<std::uint32_t, std::uint64_t> expected;
    {
      UniqueIds ids(files, folder / "ids", run);
      for (std::uint32_t seq = 0; seq < 1000; ++seq) {
        const auto id = "id" + std::to_string(random.below(5000));
        const auto [known, fresh] = first.emplace(id, seq);
        if (!fresh) expected[seq] = known->second + 1;
        ASSERT_TRUE(ids.add(use(id, seq)));
      }
      EXPECT_EQ(repeated(ids, 100), expected) << run;
      EXPECT_EQ(std::filesystem::exists(folder / "ids"), run < 1000) << run;
    }
    EXPECT_FALSE(std::filesystem::exists(folder / "ids")) << "the spilled runs are removed";
  }
}

}  // namespace
}  // namespace offpeak
