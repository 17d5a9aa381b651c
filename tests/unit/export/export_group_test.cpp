#include "export/export_group.hpp"

#include <gtest/gtest.h>

namespace offpeak {
namespace {

constexpr ExportGroupLimits limits{3, 100, 1000};

TEST(ExportGroupRule, TheFirstAlwaysJoins) {
  const ExportGroup group;
  EXPECT_TRUE(group.takes(1'000'000, limits));
}

TEST(ExportGroupRule, EndsAtTheNumberOfJobsOfRequestsOrOfBytes) {
  ExportGroup group;
  group.add(50, 10);
  EXPECT_TRUE(group.takes(50, limits));
  EXPECT_FALSE(group.takes(51, limits)) << "requests";
  group.add(1, 10);
  EXPECT_TRUE(group.takes(1, limits));
  auto heavy = group;
  group.add(1, 10);
  EXPECT_FALSE(group.takes(1, limits)) << "jobs";
  heavy.bytes = 1000;
  EXPECT_FALSE(heavy.takes(1, limits)) << "bytes";
}

TEST(ExportGroupRule, NobodyWaitsForALargeJob) {
  ExportGroup small;
  small.add(1, 10);
  EXPECT_FALSE(small.takes(1'000'000, limits)) << "the small one is concluded first";
  ExportGroup large;
  large.add(1'000'000, 10);
  EXPECT_FALSE(large.takes(1, limits));
}

}  // namespace
}  // namespace offpeak
