#include "results/collect_decisions.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.hpp"
#include "model/limits.hpp"

namespace offpeak {

namespace {

constexpr int at_risk_days = 20;
constexpr std::uint32_t gone_tries = 24;    // at the longest backoff: a day
constexpr std::uint64_t stray_share = 100;  // one line in so many, or a single one, is a stray

CollectStep after_whole_download(const CollectFacts& facts, const ReadTally& tally) {
  const bool nothing_ours = tally.own == 0 && tally.foreign > 0;
  if (nothing_ours && !facts.proven) return CollectStep::disprove;
  const bool every_line = tally.own == facts.requests;
  if (every_line && tally.by_type != facts.told && !facts.said_before) return CollectStep::ask_counts;
  return CollectStep::collect;
}

}  // namespace

CollectStep after_download(const CollectFacts& facts, const ReadTally& tally) {
  switch (facts.end) {
    case TransferEnd::complete:
      return after_whole_download(facts, tally);
    case TransferEnd::not_there:
      return CollectStep::ask_batch;
    case TransferEnd::cut:
    case TransferEnd::disk_full:
      return CollectStep::again;
  }
  return CollectStep::again;
}

bool is_mixed(const ReadTally& tally, std::uint32_t requests) {
  if (tally.own == 0 || tally.own >= requests) return false;
  return tally.foreign > 1 && tally.foreign * stray_share > tally.lines;
}

std::array<std::int64_t, 4> counts_told(const Batch& batch) {
  return {batch.succeeded, batch.errored, batch.expired, batch.canceled};
}

std::array<std::int64_t, 4> counts_told(const ProviderBatch& batch) {
  return {batch.counts.succeeded, batch.counts.errored, batch.counts.expired, batch.counts.canceled};
}

TransferEnd end_of(const CallFailure& failure, bool disk_full) {
  switch (failure.kind) {
    case CallFailureKind::not_found:
    case CallFailureKind::refused:  // whatever a deleted download answers: the batch itself will tell
      return TransferEnd::not_there;
    case CallFailureKind::stopped:
      return disk_full ? TransferEnd::disk_full : TransferEnd::cut;
    case CallFailureKind::unproven:
    case CallFailureKind::unreachable:
    case CallFailureKind::throttled:
    case CallFailureKind::account:
    case CallFailureKind::unreadable:
      return TransferEnd::cut;
  }
  return TransferEnd::cut;
}

bool is_overdue(const Batch& batch, Instant now) {
  return now >= batch.created_at + std::chrono::days(results_kept_days);
}

bool is_gone(const Batch& batch, const Called<ProviderBatch>& told, Instant now) {
  if (told.ok()) return told.value().archived_at.has_value();
  const bool unknown = told.failure().kind == CallFailureKind::not_found;
  return unknown && is_overdue(batch, now) && batch.failures >= gone_tries;
}

Duration longest_wait(const RetryConfig& retry) {
  return std::max<Duration>(2 * retry.max_backoff, std::chrono::days(2));
}

bool is_at_risk(const Batch& batch, Instant now) { return now >= batch.created_at + std::chrono::days(at_risk_days); }

std::string lost_result(const Batch& batch) {
  const auto message = fmt::format(
      "The results of batch {} were not collected before the provider deleted them; the request may have "
      "been paid "
      "for. It is not sent again by itself: `offpeak retry` does that.",
      batch.provider_id);
  return fmt::format(
      R"({{"type":"errored","error":{{"type":"error","error":{{"type":"offpeak_results_lost","message":{},"line":null}},"request_id":null}}}})",
      json_quote(message));
}

std::string describe(const ReadTally& tally, std::uint32_t requests) {
  auto text = fmt::format("{} of {} requests have a line", tally.own, requests);
  const auto add = [&](std::uint64_t n, std::string_view what) {
    if (n > 0) text += fmt::format(", {} {}", n, what);
  };
  add(tally.identical, "said twice");
  add(tally.different, "contradicting an earlier line");
  add(tally.foreign, "of unknown ids");
  add(tally.unreadable, "unreadable");
  return text;
}

}  // namespace offpeak
