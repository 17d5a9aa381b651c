// Reads the raw files of a download and makes rows of them, a slice a call: whose line it is, what it means, where its
// bytes lie, what it cost. On the file worker; the memory is a few blocks and one slice of rows, however
// long the download is.
//
// The first line of a request that can be read wins. Lines that are nobody's (foreign), that say something else than
// the first one, or that cannot be read are counted and kept aside in a file of their own. Where the plan says so, a
// request whose line cannot be read gets that line, byte for byte, as its outcome.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/files.hpp"
#include "base/json.hpp"
#include "model/counts.hpp"
#include "model/params.hpp"
#include "queue/rows.hpp"
#include "results/classify.hpp"
#include "results/line_reader.hpp"
#include "results/result_line.hpp"

namespace offpeak {

// What is kept aside of one batch, at most; later lines are only counted.
inline constexpr std::uint64_t aside_bytes_max = 256 * 1024 * 1024;

struct JobRule {
  std::uint32_t max_attempts = 5;
  bool canceling = false;
  std::map<Seq, std::uint32_t> account_tries;  // of its requests in the batch: see ResultContext
};

// Whose lines they are and how they are read: values, since the worker must not look at what the I/O thread
// changes.
struct ReadPlan {
  std::string nonce;
  std::uint32_t requests = 0;
  std::vector<Assignment> assignments;  // in wire order
  std::map<JobId, JobRule> jobs;
  PriceTable prices;
  std::string aside_path;         // made when the first line goes there
  bool others_succeeded = false;  // the provider counts some of the batch that did
  bool take_unreadable = false;   // it was downloaded often enough
};

struct ReadTally {
  std::uint64_t lines = 0;
  std::uint64_t own = 0;             // requests that have a line that can be read
  std::uint64_t identical = 0;       // lines said twice
  std::uint64_t different = 0;       // another line of a request that had one
  std::uint64_t foreign = 0;         // lines of nobody here
  std::string other_nonce;           // of the foreign lines, where they all carry one
  std::uint64_t unreadable = 0;      // lines
  std::uint64_t unreadable_own = 0;  // requests that have no other line
  bool took_unreadable = false;      // as the plan said
  std::uint64_t nameless = 0;        // unreadable lines that are of no request that is known
  std::string_view oddity;           // of the first unreadable line
  TypeCounts by_type{};  // requests of the batch by what their line says, those that are nobody's here included
  std::uint64_t account_faults = 0;
  std::string account_reason;  // of the first one: the provider's error type

  std::uint64_t aside() const { return different + foreign + unreadable; }
};

class DownloadReader {
 public:
  DownloadReader(Files& files, ReadPlan plan);
  ~DownloadReader();
  DownloadReader(const DownloadReader&) = delete;
  DownloadReader& operator=(const DownloadReader&) = delete;

  // The next file of the download. Not complete: the transfer was cut, and its last line may be half a line.
  void begin(std::unique_ptr<File> raw, bool complete);
  // What has become of the jobs since the plan was made.
  void use(std::map<JobId, JobRule> jobs) { plan_.jobs = std::move(jobs); }
  // The next rows of the file by (job, seq): at most `most_rows`, fewer where the lines are long, none where none are
  // ours.
  Result<std::vector<ResultRow>> next(std::size_t most_rows);
  bool at_end() const { return at_end_; }
  // Of all files.
  const ReadTally& tally() const { return tally_; }

 private:
  // What is known of the request of a place in the batch.
  enum class Place : std::uint8_t { no_line, unreadable_line, readable_line };

  Result<void> take(const FileLine& line, std::vector<ResultRow>& rows);
  Result<void> take_readable(const FileLine& line, const std::optional<WireId>& id, std::vector<ResultRow>& rows);
  void count_foreign(const std::optional<WireId>& id);
  Result<void> take_unreadable(const FileLine& line, const std::optional<WireId>& id, std::vector<ResultRow>& rows);
  bool is_ours(const std::optional<WireId>& id) const;
  Result<void> keep_aside(const FileLine& line);
  Result<void> copy_aside(const FileLine& line);
  const Assignment* assignment_of(std::uint32_t place) const;
  bool first_of_its_request(std::uint32_t place, std::uint32_t checksum, bool& same);
  void add_row(const FileLine& line, const Assignment& assignment, std::uint32_t place, std::uint32_t checksum,
               std::vector<ResultRow>& rows);
  Result<void> add_unreadable_row(const FileLine& line, const Assignment& assignment, std::uint32_t place,
                                  std::vector<ResultRow>& rows);
  ResultContext context_of(const Assignment& assignment, Seq seq) const;
  void price(ResultRow& row) const;

  Files& files_;
  std::unique_ptr<File> raw_;
  ReadPlan plan_;
  bool complete_ = true;
  std::optional<LineReader> lines_;
  JsonChecker checker_;
  ResultLine parsed_;
  std::unique_ptr<File> aside_;
  std::uint64_t aside_bytes_ = 0;
  std::vector<Place> seen_;               // by place
  std::vector<std::uint32_t> checksums_;  // of the first line's result, by place
  ReadTally tally_;
  bool at_end_ = false;
};

}  // namespace offpeak
