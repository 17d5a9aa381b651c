// Purpose   lets go of what finished long ago: the job's rows, its claimed file, raw downloads, records of rejections
// Gets      jobs that are done or canceled since [retention] jobs, from the queue
// Gives     their space back to the file system
// Promises  results folders stay: they are the user's. The content of a purged job is still refused as a duplicate.
//           Nothing goes that an unsettled intent, an open batch or the late-arrival audit may ask about. Slices of a
//           few milliseconds, so that nobody waits.
// When it fails  a file that cannot be removed is named in the log and tried again at the next round
//
// I/O thread. First the bytes, then the row: a crash leaves a row without bytes, and the next round ends it.
#pragma once

#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/log.hpp"
#include "base/wakeup.hpp"
#include "base/worker.hpp"
#include "config/config.hpp"
#include "queue/queue.hpp"

namespace offpeak {

// All must outlive the stage. The content of config may be replaced on the I/O thread at any time.
struct RetentionDoors {
  Database& database;
  Files& files;
  Worker& file_worker;
  Clock& clock;
  Log& log;
  const Config& config;
};

// How long from one round to the next: an eighth of the time that jobs are kept, from a second to an hour.
Duration round_interval(Duration jobs_kept);

class Retention {
 public:
  // `own` is rung when the configuration was read again.
  Retention(RetentionDoors doors, Wakeup& own) : doors_(doors), own_(own) {}
  Retention(const Retention&) = delete;
  Retention& operator=(const Retention&) = delete;

  // Until canceled.
  Task<> run();

 private:
  Task<bool> purge_jobs();
  Task<bool> purge_job(PurgeableJob job);
  Task<> purge_rows();
  Task<> purge_rejected();
  Task<bool> purge_batches();
  Task<> give_space_back();
  Task<bool> remove(std::string folder, std::vector<std::string> paths);
  Task<> let_others_in();

  RetentionDoors doors_;
  Wakeup& own_;
};

}  // namespace offpeak
