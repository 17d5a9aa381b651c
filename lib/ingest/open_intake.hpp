// A file that the ingest stage has open, and how far it is. Every step can be repeated after a failure.
#pragma once

#include "ingest/ingester.hpp"

namespace offpeak {

enum class SyncState : std::uint8_t { not_asked, wanted, running, done, failed };

struct Ingester::Open {
  Intake intake;
  std::uint64_t bytes = 0;  // as it came
  std::unique_ptr<IntakeCheck> check;

  bool finished = false;              // the check has
  std::vector<std::string> segments;  // found, not stored yet
  std::vector<MadeOutcome> made;
  std::uint32_t stored_segments = 0;
  bool stored_any = false;

  SyncState sync = SyncState::not_asked;
  std::uint64_t sync_round = 0;  // a restart makes the answer to an older sync meaningless

  std::optional<ErrorReport> refusal;  // found after the check: a duplicate, a file that never stands still
  bool moved = false;                  // to rejected/
  bool ended = false;

  SteadyTime not_before{};
  int tries = 0;    // failures of the machine in a row
  int changes = 0;  // times the file changed while it was read
  bool start_over = false;
};

}  // namespace offpeak
