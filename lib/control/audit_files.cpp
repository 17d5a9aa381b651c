#include "control/audit_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace offpeak {

namespace {

constexpr std::size_t slice_bytes = 1024 * 1024;
constexpr std::array<std::string_view, 3> names{"results.jsonl", "failed.jsonl", "summary.json"};

std::int64_t lines_wanted(const Job& job, std::size_t which) {
  if (which == 0) return job.requests;
  if (which == 1) return job.requests - job.counts[RequestState::succeeded] + (job.options_line.empty() ? 0 : 1);
  return 1;
}

}  // namespace

AuditFiles::AuditFiles(Files& files, const ControlFolders& folders, const Job& job)
    : files_(files),
      claimed_path_(join_path(folders.claimed, job.data_name)),
      job_(job),
      lines_(files, ResultFolders{folders.claimed, folders.downloads}, job) {}

void AuditFiles::problem(AuditReport& report, const Error& error) const {
  report.add_problem(fmt::format("job {}: {}", job_.id.value, error.message));
}

bool AuditFiles::check_some_results(const ResultWindow& window, AuditReport& report) {
  block_.clear();
  const auto next = lines_.append_results(window, at_, slice_bytes, std::nullopt, block_);
  if (!next) problem(report, next.error());
  // What comes behind the first bad line of a window is not told apart.
  at_ = next && next->at < window.outcomes.size() ? *next : LinePlace();
  return at_ != LinePlace();
}

bool AuditFiles::check_some_of_the_digest(AuditReport& report) {
  if (!claimed_) {
    auto file = files_.open(claimed_path_, OpenFor::reading);
    if (!file) {
      problem(report, in_context(claimed_path_, file.error()));
      return false;
    }
    claimed_ = std::move(*file);
  }
  block_.resize(slice_bytes);
  const auto got = claimed_->read_at(block_, offset_);
  if (!got) {
    problem(report, in_context(claimed_path_, got.error()));
    return false;
  }
  digest_.update(std::string_view(block_).substr(0, *got));
  offset_ += *got;
  if (*got != 0) return true;
  if (digest_.value() != job_.digest) {
    report.add_problem(fmt::format("job {}: {} is not the file that was accepted: its {} bytes have another digest",
                                   job_.id.value, claimed_path_, offset_));
  }
  return false;
}

ResultFilesCheck::ResultFilesCheck(Files& files, const ControlFolders& folders, const Job& job)
    : files_(files), folder_(join_path(folders.results, results_folder_name(job))), job_(job) {}

bool ResultFilesCheck::count_some(AuditReport& report) {
  const auto path = join_path(folder_, names[which_]);
  if (!file_) {
    auto file = files_.open(path, OpenFor::reading);
    if (!file) {
      report.add_problem(fmt::format("job {} is {}, but {}", job_.id.value, to_text(job_.state),
                                     in_context(path, file.error()).message));
      return next_file();
    }
    file_ = std::move(*file);
  }
  block_.resize(slice_bytes);
  const auto got = file_->read_at(block_, offset_);
  if (!got) {
    report.add_problem(fmt::format("job {}: {}", job_.id.value, in_context(path, got.error()).message));
    return next_file();
  }
  if (*got != 0) {
    const auto bytes = std::string_view(block_).substr(0, *got);
    lines_ += std::count(bytes.begin(), bytes.end(), '\n');
    ended_ = bytes.back() == '\n';
    offset_ += *got;
    return true;
  }
  const auto wanted = lines_wanted(job_, which_);
  if (lines_ != wanted || !ended_) {
    report.add_problem(fmt::format("job {}: {} has {} lines{}, not {}", job_.id.value, path, lines_,
                                   ended_ ? "" : " and a piece of one", wanted));
  }
  return next_file();
}

bool ResultFilesCheck::next_file() {
  file_.reset();
  offset_ = 0;
  lines_ = 0;
  ended_ = true;
  return ++which_ < names.size();
}

}  // namespace offpeak
