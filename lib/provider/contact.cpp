#include "provider/contact.hpp"

namespace offpeak {

void ProviderContact::note_ok(Instant now) {
  last_ok_at = now;
  failing_since.reset();
  failures = 0;
  last_error = CallFailure();
}

void ProviderContact::note_failure(const CallFailure& failure, Instant now) {
  switch (failure.kind) {
    case CallFailureKind::not_found:
      return note_ok(now);  // an answer like any other; what it means for the batch is the asker's business
    case CallFailureKind::stopped:
    case CallFailureKind::unproven:
      return;  // our own doing tells nothing about the provider
    case CallFailureKind::unreachable:
    case CallFailureKind::throttled:
    case CallFailureKind::account:
    case CallFailureKind::refused:
    case CallFailureKind::unreadable:
      break;
  }
  if (!failing_since) failing_since = now;
  ++failures;
  last_error = failure;
}

}  // namespace offpeak
