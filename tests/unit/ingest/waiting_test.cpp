// What intake waits for: writers, room on the disk, things that cannot be moved; and that it says so.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/ingest/compressed.hpp"
#include "tests/unit/ingest/ingest_fixture.hpp"
#include "tests/unit/ingest/ingest_helpers.hpp"

namespace offpeak {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string one_line = request("a") + "\n";

class WaitingTest : public IngestFixture {
 protected:
  // The file system answers so for this name, wherever the file is.
  void open_for_writing(Writers writers) {
    files.who = [writers](const std::string&) { return writers; };
  }
  static std::string what(Life& life) {
    std::string text;
    for (const auto& trouble : life.ingester.troubles()) text += trouble.what + "\n";
    return text;
  }
};

// A slow writer in place: cut, its lines would be lost; rejected, it would write on into rejected/.
TEST_F(WaitingTest, AFileIsNotTakenWhileItIsOpenForWriting) {
  open_for_writing(Writers::some);
  Life life(*this);
  write("slow.jsonl", one_line);
  life.bell.notify();
  life.advance(long_enough);
  EXPECT_TRUE(life.accepted.empty());
  EXPECT_TRUE(life.queue.intakes().empty());
  EXPECT_EQ(names("incoming"), Names{"slow.jsonl"});
  EXPECT_THAT(what(life), HasSubstr("slow.jsonl is still open in another program"));
  EXPECT_EQ(log.count("intake.open"), 1u);
  open_for_writing(Writers::none);
  life.bell.notify();
  life.advance(a_moment);
  EXPECT_EQ(life.accepted.size(), 1u);
  EXPECT_EQ(what(life), "");
  EXPECT_EQ(log.count("intake.goes_on"), 1u);
}

TEST_F(WaitingTest, AWriterOfAFewSecondsIsNoTrouble) {
  open_for_writing(Writers::some);
  Life life(*this);
  write("slow.jsonl", one_line);
  life.bell.notify();
  life.advance(config.intake.settle + a_moment);
  EXPECT_EQ(what(life), "");
  EXPECT_EQ(log.count("intake.open"), 0u);
}

// Of files of other users the file system says nothing; the events of the folder do.
TEST_F(WaitingTest, WhereTheFileSystemIsSilentTheEventsDecide) {
  open_for_writing(Writers::unknown);
  Life life(*this);
  life.by_events["slow.jsonl"] = Writers::some;
  write("slow.jsonl", one_line);
  write("quick.jsonl", request("b"));
  life.bell.notify();
  life.advance(config.intake.settle + a_moment);
  ASSERT_EQ(life.accepted.size(), 1u);
  EXPECT_EQ(life.queue.job(life.accepted[0])->name, "quick");
  life.by_events["slow.jsonl"] = Writers::none;
  life.bell.notify();
  life.advance(a_moment);
  EXPECT_EQ(life.accepted.size(), 2u);
}

TEST_F(WaitingTest, WhereNothingIsKnownItWaitsLonger) {
  open_for_writing(Writers::unknown);
  Life life(*this);
  life.by_events["found.jsonl"] = Writers::unknown;
  life.advance(a_moment);
  write("found.jsonl", one_line);
  life.bell.notify();
  life.advance(blind_settle_factor * config.intake.settle - a_moment);
  EXPECT_TRUE(life.accepted.empty());
  life.advance(2 * a_moment);
  EXPECT_EQ(life.accepted.size(), 1u);
}

TEST_F(WaitingTest, ARenameIsTakenAtOnceWhoeverHasItOpen) {
  open_for_writing(Writers::some);
  Life life(*this);
  drop(life, "a.jsonl", one_line);
  life.advance(a_moment);
  EXPECT_EQ(life.accepted.size(), 1u);
}

// It was renamed before it was complete; what is bad may be good in the end.
TEST_F(WaitingTest, NothingIsRejectedWhileItIsWritten) {
  open_for_writing(Writers::some);
  Life life(*this);
  drop(life, "half.jsonl", one_line + request("b").substr(0, 20));
  life.advance(long_enough);
  EXPECT_TRUE(life.rejected.empty());
  EXPECT_EQ(names("rejected"), Names{});
  EXPECT_THAT(what(life), HasSubstr("half.jsonl is not good so far, and a program still has it open"));
  std::ofstream(config.paths.claimed() + "/1", std::ios::app) << request("b").substr(20) << "\n";
  open_for_writing(Writers::none);
  life.advance(long_enough);
  ASSERT_EQ(life.accepted.size(), 1u);
  EXPECT_EQ(life.queue.job(life.accepted[0])->requests, 2);
  EXPECT_EQ(what(life), "");
}

TEST_F(WaitingTest, AFileThatChangesAllTheTimeIsNotRejectedWhileItIsWritten) {
  open_for_writing(Writers::some);
  files.fail = [](const std::string& operation, const std::string& path) {
    if (operation == "read") std::ofstream(path, std::ios::app) << "\n";
    return 0;
  };
  Life life(*this);
  drop(life, "a.jsonl", one_line);
  life.advance(long_enough);
  EXPECT_TRUE(life.rejected.empty());
  files.fail = nullptr;
  life.advance(long_enough);
  EXPECT_EQ(life.accepted.size(), 1u);
}

// Whatever was taken can still be written to by whoever kept it open: its size and time tell.
TEST_F(WaitingTest, AJobKnowsHowItsFileWasWhenItWasTaken) {
  Life life(*this);
  drop(life, "a.jsonl", one_line);
  drop(life, "b.jsonl.gz", gzip(request("b")));
  life.advance(a_moment);
  ASSERT_EQ(life.accepted.size(), 2u);
  for (const auto& job : life.queue.jobs({})) {
    const auto taken = life.queue.taken_file(job.id).value();
    EXPECT_EQ(taken.bytes, job.name == "a" ? one_line.size() : gzip(request("b")).size());
    if (job.name != "a") continue;
    EXPECT_EQ(taken.modified_ns, files.info(config.paths.claimed() + "/" + job.data_name)->modified_ns);
  }
}

// The job may be done long before its file's writer is.
TEST_F(WaitingTest, WhatComesAfterAFileWasTakenIsSaidUntilItsWriterIsGone) {
  open_for_writing(Writers::some);
  Life life(*this);
  drop(life, "a.jsonl", one_line);
  drop(life, "b.jsonl", request("b"));
  life.advance(long_enough);
  EXPECT_FALSE(life.queue.job(JobId{1})->file_changed);
  std::ofstream(config.paths.claimed() + "/1", std::ios::app) << "late\n";
  open_for_writing(Writers::none);
  life.advance(config.intake.rescan + a_moment);
  EXPECT_TRUE(life.queue.job(JobId{1})->file_changed);
  EXPECT_FALSE(life.queue.job(JobId{2})->file_changed);
  const auto records = life.queue.rejected({}, "a.jsonl");
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].job, JobId{1});
  EXPECT_THAT(records[0].errors, HasSubstr("5 bytes were written to the file after job 1 had taken it"));
  // Its writer is gone, and it was said.
  std::ofstream(config.paths.claimed() + "/1", std::ios::app) << "later\n";
  life.advance(long_enough);
  EXPECT_EQ(life.queue.rejected({}, "").size(), 1u);
  EXPECT_EQ(log.count("job.file_changed"), 1u);
}

