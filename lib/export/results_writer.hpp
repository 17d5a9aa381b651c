// Writes the three results files of one job, aside, a slice a call: the folder appears under its name only
// when all are complete and synced. On the file worker; the memory is a few blocks, however large the job
// is, and little once its lines are written.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/files.hpp"
#include "queue/result_lines.hpp"

namespace offpeak {

struct ExportPlaces {
  ResultFolders sources;
  std::string results;  // the folder of all results
};

class ResultsWriter {
 public:
  ResultsWriter(Files& files, ExportPlaces places, const Job& job);
  ~ResultsWriter();
  ResultsWriter(const ResultsWriter&) = delete;
  ResultsWriter& operator=(const ResultsWriter&) = delete;

  // Removes what an earlier try left and opens the files.
  Result<void> begin();
  // Writes a slice of the window; true when the window is done. Windows come in order, each until it is
  // done.
  Result<bool> write_some(const ResultWindow& window);
  // Every request must have been written with the outcome that the job counts. Writes the summary and syncs all.
  Result<void> seal(const std::string& summary);
  // What is sealed gets its name. An earlier export of the same job gives way; anything else under that name is kept
  // beside it. The name is durable once the caller has synced the folder of all results.
  Result<void> put_in_place();
  // Gives the space back.
  void abandon();

  std::uint64_t bytes() const { return bytes_; }  // written

 private:
  Result<void> put(File& file, std::string_view bytes);
  void end_window(const ResultWindow& window);
  Result<void> seal_file(File& file, const std::string& name);
  Result<void> make_room();
  Result<void> check_counts() const;

  Files& files_;
  ExportPlaces places_;
  Job job_;
  std::string folder_;  // until it is complete
  std::string target_;
  std::optional<ResultLines> lines_;  // until all are written
  std::unique_ptr<File> results_;
  std::unique_ptr<File> failed_;
  std::string block_;
  LinePlace at_;  // in the window
  LinePlace failed_at_;
  RequestCounts written_;
  std::uint64_t bytes_ = 0;
};

// When the results of this job were written, where they stand there complete and the summary says just what it would
// say now: a crash came between the rename and the database. Nothing where they must be written.
std::optional<Instant> already_exported(Files& files, const std::string& results_folder, const Job& job,
                                        const JobTallies& tallies, const std::vector<Batch>& batches);

}  // namespace offpeak
