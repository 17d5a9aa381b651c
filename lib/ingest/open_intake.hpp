// A file that the ingest stage has open, and how far it is. Every step can be repeated after a failure.
#pragma once

#include <algorithm>
#include <string>

#include "base/backoff.hpp"
#include "base/text.hpp"
#include "ingest/finding.hpp"
#include "ingest/ingester.hpp"

namespace offpeak {

// What a trouble is about: a file that is taken, or a name in incoming/.
inline std::string trouble_of(JobId id) { return "intake " + std::to_string(id.value); }
inline std::string trouble_of(const std::string& name) { return "file " + name; }

inline std::string shown_name(const std::string& name) { return escape_for_display(name, 100); }

// What failed is tried again after a second, then ever more rarely, but at least once a rescan.
inline Duration wait_before_try(int tries, const IntakeConfig& config) {
  constexpr Duration first = std::chrono::seconds(1);
  return backoff(first, std::max(config.rescan, first), tries, 1);
}

enum class SyncState : std::uint8_t { not_asked, wanted, running, done, failed };

struct Ingester::Open {
  Intake intake;
  std::uint64_t weight = 0;            // in its group
  std::unique_ptr<IntakeCheck> check;  // until it has ended
  std::optional<Finding> finding;      // from then on
  NewJob wanted;                       // the index of it that is not stored yet; the job once the check has ended
  bool stored_any = false;

  std::shared_ptr<File> data;      // as in IntakeCheck
  std::shared_ptr<File> original;  // set where it is another one
  SyncState sync = SyncState::not_asked;
  std::uint64_t sync_round = 0;  // a restart makes the answer to an older sync meaningless

  std::optional<ErrorReport> refusal;  // found after the check: a duplicate, a file that never stands still
  bool vanished = false;               // from claimed/
  std::optional<std::string> moved;    // to rejected/, under this name
  bool ended = false;

  SteadyTime not_before{};
  int tries = 0;    // failures of the machine in a row
  int changes = 0;  // times the file changed while it was read
  int no_room = 0;  // times the disk had no room for what it unpacks to
  bool start_over = false;
};

}  // namespace offpeak
