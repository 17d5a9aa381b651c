#include "results/claim_match.hpp"

#include <gtest/gtest.h>

namespace offpeak {
namespace {

std::vector<ClaimLine> lines_of(std::vector<Fingerprint> prints, std::uint32_t first_place = 0) {
  std::vector<ClaimLine> lines;
  for (const auto print : prints) lines.push_back({first_place++, print});
  return lines;
}

void offer(ClaimMatcher& matcher, std::int64_t job, std::vector<Fingerprint> prints, Seq first = 0) {
  for (const auto print : prints) matcher.offer(JobId{job}, first++, print);
}

std::vector<std::tuple<std::uint32_t, std::int64_t, Seq, std::uint32_t>> plain(const std::vector<Assignment>& runs) {
  std::vector<std::tuple<std::uint32_t, std::int64_t, Seq, std::uint32_t>> found;
  for (const auto& run : runs) {
    found.emplace_back(run.first_place, run.range.job.value, run.range.first, run.range.count);
  }
  return found;
}
using Runs = std::vector<std::tuple<std::uint32_t, std::int64_t, Seq, std::uint32_t>>;

TEST(Claim, NeighboursBecomeOneRun) {
  ClaimMatcher matcher(lines_of({10, 11, 12, 30, 31}));
  offer(matcher, 1, {9, 10, 11, 12, 13});
  offer(matcher, 2, {30, 31});
  EXPECT_EQ(plain(matcher.match()), (Runs{{0, 1, 1, 3}, {3, 2, 0, 2}}));
}

TEST(Claim, OfEqualCandidatesTheLongestRunIsIt) {
  ClaimMatcher matcher(lines_of({5, 6, 7}));
  offer(matcher, 1, {5, 1, 5, 6, 1, 5, 6, 7});
  EXPECT_EQ(plain(matcher.match()), (Runs{{0, 1, 5, 3}}));
}

TEST(Claim, OfCandidatesThatAreEqualAltogetherTheFirstFreeIsTaken) {
  ClaimMatcher matcher(lines_of({5, 5, 5}));
  offer(matcher, 3, {5});
  offer(matcher, 1, {5, 5, 5, 5});
  EXPECT_EQ(plain(matcher.match()), (Runs{{0, 1, 0, 3}}));
  ClaimMatcher alone(lines_of({5}));
  offer(alone, 3, {5});
  offer(alone, 1, {5, 5});
  EXPECT_EQ(plain(alone.match()), (Runs{{0, 3, 0, 1}}));
}

TEST(Claim, TheFewerBitsOfEarlierVersionsAreCompared) {
  const Fingerprint print = 0xabcd'ef01'2345'6789;
  ClaimMatcher matcher(lines_of({low_bits(print, old_fingerprint_bits)}), old_fingerprint_bits);
  offer(matcher, 1, {print + 1, print});
  EXPECT_EQ(plain(matcher.match()), (Runs{{0, 1, 1, 1}}));
  ClaimMatcher whole(lines_of({print}));
  offer(whole, 1, {low_bits(print, old_fingerprint_bits)});
  EXPECT_TRUE(whole.match().empty());
}

TEST(Claim, NoRequestIsTakenTwice) {
  ClaimMatcher matcher(lines_of({5, 5, 5, 5}));
  offer(matcher, 1, {5, 7, 5});
  std::uint32_t taken = 0;
  for (const auto& run : matcher.match()) taken += run.range.count;
  EXPECT_EQ(taken, 2u);
}

TEST(Claim, WhatMatchesNothingLeavesAHole) {
  ClaimMatcher matcher(lines_of({10, 99, 11, 12}));
  offer(matcher, 1, {10, 11, 12});
  EXPECT_EQ(plain(matcher.match()), (Runs{{0, 1, 0, 1}, {2, 1, 1, 2}}));
}

TEST(Claim, LinesComeInAnyOrderAndTwice) {
  ClaimMatcher matcher({{2, 12}, {0, 10}, {1, 11}, {0, 77}});
  EXPECT_EQ(matcher.lines(), 3u);
  offer(matcher, 1, {10, 11, 12});
  EXPECT_EQ(plain(matcher.match()), (Runs{{0, 1, 0, 3}}));
}

TEST(Claim, ARequestThatIsOfferedTwiceIsStillOne) {
  ClaimMatcher matcher(lines_of({5, 5}));
  offer(matcher, 1, {5});
  offer(matcher, 1, {5});
  EXPECT_EQ(plain(matcher.match()), (Runs{{0, 1, 0, 1}}));
}

TEST(Claim, ARunEndsWhereAPlaceIsMissing) {
  ClaimMatcher matcher({{0, 10}, {2, 11}});
  offer(matcher, 1, {10, 11});
  offer(matcher, 2, {10, 99, 11});
  EXPECT_EQ(plain(matcher.match()).size(), 2u);
}

// The middle one of three was taken for a longer run.
TEST(Claim, OfEqualCandidatesATakenOneIsPassedOver) {
  ClaimMatcher matcher(lines_of({5, 6, 99, 5, 99, 5, 99, 5}));
  offer(matcher, 1, {5, 1, 5, 6, 1, 5});
  EXPECT_EQ(plain(matcher.match()), (Runs{{0, 1, 2, 2}, {3, 1, 0, 1}, {5, 1, 5, 1}}));
}

TEST(Claim, AskingForAChecksumNeedsNoFile) {
  ClaimMatcher matcher(lines_of({0x12'3456'789aULL}));
  EXPECT_TRUE(matcher.may_be(0x3456'789aU));
  EXPECT_FALSE(matcher.may_be(0x3456'789bU));
}

TEST(Claim, AMillionEqualRequestsCostNoMemoryAndNoTime) {
  ClaimMatcher matcher(lines_of(std::vector<Fingerprint>(1000, 5)));
  for (Seq seq = 0; seq < 1'000'000; ++seq) matcher.offer(JobId{1}, seq, 5);
  EXPECT_EQ(plain(matcher.match()), (Runs{{0, 1, 0, 1000}}));
}

}  // namespace
}  // namespace offpeak
