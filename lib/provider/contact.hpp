// ProviderContact: how the provider answered lately. A plain value, kept by PacedProvider, through which all calls go.
#pragma once

#include "base/clock.hpp"
#include "provider/provider.hpp"

namespace offpeak {

struct ProviderContact {
  std::optional<Instant> last_ok_at;     // the last call that was answered as the API promises, a 404 included
  std::optional<Instant> failing_since;  // the first failure after it; nothing: the last call was well
  int failures = 0;                      // in a row
  CallFailure last_error;                // of the last failure

  bool failing() const { return failing_since.has_value(); }
  // 401, 402, 403, or a limit of the account.
  bool account_fault() const { return failing() && last_error.kind == CallFailureKind::account; }

  void note_ok(Instant now);
  void note_failure(const CallFailure& failure, Instant now);
};

}  // namespace offpeak
