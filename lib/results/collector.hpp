// Purpose   collects the results of ended batches
// Gets      batches that have ended, from the queue; their results, from the provider
// Gives     outcomes with their place, cost and usage; requests that go again; raw downloads in their folder
// Promises  constant memory; every line recorded once, whatever is cut, said twice or read again; the provider's counts
//           are its bill: requests go again only where its lines agree with them; what cannot be read is downloaded a
//           few times, then kept as it came, and never sent again by itself
// When it fails  the batch waits, with a reason and a time, and is downloaded again: a full disk, a cut transfer, a
//           provider that is not ready. What needs a human is logged as an error. A database that fails ends the
//           daemon.
//
// I/O thread; one batch at a time. Notified by the poller; wakes up by itself for what backs off.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "base/state_log.hpp"
#include "base/task.hpp"
#include "base/wakeup.hpp"
#include "base/worker.hpp"
#include "config/config.hpp"
#include "model/money.hpp"
#include "provider/provider.hpp"
#include "queue/queue.hpp"
#include "results/arriving_rows.hpp"
#include "results/collect_decisions.hpp"
#include "results/download_reader.hpp"
#include "results/results_transfer.hpp"

namespace offpeak {

// All must outlive the collector. The content of config and prices may be replaced on the I/O thread at any
// time.
struct CollectorDoors {
  Database& database;
  Provider& provider;
  Files& files;
  Worker& file_worker;
  Worker& read_worker;  // reads what came while the file worker writes what comes
  Clock& clock;
  Random& random;
  Log& log;
  const Config& config;
  const PriceTable& prices;
};

class Collector {
 public:
  // Tests make the files of a download short.
  Collector(CollectorDoors doors, Wakeup& bell, std::uint64_t file_bytes = download_file_bytes)
      : doors_(doors), bell_(bell), file_bytes_(file_bytes) {}
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

  // Until canceled.
  Task<> run();
  std::optional<Instant> disk_full_since() const { return disk_full_since_; }

 private:
  // How a download ended.
  struct Download {
    TransferEnd end = TransferEnd::complete;
    std::string problem;  // empty where complete
    std::optional<Duration> retry_after;
  };

  Task<> remove_leftovers();
  Task<bool> collect_next();
  Task<> wait_for_work();
  Task<> collect_batch(Batch batch);
  ReadPlan plan_for(const Batch& batch) const;
  Task<Result<void>> record_arriving(Batch batch, ArrivingRows& rows, ResultsTransfer& transfer);
  Task<RecordedResults> record_slice(Batch batch, std::uint32_t download, std::vector<ResultRow> rows);
  Task<> remove(DownloadFile file);
  Task<> pause_for(Batch batch, std::string error_type);
  Task<> conclude(Batch batch, Download download, ReadTally tally);
  Task<> finish(Batch batch, ReadTally tally);
  Task<> finish_in_doubt(Batch batch, ReadTally tally);
  Task<> collect(Batch batch, ReadTally tally, CollectRules rules);
  Task<> ask_counts(Batch batch, ReadTally tally);
  Task<> doubt(Batch batch, ReadTally tally, std::string reason);
  Task<> ask_whether_gone(Batch batch, std::string problem, std::optional<Duration> retry_after);
  Task<> disprove(Batch batch, ReadTally tally);
  Task<> give_up(Batch batch);
  Task<> try_again(Batch batch, std::string reason, std::optional<Duration> retry_after);
  Task<> hold_jobs(Batch batch, std::string reason);
  void end_waiting(const Batch& batch);
  void report_booked(const Batch& batch, const Booked& booked);
  void report_odd_lines(const Batch& batch, const ReadTally& tally);

  CollectorDoors doors_;
  Wakeup& bell_;  // a batch has ended
  std::uint64_t file_bytes_;
  // By batch: whole downloads that left a doubt, and how many are enough. A restart only begins to count again.
  struct Doubts {
    std::uint32_t downloads = 0, needed = downloads_of_doubt;
  };
  std::map<BatchId, Doubts> doubts_;
  std::optional<Instant> disk_full_since_;
  StateLog waiting_{doors_.log, doors_.clock, LogLevel::warning, "results.waiting", "results.arrived"};
  StateLog at_risk_{doors_.log, doors_.clock, LogLevel::error, "results.at_risk", "results.safe"};
  StateLog full_{doors_.log, doors_.clock, LogLevel::error, "results.disk_full", "results.go_on"};
};

}  // namespace offpeak