TEST_F(WaitingTest, TheOriginalOfACompressedFileStaysWhileItIsOpen) {
  open_for_writing(Writers::some);
  Life life(*this);
  drop(life, "b.jsonl.gz", gzip(request("b")));
  life.advance(a_moment);
  ASSERT_EQ(life.accepted.size(), 1u);
  EXPECT_EQ(names("claimed"), (Names{"1", "1.data"}));
}

// A folder of another user can be renamed where it is, and not be moved. Each look costs no number and no transaction.
TEST_F(WaitingTest, AFolderOfAnotherUserIsLookedAtEverMoreRarelyAndNothingElse) {
  std::filesystem::create_directory(config.paths.incoming() + "/x.jsonl");
  int looks = 0;
  files.may_write = [&looks](const std::string&) {
    ++looks;
    return false;
  };
  Life life(*this);
  life.advance(a_moment);
  const auto changes = life.queue.changes();
  life.advance(std::chrono::hours(24));
  EXPECT_EQ(life.queue.changes(), changes);
  EXPECT_GT(looks, 5);
  EXPECT_LT(looks, 60);
  EXPECT_EQ(log.count("intake.stuck"), 1u);
  EXPECT_THAT(what(life), HasSubstr("cannot take x.jsonl: a folder of another user"));
  EXPECT_TRUE(life.ingester.troubles()[0].next_action_at);
  drop(life, "good.jsonl", one_line);
  life.advance(a_moment);
  EXPECT_THAT(life.accepted, ElementsAre(JobId{1}));
  std::filesystem::remove(config.paths.incoming() + "/x.jsonl");
  life.advance(long_enough);
  EXPECT_EQ(what(life), "");
  EXPECT_EQ(log.count("intake.goes_on"), 1u);
}

