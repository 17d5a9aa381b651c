// Purpose   asks the provider about every batch in flight
// Gets      open batches and batches to cancel, from the queue; one page of the provider's list
// Gives     states and counts in the queue
// Promises  one list call a poll, however many batches and watchers; no call at all while nothing is in flight; a
//           status never goes backwards; a 404 is never proof of loss; nothing is ever submitted again here
// When it fails  it waits longer each time, up to max_interval, or as long as a 429 or 5xx asks; what stays odd about a
//           batch stands as its reason. A database that fails ends the daemon.
//
// I/O thread. Notified when something was submitted or canceled.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "base/state_log.hpp"
#include "base/task.hpp"
#include "base/wakeup.hpp"
#include "config/config.hpp"
#include "poll/poll_decisions.hpp"
#include "provider/provider.hpp"
#include "queue/queue.hpp"

namespace offpeak {

// All must outlive the poller. The content of config may be replaced on the I/O thread at any time.
struct PollerDoors {
  Database& database;
  Provider& provider;
  Clock& clock;
  Random& random;
  Log& log;
  const Config& config;
};

class Poller {
 public:
  Poller(PollerDoors doors, Wakeup& bell)
      : doors_(doors),
        bell_(bell),
        listed_at_(doors.clock.steady_now()),
        audited_at_(doors.clock.steady_now()),
        failing_(doors.log, doors.clock, LogLevel::warning, "poll.failed", "poll.works_again"),
        full_(doors.log, doors.clock, LogLevel::error, "poll.disk_full", "poll.goes_on") {}
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  // Until canceled.
  Task<> run();

  // When the next poll is due; nothing while no batch is in flight.
  std::optional<Instant> next_poll_at() const { return next_poll_at_; }
  // Batches of ours for which the provider answers 404, and since when.
  const std::map<BatchId, Instant>& missing_since() const { return missing_since_; }
  std::optional<Instant> disk_full_since() const { return disk_full_since_; }

 private:
  // What one poll brought.
  struct Round {
    std::vector<BatchSeen> seen;
    struct Note {
      BatchId id;
      std::string reason;
    };
    std::vector<Note> notes;
    bool changed = false;
    std::optional<Duration> hint;
    std::optional<CallFailure> failure;
  };

  Task<> turn();
  bool has_news(const std::vector<Batch>& open);
  void hasten();
  Task<> wait_without_batches();
  Task<> wait_until_due();
  Task<Round> poll(std::vector<Batch> open);
  Task<Round> retrieve(std::vector<Batch> asked, Round round);
  Task<> record(Round round);
  Task<> see(std::vector<ProviderBatch> listed, std::optional<Instant> date);
  Task<> audit(std::vector<ProviderBatch> page);
  Task<bool> audit_alone();
  Task<> cancel_wanted();
  Task<> cancel(Batch batch);
  void take(const Batch& known, const ProviderBatch& told, Round& round);
  void note(const Batch& known, std::string reason, Round& round);
  void set_next(const Round& round);

  PollerDoors doors_;
  Wakeup& bell_;  // a batch was created or adopted, one is to be canceled, or a verdict is to be audited
  PollPace pace_;
  SteadyTime due_{};
  SteadyTime polled_at_{};
  SteadyTime listed_at_;   // a page; at first by the start-up guard
  SteadyTime audited_at_;  // as far down as what is compared with it
  std::string audit_problem_;  // said already
  bool alone_failed_ = false;  // the last list that was read while nothing was in flight
  SteadyTime not_before_{};    // what a 429 or 5xx asked for
  std::optional<Instant> next_poll_at_;
  BatchId last_asked_;  // by id, going round
  std::map<BatchId, Instant> missing_since_;
  std::optional<Instant> disk_full_since_;
  StateLog failing_;
  StateLog full_;
  BatchId newest_open_;
  bool had_none_ = false;  // at the last look no batch was in flight
};

}  // namespace offpeak
