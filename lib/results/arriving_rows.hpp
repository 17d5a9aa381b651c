// The rows of one download, a slice at a time and from one file to the next: read while others are recorded, a few
// slices ahead.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "base/wakeup.hpp"
#include "base/worker.hpp"
#include "queue/queue.hpp"
#include "results/download_reader.hpp"
#include "results/results_transfer.hpp"

namespace offpeak {

// All must outlive what reads.
struct ArrivingDoors {
  Database& database;
  Files& files;
  Worker& worker;  // opens and reads
  Clock& clock;
};

class ArrivingRows {
 public:
  struct Slice {
    DownloadFile file;  // that the rows lie in
    std::vector<ResultRow> rows;
    bool ends_file = false;
    Error problem;  // without a message: none; with one, it is the last slice
  };

  // The plan says all but whose lines they are, and what has become of the jobs: that is asked as files come.
  ArrivingRows(boost::asio::any_io_executor executor, ArrivingDoors doors, ResultsTransfer& transfer, IntentId intent,
               ReadPlan plan);

  // Reads what arrives. One task beside the one that records.
  Task<> run();
  // The next slice, in order; nothing where all were given, or run() has failed.
  Task<std::optional<Slice>> next();
  // Of all that was read. Once next() gave nothing, or a problem.
  ReadTally tally() const { return reader_ ? reader_->tally() : ReadTally(); }

 private:
  Task<> read_all();
  Task<> ask_for_jobs();
  Task<Result<void>> open(DownloadFile file);
  Task<Slice> read(DownloadFile file);
  Task<> give(Slice slice);

  ArrivingDoors doors_;
  ResultsTransfer& transfer_;
  IntentId intent_;
  ReadPlan plan_;                           // until the reader is made
  std::map<JobId, JobRule> jobs_;           // as last asked
  std::shared_ptr<DownloadReader> reader_;  // shared with the function on the worker

  std::deque<Slice> ready_;
  bool over_ = false;
  Wakeup arrived_;
  Wakeup room_;
};

}  // namespace offpeak
