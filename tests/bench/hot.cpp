#include "hot.hpp"

#include <fmt/format.h>

#include <memory>
#include <stdexcept>

#include "base/digest.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "ingest/file_check.hpp"
#include "ingest/line_check.hpp"
#include "job_lines.hpp"
#include "model/limits.hpp"
#include "model/line_index.hpp"
#include "model/params.hpp"
#include "pack/plan.hpp"
#include "queue/result_lines.hpp"
#include "results/download_reader.hpp"
#include "results/result_line.hpp"

namespace offpeak::bench {

namespace {

constexpr std::uint64_t lines_count = 64;
constexpr std::uint32_t plan_requests = 10'000;
constexpr std::uint64_t body_max = 256'000'000;
const std::string nonce(wire_nonce_bytes, 'a');

[[noreturn]] void fail(const std::string& what) { throw std::runtime_error("piece: " + what); }

// A file in memory. It is read only, but for those who write what nobody reads.
class BytesFile final : public File {
 public:
  explicit BytesFile(std::shared_ptr<const std::string> bytes) : bytes_(std::move(bytes)) {}
  Result<std::size_t> read_at(std::span<char> buffer, std::uint64_t offset) override {
    if (offset >= bytes_->size()) return std::size_t{0};
    return bytes_->copy(buffer.data(), buffer.size(), static_cast<std::size_t>(offset));
  }
  Result<void> append(std::string_view) override { return {}; }
  Result<void> sync() override { return {}; }
  Result<FileInfo> info() override { return FileInfo(); }

