#include "submit/consequence.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/backoff.hpp"
#include "base/json.hpp"

namespace offpeak {

namespace {

Consequence refused(RefusalKind kind, const CreateVerdict& verdict) {
  Consequence consequence;
  consequence.end = IntentEnd::refused;
  consequence.refusal.kind = kind;
  consequence.refusal.reason = verdict.message;
  consequence.reason = verdict.message;
  return consequence;
}

CreateDelay delay_for(const CreateVerdict& verdict, const SubmitSituation& at, const RetryConfig& retry) {
  CreateDelay delay;
  delay.tries = at.delay_tries + 1;
  delay.reason = verdict.message;
  const auto wait = backoff(retry.backoff, retry.max_backoff, delay.tries, at.jitter);
  // What the provider asks for binds, within a day.
  const auto asked = std::min<Duration>(verdict.retry_after.value_or(Duration(0)), std::chrono::days(1));
  delay.not_before = at.now + std::max(wait, asked);
  return delay;
}

Consequence account_pause(const CreateVerdict& verdict, const SubmitSituation& at, const RetryConfig& retry) {
  auto consequence = refused(RefusalKind::again, verdict);
  AccountState account;
  account.paused = true;
  account.reason = verdict.message;
  account.tries = at.account_tries + 1;
  account.next_try_at = at.now + backoff(retry.backoff, retry.max_backoff, account.tries, at.jitter);
  consequence.account = account;
  return consequence;
}

Consequence too_large(const CreateVerdict& verdict, const SubmitSituation& at) {
  auto consequence = refused(RefusalKind::halve, verdict);
  consequence.refusal.alone_is_errored = true;
  consequence.refusal.result = errored_result(verdict);
  if (at.requests > 1) consequence.refusal.learned_max_bytes = std::max<std::uint64_t>(at.bytes / 2, 1);
  return consequence;
}

// Nobody is named. Halves find the culprit; alone it is only at fault itself if the account is known to be good:
// another create was accepted since it was first refused.
Consequence batch_at_fault(const CreateVerdict& verdict, const SubmitSituation& at, const RetryConfig& retry) {
  const bool first_refusal = to_millis(at.refused_before) == 0;
  const bool account_is_good = !first_refusal && at.last_created_at && *at.last_created_at > at.refused_before;
  if (at.requests > 1 || account_is_good) {
    auto consequence = refused(RefusalKind::halve, verdict);
    consequence.refusal.alone_is_errored = account_is_good;
    consequence.refusal.result = errored_result(verdict);
    return consequence;
  }
  auto consequence = account_pause(verdict, at, retry);
  consequence.refusal.kind = RefusalKind::halve;  // stays apart, and remembers when it was first refused
  return consequence;
}

}  // namespace

std::string errored_result(const CreateVerdict& verdict) {
  if (!verdict.error_document.empty()) {
    return fmt::format(R"({{"type":"errored","error":{}}})", json_on_one_line(verdict.error_document));
  }
  return fmt::format(
      R"({{"type":"errored","error":{{"type":"error","error":{{"type":"offpeak_refused","message":{}}},"request_id":null}}}})",
      json_quote(verdict.message));
}

// Model: T8, T9.
Consequence consequence_of(const CreateVerdict& verdict, const SubmitSituation& at, const RetryConfig& retry) {
  switch (verdict.kind) {
    case CreateVerdictKind::created: {
      Consequence consequence;
      consequence.end = IntentEnd::created;
      return consequence;
    }
    case CreateVerdictKind::not_sent:
    case CreateVerdictKind::throttled: {
      auto consequence = refused(RefusalKind::again, verdict);
      consequence.delay = delay_for(verdict, at, retry);
      return consequence;
    }
    case CreateVerdictKind::too_large:
      return too_large(verdict, at);
    case CreateVerdictKind::request_at_fault: {
      if (!verdict.request_index || *verdict.request_index >= at.requests) return batch_at_fault(verdict, at, retry);
      auto consequence = refused(RefusalKind::name_request, verdict);
      consequence.refusal.place = *verdict.request_index;
      consequence.refusal.result = errored_result(verdict);
      return consequence;
    }
    case CreateVerdictKind::batch_at_fault:
      return batch_at_fault(verdict, at, retry);
    case CreateVerdictKind::account_fault:
      return account_pause(verdict, at, retry);
    case CreateVerdictKind::unknown:
      break;
  }
  Consequence consequence;
  consequence.end = IntentEnd::unknown;
  consequence.reason = verdict.message;
  consequence.delay = delay_for(verdict, at, retry);
  return consequence;
}

}  // namespace offpeak
