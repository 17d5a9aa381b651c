// Purpose   what everything waits for: the one place that says so
// Gets      one look at the queue (Status, JobWaits) and at the stages (StageFacts)
// Gives     Waits of the daemon, the workspace and the account; a Wait for each open job
// Promises  an open job always has a reason; health is never `ok` beside what cannot go on by itself; the same look
//           gives the same words, and no word changes while only time passes
// When it fails  it cannot; pure
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "queue/rows.hpp"
#include "waits/facts.hpp"

namespace offpeak {

// How bad it is that something waits; also the words of `health`.
enum class Health : std::uint8_t { ok, degraded, needs_human };
std::string_view to_text(Health health);

// What is waited for. The words are part of the socket's contract.
enum class WaitKind : std::uint8_t {
  configuration,      // a reload was refused
  disk,               // a stage found the disk full
  provider,           // calls fail
  account,            // the account does not take batches, or the key is refused
  workspace,          // nothing is sent before it is known whose it is and what it holds
  operator_pause,     // `offpeak pause`
  unexplained_batch,  // holds submitting until somebody decides
  strange_batch,      // somebody else's, told and not decided
  unknown_create,     // the answer of a create was lost
  backoff,            // a create failed
  daily_cap,          // until midnight UTC
  room,               // max_open_batches, max_queued_requests
  linger,             // more requests may come
  turn,               // the next batch, or another one is being sent
  attempt,            // another attempt, later
  twin,               // a batch that came late may be running it
  upload,             // it is being sent
  batch,              // the provider works on it
  missing_batch,      // the provider answers 404
  late_batch,         // it should have ended
  collecting,         // its results arrive
  results,            // its results cannot be had
  writing,            // its results files are being written
  writing_fails,      // they cannot be written
  hold,               // held, and the daemon asks
  operator_hold,      // held because the operator wished so
  intake,             // a file cannot be taken
  rejected_file,      // rejected, and nobody has looked at it
};
std::string_view to_text(WaitKind kind);

struct Wait {
  WaitKind kind = WaitKind::turn;
  std::string what = "";  // a sentence for people; what it takes to go on is in it
  std::optional<Instant> since = std::nullopt;
  std::optional<Instant> until = std::nullopt;           // at the latest
  std::optional<Instant> next_action_at = std::nullopt;  // something happens by itself
  Health health = Health::ok;
  std::string command = "";  // needs_human: what to do

  bool operator==(const Wait&) const = default;
};

struct Look {
  const Status& status;
  const StageFacts& stages;
  const Config& config;
  Instant now;
};

// Of the daemon, the workspace and the account; the worst first.
std::vector<Wait> waits_of(const Look& look);
Health health_of(const std::vector<Wait>& waits);

// Of an open job; of one that is over, nothing.
std::optional<Wait> wait_of(const Job& job, const JobWaits& waits, const Look& look);

// The account as people understand it: a key that the provider refuses on any call pauses it too.
AccountState account_of(const Look& look);

// What happened, is over and still matters: money that may have been paid twice, counts that differ.
std::vector<std::string> facts_of(const Status& status);

}  // namespace offpeak
