// A job as the socket shows it, taken apart for people. Pure.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "daemon/cli/json_view.hpp"
#include "daemon/cli/output.hpp"
#include "daemon/cli/wait_view.hpp"
#include "model/job.hpp"

namespace offpeak::cli {

struct JobView {
  std::int64_t id = 0;
  std::string name, file, state, reason;  // safe to show
  std::optional<Instant> next_action_at, created_at, done_at;
  std::int64_t requests = 0;
  RequestCounts counts;
  double cost_usd = 0;
  bool file_changed = false;  // written to after it had been taken
  struct Error {
    std::string type, message;  // safe to show
    std::int64_t count = 0;
  };
  std::vector<Error> errors;
  WaitView wait;

  std::int64_t finished() const;  // requests with an outcome
  std::int64_t failed() const;    // of them, not succeeded
  bool is_over() const { return state == "done" || state == "canceled"; }
  bool is_held() const { return state == "held"; }
};

JobView parse_job(const JsonView& json);
RequestCounts parse_counts(const JsonView& json);

// "20 pending, 38 succeeded": the states that are not zero, or "none".
std::string describe(const RequestCounts& counts);
// The state in its color.
std::string paint_state(const Output& out, const std::string& state);
// What one reads about one job.
std::string describe(const Output& out, const JobView& job, Instant now);

}  // namespace offpeak::cli
