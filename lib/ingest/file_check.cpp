#include "ingest/file_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace offpeak {

namespace {

constexpr std::size_t made_a_slice_max = 2000;
constexpr std::size_t ids_a_slice = 16 * 1024;
constexpr std::uint64_t requests_max = std::numeric_limits<Seq>::max() - 1;

// The place of text[offset], for a text that begins where `piece` does.
FileError place(const Piece& piece, std::string_view text, std::size_t offset) {
  FileError error;
  const auto before = text.substr(0, std::min(offset, text.size()));
  const auto line_feeds = static_cast<std::uint64_t>(std::ranges::count(before, '\n'));
  const auto last = before.rfind('\n');
  error.line = piece.line + line_feeds;
  error.column = last == std::string_view::npos ? piece.column + offset : offset - last;
  error.offset = piece.offset + offset;
  return error;
}

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t\r") == std::string_view::npos; }

}  // namespace

std::string invalid_line_result(std::string_view message, std::uint64_t line) {
  return fmt::format(
      R"({{"type":"errored","error":{{"type":"error","error":{{"type":"offpeak_invalid_line","message":{},"line":{}}},)"
      R"("request_id":null}}}})",
      json_quote(message), line);
}

FileCheck::FileCheck(File& file, Files& files, JsonChecker& json, JobFormat format, const CheckSettings& settings,
                     const std::string& spill_path)
    : file_(file),
      format_(format),
      settings_(settings),
      checker_(json, settings.batch_bytes_max),
      ids_(files, spill_path, settings.run_entries),
      phase_(format == JobFormat::requests ? Phase::options : Phase::requests) {
  start_reading();
  entries_.reserve(segment_entries);
}

Result<CheckSlice> FileCheck::step(std::uint64_t budget) {
  CheckSlice slice;
  if (phase_ == Phase::options) {
    if (auto found = find_options(budget); !found) return found.error();
  }
  if (phase_ == Phase::requests && budget > 0) {
    if (auto read = read_requests(budget, slice); !read) return read.error();
  } else if (phase_ == Phase::ids) {
    if (auto found = find_repeated_ids(slice); !found) return found.error();
  }
  slice.finished = phase_ == Phase::finished;
  return slice;
}

// "offpeak" may stand behind "requests", and its defaults are needed before the first request. Where it
// stands in front, as it should, this ends at once.
Result<void> FileCheck::find_options(std::uint64_t& budget) {
  const auto found = reader_->next(budget);
  if (!found) return found.error();
  if (*found == Found::more) return {};
  const auto piece = reader_->piece();
  if (*found == Found::piece && piece.kind == PieceKind::request) return {};
  if (*found == Found::piece && piece.bytes <= options_bytes_max) {
    auto text = reader_->bytes_of(piece.offset, piece.bytes);
    if (!text) return text.error();
    if (auto fault = checker_.json_fault(*text)) {
      report_fault(piece, *text, *fault);
      fatal_ = true;
    } else {
      take_options(piece, *text, *text);
    }
  } else if (*found == Found::piece) {
    report_fault(piece, "", Fault{0, fmt::format("the options have more than {} bytes", options_bytes_max), ""});
    fatal_ = true;
  }
  start_reading();
  phase_ = Phase::requests;
  return {};
}

Result<void> FileCheck::read_requests(std::uint64_t& budget, CheckSlice& slice) {
  while (slice.made.size() < made_a_slice_max) {
    const auto found = reader_->next(budget);
    if (!found) return found.error();
    switch (*found) {
      case Found::more:
        return {};
      case Found::piece:
        if (auto taken = take_piece(reader_->piece(), slice); !taken) return taken;
        if (phase_ == Phase::finished) return {};
        break;
      case Found::fault:
        fail(reader_->fault());
        return {};
      case Found::end:
        end_of_file(slice);
        return {};
    }
  }
  return {};
}

Result<void> FileCheck::take_piece(const Piece& piece, CheckSlice& slice) {
  if (piece.kind == PieceKind::options) return {};  // taken by find_options
  if (piece.kind == PieceKind::line) return take_line(piece, slice);
  if (piece.bytes > checker_.line_bytes_max()) {
    bad_request(piece, "", {checker_.too_long(piece.bytes)}, CheckedLine{}, slice);
    return {};
  }
  auto text = reader_->bytes_of(piece.offset, piece.bytes);
  if (!text) return text.error();
  return take_request(piece, *text, slice);
}

Result<void> FileCheck::take_line(Piece piece, CheckSlice& slice) {
  if (piece.bytes > checker_.line_bytes_max()) {
    first_line_ = false;
    bad_request(piece, "", {checker_.too_long(piece.bytes)}, CheckedLine{}, slice);
    return {};
  }
  auto text = reader_->bytes_of(piece.offset, piece.bytes);
  if (!text) return text.error();
  if (text->ends_with('\r')) text->remove_suffix(1);
  if (is_blank(*text)) return {};
  piece.bytes = text->size();
  if (std::exchange(first_line_, false)) {
    std::vector<Fault> faults;
    const auto value = checker_.options_of(*text, faults);
    for (const auto& fault : faults) report_fault(piece, *text, fault);
    fatal_ = fatal_ || !faults.empty();
    if (value && faults.empty()) take_options(piece, *text, *value);
    if (value) return {};
  }
  return take_request(piece, *text, slice);
}

