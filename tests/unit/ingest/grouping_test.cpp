#include "ingest/grouping.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace offpeak {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Sizes = std::vector<std::uint64_t>;

constexpr GroupLimits limits{3, 100};

TEST(GroupSize, EndsAtTheCountOrTheBytesWhicheverComesFirst) {
  EXPECT_EQ(group_size(Sizes{1, 1, 1, 1}, limits), 3U);
  EXPECT_EQ(group_size(Sizes{50, 50, 1}, limits), 2U);
  EXPECT_EQ(group_size(Sizes{50, 51, 1}, limits), 1U);
  EXPECT_EQ(group_size(Sizes{100, 0, 0}, limits), 3U);
  EXPECT_EQ(group_size(Sizes{7}, limits), 1U);
  EXPECT_EQ(group_size(Sizes{}, limits), 0U);
}

TEST(GroupSize, WhatIsTooLargeForAnyGroupGoesAlone) {
  EXPECT_EQ(group_size(Sizes{101, 1}, limits), 1U);
  EXPECT_EQ(group_size(Sizes{~std::uint64_t{0}, 1}, limits), 1U);
  EXPECT_EQ(group_size(Sizes{1, ~std::uint64_t{0}}, limits), 1U);
}

TEST(Weight, OfWhatIsPackedNobodyKnowsHowLargeItIs) {
  EXPECT_EQ(weight_of("a.jsonl", 7), 7U);
  EXPECT_EQ(weight_of("a.jsonl.gz", 7), GroupLimits().bytes);
  EXPECT_EQ(weight_of("a.json.zst", GroupLimits().bytes + 1), GroupLimits().bytes + 1);
  EXPECT_EQ(weight_of("notes.txt", 7), 7U);
}

TEST(OpenFiles, LargeOnesAlwaysLeaveRoomForSmallOnes) {
  constexpr std::uint64_t large = OpenLoad::small_bytes + 1;
  OpenLoad open;
  for (std::size_t i = 0; i < OpenLoad::large_max; ++i) {
    EXPECT_TRUE(open.has_room(large));
    open.add(large);
  }
  EXPECT_FALSE(open.has_room(large));
  EXPECT_TRUE(open.has_room(OpenLoad::small_bytes));
}

TEST(OpenFiles, SmallOnesAreLimitedInNumberAndInBytes) {
  OpenLoad many;
  for (std::size_t i = 0; i < OpenLoad::small_max; ++i) many.add(1);
  EXPECT_FALSE(many.has_room(1));
  EXPECT_TRUE(many.has_room(OpenLoad::small_bytes + 1)) << "a large one does not wait for them";
  OpenLoad heavy;
  for (std::uint64_t bytes = 0; bytes < OpenLoad::small_bytes_max; bytes += OpenLoad::small_bytes) {
    EXPECT_TRUE(heavy.has_room(OpenLoad::small_bytes));
    heavy.add(OpenLoad::small_bytes);
  }
  EXPECT_FALSE(heavy.has_room(1));
}

TEST(OpenFiles, AFileWithoutRoomIsPassedOverUntilThereIs) {
  constexpr std::uint64_t large = OpenLoad::small_bytes + 1;
  OpenLoad open;
  open.add(large);
  open.add(large);
  EXPECT_THAT(files_with_room(open, Sizes{large, large, 5, large, 6}), ElementsAre(0, 2, 4));
  EXPECT_THAT(files_with_room({}, Sizes{1, 1, 1, 1}, limits), ElementsAre(0, 1, 2)) << "one group at a time";
  EXPECT_THAT(files_with_room({}, Sizes{}), IsEmpty());
}

}  // namespace
}  // namespace offpeak
