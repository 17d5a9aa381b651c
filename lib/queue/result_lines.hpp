// Purpose   makes the lines that a user reads, results and failed requests, from where their bytes lie
// Gets      a window of one job, read from the queue; the claimed file and the raw downloads
// Gives     {"custom_id":<as the user wrote it>,"result":<the provider's value>} in input order, byte for byte; and
//           request lines byte for byte
// Promises  plain blocking functions for the file worker, without the database; memory is what the caller asks for, and
//           a few MiB however long a line is; every value's checksum is compared before it is given, that of a value
//           longer than a MiB before its line ends
// When it fails  an Error that names file and offset: ErrorKind::invalid where bytes are missing or have changed (a
//           human must look; trying again cannot help), else what the system said
//
// Used by export and by the results stream of the status socket:
//
// ResultLines lines(files, folders, job); // lives on the file worker for (Seq first = 0; first < job.requests; first
// += result_window_requests) { window = on the database worker: read_result_window(queue, job.id, first,
// result_window_requests); for (std::size_t at = 0; at < window.outcomes.size();) { out.clear(); at = on the file
// worker: lines.append_results(window, at, 256 * 1024, only, out); send(out); } }
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.hpp"
#include "base/files.hpp"
#include "base/result.hpp"
#include "queue/rows.hpp"

namespace offpeak {

class Queue;

// One segment of the line index.
inline constexpr std::uint32_t result_window_requests = segment_entries;

struct ResultFolders {
  std::string claimed;
  std::string downloads;
};

struct ResultWindow {
  Seq first = 0;
  std::vector<LineEntry> lines;      // of the requests first, first + 1, ...; fewer at the end of the job
  std::vector<OutcomeRow> outcomes;  // of those among them that have one, in input order
};

// On the database worker.
ResultWindow read_result_window(const Queue& queue, JobId job, Seq first, std::uint32_t count);

// The name of a raw download in the folder of downloads.
std::string download_name(BatchId batch, std::uint32_t download);
// Beside them: lines of its downloads that became nobody's outcome.
std::string aside_name(BatchId batch);

// "<id>-<name>": a job's own folder among the results.
std::string results_folder_name(const Job& job);

// Where to go on: a line may be far longer than a block.
struct LinePlace {
  std::size_t at = 0;        // in window.outcomes
  std::uint64_t inside = 0;  // bytes of that value or line already given
  bool operator==(const LinePlace&) const = default;
};

class ResultLines {
 public:
  // Opens nothing yet. Of the job it keeps where its bytes are and their format.
  ResultLines(Files& files, ResultFolders folders, const Job& job);
  ~ResultLines();
  ResultLines(const ResultLines&) = delete;
  ResultLines& operator=(const ResultLines&) = delete;

  // Appends the result lines of window.outcomes[from.at], and so on, to `out`, those of type `only` where given, until
  // `out` holds at least `enough_bytes` or the window ends. Gives the place to go on at; {outcomes.size(), 0} is the
  // end.
  Result<LinePlace> append_results(const ResultWindow& window, LinePlace from, std::size_t enough_bytes,
                                   std::optional<OutcomeType> only, std::string& out);

  // The same for the request lines whose outcome is not succeeded, as they stand in the job file; an
  // element of a "requests" array is put on one line.
  Result<LinePlace> append_failed(const ResultWindow& window, LinePlace from, std::size_t enough_bytes,
                                  std::string& out);

 private:
  struct Placed {  // where the pieces of one result line belong in `out`
    const OutcomeRow* outcome = nullptr;
    const LineEntry* line = nullptr;
    std::size_t id_at = 0;
    std::size_t result_at = 0;
  };
  struct Download {
    BatchId batch;
    std::uint32_t number = 0;
    std::unique_ptr<File> file;
  };
  using PlacedIterator = std::vector<Placed>::const_iterator;

  Result<std::size_t> lay_out(const ResultWindow& window, std::size_t at, std::size_t enough_bytes,
                              std::optional<OutcomeType> only, std::string& out);
  Result<LinePlace> append_alone(const ResultWindow& window, LinePlace from, std::size_t enough_bytes,
                                 std::string& out);
  Result<void> begin_alone(const ResultWindow& window, const OutcomeRow& outcome, std::string& out);
  Result<std::size_t> put_piece(const OutcomeRow& outcome, std::uint64_t inside, std::string& out);
  Result<void> put_id(const Placed& placed, std::string& out);
  Result<void> put_results(std::string& out);
  Result<void> put_run(PlacedIterator first, PlacedIterator last, std::string& out);
  Result<File*> claimed_file();
  Result<File*> download_file(BatchId batch, std::uint32_t number);
  Result<std::string_view> claimed_bytes(std::uint64_t offset, std::size_t bytes);
  Result<const LineEntry*> line_of(const ResultWindow& window, const OutcomeRow& outcome) const;

  Files& files_;
  ResultFolders folders_;
  JobId job_;
  std::string data_name_;
  JobFormat format_;
  std::unique_ptr<File> claimed_;
  std::uint64_t claimed_bytes_ = 0;  // when it was opened
  std::string block_;                // claimed bytes from block_offset_ on
  std::uint64_t block_offset_ = 0;
  std::list<Download> downloads_;  // the last used first
  std::vector<Placed> placed_;
  std::string run_;     // neighbouring results, read in one go
  Hash64Stream alone_;  // of what was given of the value that is given in pieces
};

}  // namespace offpeak
