// Lines far longer than what may be held of them, both ways: 240 MB go out, 100 MB come in (cases 20; fault F08). Every
// step is bound to a few MiB: an allocation beyond that fails, and the test with it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "ingest/file_check.hpp"
#include "model/limits.hpp"
#include "model/params.hpp"
#include "queue/result_lines.hpp"
#include "results/claim_reader.hpp"
#include "results/download_reader.hpp"
#include "submit/body.hpp"
#include "unit/memory/memory_gauge.hpp"
#include "unit/results/stage_world.hpp"

namespace offpeak {
namespace {

using testing::MemoryGauge;
using testing::StageWorld;

constexpr std::size_t most = 24 * 1024 * 1024;
constexpr std::uint64_t long_request = 240'000'000;
constexpr std::uint64_t long_answer = 100'000'000;

// A file that is written in blocks.
class LongFile {
 public:
  explicit LongFile(const std::string& path) : out_(path, std::ios::binary) {}
  void put(std::string_view text) {
    out_.write(text.data(), static_cast<std::streamsize>(text.size()));
    at_ += text.size();
  }
  void fill(std::uint64_t bytes, char c) {
    const std::string block(1'000'000, c);
    for (; bytes > 0; bytes -= std::min<std::uint64_t>(bytes, block.size())) {
      put(std::string_view(block).substr(0, std::min<std::uint64_t>(bytes, block.size())));
    }
  }
  std::uint64_t size() const { return at_; }

 private:
  std::ofstream out_;
  std::uint64_t at_ = 0;
};

constexpr std::string_view request_head =
    R"({"custom_id":"a","params":{"model":"m","max_tokens":7,"messages":[{"role":"user","content":")";
constexpr std::string_view request_tail = R"("}]}})";
constexpr std::string_view small_line = R"({"custom_id":"small","params":{"model":"m","max_tokens":7,"messages":[0]}})";

class LongLines : public ::testing::Test {
 protected:
  // A job file: a long line and a small one.
  void write_job(const std::string& name) {
    std::filesystem::create_directories(folder / "claimed");
    LongFile file(folder / name);
    file.put(request_head);
    file.fill(long_request, 'x');
    file.put(request_tail);
    file.put("\n");
    file.put(small_line);
    file.put("\n");
  }
  std::vector<LineEntry> check(const std::string& name) {
    auto file = files.open(folder / name, OpenFor::reading).value();
    const MemoryGauge gauge(most);
    JsonChecker json;
    FileCheck checker(*file, files, json, JobFormat::lines, CheckSettings{}, folder / "ids");
    std::vector<LineEntry> entries;
    for (bool finished = false; !finished;) {
      auto slice = checker.step(8 << 20).value();
      for (const auto& segment : slice.segments) {
        const auto decoded = decode_segment(segment).value();
        entries.insert(entries.end(), decoded.begin(), decoded.end());
      }
      finished = slice.finished;
    }
    EXPECT_FALSE(checker.rejected());
    return entries;
  }

  TemporaryFolder folder;
  SystemFiles files;
};

