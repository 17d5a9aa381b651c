#include "watch/watcher.hpp"

#include <gtest/gtest.h>
#include <sys/inotify.h>

#include <boost/asio/io_context.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>

#include "base/task_group.hpp"
#include "tests/unit/base/temporary_folder.hpp"

namespace offpeak {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

// A real folder, a real inotify, and a bell that counts. The deadline is far beyond what any machine needs.
class WatcherTest : public testing::Test {
 protected:
  WatcherTest() { fs::create_directory(root_ / "incoming"); }

  Task<> listen(std::function<bool()> enough, bool& reached) {
    const auto deadline = clock_.steady_now() + std::chrono::seconds(60);
    while (!enough() && clock_.steady_now() < deadline) co_await bell_.wait_for(milliseconds(20));
    reached = enough();
    group_.cancel();
  }

  Task<> poke(std::function<void()> what) {
    co_await bell_.wait();  // the watch stands
    what();
  }

  bool watch(std::function<void()> what, std::function<bool()> enough) {
    bool reached = false;
    group_.spawn("watch", watcher_.run());
    group_.spawn("test", both(std::move(what), std::move(enough), reached));
    context_.run();
    return reached;
  }

  Task<> both(std::function<void()> what, std::function<bool()> enough, bool& reached) {
    co_await poke(std::move(what));
    co_await listen(std::move(enough), reached);
  }

  void write(const fs::path& path) { std::ofstream(path) << "x\n"; }
  bool moved_in(const std::string& name) {
    for (const auto& seen : watcher_.take_moved_in()) names_.insert(seen);
    return names_.contains(name);
  }

