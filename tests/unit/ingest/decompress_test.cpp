#include "ingest/decompress.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include "tests/unit/base/temporary_folder.hpp"
#include "tests/unit/ingest/compressed.hpp"

namespace offpeak {
namespace {

using testing::HasSubstr;

struct Unpacked {
  std::string bytes;
  std::string error;  // empty: all is well
};

Unpacked unpack(std::string_view packed, Compression compression, std::uint64_t bytes_max = 1 << 30) {
  const TemporaryFolder folder;
  SystemFiles files;
  const auto from = files.open(folder.write("packed", packed), OpenFor::reading).value();
  Decompression decompression(*from, compression, bytes_max);
  if (!decompression.begin(files, folder / "plain")) return {"", "cannot begin"};
  for (;;) {
    const auto done = decompression.step(1000);
    if (!done) return {"", done.error().message};
    if (*done) return {folder.read("plain"), ""};
  }
}

class DecompressTest : public testing::TestWithParam<Compression> {
 protected:
  std::string pack(std::string_view plain) const { return GetParam() == Compression::gzip ? gzip(plain) : zstd(plain); }
  Unpacked unpack_it(std::string_view packed) const { return unpack(packed, GetParam()); }
  std::string long_text() const {
    std::string text;
    for (int i = 0; i < 100'000; ++i) text += std::to_string(i * 7919) + "\n";
    return text;
  }
};

TEST_P(DecompressTest, GivesBackWhatWasPacked) {
  EXPECT_EQ(unpack_it(pack("hello\n")).bytes, "hello\n");
  EXPECT_EQ(unpack_it(pack(long_text())).bytes, long_text());
  EXPECT_EQ(unpack_it(pack("")).error, "");
}

TEST_P(DecompressTest, TakesSeveralMembersOrFrames) {
  EXPECT_EQ(unpack_it(pack("a\n") + pack("") + pack(long_text()) + pack("b\n")).bytes, "a\n" + long_text() + "b\n");
}

TEST_P(DecompressTest, RefusesTrailingGarbage) {
  for (const auto& garbage : {std::string("garbage"), std::string("\0\0\0\0\0\0\0\0", 8), std::string("{\"a\":1}\n")}) {
    EXPECT_THAT(unpack_it(pack("a\n") + garbage).error, HasSubstr("trailing garbage"));
  }
}

// faults.md 45: every way to be cut short.
TEST_P(DecompressTest, RefusesATruncatedFileCutAnywhere) {
  const auto packed = pack("hello hello hello hello\n");
  for (std::size_t size = 0; size < packed.size(); ++size) {
    EXPECT_NE(unpack_it(std::string_view(packed).substr(0, size)).error, "") << size;
  }
  const auto two = packed + packed;
  for (std::size_t size = packed.size() + 1; size < two.size(); ++size) {
    EXPECT_NE(unpack_it(std::string_view(two).substr(0, size)).error, "") << size;
  }
}

TEST_P(DecompressTest, RefusesDamagedBytes) {
  auto packed = pack(long_text());
  packed[packed.size() / 2] = static_cast<char>(packed[packed.size() / 2] ^ 0x55);
  EXPECT_THAT(unpack_it(packed).error, HasSubstr("damaged"));
  EXPECT_THAT(unpack_it("plain text, not packed at all").error, HasSubstr("damaged"));
}

// faults.md 50: a bomb stops at the limit, not when the disk is full.
TEST_P(DecompressTest, StopsAtTheLimit) {
  const auto bomb = pack(std::string(10'000'000, 'x'));
  const auto stopped = unpack(bomb, GetParam(), 1'000'000);
  EXPECT_THAT(stopped.error, HasSubstr("more than 1000000 bytes after decompression"));
  EXPECT_EQ(unpack(bomb, GetParam(), 10'000'000).error, "");
}

INSTANTIATE_TEST_SUITE_P(Kinds, DecompressTest, testing::Values(Compression::gzip, Compression::zstd),
                         [](const auto& kind) { return kind.param == Compression::gzip ? "Gzip" : "Zstd"; });

TEST(Zstd, AcceptsSkippableFrames) {
  const std::string skippable("\x50\x2a\x4d\x18\x03\x00\x00\x00xyz", 11);
  EXPECT_EQ(unpack(zstd("a") + skippable + zstd("b"), Compression::zstd).bytes, "ab");
}

TEST(Zstd, RefusesAWindowThatNeedsTooMuchMemory) {
  EXPECT_THAT(unpack(zstd(std::string(1000, 'x'), 30), Compression::zstd).error,
              HasSubstr("a window of more than 128 MiB"));
}

}  // namespace
}  // namespace offpeak
