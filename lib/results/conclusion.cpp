// What becomes of a batch once a download of its results was recorded.
#include <fmt/format.h>

#include <algorithm>

#include "base/backoff.hpp"
#include "base/crash_point.hpp"
#include "queue/result_lines.hpp"
#include "results/collector.hpp"

namespace offpeak {

namespace {

BatchSeen as_seen(BatchId id, const ProviderBatch& told) {
  BatchSeen seen;
  seen.id = id;
  seen.state = BatchState::ended;
  seen.processing = told.counts.processing;
  seen.succeeded = told.counts.succeeded;
  seen.errored = told.counts.errored;
  seen.canceled = told.counts.canceled;
  seen.expired = told.counts.expired;
  seen.ended_at = told.ended_at;
  seen.archived_at = told.archived_at;
  return seen;
}

// What stays to be known of a batch that is collected.
std::map<std::string, std::string> what_to_know(const Batch& batch, const ReadTally& tally) {
  std::map<std::string, std::string> known;
  if (tally.own == batch.requests && tally.by_type != counts_told(batch)) {
    known["counts_differ"] =
        fmt::format("batch {}: the provider counts {}, its lines say {}; compare the bill", batch.provider_id,
                    counts_text(counts_told(batch)), counts_text(tally.by_type));
  }
  if (tally.unreadable > 0) {
    known["unreadable_lines"] = fmt::format("batch {}: {} of its result lines could not be read; they are kept in {}",
                                            batch.provider_id, tally.unreadable, aside_name(batch.id));
  }
  return known;
}

}  // namespace

Task<> Collector::conclude(Batch batch, Download download, ReadTally tally) {
  report_odd_lines(batch, tally);
  if (!batch.proven && is_mixed(tally, batch.requests)) {
    co_await hold_jobs(batch, fmt::format("batch {} carries lines of offpeak and of somebody else; look at it, then "
                                          "`offpeak release` the job",
                                          batch.provider_id));
  }
  CollectFacts facts;
  facts.end = download.end;
  facts.proven = batch.proven;
  facts.requests = batch.requests;
  facts.told = counts_told(batch);
  switch (after_download(facts, tally)) {
    case CollectStep::collect:
      co_await finish(std::move(batch), std::move(tally));
      co_return;
    case CollectStep::ask_counts:
      co_await ask_counts(std::move(batch), std::move(tally));
      co_return;
    case CollectStep::disprove:
      co_await disprove(std::move(batch), std::move(tally));
      co_return;
    case CollectStep::ask_batch:
      co_await ask_whether_gone(std::move(batch), std::move(download.problem), download.retry_after);
      co_return;
    case CollectStep::again:
      co_await try_again(std::move(batch), std::move(download.problem), download.retry_after);
      co_return;
  }
}

Task<> Collector::finish(Batch batch, ReadTally tally) {
  co_await collect(std::move(batch), std::move(tally), CollectRules());
}

// It was downloaded often enough: what could not be read is recorded, and the rest is not waited for any longer.
Task<> Collector::finish_in_doubt(Batch batch, ReadTally tally) {
  auto end = doubtful_end(tally, batch.requests, counts_told(batch));
  doors_.log.error("results.in_doubt", {{"batch", batch.provider_id},
                                        {"reason", end.reason},
                                        {"hint", "what was in doubt is not sent again; compare the bill"}});
  CollectRules rules;
  rules.missing_result = missing_result(batch);
  if (end.again_in_doubt) rules.doubted_result = doubted_result(batch);
  rules.reason = std::move(end.reason);
  co_await collect(std::move(batch), std::move(tally), std::move(rules));
}

// Model: T15.
Task<> Collector::collect(Batch batch, ReadTally tally, CollectRules rules) {
  // Before requests become pending again, so that none of them is sent into the same fault.
  if (tally.account_faults > 0) co_await pause_for(batch, tally.account_reason);
  rules.backoff = doors_.config.retry.backoff;
  rules.max_backoff = doors_.config.retry.max_backoff;
  rules.jitter = doors_.random.unit();
  rules.account_was_well = tally.account_faults == 0 && tally.by_type[0] > 0;
  const auto to_know = what_to_know(batch, tally);
  auto collect = [id = batch.id, rules, to_know, now = doors_.clock.now()](Queue& queue) {
    const auto collected = queue.collect(id, rules, now);
    for (const auto& [kind, what] : to_know) {
      if (collected.complete) queue.note(kind, what, now);
    }
    return collected;
  };
  crash_point("before_collected");
  const auto collected = co_await doors_.database.write(std::move(collect));
  crash_point("after_collected");
  if (!collected.complete) {
    // Lines of an earlier download are recorded that this one lacks, or the other way round.
    auto reason = fmt::format("{}; {} are missing", describe(tally, batch.requests), collected.missing);
    co_await doubt(std::move(batch), std::move(tally), std::move(reason));
    co_return;
  }
  doubts_.erase(batch.id);
  end_waiting(batch);
  doors_.log.info("batch.collected", {{"batch", batch.id},
                                      {"provider_id", batch.provider_id},
                                      {"requests", batch.requests},
                                      {"again", collected.again},
                                      {"in_doubt", collected.doubted}});
}

// The tries are those of rows, and results that are well clear them: a create that was accepted says nothing of rows.
Task<> Collector::pause_for(Batch batch, std::string error_type) {
  const auto& retry = doors_.config.retry;
  auto pause = [now = doors_.clock.now(), first = retry.backoff, most = retry.max_backoff, unit = doors_.random.unit(),
                error_type, id = batch.id, provider_id = batch.provider_id](Queue& queue) {
    const int tries = queue.count_account_fault(id);
    if (queue.account().paused) return false;
    queue.pause_account(
        fmt::format("results of batch {} say {}: check the API key, credit and limits", provider_id, error_type),
        now + backoff(first, most, tries, unit), tries, now);
    return true;
  };
  if (!co_await doors_.database.write(std::move(pause))) co_return;
  doors_.log.error("account.paused", {{"batch", batch.provider_id},
                                      {"error_type", error_type},
                                      {"hint", "check the API key, credit and limits; offpeak tries again by itself"}});
}

// The provider may have counted on since the poll that saw the end.
Task<> Collector::ask_counts(Batch batch, ReadTally tally) {
  auto told = co_await doors_.provider.retrieve(batch.provider_id);
  if (told.ok() && told.value().status == ProcessingStatus::ended) {
    auto record = [seen = as_seen(batch.id, told.value()), now = doors_.clock.now()](Queue& queue) {
      queue.record_poll({seen}, now);
    };
    co_await doors_.database.write(std::move(record));
    batch.succeeded = told.value().counts.succeeded;
    batch.errored = told.value().counts.errored;
    batch.expired = told.value().counts.expired;
    batch.canceled = told.value().counts.canceled;
    if (agree(counts_told(batch), tally.by_type, batch.requests)) {
      co_await finish(std::move(batch), std::move(tally));
      co_return;
    }
  }
  auto reason = doubtful_end(tally, batch.requests, counts_told(batch)).reason;
  co_await doubt(std::move(batch), std::move(tally), std::move(reason));
}

Task<> Collector::doubt(Batch batch, ReadTally tally, std::string reason) {
  auto& doubts = doubts_[batch.id];
  ++doubts.downloads;
  doubts.needed = downloads_needed(batch.requests, tally);
  const bool all_recorded = tally.took_unreadable || tally.unreadable_own == 0;
  if (doubts.downloads >= doubts.needed && all_recorded) {
    co_await finish_in_doubt(std::move(batch), std::move(tally));
  } else if (is_overdue(batch, doors_.clock.now())) {
    co_await ask_whether_gone(std::move(batch), std::move(reason), std::nullopt);
  } else {
    co_await try_again(std::move(batch), std::move(reason), std::nullopt);
  }
}

// A 404 is never proof of loss, and neither is our own clock.
Task<> Collector::ask_whether_gone(Batch batch, std::string problem, std::optional<Duration> retry_after) {
  auto told = co_await doors_.provider.retrieve(batch.provider_id);
  if (is_gone(batch, told, doors_.clock.now())) {
    co_await give_up(std::move(batch));
    co_return;
  }
  if (!told.ok()) {
    problem = fmt::format("{}; {}", problem, told.failure().message);
    retry_after = told.failure().retry_after;
  } else if (told.value().status != ProcessingStatus::ended) {
    doors_.log.error("batch.went_back", {{"batch", batch.provider_id},
                                         {"hint", "it had ended and says that it has not; waiting for its results"}});
  }
  co_await try_again(std::move(batch), std::move(problem), retry_after);
}

// Model: T15.
Task<> Collector::disprove(Batch batch, ReadTally tally) {
  doors_.log.warning("batch.disproved", {{"batch", batch.provider_id}, {"lines", tally.lines}});
  auto disprove = [id = batch.id, nonce = tally.other_nonce, exclusive = doors_.config.provider.exclusive,
                   now = doors_.clock.now()](Queue& queue) {
    // All its lines carry one nonce: it may be another intent's of ours, and what it paid for is that one's.
    if (!nonce.empty()) return queue.rebook_batch(id, nonce, exclusive, now);
    queue.disprove_batch(id, now);
    return Booked();
  };
  const auto booked = co_await doors_.database.write(std::move(disprove));
  report_booked(batch, booked);
}

void Collector::report_booked(const Batch& batch, const Booked& booked) {
  if (booked.as == BookedAs::nobodys) return;
  if (booked.as == BookedAs::unexplained) {
    doors_.log.error("batch.unexplained", {{"batch", batch.provider_id},
                                           {"requests", batch.requests},
                                           {"holds_submitting", true},
                                           {"act", fmt::format("offpeak reconcile {} claim", batch.provider_id)}});
    return;
  }
  doors_.log.warning("batch.booked_by_nonce",
                     {{"batch", batch.provider_id}, {"intent", booked.intent}, {"as", to_text(booked.as)}});
}

Task<> Collector::give_up(Batch batch) {
  auto lose = [id = batch.id, result = lost_result(batch), doubted = doubted_result(batch),
               now = doors_.clock.now()](Queue& queue) { return queue.results_lost(id, result, doubted, now); };
  const auto lost = co_await doors_.database.write(std::move(lose));
  doubts_.erase(batch.id);
  end_waiting(batch);
  doors_.log.error("results.lost",
                   {{"batch", batch.id},
                    {"provider_id", batch.provider_id},
                    {"requests", lost.missing},
                    {"hint", "they may have been paid for; failed.jsonl holds them, to be dropped again"}});
}

Task<> Collector::try_again(Batch batch, std::string reason, std::optional<Duration> retry_after) {
  const auto& retry = doors_.config.retry;
  auto wait = backoff(retry.backoff, retry.max_backoff, static_cast<int>(batch.failures) + 1, doors_.random.unit());
  if (retry_after) wait = std::max(wait, std::min(*retry_after, retry.max_backoff));
  const auto now = doors_.clock.now();
  const auto next = now + std::max(wait, Duration(1));
  auto fail = [id = batch.id, reason, next](Queue& queue) { queue.collect_failed(id, reason, next); };
  co_await doors_.database.write(std::move(fail));
  if (is_at_risk(batch, now)) {
    at_risk_.lasts(batch.provider_id, reason,
                   {{"batch", batch.provider_id},
                    {"reason", reason},
                    {"created_at", to_rfc3339(batch.created_at)},
                    {"hint", "the provider deletes results 29 days after creation"}});
    co_return;
  }
  waiting_.lasts(batch.provider_id, reason,
                 {{"batch", batch.provider_id}, {"reason", reason}, {"next_try_at", to_rfc3339(next)}});
}

void Collector::end_waiting(const Batch& batch) {
  waiting_.ended(batch.provider_id);
  at_risk_.ended(batch.provider_id);
}

Task<> Collector::hold_jobs(Batch batch, std::string reason) {
  doors_.log.error("results.mixed", {{"batch", batch.provider_id}, {"hint", reason}});
  auto hold = [intent = batch.intent, reason](Queue& queue) {
    for (const auto& assignment : queue.assignments(intent)) {
      static_cast<void>(queue.hold_job(assignment.range.job, reason));
    }
  };
  co_await doors_.database.write(std::move(hold));
}

// Never the content of a line.
void Collector::report_odd_lines(const Batch& batch, const ReadTally& tally) {
  if (tally.aside() + tally.identical == 0) return;
  doors_.log.warning("results.odd_lines", {{"batch", batch.id},
                                           {"provider_id", batch.provider_id},
                                           {"lines", describe(tally, batch.requests)},
                                           {"kept_in", aside_name(batch.id)}});
}

}  // namespace offpeak