 private:
  std::shared_ptr<const std::string> bytes_;
};

// Sizes as they lie in the index, without the index.
class FixedSizes final : public Sizes {
 public:
  std::uint32_t sent_params_bytes(JobId, Seq seq) override { return 1000 + seq % 3000; }
};

struct Inputs {
  std::vector<std::string> lines;  // of a job file, without their line breaks
  std::vector<LineEntry> entries;  // of these lines in `job`
  std::shared_ptr<const std::string> job;
  std::vector<std::string> results;  // lines of a download
  std::shared_ptr<const std::string> download;
  std::vector<LineEntry> segment;
  std::string segment_blob;
};

std::shared_ptr<const Inputs> make_inputs() {
  auto inputs = std::make_shared<Inputs>();
  JobLines maker(1);
  std::string job, download;
  JsonChecker json;
  LineChecker checker(json, body_max);
  for (std::uint64_t i = 0; i < lines_count; ++i) {
    std::string line;
    maker.append_long(i, line);
    CheckedLine checked;
    line.pop_back();
    if (!checker.check(line, checked).empty()) fail("a made line is bad");
    checked.entry.offset = job.size();
    checked.entry.bytes = static_cast<std::uint32_t>(line.size());
    inputs->entries.push_back(checked.entry);
    job += line + '\n';
    const auto params = std::string_view(line).substr(checked.entry.params_offset, checked.entry.params_bytes);
    WireId id{nonce, static_cast<std::uint32_t>(i), fingerprint(params, 0)};
    inputs->results.push_back(result_line(wire_id(id), i));
    inputs->lines.push_back(std::move(line));
    download += inputs->results.back() + '\n';
  }
  for (Seq i = 0; i < segment_entries; ++i) {
    auto entry = inputs->entries[i % lines_count];
    entry.offset = i * 50'000ULL;
    inputs->segment.push_back(entry);
  }
  inputs->segment_blob = encode_segment(inputs->segment);
  inputs->job = std::make_shared<const std::string>(std::move(job));
  inputs->download = std::make_shared<const std::string>(std::move(download));
  return inputs;
}

HotPiece line_check(const std::shared_ptr<const Inputs>& inputs) {
  struct State {
    JsonChecker json;
    LineChecker checker{json, body_max};
  };
  const auto state = std::make_shared<State>();
  return {"line_check", "line", lines_count, inputs->job->size(), [inputs, state] {
            for (const auto& line : inputs->lines) {
              CheckedLine checked;
              if (!state->checker.check(line, checked).empty()) fail("line_check");
            }
          }};
}

HotPiece file_check(const std::shared_ptr<const Inputs>& inputs, const std::string& folder) {
  const auto json = std::make_shared<JsonChecker>();
  return {"file_check", "line", lines_count, inputs->job->size(), [inputs, json, folder] {
            SystemFiles files;
            BytesFile file(inputs->job);
            FileCheck check(file, files, *json, JobFormat::lines, CheckSettings(), join_path(folder, "spill"));
            for (bool finished = false; !finished;) {
              const auto slice = check.step(4 * 1024 * 1024);
              if (!slice) fail(slice.error().message);
              finished = slice->finished;
            }
            if (check.rejected() || check.requests() != lines_count) fail("file_check");
          }};
}

HotPiece encode(const std::shared_ptr<const Inputs>& inputs) {
  return {"index_encode", "entry", segment_entries, 0, [inputs] {
            if (encode_segment(inputs->segment).size() != inputs->segment_blob.size()) fail("index_encode");
          }};
}

HotPiece decode(const std::shared_ptr<const Inputs>& inputs) {
  return {"index_decode", "entry", segment_entries, 0, [inputs] {
            const auto entries = decode_segment(inputs->segment_blob);
            if (!entries || entries->size() != segment_entries) fail("index_decode");
          }};
}

HotPiece plan() {
  return {"plan", "request", plan_requests, 0, [] {
            std::vector<PackJob> jobs(2);
            for (std::int64_t i = 0; i < 2; ++i) {
              auto& job = jobs[static_cast<std::size_t>(i)];
              job.job = JobId{i + 1};
              job.headers = {"2023-06-01", {}};
              PendingRange pending;
              pending.range = {job.job, 0, plan_requests};
              job.pending.push_back(pending);
            }
            PackLimits limits;
            limits.requests = plan_requests;
            limits.bytes = body_max;
            FixedSizes sizes;
            if (plan_batch(jobs, limits, sizes).requests != plan_requests) fail("plan");
          }};
}

// What IntentBody does with a request whose bytes it has read.
HotPiece body(const std::shared_ptr<const Inputs>& inputs) {
  return {"body_append", "request", lines_count, inputs->job->size(), [inputs] {
            std::string block;
            block.reserve(inputs->job->size() + lines_count * 100);
            for (std::size_t i = 0; i < inputs->lines.size(); ++i) {
              const auto& entry = inputs->entries[i];
              const auto params = std::string_view(inputs->lines[i]).substr(entry.params_offset, entry.params_bytes);
              const auto hash = hash64(params);
              if (static_cast<std::uint32_t>(hash) != entry.checksum) fail("body_append");
              if (i != 0) block += ',';
              block += request_prefix(nonce, static_cast<std::uint32_t>(i), fingerprint_of_hash(hash));
              block += params;
              block += '}';
            }
          }};
}

HotPiece result_parse(const std::shared_ptr<const Inputs>& inputs) {
  struct State {
    JsonChecker json;
    ResultLine line;
  };
  const auto state = std::make_shared<State>();
  return {"result_line", "line", lines_count, inputs->download->size(), [inputs, state] {
            for (const auto& line : inputs->results) {
              parse_result_line(line, state->json, state->line);
              if (!state->line.readable()) fail("result_line");
            }
          }};
}

HotPiece download(const std::shared_ptr<const Inputs>& inputs) {
  return {"download_read", "line", lines_count, inputs->download->size(), [inputs] {
            SystemFiles files;
            ReadPlan plan;
            plan.nonce = nonce;
            plan.requests = lines_count;
            Assignment assignment;
            assignment.range = {JobId{1}, 0, lines_count};
            plan.assignments.push_back(assignment);
            plan.jobs[JobId{1}] = {};
            DownloadReader reader(files, std::move(plan));
            reader.begin(std::make_unique<BytesFile>(inputs->download), true);
            const auto rows = reader.next(10'000);
            if (!rows || rows->size() != lines_count) fail("download_read");
          }};
}

// The last step of a result: its bytes beside its neighbours', in input order, both checksums compared.
HotPiece export_lines(const std::shared_ptr<const Inputs>& inputs, const std::string& folder) {
  SystemFiles files;
  const auto put = [&](const std::string& name, const std::string& bytes) {
    auto file = files.open(join_path(folder, name), OpenFor::rewriting);
    if (!file || !(*file)->append(bytes)) fail("cannot write " + name);
  };
  put("claimed", *inputs->job);
  put(download_name(BatchId{1}, 1), *inputs->download);
  const auto window = std::make_shared<ResultWindow>();
  window->lines = inputs->entries;
  std::uint64_t offset = 0;
  JsonChecker json;
  for (Seq i = 0; i < lines_count; ++i) {
    const auto& text = inputs->results[i];
    ResultLine line;
    parse_result_line(text, json, line);
    if (!line.readable()) fail("export_line");
    OutcomeRow row;
    row.seq = i;
    row.batch = BatchId{1};
    row.download = 1;
    row.offset = offset + line.result_offset;
    row.bytes = static_cast<std::uint32_t>(line.result_bytes);
    row.checksum = checksum32(std::string_view(text).substr(line.result_offset, line.result_bytes));
    window->outcomes.push_back(std::move(row));
    offset += text.size() + 1;
  }
  return {"export_line", "line", lines_count, inputs->download->size(), [window, folder] {
            SystemFiles system;
            Job job;
            job.id = JobId{1};
            job.data_name = "claimed";
            ResultLines lines(system, {folder, folder}, job);
            std::string out;
            const auto next = lines.append_results(*window, {}, std::size_t(-1), std::nullopt, out);
            if (!next || next->at != lines_count) fail("export_line");
          }};
}

}  // namespace

std::string result_line(const std::string& wire_id, std::uint64_t number) {
  static const TextPool pool(5, 64 * 1024);
  return fmt::format(
      R"({{"custom_id":"{}","result":{{"type":"succeeded","message":{{"id":"msg_{:014}","type":"message","role":)"
      R"("assistant","model":"claude-haiku-4-5","content":[{{"type":"text","text":"{}"}}],"stop_reason":"end_turn",)"
      R"("stop_sequence":null,"usage":{{"input_tokens":{},"cache_creation_input_tokens":0,"cache_read_input_tokens":0,)"
      R"("cache_creation":{{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0}},"output_tokens":{},)"
      R"("service_tier":"batch"}}}}}}}})",
      wire_id, number, pool.slice(number * 31, 1230), 700 + number, 300 + number);
}

std::vector<HotPiece> hot_pieces(const std::string& folder) {
  const auto inputs = make_inputs();
  std::vector<HotPiece> pieces;
  pieces.push_back(line_check(inputs));
  pieces.push_back(file_check(inputs, folder));
  pieces.push_back(encode(inputs));
  pieces.push_back(decode(inputs));
  pieces.push_back(plan());
  pieces.push_back(body(inputs));
  pieces.push_back(result_parse(inputs));
  pieces.push_back(download(inputs));
  pieces.push_back(export_lines(inputs, folder));
  return pieces;
}

}  // namespace offpeak::bench
