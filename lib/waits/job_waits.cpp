// What an open job waits for.
#include <fmt/format.h>

#include <algorithm>

#include "waits/waits.hpp"
#include "waits/words.hpp"

namespace offpeak {

namespace {

std::string batches_text(std::size_t count) { return fmt::format("{} more batch{}", count, count == 1 ? "" : "es"); }

Wait hold_wait(const Job& job) {
  Wait wait{WaitKind::hold, job.reason.value_or("it is held")};
  const bool wished = wait.what == held_by_operator || wait.what == held_by_options;
  if (wished) wait.kind = WaitKind::operator_hold;
  if (!wished) wait.health = Health::needs_human;
  wait.command = fmt::format("offpeak release {}", job.id.value);
  return wait;
}

Wait writing_wait(const Job& job, const Look& look) {
  const auto trouble = look.stages.exports.find(job.id);
  if (trouble == look.stages.exports.end()) {
    return {WaitKind::writing, "every request is over; the results are being written"};
  }
  Wait wait{WaitKind::writing_fails, "the results cannot be written: " + trouble->second.what, trouble->second.since};
  wait.next_action_at = trouble->second.next_action_at;
  wait.health = Health::degraded;
  return wait;
}

// The requests that could go at once.
Wait ready_wait(const JobWaits& waits, const Look& look) {
  const auto prefix = requests_text(waits.ready) + " to be sent: ";
  auto wait = closed_way(look);
  if (!wait) {
    wait = Wait{WaitKind::turn, "the next batch takes them"};
    const auto& send_at = look.stages.pack.send_at;
    if (send_at && *send_at > look.now) {
      wait = Wait{WaitKind::linger, "others may join the batch before it goes"};
      wait->until = send_at;
      wait->next_action_at = send_at;
    }
    wait->since = waits.ready_since;
  }
  wait->what = prefix + wait->what;
  if (waits.most_together > 0) {
    wait->what += fmt::format(" (refused in a larger batch, so at most {} go together)", waits.most_together);
  }
  return std::move(*wait);
}

Wait attempt_wait(const Job& job, const JobWaits& waits) {
  Wait wait{WaitKind::attempt};
  wait.next_action_at = waits.back_at;
  const bool twin = std::ranges::any_of(waits.batches, [](const WaitingBatch& batch) { return batch.twin; });
  const auto last = waits.error_type.empty() ? "" : fmt::format(" (the last one: {})", waits.error_type);
  const auto count = requests_text(waits.backing_off);
  if (twin) {
    wait.kind = WaitKind::twin;
    wait.what = fmt::format("{} for the results of a batch that came late and may run them", count);
  } else if (waits.attempts > 0) {
    wait.what = fmt::format("{} for attempt {} of at most {}{}", count, waits.attempts + 1, job.max_attempts, last);
  } else {
    wait.what = fmt::format("{} to be sent again{}", count, last);
  }
  return wait;
}

Wait intent_wait(const WaitingIntent& intent, const Look& look) {
  if (intent.state == IntentState::unknown) return unknown_create_wait(intent, look);
  Wait wait{WaitKind::upload, fmt::format("{} being sent", requests_text(intent.requests)), intent.created_at};
  if (intent.state != IntentState::committing) return wait;
  wait.what = fmt::format("the provider's answer to a create of {}", requests_text(intent.requests));
  wait.since = intent.committed_at;
  if (intent.committed_at) wait.until = *intent.committed_at + look.config.provider.answer_timeout;
  return wait;
}

// The worst of several, with how many more there are.
Wait worst_of(std::vector<Wait> waits) {
  const auto worst = std::ranges::max_element(waits, [](const Wait& a, const Wait& b) { return a.health < b.health; });
  auto wait = std::move(*worst);
  if (waits.size() > 1) wait.what += "; and " + batches_text(waits.size() - 1);
  return wait;
}

// The furthest first: where two are equally bad, that one says since when and until when.
std::vector<Wait> parts_of(const Job& job, const JobWaits& waits, const Look& look) {
  std::vector<Wait> parts;
  std::vector<Wait> some;
  for (const auto& batch : waits.batches) {
    if (!batch.twin) some.push_back(batch_wait(batch, look));
  }
  if (!some.empty()) parts.push_back(worst_of(std::exchange(some, {})));
  for (const auto& intent : waits.intents) some.push_back(intent_wait(intent, look));
  if (!some.empty()) parts.push_back(worst_of(std::move(some)));
  if (waits.ready > 0) parts.push_back(ready_wait(waits, look));
  if (waits.backing_off > 0) parts.push_back(attempt_wait(job, waits));
  return parts;
}

Wait joined(const std::vector<Wait>& parts, const Look& look) {
  const auto worst = std::ranges::max_element(parts, [](const Wait& a, const Wait& b) { return a.health < b.health; });
  auto wait = *worst;
  wait.what.clear();
  std::optional<Instant> next;
  for (const auto& part : parts) {
    wait.what += (wait.what.empty() ? "" : "; ") + part.what;
    next = sooner(next, part.next_action_at, look.now);
  }
  wait.next_action_at = next ? next : worst->next_action_at;
  return wait;
}

// What is asked for in the same moment from two places may be seen between two states.
Wait moving_wait(const Job& job) {
  return {WaitKind::turn, fmt::format("{} on the way to the next step", requests_text(job.counts.waiting()))};
}

}  // namespace

std::optional<Wait> wait_of(const Job& job, const JobWaits& waits, const Look& look) {
  if (job.state == JobState::done || job.state == JobState::canceled) return std::nullopt;
  if (job.state == JobState::held) return hold_wait(job);
  if (job.counts.waiting() == 0) return writing_wait(job, look);
  const auto parts = parts_of(job, waits, look);
  auto wait = parts.empty() ? moving_wait(job) : joined(parts, look);
  if (job.state == JobState::canceling) {
    wait.what = fmt::format("canceled by the operator; what is already sent runs to its end: {}", wait.what);
  }
  return wait;
}

}  // namespace offpeak
