// KeptStatus: the status as of the last commit, in memory, so that who asks for it has it at once while the database
// worker is busy. Part of Database (queue.hpp), which makes a Turn of every function that the worker runs.
//
// It is never older than what a function has made whose caller goes on: the end of a function that wrote anything drops
// it. So that there is one while the next function runs, it is read anew at that end and before that begin, where
// somebody asked lately, and not so often that the others wait for it. At the end too, because who asks between the two
// would stand behind the next function. spent_today is of a day: if it is not the asker's, the kept status does not
// count.
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
  Status read(Queue& queue, Instant now);

  // One function on the database worker, from its begin to its end, whatever the end is.
  class Turn {
   public:
    Turn(KeptStatus& kept, Queue& queue) : kept_(kept), queue_(queue) { kept_.begin_function(queue_); }
    ~Turn() { kept_.end_function(queue_); }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    KeptStatus& kept_;
    Queue& queue_;
  };

 private:
  struct Kept {
    Status status;
    std::chrono::sys_days day;
    std::uint64_t changes = 0;  // Queue::changes() when it was read
  };

  void begin_function(Queue& queue) { refresh(queue); }
  void end_function(Queue& queue);
  void refresh(Queue& queue);
  bool should_refresh(Instant now, std::uint64_t changes);
  Status keep(Queue& queue, Instant now);
  bool is_of(std::chrono::sys_days day) const { return kept_ && kept_->day == day; }

  const Clock& clock_;
  std::mutex mutex_;
  std::optional<Kept> kept_;
  std::optional<SteadyTime> asked_at_;
  SteadyTime next_refresh_{};  // database worker only
};

}  // namespace offpeak