void FileCheck::take_options(const Piece& piece, std::string_view text, std::string_view value) {
  if (value.size() > options_bytes_max) {
    report_fault(piece, text, Fault{0, fmt::format("the options have more than {} bytes", options_bytes_max), ""});
    fatal_ = true;
    return;
  }
  for (auto& fault : parse_options(value, options_)) {
    fault.offset += offset_in(text, value);
    report_fault(piece, text, fault);
    fatal_ = true;  // without its options nobody knows what the file means
  }
  options_line_ =
      format_ == JobFormat::lines ? std::string(text) : fmt::format(R"({{"offpeak":{}}})", json_on_one_line(value));
  checker_.use(Defaults(options_.defaults));
}

Result<void> FileCheck::take_request(const Piece& piece, std::string_view text, CheckSlice& slice) {
  CheckedLine checked;
  const auto& faults = checker_.check(text, checked);
  checked.entry.offset = piece.offset;
  if (faults.empty()) return good_request(piece, text, checked, slice);
  // In a *.json file nothing says any more where the next element would begin.
  if (checker_.was_not_json() && format_ == JobFormat::requests) fatal_ = true;
  if (checked.has_id && !skips()) {
    if (auto added = remember_id(piece, text, checked); !added) return added;
  }
  bad_request(piece, text, faults, checked, slice);
  return {};
}

Result<void> FileCheck::good_request(const Piece& piece, std::string_view text, CheckedLine& checked,
                                     CheckSlice& slice) {
  if (auto added = remember_id(piece, text, checked); !added) return added;
  if (visitor_) visitor_(checked.entry, text.substr(checked.entry.params_offset, checked.entry.params_bytes));
  add_entry(checked.entry, slice);
  return {};
}

Result<void> FileCheck::remember_id(const Piece& piece, std::string_view text, const CheckedLine& checked) {
  auto use = id_use(checked.id_digest);
  use.seq = static_cast<std::uint32_t>(requests_);
  use.offset = piece.offset + checked.entry.id_offset;
  use.line = piece.line;
  std::uint64_t column = piece.column + checked.entry.id_offset;
  if (format_ == JobFormat::requests) {
    const auto at = place(piece, text, checked.entry.id_offset);
    use.line = *at.line;
    column = *at.column;
  }
  use.column = static_cast<std::uint32_t>(column);
  return ids_.add(use);
}

void FileCheck::bad_request(const Piece& piece, std::string_view text, const std::vector<Fault>& faults,
                            const CheckedLine& checked, CheckSlice& slice) {
  for (const auto& fault : faults) report_fault(piece, text, fault);
  if (skips() && !fatal_) {
    MadeOutcome made;
    made.first = static_cast<Seq>(requests_);
    made.result = invalid_line_result(faults.front().message, piece.line);
    slice.made.push_back(std::move(made));
    ++skipped_;
  }
  LineEntry entry = checked.entry;
  entry.offset = piece.offset;
  entry.bytes = static_cast<std::uint32_t>(std::min<std::uint64_t>(piece.bytes, UINT32_MAX));
  add_entry(entry, slice);
}

void FileCheck::add_entry(const LineEntry& entry, CheckSlice& slice) {
  if (requests_ >= requests_max) {
    FileError error;
    error.message = fmt::format("the file has more than {} requests", requests_max);
    error.hint = "split it";
    return fail(std::move(error));
  }
  ++requests_;
  if (rejected()) return;  // nothing of it will be stored
  entries_.push_back(entry);
  if (entries_.size() < segment_entries) return;
  slice.segments.push_back(encode_segment(entries_));
  entries_.clear();
}

void FileCheck::end_of_file(CheckSlice& slice) {
  reader_->drop_long_piece();
  phase_ = Phase::ids;
  if (requests_ == 0 && report_.empty()) {
    report_.add("the file has no requests", R"(a request is {"custom_id": "...", "params": {...}})");
    fatal_ = true;
  }
  if (rejected() || entries_.empty()) return;
  slice.segments.push_back(encode_segment(entries_));
  entries_.clear();
}

Result<void> FileCheck::find_repeated_ids(CheckSlice& slice) {
  std::vector<RepeatedId> repeated;
  const auto done = ids_.find(ids_a_slice, repeated);
  if (!done) return done.error();
  for (const auto& found : repeated) {
    FileError error;
    error.line = found.again.line;
    error.column = found.again.column;
    error.offset = found.again.offset;
    error.message = fmt::format("this custom_id was used before, on line {}", found.first_line);
    error.hint = "every custom_id must be unique in its file";
    if (skips()) {
      MadeOutcome made;
      made.first = found.again.seq;
      made.result = invalid_line_result(error.message, found.again.line);
      slice.made.push_back(std::move(made));
      ++skipped_;
    }
    report_.add(std::move(error));
  }
  if (*done) phase_ = Phase::finished;
  return {};
}

void FileCheck::report_fault(const Piece& piece, std::string_view text, const Fault& fault) {
  auto error = place(piece, text, fault.offset);
  error.message = fault.message;
  error.hint = fault.hint;
  report_.add(std::move(error));
}

// Nothing behind this place can be read.
void FileCheck::fail(FileError error) {
  report_.add(std::move(error));
  fatal_ = true;
  phase_ = Phase::finished;
}

}  // namespace offpeak
