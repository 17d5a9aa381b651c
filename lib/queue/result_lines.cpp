#include "queue/result_lines.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "base/digest.hpp"
#include "base/text.hpp"
#include "model/limits.hpp"
#include "queue/queue.hpp"
#include "queue/result_words.hpp"

namespace offpeak {

namespace {

// Results that lie closer together than this are read in one go.
constexpr std::uint64_t gap_bytes_max = 4096;
// A longer request line is not read as a whole to be checked: that was done when it was sent.
constexpr std::uint32_t checked_line_bytes_max = 1024 * 1024;
// A longer value is given in pieces.
constexpr std::uint32_t whole_value_bytes_max = 1024 * 1024;
constexpr std::size_t open_downloads_max = 8;

// Apart from the others: its value is long, or it must be put in words that say why it is what it is.
bool goes_alone(const OutcomeRow& outcome) {
  return outcome.batch && (outcome.unreadable || outcome.bytes > whole_value_bytes_max);
}

// Opening for reading: a missing file is damage, not a passing trouble.
Result<std::unique_ptr<File>> open_needed(Files& files, const std::string& path) {
  auto file = files.open(path, OpenFor::reading);
  if (!file && file.error().kind == ErrorKind::not_found) return changed_file(path, 0, "the file is missing");
  return file;
}

}  // namespace

ResultWindow read_result_window(const Queue& queue, JobId job, Seq first, std::uint32_t count) {
  ResultWindow window;
  window.first = first;
  window.lines = queue.lines(job, first, count);
  window.outcomes = queue.outcomes(job, first, count);
  return window;
}

std::string download_name(BatchId batch, std::uint32_t download) {
  return fmt::format("{}.{}.jsonl", batch.value, download);
}

std::string aside_name(BatchId batch) { return fmt::format("{}.aside.jsonl", batch.value); }
std::string results_folder_name(const Job& job) {
  return fmt::format("{}-{}", job.id.value, safe_file_name(job.name, path_name_bytes_max));
}

ResultLines::ResultLines(Files& files, ResultFolders folders, const Job& job)
    : files_(files), folders_(std::move(folders)), job_(job.id), data_name_(job.data_name), format_(job.format) {}

ResultLines::~ResultLines() = default;

Result<LinePlace> ResultLines::append_results(const ResultWindow& window, LinePlace from, std::size_t enough_bytes,
                                              std::optional<OutcomeType> only, std::string& out) {
  while (from.at < window.outcomes.size() && out.size() < enough_bytes) {
    const auto& first = window.outcomes[from.at];
    if (only && first.type != *only) {
      ++from.at;
    } else if (goes_alone(first)) {
      auto next = append_alone(window, from, enough_bytes, out);
      if (!next) return next;
      from = *next;
    } else {
      auto next = lay_out(window, from.at, enough_bytes, only, out);
      if (!next) return next.error();
      for (const auto& placed : placed_) {
        if (auto put = put_id(placed, out); !put) return put.error();
      }
      if (auto put = put_results(out); !put) return put.error();
      from.at = *next;
    }
  }
  return from;
}

// Writes what is known without a file and leaves room for the rest.
Result<std::size_t> ResultLines::lay_out(const ResultWindow& window, std::size_t at, std::size_t enough_bytes,
                                         std::optional<OutcomeType> only, std::string& out) {
  placed_.clear();
  for (; at < window.outcomes.size() && out.size() < enough_bytes; ++at) {
    const auto& outcome = window.outcomes[at];
    if (only && outcome.type != *only) continue;
    if (goes_alone(outcome)) break;
    auto line = line_of(window, outcome);
    if (!line) return line.error();
    Placed placed;
    placed.outcome = &outcome;
    placed.line = *line;
    out += before_id;
    placed.id_at = out.size();
    if (placed.line->id_bytes == 0) {
      out += no_id;
    } else {
      out.append(placed.line->id_bytes, ' ');
    }
    out += before_result;
    placed.result_at = out.size();
    if (outcome.batch) {
      out.append(outcome.bytes, ' ');
    } else {
      out += outcome.made_result;
    }
    out += behind_result;
    placed_.push_back(placed);
  }
  return at;
}

Result<const LineEntry*> ResultLines::line_of(const ResultWindow& window, const OutcomeRow& outcome) const {
  const std::size_t index = outcome.seq - window.first;
  if (outcome.seq < window.first || index >= window.lines.size()) {
    return make_error(ErrorKind::internal, fmt::format("job {}: request {} has an outcome but no line in the index",
                                                       job_.value, outcome.seq));
  }
  return &window.lines[index];
}

Result<void> ResultLines::put_id(const Placed& placed, std::string& out) {
  const auto& line = *placed.line;
  if (line.bytes <= checked_line_bytes_max) {
    // The whole line passes through the block anyway: whoever changed the file is found out here.
    auto bytes = claimed_bytes(line.offset, line.bytes);
    if (!bytes) return bytes.error();
    if (line.params_bytes > 0 && checksum32(bytes->substr(line.params_offset, line.params_bytes)) != line.checksum) {
      return changed_file(join_path(folders_.claimed, data_name_), line.offset, "the request line has changed");
    }
    const auto id = bytes->substr(line.id_offset, line.id_bytes);
    std::copy(id.begin(), id.end(), out.begin() + static_cast<std::ptrdiff_t>(placed.id_at));
    return {};
  }
  if (line.id_bytes == 0) return {};
  auto id = claimed_bytes(line.offset + line.id_offset, line.id_bytes);
  if (!id) return id.error();
  std::copy(id->begin(), id->end(), out.begin() + static_cast<std::ptrdiff_t>(placed.id_at));
  return {};
}

// In the order in which they lie in the downloads, neighbours in one read.
Result<void> ResultLines::put_results(std::string& out) {
  std::erase_if(placed_, [](const Placed& placed) { return !placed.outcome->batch; });
  std::sort(placed_.begin(), placed_.end(), [](const Placed& a, const Placed& b) {
    return std::tie(a.outcome->batch, a.outcome->download, a.outcome->offset) <
           std::tie(b.outcome->batch, b.outcome->download, b.outcome->offset);
  });
  for (auto first = placed_.cbegin(); first != placed_.cend();) {
    auto last = first + 1;
    for (; last != placed_.cend(); ++last) {
      const auto& before = *(last - 1)->outcome;
      const auto& next = *last->outcome;
      const bool same_file = next.batch == before.batch && next.download == before.download;
      if (!same_file || next.offset > before.offset + before.bytes + gap_bytes_max) break;
      if (next.offset + next.bytes > first->outcome->offset + block_bytes) break;
    }
    if (auto put = put_run(first, last, out); !put) return put;
    first = last;
  }
  return {};
}

Result<void> ResultLines::put_run(PlacedIterator first, PlacedIterator last, std::string& out) {
  const auto& head = *first->outcome;
  auto file = download_file(head.batch, head.download);
  if (!file) return file.error();
  std::uint64_t end = 0;
  for (auto it = first; it != last; ++it) end = std::max(end, it->outcome->offset + it->outcome->bytes);
  const auto total = static_cast<std::size_t>(end - head.offset);
  const bool alone = last - first == 1;
  run_.resize(alone ? 0 : total);
  const auto target = alone ? std::span(out).subspan(first->result_at, total) : std::span(run_);
  const auto path = join_path(folders_.downloads, download_name(head.batch, head.download));
  if (auto read = read_exactly(**file, target, head.offset); !read) {
    if (read.error().os_error != 0) return in_context(path, read.error());
    return changed_file(path, head.offset, "the file is shorter than it was");
  }
  for (auto it = first; it != last; ++it) {
    const auto& outcome = *it->outcome;
    const auto bytes =
        std::string_view(target.data(), target.size()).substr(outcome.offset - head.offset, outcome.bytes);
    if (checksum32(bytes) != outcome.checksum) return changed_file(path, outcome.offset, "the result has changed");
    if (!alone) std::copy(bytes.begin(), bytes.end(), out.begin() + static_cast<std::ptrdiff_t>(it->result_at));
  }
  return {};
}

Result<LinePlace> ResultLines::append_failed(const ResultWindow& window, LinePlace from, std::size_t enough_bytes,
                                             std::string& out) {
  while (from.at < window.outcomes.size() && out.size() < enough_bytes) {
    const auto& outcome = window.outcomes[from.at];
    if (outcome.type == OutcomeType::succeeded) {
      ++from.at;
      continue;
    }
    auto line = line_of(window, outcome);
    if (!line) return line.error();
    const auto left = (*line)->bytes - from.inside;
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left, block_bytes));
    auto bytes = claimed_bytes((*line)->offset + from.inside, size);
    if (!bytes) return bytes.error();
    const auto begin = out.size();
    out += *bytes;
    if (format_ == JobFormat::requests) {
      // As json_on_one_line, for a piece of a value.
      std::replace_if(
          out.begin() + static_cast<std::ptrdiff_t>(begin), out.end(), [](char c) { return c == '\n' || c == '\r'; },
          ' ');
    }
    from.inside += size;
    if (from.inside == (*line)->bytes) {
      out += '\n';
      from = LinePlace{from.at + 1, 0};
    }
  }
  return from;
}

