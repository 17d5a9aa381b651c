// Every file in tests/data/jobs is taken or refused as its name says: good-* and bad-*.
#include <gtest/gtest.h>

#include "ingest/check_file.hpp"
#include "tests/unit/base/temporary_folder.hpp"

namespace offpeak {
namespace {

TEST(JobFiles, AreTakenOrRefusedAsTheirNamesSay) {
  const TemporaryFolder scratch;
  SystemFiles files;
  const std::string folder = OFFPEAK_SOURCE_DIR "/tests/data/jobs";
  int checked = 0;
  for (const auto& info : files.list(folder).value()) {
    const auto report = check_file(files, join_path(folder, info.name), info.name, scratch.path(), CheckSettings{});
    ASSERT_TRUE(report) << info.name;
    EXPECT_EQ(report->rejected, info.name.starts_with("bad-")) << info.name;
    EXPECT_EQ(report->error_count > 0, report->rejected || report->skipped > 0) << info.name;
    ++checked;
  }
  EXPECT_GE(checked, 12);
}

}  // namespace
}  // namespace offpeak
