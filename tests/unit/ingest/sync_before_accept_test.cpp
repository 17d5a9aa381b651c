// A job is accepted only when its file is on the disk, however long the disk takes (faults 40, 41).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/ingest/compressed.hpp"
#include "tests/unit/ingest/ingest_fixture.hpp"
#include "tests/unit/ingest/ingest_helpers.hpp"

namespace offpeak {
namespace {

// The worker that syncs runs only when the test lets it.
class SyncBeforeAccept : public IngestFixture {
 protected:
  struct SlowDiskLife {
    explicit SlowDiskLife(SyncBeforeAccept& test)
        : queue(test.config.paths.database()),
          ingester({clock, test.files, worker, sync_worker, database, test.log}, context.get_executor(), test.config,
                   bell, {[this] { return std::exchange(moved_in, {}); }, nullptr, nullptr}) {
      queue.recover(clock.now());
      group.spawn("ingest", ingester.run());
    }
    ~SlowDiskLife() {
      group.cancel();
      sync_now();
      clock.run_until_idle();
    }
    SlowDiskLife(const SlowDiskLife&) = delete;
    SlowDiskLife& operator=(const SlowDiskLife&) = delete;
    void sync_now() {
      disk.restart();
      disk.poll();
    }

    boost::asio::io_context context, disk;
    testing::VirtualClock clock{context};
    Worker worker{context.get_executor()};
    Worker sync_worker{disk.get_executor()};
    Queue queue;
    Database database{queue, worker, clock};
    Wakeup bell{clock, context.get_executor()};
    std::set<std::string> moved_in;
    Ingester ingester;
    TaskGroup group{context.get_executor()};
  };
};

TEST_F(SyncBeforeAccept, AJobWaitsForTheDisk) {
  SlowDiskLife life(*this);
  write("a.jsonl", request("one") + "\n");
  life.moved_in.insert("a.jsonl");
  life.bell.notify();
  life.clock.advance(long_enough);
  EXPECT_TRUE(life.queue.jobs({}).empty());
  EXPECT_EQ(life.queue.intakes().size(), 1u);
  life.sync_now();
  life.clock.advance(a_moment);
  EXPECT_EQ(life.queue.jobs({}).size(), 1u);
}

TEST_F(SyncBeforeAccept, AFileThatCannotBeSyncedIsNotAccepted) {
  files.fail = [](const std::string& operation, const std::string&) { return operation == "sync" ? EIO : 0; };
  SlowDiskLife life(*this);
  write("a.jsonl", request("one") + "\n");
  life.moved_in.insert("a.jsonl");
  life.bell.notify();
  for (int i = 0; i < 5; ++i) {
    life.clock.advance(long_enough);
    life.sync_now();
  }
  EXPECT_TRUE(life.queue.jobs({}).empty());
  files.fail = nullptr;
  for (int i = 0; i < 5; ++i) {
    life.clock.advance(long_enough);
    life.sync_now();
  }
  life.clock.advance(a_moment);
  EXPECT_EQ(life.queue.jobs({}).size(), 1u);
}

// The compressed original goes when its job is accepted; a power cut may bring it back, and then it must be what it was.
TEST_F(SyncBeforeAccept, TheOriginalOfACompressedFileIsSyncedToo) {
  std::string refuse = "/claimed/1";
  files.fail = [&](const std::string& operation, const std::string& path) {
    return operation == "sync" && !refuse.empty() && path.ends_with(refuse) ? EIO : 0;
  };
  SlowDiskLife life(*this);
  const auto run = [&life] {
    for (int i = 0; i < 5; ++i) {
      life.clock.advance(long_enough);
      life.sync_now();
    }
    life.clock.advance(a_moment);
  };
  write("a.jsonl.gz", gzip(request("one") + "\n"));
  life.moved_in.insert("a.jsonl.gz");
  life.bell.notify();
  run();
  EXPECT_TRUE(life.queue.jobs({}).empty());
  refuse = "/claimed/1.data";
  run();
  EXPECT_TRUE(life.queue.jobs({}).empty());
  refuse.clear();
  run();
  EXPECT_EQ(life.queue.jobs({}).size(), 1u);
}

}  // namespace
}  // namespace offpeak
