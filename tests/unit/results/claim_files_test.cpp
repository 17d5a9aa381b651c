// Claims whose files fail: the results as they were downloaded, and the job files in which their requests are looked
// for.
#include <filesystem>

#include "results/claimer.hpp"
#include "results/download_reader.hpp"
#include "results/long_line.hpp"
#include "unit/results/claim_world.hpp"

namespace offpeak {
namespace {

using namespace std::chrono_literals;
using testing::result_line;
using testing::succeeded_value;

class ClaimFiles : public testing::ClaimWorld {
 protected:
  // Operations of this kind fail from the n-th on, where the path holds that text.
  void break_at(const std::string& operation, const std::string& part, int error = EIO, int from = 1) {
    files.fail = [=, done_so_far = 0](const std::string& done, const std::string& path) mutable {
      if (done != operation || path.find(part) == std::string::npos) return 0;
      return ++done_so_far >= from ? error : 0;
    };
  }
  void mend_and_wait() {
    files.fail = nullptr;
    world.clock.advance(2h);
  }
  // Some bytes of one request are not what was accepted.
  void damage(JobId job, Seq seq) {
    const auto name = fmt::format("claimed/{}", job.value);
    auto text = folder.read(name);
    text.replace(text.find(world.params_of(job, seq)), 8, "XXXXXXXX");
    folder.write(name, text);
  }
  std::string file_of(JobId job) { return folder / fmt::format("claimed/{}", job.value); }
  std::vector<std::string> long_lines_of(JobId job, std::uint32_t requests) {
    std::vector<std::string> lines;
    for (Seq seq = 0; seq < requests; ++seq) lines.push_back(line_of(job, seq, seq, std::string(1'000'000, 'x')));
    world.provider.block_bytes = 500'000;
    return lines;
  }
  // The next download is this one, those behind it are as before.
  void download_first(const std::string& body) { world.provider.downloads[lost].push_front({body, std::nullopt}); }
  void download_only(const std::string& body) { world.provider.downloads[lost] = {{body, std::nullopt}}; }
};

// What fails, from which time on, and with what.
struct Broken {
  const char* operation;
  int from;
  int error;
};

class ClaimDownload : public ClaimFiles, public ::testing::WithParamInterface<Broken> {};

TEST_P(ClaimDownload, ThatTheDiskDoesNotTakeOrGiveIsMadeAgain) {
  const auto job = lose_job(3);
  break_at(GetParam().operation, "claim.download", GetParam().error, GetParam().from);
  start();
  expect_waits("claim.download");
  EXPECT_TRUE(world.log.has("warning claim.waiting"));
  mend_and_wait();
  expect_claimed(job, 3);
}

// The second open is for reading what was written.
INSTANTIATE_TEST_SUITE_P(Each, ClaimDownload,
                         ::testing::Values(Broken{"open", 1, EACCES}, Broken{"open", 2, EIO}, Broken{"read", 1, EIO},
                                           Broken{"append", 1, ENOSPC}, Broken{"sync", 1, EIO}),
                         [](const auto& info) { return info.param.operation + std::to_string(info.param.from); });

TEST_F(ClaimFiles, ADownloadLongerThanASliceIsReadToItsEnd) {
  const auto job = world.add_job(12);
  lose(long_lines_of(job, 12));
  start();
  expect_claimed(job, 12);
}

TEST_F(ClaimFiles, ADownloadThatFailsBehindItsFirstSliceIsMadeAgain) {
  const auto job = world.add_job(12);
  lose(long_lines_of(job, 12));
  break_at("read", "claim.download", EIO, 40);
  start();
  expect_waits("claim.download");
  mend_and_wait();
  expect_claimed(job, 12);
}

// Canceled at any block: nothing was decided, and the next run downloads it all.
TEST_F(ClaimFiles, AStopDuringADownloadDecidesNothing) {
  const auto job = lose_job(40);
  const auto blocks = world.provider.downloads[lost].front().body.size() / world.provider.block_bytes;
  for (std::size_t stop_at = 0; stop_at <= blocks; ++stop_at) {
    TaskGroup group(world.context.get_executor());
    world.provider.before_block = [&, block = std::size_t{0}](std::size_t) mutable {
      if (block++ == stop_at) group.cancel();
    };
    group.spawn("claimer", claimer.run());
    look();
    ASSERT_EQ(group.size(), 0U);
    ASSERT_EQ(claim().state, "claiming");
    ASSERT_EQ(claimed_of(job), 0U);
  }
  world.provider.before_block = nullptr;
  start();
  expect_claimed(job, 40);
}

TEST_F(ClaimFiles, ADownloadThatLacksLinesIsMadeAgain) {
  const auto job = lose_job(3);
  download_first(line_of(job, 0, 0) + line_of(job, 2, 2));
  start();
  expect_waits("have 2 lines, 3 were counted");
  mend_and_wait();
  expect_claimed(job, 3);
}

// As many lines as were counted, and one of them does not say what the batch ran: without it that request would be
// sent, and paid for, once more.
class ClaimOddLine : public ClaimFiles, public ::testing::WithParamInterface<const char*> {
 protected:
  std::string odd_line() {
    const std::string name = GetParam();
    if (name == "Unreadable") return "{\"custom_id\":\"cut-in-the-mid\n";
    if (name == "Twice") return line_of(JobId{1}, 0, 0, "again");
    if (name == "Foreign") return "{\"custom_id\":\"nobodys\",\"result\":{\"type\":\"expired\"}}\n";
    if (name == "OfAnotherNonce") return result_line(std::string(24, 'e'), 1, succeeded_value());
    if (name == "BeyondEveryPlace") return line_of(JobId{1}, 1, 100'000);
    world.provider.block_bytes = 1'000'000;
    return std::string(held_line_bytes_max + 1000, 'x') + "\n";
  }
  std::string odd_body(JobId job) { return line_of(job, 0, 0) + odd_line() + line_of(job, 2, 2); }
};

TEST_P(ClaimOddLine, OfAPassingKindLosesNothing) {
  const auto job = lose_job(3);
  download_first(odd_body(job));
  start();
  expect_waits("2 of its 3 requests");
  mend_and_wait();
  expect_claimed(job, 3);
  EXPECT_EQ(ready(), 0u);
}

TEST_P(ClaimOddLine, ThatComesAgainIsBelieved) {
  const auto job = lose_job(3);
  download_only(odd_body(job));
  start();
  mend_and_wait();
  EXPECT_EQ(world.provider.count("results"), 2u);
  expect_claimed(job, 2);
  EXPECT_EQ(claim().unmatched, 1u);
  EXPECT_EQ(ready(), 1u);
}

INSTANTIATE_TEST_SUITE_P(Each, ClaimOddLine,
                         ::testing::Values("Unreadable", "Twice", "Foreign", "OfAnotherNonce", "BeyondEveryPlace",
                                           "TooLong"),
                         [](const auto& info) { return std::string(info.param); });

TEST_F(ClaimFiles, OddLinesAreBelievedOnlyOfTwoDownloadsThatSayTheSame) {
  const auto job = lose_job(3);
  download_first(line_of(job, 0, 0) + "{odd\n" + line_of(job, 2, 2));
  download_first("{odd\n" + line_of(job, 1, 1) + line_of(job, 2, 2));
  start();
  mend_and_wait();
  EXPECT_EQ(world.provider.count("results"), 3u);
  expect_claimed(job, 3);
}

TEST_F(ClaimFiles, ABatchWhoseOnlyLineIsOddIsNotNobodysAtOnce) {
  const auto job = lose_job(1);
  download_first("{odd\n");
  download_first("{even\n");
  start();
  expect_waits("no id");
  mend_and_wait();
  expect_claimed(job, 1);
}

TEST_F(ClaimFiles, AJobWhoseFileIsGoneIsNamedAndPassedOver) {
  const auto gone = world.add_job(2, "gone");
  const auto job = world.add_job(3);
  lose({line_of(gone, 0, 0), line_of(gone, 1, 1), line_of(job, 0, 2), line_of(job, 1, 3), line_of(job, 2, 4)});
  std::filesystem::remove(file_of(gone));
  start();
  expect_claimed(job, 3);
  EXPECT_EQ(claim().unmatched, 2u);
  EXPECT_EQ(world.log.count("error claim.damaged_job"), 1u);
  EXPECT_TRUE(world.log.has(fmt::format("job={}", gone.value)));
}

// Those behind it are as good as before, and may be sent: they must be found.
TEST_F(ClaimFiles, OfADamagedFileOnlyWhatIsDamagedIsPassedOver) {
  const auto job = lose_job(2 * segment_entries);
  damage(job, 1);
  damage(job, segment_entries + 1);
  start();
  expect_claimed(job, 2 * segment_entries - 2);
  EXPECT_EQ(claim().unmatched, 2u);
  EXPECT_EQ(world.log.count("error claim.damaged_job"), 1u) << "a job is named once";
}

TEST_F(ClaimFiles, OfAFileThatIsCutTheRestIsPassedOver) {
  const auto job = lose_job(10);
  const auto text = folder.read(fmt::format("claimed/{}", job.value));
  std::filesystem::resize_file(file_of(job), text.find(world.params_of(job, 4)) + 5);
  start();
  expect_claimed(job, 4);
  EXPECT_EQ(world.log.count("error claim.damaged_job"), 1u);
}

class ClaimedFile : public ClaimFiles, public ::testing::WithParamInterface<const char*> {};

TEST_P(ClaimedFile, ThatTheDiskDoesNotGiveIsReadAgain) {
  const auto job = lose_job(3);
  break_at(GetParam(), "claimed/");
  start();
  expect_waits("claimed/");
  EXPECT_FALSE(world.log.has("claim.damaged_job"));
  mend_and_wait();
  expect_claimed(job, 3);
}

INSTANTIATE_TEST_SUITE_P(Each, ClaimedFile, ::testing::Values("open", "read"),
                         [](const auto& info) { return std::string(info.param); });

TEST_F(ClaimFiles, SegmentsWithoutOpenRequestsAreNotRead) {
  const auto job = world.add_job(segment_entries + 3);
  const auto sent = world.submit();
  world.queue.begin_download(sent.id);
  std::vector<ResultRow> rows;
  for (Seq seq = 0; seq < segment_entries; ++seq) {
    ResultRow row;
    row.request = {job, seq, 1};
    rows.push_back(row);
  }
  world.queue.record_results(sent.id, 1, rows, world.clock.now());
  lose({line_of(job, segment_entries, 0), line_of(job, segment_entries + 1, 1)});
  start();
  expect_claimed(job, 2);
}

// Its checksum is the one that a line of the batch has: there is nothing to read all the same.
TEST_F(ClaimFiles, ALineWithoutParamsIsNoRequestOfABatch) {
  world.bare_lines = {1};
  const auto job = world.add_job(3);
  lose({line_of(job, 0, 0), result_line(lost_nonce, 1, succeeded_value(), Fingerprint{7} << 32), line_of(job, 2, 2)});
  start();
  expect_claimed(job, 2);
  EXPECT_FALSE(world.log.has("claim.damaged_job"));
}

}  // namespace
}  // namespace offpeak