  TemporaryFolder folder_;
  fs::path root_ = folder_.path();
  boost::asio::io_context context_;
  SystemClock clock_;
  NoLog log_;
  Wakeup bell_{clock_, context_.get_executor()};
  Watcher watcher_{clock_, log_, bell_, root_ / "incoming", milliseconds(5)};
  std::set<std::string> names_;
  TaskGroup group_{context_.get_executor()};
};

TEST_F(WatcherTest, HearsARenameIntoTheFolderAndRemembersTheName) {
  write(root_ / "a.jsonl");
  EXPECT_TRUE(
      watch([&] { fs::rename(root_ / "a.jsonl", root_ / "incoming/a.jsonl"); }, [&] { return moved_in("a.jsonl"); }));
}

TEST_F(WatcherTest, RingsForAFileWrittenInPlaceButDoesNotTakeItsName) {
  bool rung = false;
  EXPECT_TRUE(watch(
      [&] {
        write(root_ / "incoming/a.jsonl");
        write(root_ / "b.jsonl");
        fs::rename(root_ / "b.jsonl", root_ / "incoming/b.jsonl");
      },
      [&] { return rung = moved_in("b.jsonl"); }));
  EXPECT_FALSE(names_.contains("a.jsonl"));
}

// faults.md 46: the folder is replaced.
TEST_F(WatcherTest, WatchesAFolderThatWasMadeAgain) {
  write(root_ / "a.jsonl");
  int tries = 0;
  EXPECT_TRUE(watch(
      [&] {
        fs::remove_all(root_ / "incoming");
        fs::create_directory(root_ / "incoming");
      },
      [&] {
        // Until the new folder is watched, a rename is not heard; so it is repeated.
        const auto name = std::to_string(++tries) + ".jsonl";
        write(root_ / name);
        fs::rename(root_ / name, root_ / "incoming" / name);
        for (const auto& seen : watcher_.take_moved_in()) names_.insert(seen);
        return !names_.empty();
      }));
}

TEST_F(WatcherTest, AFolderThatIsNotThereIsTriedAgain) {
  fs::remove_all(root_ / "incoming");
  int tries = 0;
  EXPECT_TRUE(watch([&] { fs::create_directory(root_ / "incoming"); },
                    [&] {
                      const auto name = std::to_string(++tries) + ".jsonl";
                      write(root_ / name);
                      fs::rename(root_ / name, root_ / "incoming" / name);
                      for (const auto& seen : watcher_.take_moved_in()) names_.insert(seen);
                      return !names_.empty();
                    }));
}

// A raw inotify record, its name padded with NULs as the kernel does.
std::string record(std::uint32_t mask, std::string name) {
  inotify_event event{};
  event.mask = mask;
  if (!name.empty()) name.resize((name.size() / 16 + 1) * 16, '\0');
  event.len = static_cast<std::uint32_t>(name.size());
  std::string bytes(sizeof event, '\0');
  std::memcpy(bytes.data(), &event, sizeof event);
  return bytes + name;
}

TEST_F(WatcherTest, AnOverflowIsABellAndNothingElse) {
  const auto heard = watcher_.take_events(record(IN_Q_OVERFLOW, ""));
  EXPECT_FALSE(heard.lost);
  EXPECT_TRUE(heard.ring);
  EXPECT_TRUE(watcher_.take_moved_in().empty());
}

TEST_F(WatcherTest, ALostFolderEndsTheWatch) {
  for (const auto mask : {IN_DELETE_SELF, IN_MOVE_SELF, IN_UNMOUNT, IN_IGNORED}) {
    EXPECT_TRUE(watcher_.take_events(record(static_cast<std::uint32_t>(mask), "")).lost) << mask;
  }
}

TEST_F(WatcherTest, TakesEveryNameOfABlockAndNoCutRecord) {
  const auto events = record(IN_MOVED_TO, "a.jsonl") + record(IN_CLOSE_WRITE, "b.jsonl") +
                      record(IN_MOVED_TO, "c\n\x1b.jsonl") + record(IN_MOVED_TO, "cut").substr(0, 20);
  EXPECT_FALSE(watcher_.take_events(events).lost);
  EXPECT_EQ(watcher_.take_moved_in(), (std::set<std::string>{"a.jsonl", "c\n\x1b.jsonl"}));
}

TEST_F(WatcherTest, KeepsABoundedNumberOfNames) {
  for (std::size_t i = 0; i < Watcher::names_max + 10; ++i) {
    watcher_.take_events(record(IN_MOVED_TO, std::to_string(i)));
  }
  EXPECT_EQ(watcher_.take_moved_in().size(), Watcher::names_max);
}

// Whoever looks at a file makes events: a bell for these would ring for ever.
TEST_F(WatcherTest, OnlyWhatMayMakeAFileReadyRings) {
  for (const auto mask : {IN_CLOSE_WRITE, IN_MOVED_TO}) {
    EXPECT_TRUE(watcher_.take_events(record(static_cast<std::uint32_t>(mask), "a.jsonl")).ring) << mask;
  }
  for (const auto mask : {IN_OPEN, IN_CREATE, IN_CLOSE_NOWRITE, IN_MOVED_FROM, IN_DELETE}) {
    EXPECT_FALSE(watcher_.take_events(record(static_cast<std::uint32_t>(mask), "a.jsonl")).ring) << mask;
  }
}

TEST_F(WatcherTest, KnowsWhoHasAFileOpen) {
  watcher_.take_events(record(IN_CREATE, "a.jsonl") + record(IN_OPEN, "a.jsonl"));
  EXPECT_EQ(watcher_.writers("a.jsonl"), Writers::some);
  watcher_.take_events(record(IN_CLOSE_WRITE, "a.jsonl"));
  EXPECT_EQ(watcher_.writers("a.jsonl"), Writers::none);
  for (const auto mask : {IN_Q_OVERFLOW, IN_IGNORED}) {
    watcher_.take_events(record(IN_CREATE, "a.jsonl") + record(IN_OPEN, "a.jsonl"));
    watcher_.take_events(record(static_cast<std::uint32_t>(mask), ""));
    EXPECT_EQ(watcher_.writers("a.jsonl"), Writers::unknown) << "a close may have been lost";
  }
}

TEST_F(WatcherTest, HearsThatAFileIsOpenAndThatItWasClosed) {
  std::ofstream writer;
  const auto path = root_ / "incoming/a.jsonl";
  EXPECT_TRUE(watch([&] { writer.open(path); },
                    [&] {
                      if (watcher_.writers("a.jsonl") == Writers::some) writer.close();
                      return watcher_.writers("a.jsonl") == Writers::none;
                    }));
}

}  // namespace
}  // namespace offpeak
