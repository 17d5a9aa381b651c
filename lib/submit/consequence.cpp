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
  // What the provider asks for binds, within our own longest wait.
  const auto asked = std::min(verdict.retry_after.value_or(Duration(0)), retry.max_backoff);
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

// A number in the provider's words may change from one answer to the next.
std::string without_numbers(std::string_view words) {
  std::string out;
  for (const char c : words) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit) out += c;
    if (digit && (out.empty() || out.back() != '#')) out += '#';
  }
  return out;
}

std::string held_for_headers(const CreateVerdict& verdict, std::uint32_t creates) {
  return fmt::format(
      "{}; {} creates with these headers (anthropic_version, anthropic_beta) were answered so, of a request alone too, "
      "and none was accepted: mend the options, or the configuration, and `offpeak release`",
      verdict.message, creates);
}

// So many refusals in the same words, from the first request that was refused alone on, are enough: as many as there
// were halvings, so that each sibling on the way down was asked, and two of a request that came alone.
std::uint32_t alone_enough(const HeaderRefusals& refusals) { return std::max<std::uint32_t>(refusals.halvings, 2) + 1; }

// Nobody is named: are the words about one of these requests, or about the whole call? One branch is halved down to a
// request alone; then what was left beside is asked, the smallest first. Whatever is accepted clears the headers: then
// one that is refused alone is at fault itself. Where nothing is accepted the jobs of these headers are held.
Consequence batch_at_fault(const CreateVerdict& verdict, const SubmitSituation& at, const RetryConfig& retry) {
  const bool refused_before = to_millis(at.refused_before) != 0;
  const bool cleared = refused_before && at.refusals.accepted_at && *at.refusals.accepted_at > at.refused_before;
  auto consequence = refused(RefusalKind::halve, verdict);
  consequence.refusal.result = errored_result(verdict);
  if (at.requests == 1 && cleared) {
    consequence.refusal.alone_is_errored = true;
    return consequence;
  }
  auto& refusals = consequence.refusal.header_refusals.emplace();
  const auto words = without_numbers(verdict.message);
  if (words == at.refusals.words) refusals = at.refusals;
  refusals.words = words;
  if (at.requests > 1 && refusals.alone == 0) {
    ++refusals.halvings;
    return consequence;
  }
  ++refusals.alone;
  const bool halved = refusals.halvings > 0;
  consequence.refusal.kind = RefusalKind::aside;
  consequence.refusal.not_before =
      at.now + (halved ? retry.max_backoff
                       : backoff(retry.backoff, retry.max_backoff, static_cast<int>(refusals.alone), at.jitter));
  if (refusals.alone >= alone_enough(refusals) || (halved && refusals.alone > 1 && !at.others_wait)) {
    consequence.refusal.hold_reason = held_for_headers(verdict, refusals.halvings + refusals.alone);
    consequence.reason = consequence.refusal.hold_reason;
  }
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
