#include "poll/poll_decisions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "base/backoff.hpp"

namespace offpeak {

namespace {

// A second copy costs what it costs: that it is told within the hour is soon enough.
constexpr Duration copies_interval = std::chrono::hours(1);
constexpr Duration shortest = Duration(1);  // durations in the configuration have no lower bound

// What it says of a batch that was `known` to be so.
BatchState as_state(ProcessingStatus status, BatchState known) {
  switch (status) {
    case ProcessingStatus::in_progress:
      return BatchState::in_progress;
    case ProcessingStatus::canceling:
      return BatchState::canceling;
    case ProcessingStatus::ended:
      return BatchState::ended;
    case ProcessingStatus::unknown:
      return known;
  }
  return known;
}

Duration bounded(Duration interval, const PollConfig& config) {
  const auto least = std::max(shortest, config.min_interval);
  return std::clamp(interval, least, std::max(least, config.max_interval));
}

}  // namespace

std::uint32_t page_limit(std::size_t open_batches) {
  return static_cast<std::uint32_t>(std::clamp<std::size_t>(open_batches, page_limit_least, page_limit_most));
}

PollReading read_poll(const Batch& known, const ProviderBatch& told, Instant now) {
  PollReading reading;
  reading.seen.id = known.id;
  reading.seen.state = as_state(told.status, known.state);
  reading.went_back = !may_change(known.state, reading.seen.state);
  if (reading.went_back) reading.seen.state = known.state;
  const ProviderCounts before{known.processing, known.succeeded, known.errored, known.canceled, known.expired};
  const auto counts = told.counts_known ? told.counts : before;
  reading.seen.processing = counts.processing;
  reading.seen.succeeded = counts.succeeded;
  reading.seen.errored = counts.errored;
  reading.seen.canceled = counts.canceled;
  reading.seen.expired = counts.expired;
  reading.seen.ended_at = told.ended_at;
  reading.seen.archived_at = told.archived_at;
  reading.changed = counts != before || reading.seen.state != known.state;
  reading.ended = reading.seen.state == BatchState::ended && known.state != BatchState::ended;
  reading.counts_off = told.counts_known && told.counts.total() != known.requests;
  reading.late = reading.seen.state != BatchState::ended && now > known.expires_at + expiry_grace;
  return reading;
}

std::optional<std::string> oddness(const Batch& known, const PollReading& reading) {
  if (reading.counts_off) {
    return fmt::format("the provider's counts do not add up to the {} requests of batch {}", known.requests,
                       known.provider_id);
  }
  if (reading.went_back) {
    return fmt::format("the provider's status of batch {} went back from {}; it is not believed", known.provider_id,
                       to_text(known.state));
  }
  if (reading.late) {
    return fmt::format("batch {} should have ended by {}; its requests are not sent again while it may still run",
                       known.provider_id, to_rfc3339(known.expires_at));
  }
  return std::nullopt;
}

std::string unknown_at_provider(const Batch& known) {
  return fmt::format(
      "{} {}; that is not a proof of loss, so it is asked again; where it was deleted: offpeak reconcile {} gone",
      not_shown, known.provider_id, known.provider_id);
}

CallFailure bounded(CallFailure failure, const RetryConfig& retry) {
  if (failure.retry_after) failure.retry_after = std::min(*failure.retry_after, retry.max_backoff);
  return failure;
}

Duration audit_interval(const PollConfig& config, const AuditFloor& floor) {
  const Duration least = floor.copies_only ? copies_interval : std::chrono::minutes(5);
  return std::max(least, config.max_interval);
}

Duration alone_interval(const PollConfig& config, const AuditFloor& floor) {
  return std::max(floor.copies_only ? copies_interval : shortest, config.max_interval);
}

bool reaches(const std::vector<ProviderBatch>& page, const AuditFloor& floor) {
  return std::ranges::any_of(page, [&](const ProviderBatch& batch) {
    if (floor.id && batch.id == *floor.id) return true;
    return floor.created_at && batch.created_at_known && batch.created_at < *floor.created_at;
  });
}

PageMatch match_page(const std::vector<Batch>& open, const std::vector<ProviderBatch>& page) {
  std::unordered_map<std::string_view, std::size_t> shown;
  for (std::size_t i = 0; i < page.size(); ++i) shown.emplace(page[i].id, i);
  PageMatch match;
  for (std::size_t i = 0; i < open.size(); ++i) {
    const auto at = shown.find(open[i].provider_id);
    if (at == shown.end()) {
      match.missing.push_back(i);
    } else {
      match.found.emplace_back(i, at->second);
    }
  }
  return match;
}

std::vector<std::size_t> choose_to_retrieve(const std::vector<Batch>& open, const std::vector<std::size_t>& missing,
                                            BatchId last_asked, std::size_t most) {
  auto order = missing;
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return open[a].id < open[b].id; });
  const auto next = std::find_if(order.begin(), order.end(), [&](std::size_t i) { return open[i].id > last_asked; });
  std::rotate(order.begin(), next, order.end());
  if (order.size() > most) order.resize(most);
  return order;
}

Duration PollPace::after_answer(bool changed, std::optional<Duration> hint, const PollConfig& config) {
  failures_ = 0;
  interval_ = changed ? config.min_interval : bounded(interval_, config) * 3 / 2;
  interval_ = bounded(interval_, config);
  if (!hint) return interval_;
  return std::max(interval_, bounded(*hint, config));
}

Duration PollPace::after_failure(const CallFailure& failure, const PollConfig& config, double unit) {
  ++failures_;
  const auto first = std::max(shortest, config.min_interval);
  const auto wait = std::max(shortest, backoff(first, std::max(first, config.max_interval), failures_, unit));
  const bool binding = failure.kind == CallFailureKind::throttled && failure.retry_after;
  return binding ? std::max(wait, *failure.retry_after) : wait;
}

Duration PollPace::after_news(const PollConfig& config) {
  interval_ = bounded(config.min_interval, config);
  return interval_;
}

}  // namespace offpeak
