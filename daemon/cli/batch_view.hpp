// A batch as the socket shows it, taken apart for people. Pure.
#pragma once

#include <optional>
#include <string>

#include "base/clock.hpp"
#include "daemon/cli/json_view.hpp"
#include "daemon/cli/output.hpp"

namespace offpeak::cli {

struct BatchView {
  std::int64_t id = 0;
  std::string provider_id, state, reason;  // safe to show
  std::int64_t requests = 0, bytes = 0;
  std::int64_t processing = 0, succeeded = 0, errored = 0, canceled = 0,
               expired = 0;  // as the provider counts
  std::optional<Instant> created_at, ended_at, collected_at;
};

BatchView parse_batch(const JsonView& json);
std::string describe(const Output& out, const BatchView& batch);

}  // namespace offpeak::cli
