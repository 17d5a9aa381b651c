#include "ingest/file_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace offpeak {

namespace {

constexpr std::size_t made_a_slice_max = 2000;
constexpr std::size_t gathered_max = 2048;
constexpr std::size_t ids_a_slice = 16 * 1024;
constexpr std::uint64_t requests_max = std::numeric_limits<Seq>::max() - 1;

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
      checks_(json, settings.batch_bytes_max, settings.together_bytes_min),
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
    if (auto fault = checks_.one().json_fault(*text)) {
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

// What lies whole in memory is gathered, and checked together when there is no more of it, while more is read; anything
// else is taken alone, in its turn.
Result<void> FileCheck::read_requests(std::uint64_t& budget, CheckSlice& slice) {
  while (slice.made.size() < made_a_slice_max && phase_ == Phase::requests) {
    const auto found = reader_->next_held();
    const bool gathered = found == Found::piece && gather(reader_->piece());
    if (gathered && gathered_.size() < gathered_max) continue;
    Result<void> read;
    std::function<void()> read_on;
    if (found == Found::more && budget > 0) read_on = [&] { read = reader_->read(budget); };
    if (auto taken = take_gathered(slice, read_on); !taken) return taken;
    if (!read) return read;
    if (gathered || phase_ != Phase::requests) continue;
    switch (found) {
      case Found::more:
        if (!read_on) return {};
        break;
      case Found::piece:
        if (auto taken = take_piece(reader_->piece(), slice); !taken) return taken;
        break;
      case Found::fault:
        fail(reader_->fault());
        break;
      case Found::end:
        end_of_file(slice);
        break;
    }
  }
  return {};
}

// False where it must be taken alone: the first line may be the options, which the others are checked by.
bool FileCheck::gather(const Piece& piece) {
  if (piece.kind == PieceKind::options || piece.bytes > checks_.one().line_bytes_max()) return false;
  if (piece.kind == PieceKind::line && first_line_) return false;
  const auto text = reader_->held_bytes_of(piece.offset, piece.bytes);
  if (!text) return false;
  add_found(piece, *text);
  return true;
}

// A blank line is no request.
void FileCheck::add_found(Piece piece, std::string_view text) {
  if (piece.kind == PieceKind::line) {
    if (text.ends_with('\r')) text.remove_suffix(1);
    if (is_blank(text)) return;
    piece.bytes = text.size();
  }
  gathered_.push_back({piece, text, {}, {}, false});
}

// Once `meanwhile` is done, too.
Result<void> FileCheck::take_gathered(CheckSlice& slice, const std::function<void()>& meanwhile) {
  checks_.check(gathered_, meanwhile);
  for (auto& request : gathered_) {
    if (auto taken = take_request(request, slice); !taken) return taken;
    if (phase_ == Phase::finished) break;
  }
  gathered_.clear();
  return {};
}

Result<void> FileCheck::take_piece(const Piece& piece, CheckSlice& slice) {
  if (piece.kind == PieceKind::options) return {};  // taken by find_options
  if (piece.bytes > checks_.one().line_bytes_max()) {
    first_line_ = false;
    return bad_request({piece, "", {}, {checks_.one().too_long(piece.bytes)}, false}, slice);
  }
  if (piece.bytes > settings_.held_bytes_max) return take_long(piece, slice);
  auto text = reader_->bytes_of(piece.offset, piece.bytes);
  if (!text) return text.error();
  add_found(piece, *text);
  if (piece.kind == PieceKind::line && first_line_ && !gathered_.empty()) {
    first_line_ = false;
    if (take_options_line(gathered_.front())) gathered_.clear();
  }
  return take_gathered(slice);
}

// False where the first line is a request.
bool FileCheck::take_options_line(const FoundRequest& line) {
  std::vector<Fault> faults;
  const auto value = checks_.one().options_of(line.text, faults);
  for (const auto& fault : faults) report_fault(line.piece, line.text, fault);
  fatal_ = fatal_ || !faults.empty();
  if (value && faults.empty()) take_options(line.piece, line.text, *value);
  return value.has_value();
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
  checks_.use(Defaults(options_.defaults));
}

Result<void> FileCheck::take_request(const FoundRequest& request, CheckSlice& slice) {
  const auto& checked = request.checked;
  const bool good = request.faults.empty();
  // In a *.json file nothing says any more where the next element would begin.
  if (request.was_not_json && format_ == JobFormat::requests) fatal_ = true;
  if (good || (checked.has_id && !skips())) {
    if (auto added = remember_id(request); !added) return added;
  }
  if (!good) return bad_request(request, slice);
  auto entry = checked.entry;
  entry.offset = request.piece.offset;
  if (visitor_) {
    // Of a line that is not held, its outline tells what is asked for.
    const auto params = request.is_held() ? request.text.substr(entry.params_offset, entry.params_bytes)
                                          : json_member(request.text, "params").value_or("{}");
    visitor_(entry, params);
  }
  add_entry(entry, slice);
  return {};
}

Result<void> FileCheck::remember_id(const FoundRequest& request) {
  const auto& piece = request.piece;
  const auto& checked = request.checked;
  auto use = id_use(checked.id_digest);
  use.seq = static_cast<std::uint32_t>(requests_);
  use.offset = piece.offset + checked.entry.id_offset;
  use.line = piece.line;
  std::uint64_t column = piece.column + checked.entry.id_offset;
  if (format_ == JobFormat::requests) {
    const auto at = place_of(request, checked.entry.id_offset);
    if (!at) return at.error();
    use.line = *at->line;
    column = *at->column;
  }
  use.column = static_cast<std::uint32_t>(column);
  return ids_.add(use);
}

Result<void> FileCheck::bad_request(const FoundRequest& request, CheckSlice& slice) {
  const auto& piece = request.piece;
  for (const auto& fault : request.faults) {
    auto error = place_of(request, fault.offset);
    if (!error) return error.error();
    error->message = fault.message;
    error->hint = fault.hint;
    report_.add(std::move(*error));
  }
  if (skips() && !fatal_) {
    MadeOutcome made;
    made.first = static_cast<Seq>(requests_);
    made.result = invalid_line_result(request.faults.front().message, piece.line);
    slice.made.push_back(std::move(made));
    ++skipped_;
  }
  LineEntry entry = request.checked.entry;
  entry.offset = piece.offset;
  entry.bytes = static_cast<std::uint32_t>(std::min<std::uint64_t>(piece.bytes, UINT32_MAX));
  add_entry(entry, slice);
  return {};
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
