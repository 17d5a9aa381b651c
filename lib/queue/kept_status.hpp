// KeptStatus: the status as of the last commit, in memory, so that who asks for it has it at once while the database
// worker is busy. Part of Database (queue.hpp).
//
// A function that writes drops it at its end, so nobody sees a status from before a write that was awaited. It is then
// read anew, and once more before the next function begins, so that there is one while that function runs: only where
// somebody has asked lately, and at most once a millisecond. spent_today is of a day: a kept status of another day than
// the asker's does not count.
//
// Any thread. The mutex is never held while the database is read.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>

#include "base/clock.hpp"
#include "queue/rows.hpp"

namespace offpeak {

class Queue;

class KeptStatus {
 public:
  explicit KeptStatus(const Clock& clock) : clock_(clock) {}

  // Somebody asks. Nothing: ask the worker, by read().
  std::optional<Status> ask(Instant now);
  // Database worker. It is kept from now on; throws what Queue::status throws.
  Status read(const Queue& queue, Instant now);

  // Database worker, before any function.
  void before_function(const Queue& queue) { refresh(queue); }
  // One function that writes, from its begin to its end, whatever the end is.
  class Write {
   public:
    Write(KeptStatus& kept, const Queue& queue) : kept_(kept), queue_(queue) {}
    ~Write() { kept_.end_write(queue_); }
    Write(const Write&) = delete;
    Write& operator=(const Write&) = delete;

   private:
    KeptStatus& kept_;
    const Queue& queue_;
  };

 private:
  struct Kept {
    Status status;
    std::chrono::sys_days day;
  };

  void end_write(const Queue& queue);
  void refresh(const Queue& queue);
  bool should_refresh(Instant now);
  Status keep(const Queue& queue, Instant now);
  bool is_of(std::chrono::sys_days day) const { return kept_ && kept_->day == day; }

  const Clock& clock_;
  std::mutex mutex_;
  std::optional<Kept> kept_;
  std::optional<SteadyTime> asked_at_;
  SteadyTime next_refresh_{};  // database worker only
};

}  // namespace offpeak
