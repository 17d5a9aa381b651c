#include "waits/words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "model/limits.hpp"

namespace offpeak {

namespace {

constexpr auto health_words = std::to_array<std::string_view>({"ok", "degraded", "needs_human"});

// In the order of WaitKind.
constexpr auto kind_words = std::to_array<std::string_view>({
    "configuration",
    "disk",
    "provider",
    "account",
    "workspace",
    "operator_pause",
    "unexplained_batch",
    "strange_batch",
    "unknown_create",
    "backoff",
    "daily_cap",
    "room",
    "linger",
    "turn",
    "attempt",
    "twin",
    "upload",
    "batch",
    "missing_batch",
    "late_batch",
    "collecting",
    "results",
    "writing",
    "writing_fails",
    "hold",
    "operator_hold",
    "intake",
    "rejected_file",
});
static_assert(kind_words.size() == static_cast<std::size_t>(WaitKind::rejected_file) + 1);

std::string gone_command(const WaitingBatch& batch) {
  return fmt::format("offpeak reconcile {} gone", batch.provider_id);
}

Wait missing_batch(const WaitingBatch& batch, Instant since, const Look& look) {
  Wait wait;
  wait.kind = WaitKind::missing_batch;
  wait.what = fmt::format(
      "the provider answers 404 for batch {} with {}; it is asked again, for that is no proof of loss: look for the "
      "batch in the provider's console, and check base_url and the key; where it is gone for good, say so",
      batch.provider_id, requests_text(batch.requests));
  wait.since = since;
  wait.next_action_at = look.stages.next_poll_at;
  wait.health = after_patience(since, look.now);
  if (has_lasted(since, look.now, missing_patience)) wait.health = Health::needs_human;
  wait.command = gone_command(batch);
  return wait;
}

Wait ended_batch(const WaitingBatch& batch, const Look& look) {
  Wait wait;
  wait.since = batch.ended_at;
  wait.until = batch.created_at + std::chrono::days(results_kept_days);
  wait.next_action_at = batch.next_action_at;
  if (batch.failures == 0) {
    wait.kind = WaitKind::collecting;
    wait.what = fmt::format("the results of batch {} are being collected", batch.provider_id);
    return wait;
  }
  wait.kind = WaitKind::results;
  wait.what = fmt::format("the results of batch {} cannot be had: {}", batch.provider_id, batch.reason.value_or(""));
  const auto since = batch.ended_at.value_or(batch.created_at);
  wait.health = after_patience(since, look.now);
  if (!has_lasted(since, look.now, results_patience)) return wait;
  wait.what += fmt::format(
      "; the provider deletes them {} days after the batch was created: look for them in the provider's console; where "
      "they are gone for good, say so",
      results_kept_days);
  wait.health = Health::needs_human;
  wait.command = gone_command(batch);
  return wait;
}

Wait late_batch(const WaitingBatch& batch, const Look& look) {
  Wait wait;
  wait.kind = WaitKind::late_batch;
  wait.what = fmt::format(
      "batch {} with {} should have ended long ago; they are not sent again while it may still run: look for the batch "
      "in the provider's console; where it will never end, say that it is gone",
      batch.provider_id, requests_text(batch.requests));
  wait.since = batch.expires_at;
  wait.next_action_at = look.stages.next_poll_at;
  wait.health = Health::needs_human;
  wait.command = gone_command(batch);
  return wait;
}

}  // namespace

std::string_view to_text(Health health) { return health_words.at(static_cast<std::size_t>(health)); }

std::string_view to_text(WaitKind kind) { return kind_words.at(static_cast<std::size_t>(kind)); }

std::string requests_text(std::int64_t count) { return fmt::format("{} request{}", count, count == 1 ? "" : "s"); }

bool has_lasted(Instant since, Instant now, Duration least) { return now - since >= least || since - now > most_ahead; }

Health after_patience(Instant since, Instant now) {
  return has_lasted(since, now, patience) ? Health::degraded : Health::ok;
}

std::optional<Instant> sooner(std::optional<Instant> a, std::optional<Instant> b, Instant now) {
  if (a && *a <= now) a.reset();
  if (b && *b <= now) b.reset();
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

std::optional<Instant> next_call_at(const Look& look) {
  const auto& stages = look.stages;
  auto next = sooner(stages.pack.next_try_at, stages.next_poll_at, look.now);
  if (stages.guard) next = sooner(next, stages.guard->next_action_at, look.now);
  for (const auto& intent : look.status.unsettled) next = sooner(next, intent.next_action_at, look.now);
  return next;
}

Wait batch_wait(const WaitingBatch& batch, const Look& look) {
  const bool ended = batch.state == BatchState::ended || batch.state == BatchState::collected;
  if (ended) return ended_batch(batch, look);
  const auto missing = look.stages.missing_since.find(batch.id);
  if (missing != look.stages.missing_since.end()) return missing_batch(batch, missing->second, look);
  if (look.now > batch.expires_at + expiry_grace) return late_batch(batch, look);
  Wait wait;
  wait.kind = WaitKind::batch;
  wait.what = fmt::format("the provider {} b{} ({}) with {}: mostly within an hour",
                          batch.state == BatchState::canceling ? "cancels" : "works on", batch.id.value,
                          batch.provider_id, requests_text(batch.requests));
  wait.since = batch.created_at;
  wait.until = batch.expires_at;
  wait.next_action_at = look.stages.next_poll_at;
  if (!batch.reason) return wait;
  wait.what += "; " + *batch.reason;
  wait.health = Health::degraded;
  return wait;
}

Wait unknown_create_wait(const WaitingIntent& intent, const Look& look) {
  Wait wait;
  wait.kind = WaitKind::unknown_create;
  wait.health = Health::degraded;
  wait.what = fmt::format(
      "the answer to a create of {} was lost: lists decide whether the batch exists, and nothing is sent twice; "
      "`offpeak reconcile intent-{}` decides sooner",
      requests_text(intent.requests), intent.id.value);
  if (intent.reason) wait.what += fmt::format(" ({})", *intent.reason);
  wait.since = intent.committed_at ? intent.committed_at : std::optional(intent.created_at);
  const auto verdict = look.stages.verdict_at.find(intent.id);
  if (verdict != look.stages.verdict_at.end()) wait.until = verdict->second;
  wait.next_action_at = intent.next_action_at;
  return wait;
}

}  // namespace offpeak
