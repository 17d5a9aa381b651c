#include "queue/snapshot.hpp"

#include "queue_world.hpp"

namespace offpeak::testing {
namespace {

class SnapshotTest : public ::testing::Test {
 protected:
  std::string copy() const { return world_.folder() + "/copy.db"; }

  QueueWorld world_{FilledFile::get().world.path()};
};

TEST_F(SnapshotTest, WhatIsWrittenMeanwhileIsInIt) {
  world_.add_job(200'000);
  ASSERT_TRUE(world_.queue->begin_snapshot(copy()));
  EXPECT_FALSE(world_.queue->begin_snapshot(copy() + "2")) << "one at a time";
  ASSERT_FALSE(world_.queue->copy_snapshot()) << "a slice is not all";
  const auto late = world_.add_job(50);
  int slices = 2;
  while (!world_.queue->copy_snapshot()) ++slices;
  EXPECT_GT(slices, 2);
  check_snapshot(copy());
  EXPECT_FALSE(std::filesystem::exists(copy() + "-wal"));
  EXPECT_FALSE(std::filesystem::exists(copy() + "-journal"));

  Queue restored(copy());
  EXPECT_TRUE(restored.job(late));
  const auto report = restored.audit(std::nullopt);
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.requests, world_.queue->audit(std::nullopt).requests);
  // The queue goes on, and another copy may be made.
  world_.add_job(5);
  EXPECT_TRUE(world_.queue->begin_snapshot(copy() + "3"));
}

TEST_F(SnapshotTest, ADamagedCopyIsNoBackup) {
  ASSERT_TRUE(world_.queue->begin_snapshot(copy()));
  while (!world_.queue->copy_snapshot()) {
  }
  std::fstream file(copy(), std::ios::in | std::ios::out | std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), {}};
  file.clear();
  file.seekp(static_cast<std::streamoff>(bytes.find("nonce2")));
  file << 'N';
  file.close();
  EXPECT_THROW(check_snapshot(copy()), QueueDamaged);
}

}  // namespace
}  // namespace offpeak::testing
