#include "poll/poller.hpp"

#include <algorithm>
#include <utility>

#include "base/crash_point.hpp"
#include "provider/list_walk.hpp"

namespace offpeak {

Task<> Poller::run() {
  for (;;) {
    bool full = false;
    try {
      co_await turn();
    } catch (const QueueDiskFull&) {
      full = true;
    }
    if (!full) {
      full_.ended("poll");
      disk_full_since_.reset();
      continue;
    }
    if (!disk_full_since_) disk_full_since_ = doors_.clock.now();
    full_.lasts("poll", "", {{"hint", "free some space; offpeak goes on by itself"}});
    co_await bell_.wait_for(std::max(doors_.config.poll.max_interval, Duration(1)));
  }
}

// Looks into the queue, then polls or waits; whoever rings makes it look again.
Task<> Poller::turn() {
  co_await cancel_wanted();
  auto read = [](const Queue& queue) { return queue.open_batches(); };
  auto open = co_await doors_.database.read(std::move(read));
  if (open.empty()) {
    had_none_ = true;
    missing_since_.clear();
    if (!co_await audit_alone()) co_await wait_without_batches();
    co_return;
  }
  if (has_news(open)) hasten();
  had_none_ = false;
  if (doors_.clock.steady_now() < due_) {
    co_await wait_until_due();
    co_return;
  }
  polled_at_ = doors_.clock.steady_now();
  auto round = co_await poll(std::move(open));
  set_next(round);
  co_await record(std::move(round));
}

// A batch that no poll has asked about.
bool Poller::has_news(const std::vector<Batch>& open) {
  const auto newest = std::ranges::max(open, {}, &Batch::id).id;
  const bool news = newest > newest_open_;
  newest_open_ = std::max(newest_open_, newest);
  return news;
}

// What was just submitted has not ended yet: it may have min_interval.
void Poller::hasten() {
  const auto soon = pace_.after_news(doors_.config.poll);
  const auto due = had_none_ ? doors_.clock.steady_now() + soon : std::min(due_, polled_at_ + soon);
  due_ = std::max(not_before_, due);
}

Task<> Poller::wait_without_batches() {
  next_poll_at_.reset();
  co_await bell_.wait_for(longest_idle_wait);
}

Task<> Poller::wait_until_due() {
  const auto now = doors_.clock.steady_now();
  next_poll_at_ = doors_.clock.now() + std::chrono::ceil<Duration>(due_ - now);
  co_await bell_.wait_until(due_);
}

void Poller::set_next(const Round& round) {
  const auto now = doors_.clock.steady_now();
  const auto& config = doors_.config.poll;
  if (!round.failure) {
    failing_.ended("the provider");
    due_ = now + pace_.after_answer(round.changed, round.hint, config);
    return;
  }
  const auto failure = bounded(*round.failure, doors_.config.retry);
  due_ = now + pace_.after_failure(failure, config, doors_.random.unit());
  if (failure.kind == CallFailureKind::throttled && failure.retry_after) not_before_ = due_;
  failing_.lasts("the provider", failure.message, {{"http_status", failure.http_status}, {"reason", failure.message}});
}

Task<Poller::Round> Poller::poll(std::vector<Batch> open) {
  Round round;
  // What a human has ended is not missed any more.
  std::erase_if(missing_since_, [&](const auto& missing) {
    return std::ranges::none_of(open, [&](const Batch& batch) { return batch.id == missing.first; });
  });
  ListQuery query;
  query.limit = page_limit(open.size());
  listed_at_ = doors_.clock.steady_now();
  auto listed = co_await doors_.provider.list(query);
  if (!listed.ok()) {
    round.failure = listed.failure();
    co_return round;
  }
  round.hint = listed.retry_after;
  const auto& page = listed.value().batches;
  const auto match = match_page(open, page);
  for (const auto& [known, told] : match.found) take(open[known], page[told], round);
  std::vector<Batch> asked;
  for (const auto i : choose_to_retrieve(open, match.missing, last_asked_, retrieves_a_round)) {
    asked.push_back(open[i]);
  }
  co_await see(page, listed.value().date);
  co_await audit(page);
  co_return co_await retrieve(std::move(asked), std::move(round));
}

// While nothing is in flight, the list is read for the audit alone, and only for as long as there is something to
// compare it with. False where there is nothing.
Task<bool> Poller::audit_alone() {
  auto floor =
      co_await doors_.database.read([now = doors_.clock.now()](const Queue& queue) { return queue.audit_floor(now); });
  if (!floor) co_return false;
  // A provider that has failed is asked again sooner: until it answers, the status says that it fails.
  if (alone_failed_) floor->copies_only = false;
  const auto now = doors_.clock.steady_now();
  const auto due = listed_at_ + alone_interval(doors_.config.poll, *floor);
  if (now < due) {
    next_poll_at_.reset();
    if (!floor->copies_only) next_poll_at_ = doors_.clock.now() + std::chrono::ceil<Duration>(due - now);
    co_await bell_.wait_until(due);
    co_return true;
  }
  listed_at_ = now;
  ListQuery query;
  query.limit = page_limit_least;
  auto listed = co_await doors_.provider.list(query);
  alone_failed_ = !listed.ok();
  if (!listed.ok()) co_return true;
  co_await see(listed.value().batches, listed.value().date);
  co_await audit(listed.value().batches);
  co_return true;
}

// A page shows the newest batches only. What an older create is compared with may stand behind it, so now and then the
// list is read as far down as the oldest of them.
Task<> Poller::audit(std::vector<ProviderBatch> page) {
  const auto now = doors_.clock.steady_now();
  const auto is_due = [&](const AuditFloor& floor) {
    return now >= audited_at_ + audit_interval(doors_.config.poll, floor);
  };
  if (!is_due(AuditFloor())) co_return;
  const auto floor =
      co_await doors_.database.read([now = doors_.clock.now()](const Queue& queue) { return queue.audit_floor(now); });
  if (!floor || !is_due(*floor)) co_return;
  audited_at_ = now;
  if (reaches(page, *floor)) co_return;
  auto listed =
      co_await walk_list(doors_.provider, {floor->id, floor->created_at, floor->to_the_end, floor->copies_only});
  if (listed.ok()) {
    audit_problem_.clear();
    co_await see(std::move(listed.value().newest_first), listed.value().date);
    co_return;
  }
  const auto& problem = listed.failure().message;
  if (std::exchange(audit_problem_, problem) == problem) co_return;
  doors_.log.warning("audit.no_list", {{"reason", problem}, {"hint", "batches that come late are looked for in it"}});
}

// A batch that came after its intent was taken as not created may run what was sent again, so every minute counts.
Task<> Poller::see(std::vector<ProviderBatch> listed, std::optional<Instant> date) {
  const ListMoment at{doors_.clock.now(), date, doors_.config.provider.exclusive};
  const auto found = co_await doors_.database.write(
      [listed = std::move(listed), at](Queue& queue) { return queue.see_list(listed, at, Queue::ListLook::running); });
  report_strangers(doors_.log, found, at.exclusive);
  if (std::ranges::any_of(found, &Stranger::may_cancel)) co_await cancel_wanted();
}

Task<Poller::Round> Poller::retrieve(std::vector<Batch> asked, Round round) {
  for (const auto& batch : asked) {
    auto told = co_await doors_.provider.retrieve(batch.provider_id);
    if (told.ok()) {
      take(batch, told.value(), round);
    } else if (told.failure().kind == CallFailureKind::not_found) {
      missing_since_.try_emplace(batch.id, doors_.clock.now());
      note(batch, unknown_at_provider(batch), round);
    } else {
      // Whatever it is, asking about the next one at once would only add to it.
      round.failure = told.failure();
      co_return round;
    }
    last_asked_ = batch.id;
  }
  co_return round;
}

void Poller::take(const Batch& known, const ProviderBatch& told, Round& round) {
  missing_since_.erase(known.id);
  const auto reading = read_poll(known, told, doors_.clock.now());
  const auto odd = oddness(known, reading);
  // What is known already is not written again: an unchanged poll costs no write.
  if (reading.changed || (known.reason && known.reason != odd)) round.seen.push_back(reading.seen);
  if (odd) note(known, *odd, round);
  round.changed = round.changed || reading.changed;
  if (reading.ended) {
    doors_.log.info("batch.ended", {{"batch", known.id}, {"provider_id", known.provider_id}});
  }
}

void Poller::note(const Batch& known, std::string reason, Round& round) {
  const bool said_before = known.reason == reason;
  const bool forgotten = !round.seen.empty() && round.seen.back().id == known.id;  // writing it clears its reason
  if (said_before && !forgotten) return;
  if (!said_before) {
    doors_.log.error("batch.odd", {{"batch", known.id},
                                   {"provider_id", known.provider_id},
                                   {"reason", reason},
                                   {"hint", "see `offpeak batches`; polling goes on"}});
  }
  round.notes.push_back({known.id, std::move(reason)});
}

Task<> Poller::record(Round round) {
  if (round.seen.empty() && round.notes.empty()) co_return;
  auto write = [round = std::move(round), now = doors_.clock.now()](Queue& queue) {
    if (!round.seen.empty()) queue.record_poll(round.seen, now);
    for (const auto& note : round.notes) queue.note_batch(note.id, note.reason, std::nullopt);
  };
  crash_point("before_poll_recorded");
  co_await doors_.database.write(std::move(write));
  crash_point("after_poll_recorded");
}

Task<> Poller::cancel_wanted() {
  auto read = [](const Queue& queue) { return queue.batches_to_cancel(); };
  auto batches = co_await doors_.database.read(std::move(read));
  for (auto& batch : batches) co_await cancel(std::move(batch));
}

Task<> Poller::cancel(Batch batch) {
  // A provider that asked for a pause gets it here, too.
  if (doors_.clock.steady_now() < not_before_) co_return;
  auto told = co_await doors_.provider.cancel(batch.provider_id);
  Round round;
  if (told.ok()) {
    take(batch, told.value(), round);
  } else if (told.failure().kind != CallFailureKind::refused) {
    // Asked again at the next turn; a 404 so soon after the create may only be too early.
    doors_.log.warning("cancel.failed", {{"batch", batch.provider_id}, {"reason", told.failure().message}});
    const auto failure = bounded(told.failure(), doors_.config.retry);
    if (failure.kind == CallFailureKind::throttled && failure.retry_after) {
      not_before_ = doors_.clock.steady_now() + *failure.retry_after;
    }
    co_return;
  }
  // Refused: it has ended meanwhile, and its results tell the truth.
  auto requested = [id = batch.id](Queue& queue) { queue.cancel_requested(id); };
  co_await doors_.database.write(std::move(requested));
  doors_.log.info("batch.cancel_requested", {{"batch", batch.id}, {"provider_id", batch.provider_id}});
  co_await record(std::move(round));
  due_ = std::max(not_before_, std::min(due_, doors_.clock.steady_now() + pace_.after_news(doors_.config.poll)));
}

}  // namespace offpeak
