// A file that the ingest stage has open, and how far it is. Every step can be repeated after a failure.
#pragma once

#include "ingest/finding.hpp"
#include "ingest/ingester.hpp"

namespace offpeak {

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
  bool moved = false;                  // to rejected/
  bool ended = false;

  SteadyTime not_before{};
  int tries = 0;    // failures of the machine in a row
  int changes = 0;  // times the file changed while it was read
  bool start_over = false;
};

}  // namespace offpeak
