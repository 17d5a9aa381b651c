// Checks a whole job file, block by block, and makes its line index. File worker only, but for what is read
// after it has finished.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/files.hpp"
#include "base/json.hpp"
#include "ingest/error_report.hpp"
#include "ingest/line_check.hpp"
#include "ingest/options.hpp"
#include "ingest/piece_reader.hpp"
#include "ingest/request_checks.hpp"
#include "ingest/unique_ids.hpp"
#include "model/job.hpp"
#include "queue/rows.hpp"

namespace offpeak {

struct CheckSettings {
  std::uint64_t batch_bytes_max = 256'000'000;    // of HTTP body
  std::uint64_t file_bytes_max = 64'000'000'000;  // decompressed
  std::uint64_t reserve_bytes = 0;                // of free space that unpacking leaves alone; see left_alone()
  std::size_t window_bytes = 1024 * 1024;
  // A longer line is not held in memory, but read twice. The first one may be the options.
  std::uint64_t held_bytes_max = options_bytes_max + 64 * 1024;
  std::uint64_t together_bytes_min = 128 * 1024;  // of requests in memory that are checked on two threads
  std::size_t run_entries = 64 * 1024;            // of custom_ids held in memory before they spill
};

// What one step found, to be stored before the next.
struct CheckSlice {
  std::vector<std::string> segments;  // of the line index, in order
  std::vector<MadeOutcome> made;      // of lines that were skipped
  bool finished = false;
};

// Called for every good request, while its bytes are in memory: (entry, raw params).
using RequestVisitor = std::function<void(const LineEntry&, std::string_view)>;

class FileCheck {
 public:
  // `file` (decompressed, regular) and `json` must outlive this. `spill_path` is for custom_ids that do not
  // fit memory.
  FileCheck(File& file, Files& files, JsonChecker& json, JobFormat format, const CheckSettings& settings,
            const std::string& spill_path);

  void visit(RequestVisitor visitor) { visitor_ = std::move(visitor); }

  // Reads about `budget` bytes more. An Error is the machine's (a read failed, the disk is full), never the
  // file's: what is wrong with the file is in the report.
  Result<CheckSlice> step(std::uint64_t budget);

  // After the last step.
  bool rejected() const { return fatal_ || (!report_.empty() && options_.on_invalid == OnInvalid::reject); }
  const ErrorReport& report() const { return report_; }
  const JobOptions& options() const { return options_; }
  const std::string& options_line() const { return options_line_; }
  std::uint64_t requests() const { return requests_; }
  std::uint64_t skipped() const { return skipped_; }
  std::uint64_t bytes() const { return reader_->bytes_read(); }
  Digest128 digest() const { return reader_->digest(); }

 private:
  enum class Phase : std::uint8_t { options, requests, ids, finished };

  Result<void> find_options(std::uint64_t& budget);
  Result<void> read_requests(std::uint64_t& budget, CheckSlice& slice);
  bool gather(const Piece& piece);
  Result<void> take_gathered(CheckSlice& slice, const std::function<void()>& meanwhile = {});
  void add_found(Piece piece, std::string_view text);
  Result<void> take_piece(const Piece& piece, CheckSlice& slice);
  Result<void> take_long(Piece piece, CheckSlice& slice);
  Result<void> check_long(FoundRequest& request, const LongRequest& line);
  Result<FileError> place_of(const FoundRequest& request, std::size_t offset);
  bool take_options_line(const FoundRequest& line);
  Result<void> take_request(const FoundRequest& request, CheckSlice& slice);
  Result<void> remember_id(const FoundRequest& request);
  Result<void> bad_request(const FoundRequest& request, CheckSlice& slice);
  void add_entry(const LineEntry& entry, CheckSlice& slice);
  void take_options(const Piece& piece, std::string_view text, std::string_view value);
  void end_of_file(CheckSlice& slice);
  Result<void> find_repeated_ids(CheckSlice& slice);
  void report_fault(const Piece& piece, std::string_view text, const Fault& fault);
  void fail(FileError error);
  void start_reading() { reader_.emplace(file_, format_, settings_.window_bytes); }
  bool skips() const { return options_.on_invalid == OnInvalid::skip; }

  File& file_;
  JobFormat format_;
  CheckSettings settings_;
  RequestChecks checks_;
  UniqueIds ids_;
  RequestVisitor visitor_;
  Phase phase_;
  std::optional<PieceReader> reader_;
  ErrorReport report_;
  JobOptions options_;
  std::string options_line_;
  std::vector<FoundRequest> gathered_;  // their bytes are in the reader's window
  std::vector<LineEntry> entries_;      // of the segment in the making
  std::uint64_t requests_ = 0;
  std::uint64_t skipped_ = 0;
  bool first_line_ = true;
  bool fatal_ = false;  // nothing of the file can be queued, whatever on_invalid says
};

// The place of text[offset], for a text that begins where `piece` does.
FileError place(const Piece& piece, std::string_view text, std::size_t offset);

// The result value of a line that was skipped.
std::string invalid_line_result(std::string_view message, std::uint64_t line);

}  // namespace offpeak