Result<std::string_view> ResultLines::claimed_bytes(std::uint64_t offset, std::size_t bytes) {
  if (offset < block_offset_ || offset + bytes > block_offset_ + block_.size()) {
    auto file = claimed_file();
    if (!file) return file.error();
    // Of a small file no more room is made than it needs.
    const auto left = claimed_bytes_ > offset ? claimed_bytes_ - offset : 0;
    block_.resize(std::max(bytes, static_cast<std::size_t>(std::min<std::uint64_t>(left, block_bytes))));
    block_offset_ = offset;
    std::size_t filled = 0;
    while (filled < block_.size()) {
      auto got = (*file)->read_at(std::span(block_).subspan(filled), offset + filled);
      if (!got) {
        block_.clear();
        return got.error();
      }
      if (*got == 0) break;
      filled += *got;
    }
    block_.resize(filled);
    if (filled < bytes) {
      return changed_file(join_path(folders_.claimed, data_name_), offset, "the file is shorter than it was");
    }
  }
  return std::string_view(block_).substr(static_cast<std::size_t>(offset - block_offset_), bytes);
}

Result<File*> ResultLines::claimed_file() {
  if (!claimed_) {
    auto file = open_needed(files_, join_path(folders_.claimed, data_name_));
    if (!file) return file.error();
    const auto info = (*file)->info();
    if (!info) return info.error();
    claimed_bytes_ = info->bytes;
    claimed_ = std::move(*file);
  }
  return claimed_.get();
}

Result<File*> ResultLines::download_file(BatchId batch, std::uint32_t number) {
  const auto known = std::find_if(downloads_.begin(), downloads_.end(), [&](const Download& download) {
    return download.batch == batch && download.number == number;
  });
  if (known != downloads_.end()) {
    downloads_.splice(downloads_.begin(), downloads_, known);
    return downloads_.front().file.get();
  }
  auto file = open_needed(files_, join_path(folders_.downloads, download_name(batch, number)));
  if (!file) return file.error();
  if (downloads_.size() == open_downloads_max) downloads_.pop_back();
  downloads_.push_front(Download{batch, number, std::move(*file)});
  return downloads_.front().file.get();
}

}  // namespace offpeak
