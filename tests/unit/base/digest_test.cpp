// Digests, jitter and chance.
#include "base/digest.hpp"

#include <gtest/gtest.h>

#include <set>

#include "base/backoff.hpp"
#include "base/random.hpp"

namespace offpeak {
namespace {

TEST(Digest, OfAStreamIsTheDigestOfTheWhole) {
  std::string text;
  DigestStream stream;
  for (int i = 0; i < 3000; ++i) {
    const std::string block(static_cast<std::size_t>(i % 97), static_cast<char>('a' + i % 26));
    stream.update(block);
    text += block;
  }
  EXPECT_EQ(stream.value(), digest128(text));
  EXPECT_EQ(stream.value(), digest128(text)) << "asking changes nothing";
  EXPECT_EQ(DigestStream().value(), digest128(""));
}

TEST(Digest, OfPiecesIsThatOfTheWholeInSixtyFourBitsToo) {
  const std::string text(10'000, 'x');
  for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{7}}) {
    Hash64Stream stream(seed);
    for (std::size_t at = 0; at < text.size(); at += 37) stream.update(std::string_view(text).substr(at, 37));
    EXPECT_EQ(stream.value(), hash64(text, seed));
  }
}

TEST(Digest, IsTheSameOnEveryMachine) {
  // XXH3 is a fixed function: these values are stored in databases and must never change.
  EXPECT_EQ(digest128("").hex(), "99aa06d3014798d86001c324468d497f");
  EXPECT_EQ(digest128("offpeak").hex().size(), 32U);
  EXPECT_NE(digest128("a"), digest128("b"));
  EXPECT_EQ(checksum32("offpeak"), checksum32("offpeak"));
  EXPECT_NE(checksum32("offpeak"), checksum32("offpeal"));
}

TEST(Backoff, DoublesUpToTheMostWithHalfOfItJitter) {
  using namespace std::chrono_literals;
  EXPECT_EQ(backoff(10s, 1h, 1, 0.0), 5s);
  EXPECT_EQ(backoff(10s, 1h, 1, 0.999999), 9999ms);
  EXPECT_EQ(backoff(10s, 1h, 3, 0.0), 20s);
  EXPECT_EQ(backoff(10s, 1h, 20, 0.0), 30min);
  EXPECT_EQ(backoff(10s, 1h, 2'000'000'000, 0.0), 30min) << "no overflow";
  EXPECT_EQ(backoff(10s, 1h, 0, 0.0), 5s);
  EXPECT_EQ(backoff(10s, 1s, 1, 0.0), 500ms) << "the most wins";
  EXPECT_EQ(backoff(0s, 1h, 9, 0.5), 0s);
}

TEST(Random, ASeedReplaysItself) {
  SeededRandom one(42), same(42), other(43);
  for (int i = 0; i < 100; ++i) {
    const auto value = one.next();
    EXPECT_EQ(value, same.next());
    EXPECT_NE(value, other.next());
  }
}

TEST(Random, UnitAndBelowStayInTheirRange) {
  SeededRandom random(1);
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) {
    const double unit = random.unit();
    EXPECT_GE(unit, 0);
    EXPECT_LT(unit, 1);
    seen.insert(random.below(7));
  }
  EXPECT_EQ(seen.size(), 7U);
  EXPECT_EQ(*seen.rbegin(), 6U);
}

TEST(Random, HexHasTwoDigitsAByteAndDoesNotRepeat) {
  SystemRandom random;
  EXPECT_EQ(random.hex(0), "");
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const auto hex = random.hex(12);
    EXPECT_EQ(hex.size(), 24U);
    EXPECT_EQ(hex.find_first_not_of("0123456789abcdef"), hex.npos);
    EXPECT_TRUE(seen.insert(hex).second);
  }
  SeededRandom seeded(5);
  EXPECT_EQ(seeded.hex(20).size(), 40U) << "more than one word";
}

}  // namespace
}  // namespace offpeak
