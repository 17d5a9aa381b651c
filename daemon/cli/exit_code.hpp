// What the programs say by their exit status; part of the contract with scripts.
#pragma once

namespace offpeak::cli {

enum ExitCode : int {
  exit_done = 0,
  exit_error = 1,
  exit_usage = 2,
  exit_not_all_succeeded = 3,  // finished, but some requests did not succeed
  exit_no_such_thing = 4,
  exit_refused = 5,
  exit_held = 6,  // needs a human
  exit_timed_out = 7,
  exit_unreachable = 69,
  exit_interrupted = 130,
};

}  // namespace offpeak::cli
