#include "queue/late_bytes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "unit/base/temporary_folder.hpp"

namespace offpeak {
namespace {

using ::testing::HasSubstr;

class LateBytes : public ::testing::Test {
 protected:
  LateBytes() {
    path_ = folder_.write("7", "one\ntwo\n");
    job_.id = JobId{7};
    job_.data_name = "7";
    job_.digest = digest128("one\ntwo\n");
    const auto info = files_.info(path_).value();
    taken_ = {info.bytes, info.modified_ns};
  }
  std::string changed() { return changed_since_taken(files_, folder_.path(), job_, taken_); }
  void write(std::string_view text, std::ios::openmode mode) { std::ofstream(path_, std::ios::binary | mode) << text; }
  void set_time(int seconds) {
    std::filesystem::last_write_time(path_, std::filesystem::last_write_time(path_) + std::chrono::seconds(seconds));
  }

  TemporaryFolder folder_;
  SystemFiles files_;
  std::string path_;
  Job job_;
  TakenFile taken_;
};

TEST_F(LateBytes, NothingCame) { EXPECT_EQ(changed(), ""); }

TEST_F(LateBytes, WhatWasAppendedIsCounted) {
  write("three\n", std::ios::app);
  EXPECT_THAT(changed(), HasSubstr("6 bytes were written to the file after job 7 had taken it"));
}

TEST_F(LateBytes, WhatWasChangedInPlaceIsSeenByItsTimeAndItsBytes) {
  write("one\nTWO\n", std::ios::trunc);
  set_time(5);
  EXPECT_THAT(changed(), HasSubstr("the file was changed after job 7 had taken it"));
}

TEST_F(LateBytes, AFileThatWasCutIsChanged) {
  write("one\n", std::ios::trunc);
  EXPECT_THAT(changed(), HasSubstr("the file was changed"));
}

// A spool that was copied back.
TEST_F(LateBytes, AnotherTimeAndTheSameBytesIsNoChange) {
  set_time(5);
  EXPECT_EQ(changed(), "");
}

// What the job is made of was unpacked from it; the file itself stays only where its writer was still there.
TEST_F(LateBytes, TheOriginalOfACompressedFileIsComparedByItsTime) {
  job_.data_name = "7.data";
  EXPECT_EQ(changed(), "");
  set_time(5);
  EXPECT_THAT(changed(), HasSubstr("the file was changed"));
}

TEST_F(LateBytes, AFileThatIsGoneSaysNothing) {
  std::filesystem::remove(path_);
  EXPECT_EQ(changed(), "");
}

}  // namespace
}  // namespace offpeak