TEST_F(WaitingTest, AFileThatCannotBeMovedUsesNoNumberUp) {
  files.fail = [](const std::string& operation, const std::string& path) {
    return operation == "move" && path.ends_with("stuck.jsonl") ? EPERM : 0;
  };
  Life life(*this);
  write("stuck.jsonl", one_line);
  life.advance(std::chrono::hours(5));
  EXPECT_EQ(log.count("intake.stuck"), 1u);
  EXPECT_THAT(what(life), HasSubstr("cannot take stuck.jsonl: "));
  drop(life, "good.jsonl", request("b"));
  life.advance(a_moment);
  EXPECT_THAT(life.accepted, ElementsAre(JobId{1}));
  files.fail = nullptr;
  life.advance(std::chrono::hours(2));
  EXPECT_THAT(life.accepted, ElementsAre(JobId{1}, JobId{2}));
  EXPECT_EQ(what(life), "");
}

TEST_F(WaitingTest, AFolderThatIsGoneIsATroubleUntilItIsBack) {
  Life life(*this);
  life.advance(a_moment);
  std::filesystem::remove(config.paths.incoming());
  life.advance(config.intake.rescan + a_moment);
  ASSERT_EQ(life.ingester.troubles().size(), 1u);
  EXPECT_THAT(what(life), HasSubstr("incoming"));
  life.advance(10 * config.intake.rescan);
  EXPECT_EQ(log.count("intake.no_folder"), 1u);
  std::filesystem::create_directory(config.paths.incoming());
  life.advance(config.intake.rescan + a_moment);
  EXPECT_EQ(what(life), "");
  EXPECT_EQ(log.count("intake.goes_on"), 1u);
}

class RoomTest : public WaitingTest {
 protected:
  RoomTest() { config.intake.reserve = 50'000'000; }
  // Free is what is not in claimed/.
  void measure() {
    std::uint64_t used = 0;
    for (const auto& entry : std::filesystem::directory_iterator(config.paths.claimed())) used += entry.file_size();
    files.disk = DiskSpace{room_ > used ? room_ - used : 0, total_};
  }
  void make_disk(std::uint64_t room, std::uint64_t total = 10'000'000'000) {
    room_ = room;
    total_ = total;
    files.fail = [this](const std::string&, const std::string&) {
      measure();
      return 0;
    };
    measure();
  }
  static std::string large() { return gzip(request("a", std::string(30'000'000, 'x')) + "\n"); }

  std::uint64_t room_ = 0;
  std::uint64_t total_ = 0;
};

TEST_F(RoomTest, ASmallCompressedFileDoesNotEatTheDisk) {
  make_disk(70'000'000);
  Life life(*this);
  drop(life, "bomb.jsonl.gz", large());
  std::uint64_t least = room_;
  for (int i = 0; i < 100; ++i) {
    life.advance(a_moment);
    least = std::min(least, files.disk->free);
  }
  EXPECT_GE(least, config.intake.reserve);
  EXPECT_EQ(names("claimed"), Names{"1"}) << "while it waits it holds no space";
  EXPECT_THAT(what(life), HasSubstr("bomb.jsonl.gz waits: the file needs more than "));
  drop(life, "small.jsonl.gz", gzip(one_line));
  life.advance(a_moment);
  EXPECT_EQ(life.accepted.size(), 1u) << "others go on";
  life.advance(long_enough);
  ASSERT_EQ(life.rejected.size(), 1u);
  EXPECT_THAT(rejected_document("bomb.jsonl.gz"), HasSubstr("needs more than "));
  EXPECT_THAT(rejected_document("bomb.jsonl.gz"), HasSubstr("intake.reserve"));
  EXPECT_EQ(what(life), "");
  EXPECT_EQ(log.count("intake.waiting"), 1u);
}

TEST_F(RoomTest, WhereThereIsRoomAgainItGoesOn) {
  make_disk(70'000'000);
  Life life(*this);
  drop(life, "large.jsonl.gz", large());
  life.advance(10 * a_moment);
  EXPECT_TRUE(life.accepted.empty());
  make_disk(200'000'000);
  life.advance(long_enough);
  EXPECT_EQ(life.accepted.size(), 1u);
}

// What others have filled is not the file's fault: it waits as long as it takes.
TEST_F(RoomTest, ADiskThatIsFullAlreadyRejectsNothing) {
  make_disk(1'000'000);
  Life life(*this);
  drop(life, "small.jsonl.gz", gzip(one_line));
  life.advance(std::chrono::hours(2));
  EXPECT_TRUE(life.rejected.empty());
  EXPECT_THAT(what(life), HasSubstr("small.jsonl.gz waits: "));
  make_disk(200'000'000);
  life.advance(long_enough);
  EXPECT_EQ(life.accepted.size(), 1u);
}

