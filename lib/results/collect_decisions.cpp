#include "results/collect_decisions.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.hpp"
#include "model/limits.hpp"

namespace offpeak {

namespace {

constexpr std::uint32_t gone_tries = 24;    // at the longest backoff: a day
constexpr std::uint64_t stray_share = 100;  // one line in so many, or a single one, is a stray

CollectStep after_whole_download(const CollectFacts& facts, const ReadTally& tally) {
  const bool nothing_ours = tally.own + tally.unreadable_own == 0 && tally.foreign > 0;
  if (nothing_ours && !facts.proven) return CollectStep::disprove;
  return agree(facts.told, tally.by_type, facts.requests) ? CollectStep::collect : CollectStep::ask_counts;
}

std::uint64_t missing_in(const ReadTally& tally, std::uint32_t requests) {
  const auto there = static_cast<std::uint64_t>(total_of(tally.by_type)) + tally.unreadable_own;
  return requests - std::min<std::uint64_t>(requests, there);
}

std::string made_result(std::string_view type, const std::string& message) {
  return fmt::format(
      R"({{"type":"errored","error":{{"type":"error","error":{{"type":"{}","message":{},"line":null}},"request_id":null}}}})",
      type, json_quote(message));
}

constexpr std::string_view not_again = "It is not sent again by itself: failed.jsonl holds it, to be dropped again.";

}  // namespace

std::string counts_text(const TypeCounts& counts) {
  return fmt::format("{} succeeded, {} errored, {} expired, {} canceled", counts[0], counts[1], counts[2], counts[3]);
}

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

TypeCounts counts_told(const Batch& batch) { return {batch.succeeded, batch.errored, batch.expired, batch.canceled}; }

TypeCounts counts_told(const ProviderBatch& batch) {
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

bool is_at_risk(const Batch& batch, Instant now) {
  return now >= batch.created_at + std::chrono::days(results_at_risk_days);
}

std::uint32_t downloads_needed(std::uint32_t requests, const ReadTally& tally) {
  // A page that a proxy sent in place of the results is not the results, however many lines it has.
  if (tally.own + tally.unreadable_own == 0) return downloads_of_nothing;
  const bool explained = missing_in(tally, requests) <= tally.nameless;
  return explained ? downloads_of_doubt : downloads_of_missing;
}

DoubtfulEnd doubtful_end(const ReadTally& tally, std::uint32_t requests, const TypeCounts& told) {
  DoubtfulEnd end;
  end.again_in_doubt = may_hide_a_success(told, tally.by_type, requests);
  end.reason = describe(tally, requests);
  if (told != tally.by_type) {
    end.reason +=
        fmt::format("; the provider counts {}, its lines say {}", counts_text(told), counts_text(tally.by_type));
  }
  return end;
}

std::string lost_result(const Batch& batch) {
  return made_result("offpeak_results_lost",
                     fmt::format("The results of batch {} were not collected before the provider deleted them; the "
                                 "request may have been paid for. {}",
                                 batch.provider_id, not_again));
}

std::string missing_result(const Batch& batch) {
  return made_result(missing_error_type,
                     fmt::format("The results of batch {} hold no line of this request that can be read; it may have "
                                 "been paid for. {}",
                                 batch.provider_id, not_again));
}

std::string doubted_result(const Batch& batch) {
  return made_result(doubted_error_type,
                     fmt::format("Batch {} says of this request that it did not succeed, but the provider counts more "
                                 "successes than its lines show: it may have been paid for. {}",
                                 batch.provider_id, not_again));
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
  if (tally.unreadable > 0) text += fmt::format(" ({})", tally.oddity);
  add(tally.nameless, "of them of no request that is known");
  return text;
}

}  // namespace offpeak