TEST_F(LongLines, ALineOf240MegabytesIsCheckedAndSent) {
  write_job("claimed/1");
  const auto entries = check("claimed/1");
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].params_offset, request_head.find("{\"model\""));
  EXPECT_EQ(entries[0].params_bytes,
            request_head.size() - entries[0].params_offset + long_request + request_tail.size() - 1);

  StageWorld world(folder);
  const auto id = world.queue.announce_intake(IntakeSource::folder, "big.jsonl", {}, world.clock.now());
  Job job;
  job.id = id;
  job.name = "big";
  job.file = "big.jsonl";
  job.created_at = world.clock.now();
  job.requests = 2;
  job.headers.version = "2023-06-01";
  job.data_name = "1";
  world.queue.intake_in_claimed(id);
  world.add_index(id, entries);
  world.queue.accept_job(job, false, false, world.clock.now());
  NewIntent plan;
  plan.nonce = std::string(wire_nonce_bytes, 'a');
  plan.headers = job.headers;
  plan.parts = {{{id, 0, 2}, 0, 0, {}}};
  plan.requests = 2;
  plan.bytes = body_open.size() + request_bytes(0, entries[0].sent_params_bytes) +
               request_bytes(1, entries[1].sent_params_bytes) + body_close.size();
  const auto intent = world.queue.create_intent(plan, world.clock.now());
  IntentBody body(*world.queue.intent(intent), world.queue.assignments(intent), world.database, files, world.worker,
                  folder / "claimed");
  std::uint64_t sent = 0;
  std::optional<Error> failed;
  const auto send = [](IntentBody* from, std::uint64_t* bytes, std::optional<Error>* error) -> Task<> {
    for (;;) {
      const auto block = co_await from->next_block();
      if (!block) *error = block.error();
      if (!block || block->empty()) co_return;
      *bytes += block->size();
    }
  };
  const MemoryGauge gauge(most);
  world.start(send(&body, &sent, &failed));
  EXPECT_FALSE(failed) << failed->message;
  EXPECT_EQ(sent, plan.bytes);
}

TEST_F(LongLines, AnAnswerOf100MegabytesIsReadAndWritten) {
  StageWorld world(folder);
  const auto job = world.add_job(3);
  const auto sent = world.submit();
  std::filesystem::create_directories(folder / "downloads");
  const auto download = world.queue.begin_download(sent.id);
  const auto path = folder / ("downloads/" + download_name(sent.id, download));
  std::uint64_t bytes = 0;
  {
    LongFile file(path);
    file.put(testing::result_line(sent.nonce, 0, testing::succeeded_value("a")));
    const auto line = testing::result_line(sent.nonce, 1, testing::succeeded_value("HERE"));
    file.put(std::string_view(line).substr(0, line.find("HERE")));
    file.fill(long_answer, 'y');
    file.put(std::string_view(line).substr(line.find("HERE") + 4));
    file.put(testing::result_line(sent.nonce, 2, testing::succeeded_value("c")));
    bytes = file.size();
  }
  const MemoryGauge gauge(most);
  ReadPlan plan;
  plan.nonce = sent.nonce;
  plan.requests = 3;
  plan.assignments = world.queue.assignments(sent.intent);
  DownloadReader reader(files, plan);
  reader.begin(files.open(path, OpenFor::reading).value(), true);
  while (!reader.at_end()) world.queue.record_results(sent.id, download, reader.next(10).value(), world.clock.now());
  EXPECT_EQ(reader.tally().by_type, (TypeCounts{3, 0, 0, 0}));

  ResultLines lines(files, {folder / "claimed", folder / "downloads"}, world.job(job));
  const auto window = read_result_window(world.queue, job, 0, result_window_requests);
  std::uint64_t written = 0;
  for (LinePlace from; from.at < window.outcomes.size();) {
    std::string out;
    from = lines.append_results(window, from, 1024 * 1024, std::nullopt, out).value();
    written += out.size();
  }
  const auto wire_id_bytes = wire_nonce_bytes + 1 + wire_seq_bytes;
  EXPECT_EQ(written, bytes - 3 * (wire_id_bytes - 2)) << "r0 in the place of each wire id";

  ClaimReader claim(files.open(path, OpenFor::reading).value());
  while (claim.step().value()) continue;
  EXPECT_EQ(claim.ids().lines.size(), 3u);
}

// The gauge itself can fail.
TEST(MemoryGauge, RefusesWhatIsTooMuch) {
  const MemoryGauge gauge(1'000'000);
  EXPECT_THROW(std::string(2'000'000, 'x'), std::bad_alloc);
  const std::string small(500'000, 'x');
  EXPECT_GE(gauge.peak(), 500'000u);
}

}  // namespace
}  // namespace offpeak
