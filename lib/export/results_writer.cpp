#include "export/results_writer.hpp"

#include <fmt/format.h>

#include "base/json.hpp"
#include "export/summary.hpp"

namespace offpeak {

namespace {

constexpr std::size_t block_bytes = 1024 * 1024;
constexpr std::size_t summary_bytes_max = 16 * 1024 * 1024;
constexpr unsigned folder_mode = 02750;
constexpr unsigned file_mode = 0640;
constexpr const char* group = "offpeak";

constexpr const char* results_name = "results.jsonl";
constexpr const char* failed_name = "failed.jsonl";
constexpr const char* summary_name = "summary.json";

}  // namespace

ResultsWriter::ResultsWriter(Files& files, ExportPlaces places, const Job& job)
    : files_(files),
      places_(std::move(places)),
      job_(job),
      folder_(join_path(places_.results, unfinished_folder_name(job))),
      target_(join_path(places_.results, results_folder_name(job))) {
  lines_.emplace(files, places_.sources, job);
}

ResultsWriter::~ResultsWriter() = default;

Result<void> ResultsWriter::begin() {
  if (auto removed = files_.remove_tree(folder_); !removed) return removed;
  if (auto made = files_.make_folders(folder_, folder_mode); !made) return made;
  auto results = files_.open(join_path(folder_, results_name), OpenFor::writing_new);
  if (!results) return results.error();
  results_ = std::move(*results);
  auto failed = files_.open(join_path(folder_, failed_name), OpenFor::writing_new);
  if (!failed) return failed.error();
  failed_ = std::move(*failed);
  if (job_.options_line.empty()) return {};
  return put(*failed_, json_on_one_line(job_.options_line) + '\n');
}

Result<bool> ResultsWriter::write_some(const ResultWindow& window) {
  if (window.outcomes.size() != window.lines.size()) {
    return make_error(ErrorKind::internal,
                      fmt::format("job {}: a request from {} on has no outcome", job_.id.value, window.first));
  }
  if (at_.at < window.outcomes.size()) {
    const auto begin = at_.at;
    block_.clear();
    auto next = lines_->append_results(window, at_, block_bytes, std::nullopt, block_);
    if (!next) return next.error();
    at_ = *next;
    if (auto done = put(*results_, block_); !done) return done.error();
    for (auto i = begin; i < at_.at; ++i) ++written_[as_request_state(window.outcomes[i].type)];
    if (at_.at < window.outcomes.size()) return false;
  }
  block_.clear();
  auto next = lines_->append_failed(window, failed_at_, block_bytes, block_);
  if (!next) return next.error();
  failed_at_ = *next;
  if (auto done = put(*failed_, block_); !done) return done.error();
  if (failed_at_.at < window.outcomes.size()) return false;
  end_window(window);
  return true;
}

void ResultsWriter::end_window(const ResultWindow& window) {
  at_ = {};
  failed_at_ = {};
  const auto written = std::int64_t{window.first} + static_cast<std::int64_t>(window.lines.size());
  if (written < job_.requests) return;
  lines_.reset();
  block_ = std::string();
}

Result<void> ResultsWriter::put(File& file, std::string_view bytes) {
  bytes_ += bytes.size();
  return bytes.empty() ? Result<void>() : file.append(bytes);
}

Result<void> ResultsWriter::check_counts() const {
  if (written_ == job_.counts) return {};
  return make_error(ErrorKind::internal,
                    fmt::format("job {}: {} outcomes were written, but the job counts differ: {} against {}",
                                job_.id.value, written_.total(), to_json(written_), to_json(job_.counts)));
}

Result<void> ResultsWriter::seal(const std::string& summary) {
  if (auto checked = check_counts(); !checked) return checked;
  auto file = files_.open(join_path(folder_, summary_name), OpenFor::writing_new);
  if (!file) return file.error();
  if (auto done = put(**file, summary); !done) return done;
  if (auto sealed = seal_file(*results_, results_name); !sealed) return sealed;
  if (auto sealed = seal_file(*failed_, failed_name); !sealed) return sealed;
  if (auto sealed = seal_file(**file, summary_name); !sealed) return sealed;
  results_.reset();
  failed_.reset();
  // Only a wish: the group may not exist, and then our own stays.
  static_cast<void>(files_.set_mode(folder_, folder_mode, group));
  return files_.sync_folder(folder_);
}

Result<void> ResultsWriter::put_in_place() {
  if (auto made = make_room(); !made) return made;
  return files_.move_unsynced(folder_, target_);
}

Result<void> ResultsWriter::seal_file(File& file, const std::string& name) {
  if (auto synced = file.sync(); !synced) return synced;
  static_cast<void>(files_.set_mode(join_path(folder_, name), file_mode, group));
  return {};
}

// Results of an earlier round of the same job (it was retried) give way to those that replace them.
Result<void> ResultsWriter::make_room() {
  if (auto there = files_.info(target_); !there) {
    return there.error().kind == ErrorKind::not_found ? Result<void>() : there.error();
  }
  const auto text = read_small_file(files_, join_path(target_, summary_name), summary_bytes_max);
  const auto facts = text ? read_summary(*text) : std::nullopt;
  if (facts && facts->job == job_.id) {
    // Under a name that the next start removes, should we stop between the two.
    const auto old = join_path(places_.results, fmt::format(".old-{}.tmp", job_.id.value));
    if (auto removed = files_.remove_tree(old); !removed) return removed;
    if (auto moved = files_.move(target_, old); !moved) return moved;
    return files_.remove_tree(old);
  }
  for (int n = 1; n < 100; ++n) {
    auto moved = files_.move_new(target_, fmt::format("{}.replaced-{}", target_, n));
    if (moved) return moved;
    if (auto taken = files_.info(fmt::format("{}.replaced-{}", target_, n)); !taken) return moved;
  }
  return make_error(ErrorKind::io, fmt::format("{} is in the way", target_), "move it elsewhere");
}

void ResultsWriter::abandon() {
  results_.reset();
  failed_.reset();
  static_cast<void>(files_.remove_tree(folder_));
}

std::optional<Instant> already_exported(Files& files, const std::string& results_folder, const Job& job,
                                        const JobTallies& tallies, const std::vector<Batch>& batches) {
  const auto folder = join_path(results_folder, results_folder_name(job));
  const auto text = read_small_file(files, join_path(folder, summary_name), summary_bytes_max);
  if (!text) return std::nullopt;
  const auto facts = read_summary(*text);
  if (!facts || facts->job != job.id) return std::nullopt;
  if (*text != summary_json(as_finished(job, facts->done_at), tallies, batches)) return std::nullopt;
  for (const auto* name : {results_name, failed_name}) {
    if (!files.info(join_path(folder, name))) return std::nullopt;
  }
  return facts->done_at;
}

}  // namespace offpeak
