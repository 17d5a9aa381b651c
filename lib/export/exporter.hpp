// Purpose   writes results.jsonl, failed.jsonl and summary.json of jobs whose every request has its outcome
// Gets      such jobs and where their bytes lie, from the queue; claimed files and raw downloads
// Gives     <results>/<id>-<name>/, then the job is done or canceled
// Promises  the three files appear together, synced, in input order, byte for byte; constant memory; run again after
//           any crash it makes the same bytes
// When it fails  a full disk: its own half-written folder goes, and it tries again by itself. Bytes that changed or are
//           missing: the job is held with that reason, and an error is logged; never a wrong result.
//
// I/O thread. Small jobs that are ready together share the syncs and the transaction; one of them that fails stops none
// of the others. Notified when outcomes were recorded.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "base/state_log.hpp"
#include "base/task.hpp"
#include "base/wakeup.hpp"
#include "base/worker.hpp"
#include "config/config.hpp"
#include "export/results_writer.hpp"
#include "queue/queue.hpp"
#include "waits/facts.hpp"

namespace offpeak {

// All must outlive the exporter. The content of config may be replaced on the I/O thread at any time.
struct ExporterDoors {
  Database& database;
  Files& files;
  Worker& file_worker;
  // These sync results at the same time: what waits for the disk together is written together.
  std::vector<Worker*> sync_workers;
  Clock& clock;
  Random& random;
  Log& log;
  const Config& config;
};

class Exporter {
 public:
  Exporter(ExporterDoors doors, Wakeup& bell)
      : doors_(doors),
        bell_(bell),
        failing_(doors.log, doors.clock, LogLevel::error, "export.failed", "export.works_again") {}
  Exporter(const Exporter&) = delete;
  Exporter& operator=(const Exporter&) = delete;

  // Until canceled.
  Task<> run();
  // Jobs that are over and whose results cannot be written.
  const std::map<JobId, ExportTrouble>& troubles() const { return troubles_; }
  std::optional<Instant> disk_full_since() const { return disk_full_since_; }

 private:
  struct Export;  // one job on its way
  using Exports = std::shared_ptr<std::vector<Export>>;

  Task<> remove_leftovers();
  Task<bool> export_ready();
  Task<Export> write(Job job);
  static void note_change(Files& files, const std::string& claimed, Export& one);
  Task<Result<void>> write_lines(std::shared_ptr<ResultsWriter> writer, Job job, std::shared_ptr<ResultWindow> window);
  Task<> read_window(JobId job, Seq first, std::shared_ptr<ResultWindow> into);
  Task<Result<void>> write_window(std::shared_ptr<ResultsWriter> writer, std::shared_ptr<const ResultWindow> window);
  Task<bool> conclude(Exports exports);
  Task<> seal(Exports exports);
  Task<> seal_share(Exports exports, std::size_t share);
  Task<> put_in_place(Exports exports);
  Task<bool> finish(Exports exports);
  Task<> fail(Job job, Error error);
  Duration pause_after(int tries);
  SteadyTime next_due() const;
  bool is_left_alone(const Job& job) const;
  void end_trouble(JobId job);
  void forget_gone(const std::vector<Job>& jobs);
  ExportPlaces places() const;

  ExporterDoors doors_;
  Wakeup& bell_;                            // a job may be complete
  std::map<JobId, JobState> stuck_;         // jobs whose bytes are damaged, and the state that leaves them so
  std::map<JobId, SteadyTime> not_before_;  // of those in troubles_
  int full_tries_ = 0;                      // in a row: the database met a full disk
  std::map<JobId, ExportTrouble> troubles_;
  std::optional<Instant> disk_full_since_;
  StateLog failing_;
};

}  // namespace offpeak
