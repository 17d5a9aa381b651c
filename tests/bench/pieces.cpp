// Times the pieces of hot.hpp, and the queue's verbs of which a job's cost is made, on a database in the temporary
// folder, for queues from a hundred thousand to ten million requests.
//
//   bench_pieces --benchmark_filter=claim
#include <benchmark/benchmark.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/digest.hpp"
#include "hot.hpp"
#include "model/limits.hpp"
#include "pack/plan.hpp"
#include "queue/queue.hpp"
#include "queue/result_lines.hpp"
#include "queue/sql.hpp"

namespace offpeak::bench {

namespace {

namespace fs = std::filesystem;

const Instant now = from_millis(1'800'000'000'000);
constexpr std::uint32_t batch_requests = 100'000;
constexpr std::uint32_t slice_rows = 8192;

class Folder {
 public:
  Folder() {
    path_ = (fs::temp_directory_path() / "offpeak-pieces-XXXXXX").string();
    if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("mkdtemp");
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::string segment(std::uint32_t number, std::uint32_t requests) {
  std::vector<LineEntry> entries(std::min<std::uint32_t>(requests - number * segment_entries, segment_entries));
  std::uint64_t offset = std::uint64_t{number} * segment_entries * 2670;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    auto& entry = entries[i];
    entry.offset = offset;
    entry.bytes = static_cast<std::uint32_t>(2600 + i % 140);
    entry.id_offset = 13;
    entry.id_bytes = 16;
    entry.params_offset = 40;
    entry.params_bytes = entry.sent_params_bytes = entry.bytes - 41;
    entry.checksum = static_cast<std::uint32_t>(i * 2'654'435'761U);
    offset += entry.bytes + 1;
  }
  return encode_segment(entries);
}

// A queue in which one job of so many requests waits.
class Waiting {
 public:
  explicit Waiting(std::uint32_t requests) : queue_(folder_.path() + "/offpeak.db"), requests_(requests) {
    id_ = queue_.announce_intake(IntakeSource::folder, "a.jsonl", {}, now);
    queue_.intake_in_claimed(id_);
    const auto segments = (requests + segment_entries - 1) / segment_entries;
    for (std::uint32_t number = 0; number < segments; number += 16) {
      std::vector<std::string> some;
      for (auto i = number; i < std::min(segments, number + 16); ++i) some.push_back(segment(i, requests));
      queue_.add_segments(id_, number, some);
    }
    Job job;
    job.id = id_;
    job.name = "a";
    job.file = "a.jsonl";
    job.requests = requests;
    job.headers = {"2023-06-01", {}};
    job.data_name = "1";
    queue_.accept_job(job, false, false, now);
  }

  Queue& queue() { return queue_; }
  JobId job() const { return id_; }
  std::string path() const { return folder_.path() + "/offpeak.db"; }

  // What pack does in one function of the database worker.
  IntentId claim() {
    class QueueSizes final : public Sizes {
     public:
      explicit QueueSizes(Queue& queue) : queue_(queue) {}
      std::uint32_t sent_params_bytes(JobId job, Seq seq) override { return queue_.sent_params_bytes(job, seq); }

     private:
      Queue& queue_;
    };
    const auto view = queue_.pack_view(now, batch_requests_max);
    PackLimits limits;
    limits.requests = batch_requests;
    limits.bytes = 300'000'000;
    QueueSizes sizes(queue_);
    const auto plan = plan_batch(view.jobs, limits, sizes);
    if (plan.requests != std::min(requests_, batch_requests)) throw std::runtime_error("claim: not a whole batch");
    NewIntent intent;
    intent.nonce = "nonce" + std::to_string(++nonces_);
    intent.headers = plan.headers;
    intent.parts = plan.parts;
    intent.requests = plan.requests;
    intent.bytes = plan.bytes;
    return queue_.create_intent(intent, now);
  }

  BatchId submit() {
    const auto intent = claim();
    queue_.mark_committing(intent, now);
    Batch batch;
    batch.provider_id = "msgbatch_" + std::to_string(nonces_);
    batch.created_at = now;
    return queue_.record_created(intent, batch, true, now);
  }

 private:
  Folder folder_;
  Queue queue_;
  std::uint32_t requests_;
  JobId id_;
  int nonces_ = 0;
};

std::vector<ResultRow> result_rows(JobId job, Seq first, std::uint32_t count) {
  std::vector<ResultRow> rows(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    auto& row = rows[i];
    row.request = {job, first + i, 1};
    row.offset = std::uint64_t{first + i} * 1700;
    row.bytes = 1650;
    row.checksum = i * 2'654'435'761U;
    row.cost = 1'000'000;
    row.stop_reason = "end_turn";
    row.usage.input_tokens = 700;
    row.usage.output_tokens = 300;
  }
  return rows;
}

void count_lines(benchmark::State& state, std::uint64_t lines) {
  state.counters["per_second"] = benchmark::Counter(static_cast<double>(lines), benchmark::Counter::kIsRate);
}

void index_insert(benchmark::State& state) {
  std::uint64_t lines = 0;
  for (auto _ : state) {
    const auto begun = std::chrono::steady_clock::now();
    const Waiting waiting(static_cast<std::uint32_t>(state.range(0)));
    state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count());
    lines += static_cast<std::uint64_t>(state.range(0));
    state.counters["bytes_a_request"] =
        static_cast<double>(fs::file_size(waiting.path())) / static_cast<double>(state.range(0));
  }
  count_lines(state, lines);
}
BENCHMARK(index_insert)->Arg(1'000'000)->UseManualTime()->Unit(benchmark::kMillisecond)->Iterations(3);

// One claim each of a fresh look: the next batch of a hundred thousand, however many wait behind it.
void claim(benchmark::State& state) {
  Waiting waiting(static_cast<std::uint32_t>(state.range(0)));
  for (auto _ : state) {
    const auto intent = waiting.claim();
    state.PauseTiming();
    Refusal refusal;
    refusal.reason = "the benchmark puts it back";
    waiting.queue().record_refused(intent, refusal, now);
    state.ResumeTiming();
  }
}
BENCHMARK(claim)->Arg(100'000)->Arg(1'000'000)->Arg(10'000'000)->Unit(benchmark::kMillisecond)->Iterations(10);

void record_results(benchmark::State& state) {
  std::uint64_t lines = 0;
  for (auto _ : state) {
    state.PauseTiming();
    Waiting waiting(batch_requests);
    const auto batch = waiting.submit();
    std::vector<std::vector<ResultRow>> slices;
    for (std::uint32_t first = 0; first < batch_requests; first += slice_rows) {
      slices.push_back(result_rows(waiting.job(), first, std::min(slice_rows, batch_requests - first)));
    }
    state.ResumeTiming();
    for (const auto& rows : slices) waiting.queue().record_results(batch, 1, rows, now);
    lines += batch_requests;
  }
  count_lines(state, lines);
}
BENCHMARK(record_results)->Unit(benchmark::kMillisecond)->Iterations(5);

// What export reads of the database.
void result_windows(benchmark::State& state) {
  Waiting waiting(batch_requests);
  const auto batch = waiting.submit();
  waiting.queue().record_results(batch, 1, result_rows(waiting.job(), 0, batch_requests), now);
  std::uint64_t lines = 0;
  for (auto _ : state) {
    for (Seq first = 0; first < batch_requests; first += result_window_requests) {
      const auto window = read_result_window(waiting.queue(), waiting.job(), first, result_window_requests);
      lines += window.outcomes.size();
    }
  }
  count_lines(state, lines);
}
BENCHMARK(result_windows)->Unit(benchmark::kMillisecond);

// What GET /v1/status reads, beside so many jobs that are done.
void status(benchmark::State& state) {
  const Folder folder;
  const auto path = folder.path() + "/offpeak.db";
  {
    const Queue made(path);
  }
  {
    Sql sql(path);
    sql.run(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) INSERT INTO job (id, name, "
        "file, state, created_at, done_at, priority, version, betas, max_attempts, max_cost, digest, format, "
        "data_name, "
        "options_line, defaults, requests, pending, assigned, submitted, succeeded, errored, expired, canceled, cost) "
        "SELECT i, i, CAST(i || '.jsonl' AS BLOB), 'done', ?2, ?2, 0, '2023-06-01', '', 5, 0, randomblob(16), 'lines', "
        "i, '', '', 1, 0, 0, 0, 1, 0, 0, 0, 1000000 FROM n",
        state.range(0), now);
  }
  Queue queue(path);
  for (auto _ : state) {
    const auto found = queue.status(now);
    if (found.counts[RequestState::succeeded] != state.range(0)) throw std::runtime_error("status: not all jobs");
  }
}
BENCHMARK(status)->Arg(100)->Arg(10'000)->Arg(100'000)->Unit(benchmark::kMicrosecond);

void run_piece(benchmark::State& state, const HotPiece& piece) {
  for (auto _ : state) piece.run();
  const auto repetitions = static_cast<std::uint64_t>(state.iterations());
  count_lines(state, repetitions * piece.units);
  if (piece.bytes != 0) state.SetBytesProcessed(static_cast<std::int64_t>(repetitions * piece.bytes));
}

}  // namespace

}  // namespace offpeak::bench

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  const offpeak::bench::Folder folder;
  const auto pieces = offpeak::bench::hot_pieces(folder.path());
  for (const auto& piece : pieces) {
    benchmark::RegisterBenchmark(piece.name.c_str(),
                                 [&piece](benchmark::State& state) { offpeak::bench::run_piece(state, piece); });
  }
  benchmark::RunSpecifiedBenchmarks();
}