TEST_F(RoomTest, OfASmallDiskOnlyFivePercentAreLeftAlone) {
  EXPECT_EQ(left_alone(1'000'000'000, 160'000'000), 8'000'000u);
  EXPECT_EQ(left_alone(1'000'000'000, 100'000'000'000), 1'000'000'000u);
  EXPECT_EQ(left_alone(0, 160'000'000), 0u);
  make_disk(60'000'000, 160'000'000);
  Life life(*this);
  drop(life, "large.jsonl.gz", large());
  life.advance(long_enough);
  EXPECT_EQ(life.accepted.size(), 1u);
}

class RejectionTest : public WaitingTest {};

TEST_F(RejectionTest, ARejectedFileIsARecordUntilSomebodyLooks) {
  Life life(*this);
  drop(life, "bad\n.jsonl", one_line + "nonsense\n");
  life.advance(a_moment);
  const auto records = life.queue.rejected({}, "bad\n.jsonl");
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].stored, "bad\\x0a.jsonl");
  EXPECT_EQ(records[0].error_count, 1);
  EXPECT_THAT(records[0].errors, HasSubstr(R"({"line":2,"column":1,)"));
  EXPECT_THAT(records[0].errors, ::testing::Not(HasSubstr("\n")));
  EXPECT_EQ(life.queue.status(life.clock.now()).rejected_unseen, 1);
}

TEST_F(RejectionTest, WhoeverTakesTheFileAwayHasLooked) {
  Life life(*this);
  drop(life, "bad.jsonl", "nonsense\n");
  life.advance(long_enough);
  EXPECT_EQ(life.queue.status(life.clock.now()).rejected_unseen, 1);
  std::filesystem::remove(config.paths.rejected() + "/bad.jsonl");
  life.advance(2 * config.intake.rescan + a_moment);
  EXPECT_EQ(life.queue.status(life.clock.now()).rejected_unseen, 0);
  EXPECT_EQ(life.queue.rejected({}, "").size(), 1u) << "the record stays";
}

TEST_F(RejectionTest, NumbersAreNotUsedUpByWhatNeverBecomesAJob) {
  Life life(*this);
  for (int i = 0; i < 5; ++i) drop(life, std::to_string(i) + ".jsonl", i % 2 == 0 ? "bad" : request(std::to_string(i)));
  life.advance(a_moment);
  for (int i = 5; i < 8; ++i) {
    drop(life, std::to_string(i) + ".jsonl", request(std::to_string(i)));
    life.advance(a_moment);
  }
  drop(life, "8.jsonl", request("8"));
  drop(life, "9.jsonl", "bad");
  life.advance(a_moment);
  std::set<std::int64_t> ids;
  for (const auto& job : life.queue.jobs({})) ids.insert(job.id.value);
  EXPECT_EQ(ids, (std::set<std::int64_t>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(life.queue.rejected({}, "").size(), 4u);
  EXPECT_TRUE(life.queue.audit(std::nullopt).ok());
}

// The state was put back to where number 1 was free; since then it has become a job's, and 2 as well.
TEST_F(RejectionTest, ARestoredStateGivesNoNumberThatTheFoldersHold) {
  {
    Life life(*this);
    drop(life, "bad.jsonl", "bad");
    life.advance(a_moment);
    ASSERT_EQ(life.rejected.size(), 1u);
  }
  folder.write("spool/claimed/1", request("one"));
  folder.write("spool/claimed/2", request("two"));
  Life life(*this);
  life.advance(long_enough);
  std::set<std::string> found;
  for (const auto& job : life.queue.jobs({})) {
    found.insert(job.name);
    EXPECT_GT(job.id.value, 2);
  }
  EXPECT_EQ(found, (std::set<std::string>{"recovered-1", "recovered-2"}));
}

TEST_F(RejectionTest, AnUploadsNumberIsGivenAgainOnceNothingIsLeftOfIt) {
  Life life(*this);
  life.advance(a_moment);
  const auto id = life.queue.announce_intake(IntakeSource::socket, "a.jsonl", {}, life.clock.now());
  folder.write("spool/claimed/" + std::to_string(id.value), "bad");
  life.queue.intake_in_claimed(id);
  bool stays = true;
  files.fail = [&](const std::string& operation, const std::string& path) {
    return stays && operation == "remove" && path.ends_with("claimed/1") ? EIO : 0;
  };
  life.bell.notify();
  life.advance(long_enough);
  EXPECT_EQ(life.queue.intake(id)->state, IntakeState::checking) << "its file is still there";
  stays = false;
  life.advance(long_enough);
  ASSERT_EQ(life.queue.intake(id)->state, IntakeState::rejected);
  EXPECT_EQ(life.queue.rejected({}, "").size(), 0u) << "its client is told";
  life.queue.forget_intake(id);
  drop(life, "good.jsonl", one_line);
  life.advance(a_moment);
  EXPECT_THAT(life.accepted, ElementsAre(id));
}

}  // namespace
}  // namespace offpeak
