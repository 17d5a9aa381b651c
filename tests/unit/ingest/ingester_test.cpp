#include "ingest/ingester.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/unit/ingest/compressed.hpp"
#include "tests/unit/ingest/ingest_fixture.hpp"
#include "tests/unit/ingest/ingest_helpers.hpp"

namespace offpeak {
namespace {

using ::testing::HasSubstr;

const std::string three = request("a") + "\n" + request("b") + "\n" + request("c") + "\n";

using IngesterTest = IngestFixture;

TEST_F(IngesterTest, TakesARenamedFileAtOnce) {
  Life life(*this);
  life.advance(a_moment);
  drop(life, "reviews.jsonl", three);
  life.advance(a_moment);
  ASSERT_EQ(life.accepted.size(), 1U);
  const auto job = life.queue.job(life.accepted[0]).value();
  EXPECT_EQ(job.name, "reviews");
  EXPECT_EQ(job.file, "reviews.jsonl");
  EXPECT_EQ(job.state, JobState::queued);
  EXPECT_EQ(job.requests, 3);
  EXPECT_EQ(job.counts[RequestState::pending], 3);
  EXPECT_EQ(job.digest, digest128(three));
  EXPECT_EQ(job.headers.version, config.provider.version);
  EXPECT_EQ(job.data_name, std::to_string(job.id.value));
  EXPECT_EQ(life.queue.lines(job.id, 0, 10).size(), 3U);
  EXPECT_EQ(names("incoming"), Names{});
  EXPECT_EQ(names("claimed"), Names{job.data_name});
  EXPECT_EQ(folder.read("spool/claimed/" + job.data_name), three);
  EXPECT_TRUE(life.queue.intakes().empty());
  EXPECT_EQ(log.count("job.accepted"), 1U);
}

// faults.md 43.
TEST_F(IngesterTest, TakesAFileWrittenInPlaceOnlyWhenItHasSettled) {
  Life life(*this);
  life.advance(a_moment);
  write("a.jsonl", request("a"));
  life.bell.notify();
  life.advance(config.intake.settle - a_moment);
  EXPECT_TRUE(life.accepted.empty());
  life.advance(2 * a_moment);
  EXPECT_EQ(life.accepted.size(), 1U);
}

// faults.md 46: without any bell.
TEST_F(IngesterTest, TheRescanFindsWhatNoBellToldOf) {
  Life life(*this);
  life.advance(a_moment);
  write("a.jsonl", three);
  life.advance(config.intake.rescan + config.intake.settle + a_moment);
  EXPECT_EQ(life.accepted.size(), 1U);
}

TEST_F(IngesterTest, LeavesIgnoredNamesAlone) {
  for (const auto* name : {".a.jsonl", "a.tmp", "a.part", "a.jsonl~"}) write(name, three);
  Life life(*this);
  life.advance(long_enough);
  EXPECT_EQ(names("incoming").size(), 4U);
  EXPECT_TRUE(life.queue.intakes().empty());
}

TEST_F(IngesterTest, FillsTheJobFromItsOptions) {
  Life life(*this);
  const std::string options =
      R"({"offpeak":{"name":"n","priority":4,"hold":true,"max_attempts":9,"anthropic_beta":["b1"],)"
      R"("anthropic_version":"v9","defaults":{"model":"d"},"max_cost_usd":2}})";
  drop(life, "a.jsonl", options + "\n" + three);
  life.advance(a_moment);
  ASSERT_EQ(life.accepted.size(), 1U);
  const auto job = life.queue.job(life.accepted[0]).value();
  EXPECT_EQ(job.name, "n");
  EXPECT_EQ(job.priority, 4);
  EXPECT_EQ(job.state, JobState::held);
  EXPECT_EQ(job.max_attempts, 9U);
  EXPECT_EQ(job.headers, (HeaderGroup{"v9", {"b1"}}));
  EXPECT_EQ(job.max_cost, 2'000'000'000);
  EXPECT_EQ(job.options_line, options);
  EXPECT_EQ(job.defaults, R"({"model":"d"})");
}

TEST_F(IngesterTest, UnpacksACompressedFileAndKeepsOnlyItsBytes) {
  Life life(*this);
  drop(life, "a.jsonl.gz", gzip(three));
  drop(life, "b.json.zst", zstd(R"({"requests":[)" + request("z") + "]}"));
  life.advance(a_moment);
  ASSERT_EQ(life.accepted.size(), 2U);
  for (const auto id : life.accepted) {
    const auto job = life.queue.job(id).value();
    EXPECT_EQ(job.data_name, std::to_string(id.value) + ".data");
    EXPECT_TRUE(names("claimed").contains(job.data_name));
    if (job.name == "a") EXPECT_EQ(folder.read("spool/claimed/" + job.data_name), three);
  }
  EXPECT_EQ(names("claimed").size(), 2U);
}

TEST_F(IngesterTest, MovesABadFileToRejectedWithItsErrors) {
  Life life(*this);
  drop(life, "a.jsonl", request("a") + "\nnonsense\n");
  life.advance(a_moment);
  EXPECT_EQ(life.rejected.size(), 1U);
  EXPECT_EQ(names("rejected"), (Names{"a.jsonl", "a.jsonl.error.json"}));
  EXPECT_EQ(names("claimed"), Names{});
  EXPECT_THAT(rejected_document("a.jsonl"), HasSubstr(R"("error_count":1)"));
  EXPECT_THAT(rejected_document("a.jsonl"), HasSubstr(R"("line":2,"column":1,"offset":)"));
  EXPECT_TRUE(life.queue.intakes().empty());
  EXPECT_TRUE(life.queue.jobs({}).empty());
  EXPECT_EQ(log.count("nonsense"), 0U) << "contents never reach the log";
}

TEST_F(IngesterTest, NothingInRejectedIsOverwritten) {
  Life life(*this);
  for (int i = 0; i < 3; ++i) {
    drop(life, "a.jsonl", "bad " + std::to_string(i));
    life.advance(a_moment);
  }
  EXPECT_EQ(names("rejected"), (Names{"a.jsonl", "a.jsonl.1", "a.jsonl.1.error.json", "a.jsonl.2",
                                      "a.jsonl.2.error.json", "a.jsonl.error.json"}));
  EXPECT_EQ(folder.read("spool/rejected/a.jsonl.1"), "bad 1");
}

TEST_F(IngesterTest, AnUnknownSuffixIsRejected) {
  Life life(*this);
  drop(life, "notes.txt", "hello");
  life.advance(a_moment);
  EXPECT_THAT(rejected_document("notes.txt"), HasSubstr("*.jsonl, *.ndjson or *.json"));
}

// faults.md 22.
TEST_F(IngesterTest, TheSameContentIsRefusedAsADuplicateUnlessAllowed) {
  Life life(*this);
  drop(life, "a.jsonl", three);
  life.advance(a_moment);
  drop(life, "b.jsonl", three);
  life.advance(a_moment);
  ASSERT_EQ(life.accepted.size(), 1U);
  EXPECT_THAT(rejected_document("b.jsonl"), HasSubstr("duplicate of job " + std::to_string(life.accepted[0].value)));
  EXPECT_THAT(rejected_document("b.jsonl"), HasSubstr("offpeak submit --again"));
  EXPECT_TRUE(life.queue.intakes().empty());
  const auto again = R"({"offpeak":{"rerun":true}})"
                     "\n" +
                     three;
  drop(life, "c.jsonl", again);
  life.advance(a_moment);
  drop(life, "d.jsonl", again);
  life.advance(a_moment);
  EXPECT_EQ(life.accepted.size(), 3U);
}

TEST_F(IngesterTest, SkippedLinesAreErroredOutcomesAtOnce) {
  Life life(*this);
  drop(life, "a.jsonl",
       R"({"offpeak":{"on_invalid":"skip"}})"
       "\n" +
           request("a") + "\nbad\n" + request("a") + "\n");
  life.advance(a_moment);
  ASSERT_EQ(life.accepted.size(), 1U);
  const auto job = life.queue.job(life.accepted[0]).value();
  EXPECT_EQ(job.counts[RequestState::errored], 2);
  EXPECT_EQ(job.counts[RequestState::pending], 1);
  const auto outcomes = life.queue.outcomes(job.id, 0, 10);
  ASSERT_EQ(outcomes.size(), 2U);
  EXPECT_THAT(outcomes[0].made_result, HasSubstr("offpeak_invalid_line"));
  EXPECT_THAT(outcomes[1].made_result, HasSubstr("used before, on line 2"));
}

// faults.md 48: nothing but a regular file with one name is opened; it moves away as it is.
TEST_F(IngesterTest, OnlyRegularFilesWithOneNameAreTaken) {
  Life life(*this);
  const auto incoming = config.paths.incoming();
  const auto secret = folder.write("secret.jsonl", three);
  std::filesystem::create_symlink(secret, incoming + "/link.jsonl");
  std::filesystem::create_hard_link(secret, incoming + "/hard.jsonl");
  std::filesystem::create_directory(incoming + "/folder.jsonl");
  ASSERT_EQ(::mkfifo((incoming + "/fifo.jsonl").c_str(), 0600), 0);
  life.moved_in = {"link.jsonl", "hard.jsonl", "folder.jsonl", "fifo.jsonl"};
  life.bell.notify();
  life.advance(long_enough);
  EXPECT_TRUE(life.accepted.empty());
  EXPECT_EQ(names("rejected").size(), 8U);
  EXPECT_EQ(names("claimed"), Names{});
  EXPECT_EQ(names("incoming"), Names{});
  EXPECT_THAT(rejected_document("link.jsonl"), HasSubstr("a symbolic link"));
  EXPECT_THAT(rejected_document("hard.jsonl"), HasSubstr("2 hard links"));
  EXPECT_THAT(rejected_document("folder.jsonl"), HasSubstr("a folder"));
  EXPECT_THAT(rejected_document("fifo.jsonl"), HasSubstr("a pipe"));
  EXPECT_TRUE(std::filesystem::is_symlink(config.paths.rejected() + "/link.jsonl"));
  EXPECT_EQ(folder.read("secret.jsonl"), three);
}

// faults.md 49: names are display data; paths are built from ids.
TEST_F(IngesterTest, OddNamesAreEscapedAndLongOnesShortened) {
  Life life(*this);
  const std::string odd[] = {"new\nline.jsonl", "esc\x1b[31m.jsonl", "bytes\xff\xfe.jsonl", "-rf.jsonl",
                             std::string(249, 'x') + ".jsonl"};
  for (const auto& name : odd) drop(life, name, "bad");
  life.advance(long_enough);
  EXPECT_EQ(names("incoming"), Names{});
  EXPECT_EQ(names("rejected").size(), 10U);
  for (const auto& name : names("rejected")) {
    EXPECT_LE(name.size(), 220U);
    EXPECT_EQ(escape_for_display(name, 500), name);
  }
  EXPECT_TRUE(names("rejected").contains("new\\x0aline.jsonl"));
  drop(life, "good\n\xff.jsonl", three);
  life.advance(a_moment);
  ASSERT_EQ(life.accepted.size(), 1U);
  EXPECT_EQ(life.queue.job(life.accepted[0])->name, "good\\x0a\\xff");
}

// faults.md 44: a 0600 file of somebody else can be moved but not read.
TEST_F(IngesterTest, AFileThatMayNotBeReadIsRejectedWithTheRemedy) {
  files.fail = [](const std::string& operation, const std::string& path) {
    return operation == "open" && path.find("claimed/") != std::string::npos ? EACCES : 0;
  };
  Life life(*this);
  drop(life, "a.jsonl", three);
  life.advance(a_moment);
  EXPECT_THAT(rejected_document("a.jsonl"), HasSubstr("chmod g+r"));
}

// faults.md 44: a writer's descriptor stays valid after our rename.
TEST_F(IngesterTest, AFileThatChangesWhileItIsReadIsReadAgain) {
  int reads = 0;
  files.fail = [&](const std::string& operation, const std::string& path) {
    if (operation == "read" && ++reads <= 2)
      std::ofstream(path, std::ios::app) << request("late" + std::to_string(reads)) << "\n";
    return 0;
  };
  Life life(*this);
  drop(life, "a.jsonl", three);
  life.advance(long_enough);
  ASSERT_EQ(life.accepted.size(), 1U);
  EXPECT_EQ(life.queue.job(life.accepted[0])->requests, 5);
}

TEST_F(IngesterTest, AFileThatNeverStandsStillIsRejectedInTheEnd) {
  files.fail = [](const std::string& operation, const std::string& path) {
    if (operation == "read") std::ofstream(path, std::ios::app) << "\n";
    return 0;
  };
  Life life(*this);
  drop(life, "a.jsonl", three);
  life.advance(long_enough);
  EXPECT_THAT(rejected_document("a.jsonl"), HasSubstr("kept changing"));
}

// faults.md 47.
TEST_F(IngesterTest, AFileThatVanishesIsLoggedOnceAndLeavesNoState) {
  files.fail = [](const std::string& operation, const std::string& path) {
    if (operation == "move" && path.find("incoming/") != std::string::npos) std::filesystem::remove(path);
    return 0;
  };
  Life life(*this);
  drop(life, "a.jsonl", three);
  life.advance(long_enough);
  EXPECT_EQ(log.count("intake.vanished"), 1U);
  EXPECT_TRUE(life.queue.intakes().empty());
}

// faults.md 39.
TEST_F(IngesterTest, AFullDiskKeepsEverythingAndGoesOnByItself) {
  bool full = true;
  files.fail = [&](const std::string& operation, const std::string&) {
    return full && (operation == "append" || operation == "sync") ? ENOSPC : 0;
  };
  Life life(*this);
  drop(life, "a.jsonl.gz", gzip(three));
  drop(life, "plain.jsonl", three + request("d"));
  drop(life, "bad.jsonl", "bad");
  life.advance(long_enough);
  EXPECT_TRUE(life.accepted.empty());
  EXPECT_TRUE(life.rejected.empty());
  EXPECT_EQ(log.count("intake.waiting"), 3U) << "once for each file";
  full = false;
  life.advance(long_enough);
  EXPECT_EQ(life.accepted.size(), 2U);
  EXPECT_EQ(life.rejected.size(), 1U);
  EXPECT_TRUE(life.queue.intakes().empty());
}

TEST_F(IngesterTest, AReadErrorStopsNoOtherFile) {
  files.fail = [](const std::string& operation, const std::string& path) {
    return operation == "read" && path.ends_with("claimed/1") ? EIO : 0;
  };
  Life life(*this);
  drop(life, "a.jsonl", three);
  life.advance(a_moment);
  drop(life, "b.jsonl", three + request("d"));
  life.advance(a_moment);
  EXPECT_EQ(life.accepted.size(), 1U);
  EXPECT_EQ(life.queue.intakes().size(), 1U) << "the unreadable one is kept";
}

TEST_F(IngesterTest, ASmallFileDoesNotWaitForHugeOnes) {
  Life life(*this);
  std::string huge;
  while (huge.size() < 20'000'000) huge += request(std::to_string(huge.size()), std::string(10'000, 'x')) + "\n";
  for (int i = 0; i < 5; ++i)
    drop(life, "huge" + std::to_string(i) + ".jsonl", huge + request("x" + std::to_string(i)));
  drop(life, "small.jsonl", three);
  life.advance(long_enough);
  ASSERT_EQ(life.accepted.size(), 6U);
  EXPECT_EQ(life.queue.job(life.accepted[0])->name, "small");
}

TEST_F(IngesterTest, WhilePausedFilesWait) {
  Life life(*this);
  life.queue.pause(true, false, true, Instant{});
  drop(life, "a.jsonl", three);
  life.advance(long_enough);
  EXPECT_EQ(names("incoming"), Names{"a.jsonl"});
  life.queue.pause(true, false, false, Instant{});
  life.bell.notify();
  life.advance(a_moment);
  EXPECT_EQ(life.accepted.size(), 1U);
}

TEST_F(IngesterTest, ManyFilesAtOnceAllArrive) {
  Life life(*this);
  for (int i = 0; i < 300; ++i) write(std::to_string(i) + ".jsonl", request("id" + std::to_string(i)));
  life.bell.notify();
  life.advance(long_enough);
  EXPECT_EQ(life.accepted.size(), 300U);
  EXPECT_EQ(names("incoming"), Names{});
}

class SocketIntakeTest : public IngestFixture {
 protected:
  // What control does with the body of POST /v1/jobs.
  JobId send(Life& life, const std::string& name, const std::string& content, const IntakeOverrides& overrides = {}) {
    const auto id = life.queue.announce_intake(IntakeSource::socket, name, overrides, life.clock.now());
    folder.write("spool/claimed/" + std::to_string(id.value), content);
    life.queue.intake_in_claimed(id);
    life.bell.notify();
    return id;
  }
};

TEST_F(SocketIntakeTest, IsTakenLikeAFileAndItsOverridesWin) {
  Life life(*this);
  IntakeOverrides overrides;
  overrides.name = "mine";
  overrides.priority = 9;
  overrides.hold = false;
  const auto id = send(life, "upload.jsonl",
                       R"({"offpeak":{"name":"theirs","priority":1,"hold":true}})"
                       "\n" +
                           three,
                       overrides);
  life.advance(a_moment);
  ASSERT_EQ(life.accepted, std::vector<JobId>{id});
  const auto job = life.queue.job(id).value();
  EXPECT_EQ(job.name, "mine");
  EXPECT_EQ(job.priority, 9);
  EXPECT_EQ(job.state, JobState::queued);
}

TEST_F(SocketIntakeTest, ARejectionKeepsItsDocumentForTheClient) {
  Life life(*this);
  const auto id = send(life, "upload.jsonl.gz", gzip("bad\n"));
  life.advance(a_moment);
  EXPECT_EQ(life.rejected, std::vector<JobId>{id});
  EXPECT_EQ(names("claimed"), Names{});
  EXPECT_EQ(names("rejected"), Names{});
  const auto intake = life.queue.intake(id).value();
  EXPECT_EQ(intake.state, IntakeState::rejected);
  EXPECT_THAT(intake.document, HasSubstr(R"({"file":"upload.jsonl.gz","error_count":1)"));
}

TEST_F(SocketIntakeTest, AgainAllowsTheSameContent) {
  Life life(*this);
  send(life, "a.jsonl", three);
  life.advance(a_moment);
  IntakeOverrides again;
  again.again = true;
  send(life, "a.jsonl", three, again);
  life.advance(a_moment);
  send(life, "a.jsonl", three);
  life.advance(a_moment);
  EXPECT_EQ(life.accepted.size(), 2U);
  EXPECT_EQ(life.rejected.size(), 1U);
}

TEST_F(SocketIntakeTest, AnUploadThatIsGoingOnIsLeftAloneUntilTheProcessEnds) {
  JobId id;
  {
    Life life(*this);
    life.advance(a_moment);
    id = life.queue.announce_intake(IntakeSource::socket, "a.jsonl", {}, life.clock.now());
    folder.write("spool/claimed/" + std::to_string(id.value), "half a li");
    life.bell.notify();
    life.advance(long_enough);
    EXPECT_TRUE(life.queue.intake(id));
    EXPECT_EQ(names("claimed").size(), 1U);
  }
  Life life(*this);
  life.advance(a_moment);
  EXPECT_FALSE(life.queue.intake(id));
  EXPECT_EQ(names("claimed"), Names{});
}

// A sync that failed once reports success from then on: the bytes go to a new file before they are trusted.
TEST_F(IngesterTest, AFileThatCouldNotBeSyncedIsWrittenAnew) {
  int failures = 0;
  files.fail = [&](const std::string& operation, const std::string& path) {
    return operation == "sync" && path.ends_with("claimed/1") && failures++ == 0 ? EIO : 0;
  };
  Life life(*this);
  write("job.jsonl", request("a") + "\n");
  const auto before = files.info(config.paths.incoming() + "/job.jsonl").value().inode;
  life.advance(long_enough);
  ASSERT_EQ(life.accepted.size(), 1u) << failures;
  EXPECT_NE(files.info(config.paths.claimed() + "/1").value().inode, before);
  EXPECT_EQ(names("claimed"), Names({"1"}));
}

}  // namespace
}  // namespace offpeak
