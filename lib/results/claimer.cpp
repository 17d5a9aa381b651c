#include "results/claimer.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/backoff.hpp"
#include "base/crash_point.hpp"
#include "queue/claimed_params.hpp"
#include "results/download_sink.hpp"

namespace offpeak {

namespace {

std::uint64_t requests_in(const std::vector<Assignment>& runs) {
  std::uint64_t count = 0;
  for (const auto& run : runs) count += run.range.count;
  return count;
}

ClaimedBatch claimed_of(const ProviderBatch& told, const ClaimIds& ids) {
  ClaimedBatch claimed;
  claimed.provider_id = told.id;
  claimed.nonce = ids.nonce;
  claimed.requests = static_cast<std::uint32_t>(told.counts.total());
  claimed.created_at = told.created_at;
  claimed.expires_at = told.expires_at;
  return claimed;
}

}  // namespace

// What is looked for, and where: used by one function on the file worker at a time.
struct Claimer::Scan {
  Scan(std::vector<ClaimLine> lines, unsigned bits, Files& files, std::string claimed)
      : matcher(std::move(lines), bits), params(files, std::move(claimed)) {}

  // A line whose bytes are not what was accepted cannot be matched, and cannot be sent either; the others can.
  Result<void> take(const OpenLines& open) {
    const auto seed = fingerprint_seed(open.job.defaults);
    for (const auto& line : open.lines) {
      if (line.entry.params_bytes == 0 || (seed == 0 && !matcher.may_be(line.entry.checksum))) continue;
      const auto bytes = params.read(open.job, line.entry);
      if (!bytes) {
        if (bytes.error().kind != ErrorKind::invalid) return bytes.error();
        if (!damage) damage = bytes.error();
        continue;
      }
      matcher.offer(open.job.job, line.seq, fingerprint(*bytes, seed));
    }
    return {};
  }

  ClaimMatcher matcher;
  ClaimedParams params;
  std::optional<Error> damage;  // the first of the job that is being read
};

namespace {

// The soonest time that a claim waits for.
std::optional<Instant> next_time(const std::vector<UnexplainedBatch>& batches) {
  std::optional<Instant> next;
  for (const auto& batch : batches) {
    if (batch.state != "claiming" || !batch.next_action_at) continue;
    next = std::min(next.value_or(*batch.next_action_at), *batch.next_action_at);
  }
  return next;
}

}  // namespace

Task<> Claimer::run() {
  for (;;) {
    std::optional<Duration> pause = look_interval();
    try {
      pause = co_await round();
    } catch (const QueueDiskFull&) {
      doors_.log.error("claim.disk_full", {{"hint", "free some space; offpeak goes on by itself"}});
    }
    co_await bell_.wait_for(pause.value_or(longest_idle_wait));
  }
}

// When to look again; nothing where nothing is left.
Task<std::optional<Duration>> Claimer::round() {
  const auto candidates =
      co_await doors_.database.read([](const Queue& queue) { return queue.candidates_to_cancel(); });
  bool left = false;
  // A cancel that is recorded rings this stage: one that failed is not asked for again by that.
  const bool due = doors_.clock.steady_now() >= cancel_again_;
  for (const auto& candidate : candidates) left = !(due && co_await cancel_candidate(candidate)) || left;
  const auto open = co_await doors_.database.read([](const Queue& queue) { return queue.unexplained(); });
  for (const auto& claim : open) {
    if (claim.state != "claiming") continue;
    left = true;
    const auto now = doors_.clock.now();
    // A wait longer than any that is made here tells of a clock that was set back.
    const auto longest = std::max(doors_.config.retry.max_backoff, look_interval());
    if (claim.next_action_at && *claim.next_action_at > now && *claim.next_action_at <= now + longest) continue;
    co_await advance(claim);
  }
  const auto next = co_await doors_.database.read([](const Queue& queue) { return next_time(queue.unexplained()); });
  if (next) co_return std::clamp<Duration>(*next - doors_.clock.now(), Duration(1), look_interval());
  co_return left ? std::optional(look_interval()) : std::nullopt;
}

Task<bool> Claimer::cancel_candidate(std::string provider_id) {
  if (doors_.clock.steady_now() < cancel_not_before_) co_return false;
  auto told = co_await doors_.provider.cancel(provider_id);
  if (!told.ok() && told.failure().kind != CallFailureKind::refused) {
    doors_.log.warning("cancel.failed", {{"batch", provider_id}, {"reason", told.failure().message}});
    const auto& retry_after = told.failure().retry_after;
    if (retry_after) cancel_not_before_ = doors_.clock.steady_now() + pause_asked_for(*retry_after);
    cancel_again_ = doors_.clock.steady_now() + look_interval();
    co_return false;
  }
  co_await doors_.database.write([provider_id](Queue& queue) { queue.cancel_of_candidate_requested(provider_id); });
  if (told.ok()) {
    doors_.log.info("candidate.cancel_requested", {{"batch", provider_id}});
  } else {
    // Mostly because it has ended meanwhile; its results tell the truth either way.
    doors_.log.warning("candidate.cancel_refused", {{"batch", provider_id}, {"reason", told.failure().message}});
  }
  co_return true;
}

Task<> Claimer::advance(UnexplainedBatch claim) {
  auto told = co_await doors_.provider.retrieve(claim.provider_id);
  if (!told.ok()) {
    auto reason = told.failure().message;
    // Never proof that it is gone: it may be the key of another workspace that asks.
    if (told.failure().kind == CallFailureKind::not_found) {
      reason += fmt::format("; where it was deleted at the provider: offpeak reconcile {} dismiss", claim.provider_id);
    }
    co_await try_again(std::move(claim), std::move(reason), told.failure().retry_after);
    co_return;
  }
  if (told.value().status != ProcessingStatus::ended) {
    if (claim.cancel_wanted && !co_await cancel(claim)) co_return;
    auto reason = fmt::format("waits until the batch has ended; {} of {} requests are in processing",
                              told.value().counts.processing, told.value().counts.total());
    co_await wait(std::move(claim), std::move(reason), look_interval());
    co_return;
  }
  if (told.value().archived_at) {
    co_await give_up(std::move(claim), "the provider has deleted its results: nobody can tell what it ran");
    co_return;
  }
  // What a restored state has forgotten is taken in again at the start: its requests are what is looked for.
  const bool taking_in = co_await doors_.database.read([](const Queue& queue) { return !queue.intakes().empty(); });
  if (taking_in) {
    co_await wait(std::move(claim), "waits for job files that are being taken in", std::chrono::seconds(1));
    co_return;
  }
  co_await claim_ended(std::move(claim), std::move(told.value()));
}

// False where it waits, or is none any more.
Task<bool> Claimer::cancel(UnexplainedBatch claim) {
  if (!co_await still_to_cancel(claim.provider_id)) co_return false;
  auto told = co_await doors_.provider.cancel(claim.provider_id);
  if (!told.ok() && told.failure().kind != CallFailureKind::refused) {
    co_await try_again(std::move(claim), told.failure().message, told.failure().retry_after);
    co_return false;
  }
  co_await doors_.database.write([id = claim.provider_id](Queue& queue) { queue.cancel_of_unexplained_requested(id); });
  if (told.ok()) {
    doors_.log.info("claim.cancel_requested", {{"batch", claim.provider_id}});
  } else {
    // Mostly because it has ended meanwhile; else it is waited for, and billed for all that it runs.
    doors_.log.warning("claim.cancel_refused", {{"batch", claim.provider_id}, {"reason", told.failure().message}});
  }
  co_return true;
}

// The operator may have dismissed it while it was asked for: what is none of ours is not canceled.
Task<bool> Claimer::still_to_cancel(std::string provider_id) {
  const auto claim =
      co_await doors_.database.read([provider_id](const Queue& queue) { return queue.unexplained(provider_id); });
  co_return claim.value_or(UnexplainedBatch()).state == "claiming";
}

Task<> Claimer::claim_ended(UnexplainedBatch claim, ProviderBatch told) {
  crash_point("claim_begun");
  auto download = co_await download_ids(claim.provider_id);
  if (download.problem) {
    co_await try_again(std::move(claim), std::move(*download.problem), download.retry_after);
    co_return;
  }
  const auto requests = static_cast<std::uint64_t>(told.counts.total());
  const auto& ids = download.ids;
  if (ids.total < requests) {
    auto reason = fmt::format("its results have {} lines, {} were counted; downloading once more", ids.total, requests);
    co_await try_again(std::move(claim), std::move(reason), std::nullopt);
    co_return;
  }
  // Whoever made the batch, its results have ids: something on the way has answered in the provider's place.
  if (ids.readable == 0 && requests > 0) {
    auto reason = fmt::format(
        "what came in place of its results has {} lines and no id, so it is downloaded again; if that does not help: "
        "offpeak reconcile {} dismiss",
        ids.total, claim.provider_id);
    co_await try_again(std::move(claim), std::move(reason), std::nullopt);
    co_return;
  }
  if (is_doubtful(claim.provider_id, requests, ids)) {
    auto reason = fmt::format("its results tell of {} of its {} requests; downloading once more", ids.told(), requests);
    co_await try_again(std::move(claim), std::move(reason), std::nullopt);
    co_return;
  }
  co_await claim_with(std::move(claim), std::move(told), std::move(download.ids));
}

bool Claimer::is_doubtful(const std::string& provider_id, std::uint64_t requests, const ClaimIds& ids) {
  const auto before = doubts_.find(provider_id);
  const Doubt now{ids.total, ids.sum};
  if (ids.told() < requests && (before == doubts_.end() || before->second != now)) {
    doubts_[provider_id] = now;
    return true;
  }
  doubts_.erase(provider_id);
  return false;
}

Task<Claimer::Download> Claimer::download_ids(std::string provider_id) {
  const auto path = download_path();
  const auto transfer = co_await download_results(doors_.provider, doors_.files, doors_.file_worker, provider_id, path);
  Download download;
  if (transfer.refused) {
    download.problem = transfer.refused->message;
    download.retry_after = transfer.refused->retry_after;
  } else if (transfer.failure) {
    download.problem = transfer.failure->message;
  } else {
    auto ids = co_await read_ids();
    if (ids) {
      download.ids = std::move(*ids);
    } else {
      download.problem = ids.error().message;
    }
  }
  auto remove = [files = &doors_.files, path] { static_cast<void>(files->remove(path)); };
  co_await doors_.file_worker.run(std::move(remove));
  co_return download;
}

Task<Result<ClaimIds>> Claimer::read_ids() {
  auto open = [files = &doors_.files, path = download_path()]() -> Result<std::shared_ptr<ClaimReader>> {
    auto raw = files->open(path, OpenFor::reading);
    if (!raw) return raw.error();
    return std::make_shared<ClaimReader>(std::move(*raw));
  };
  auto reader = co_await doors_.file_worker.run(std::move(open));
  if (!reader) co_return reader.error();
  for (;;) {
    auto step = [reader = *reader] { return reader->step(); };
    auto more = co_await doors_.file_worker.run(std::move(step));
    if (!more) co_return more.error();
    if (!*more) co_return (*reader)->take();
  }
}

Task<> Claimer::claim_with(UnexplainedBatch claim, ProviderBatch told, ClaimIds ids) {
  if (ids.nonce.empty()) {
    co_await end_without(std::move(claim), ids.total, "none of its lines carries an id of offpeak");
    co_return;
  }
  auto claimed = claimed_of(told, ids);
  claimed.matched = ids.lines.size() + ids.old_form;
  claimed.unmatched = ids.total - claimed.matched;
  const auto record = [](ClaimedBatch batch, Instant now) {
    return [batch = std::move(batch), now](Queue& queue) { return queue.record_claim(batch, now); };
  };
  auto by_nonce = record(claimed, doors_.clock.now());
  auto booked = co_await doors_.database.write(std::move(by_nonce));
  if (booked.as == BookedAs::in_flight) {
    co_await wait(std::move(claim), "it may be that of one of our own intents, which is not decided yet",
                  look_interval());
    co_return;
  }
  if (booked.as != BookedAs::nobodys) {
    co_await end(std::move(claimed), booked);
    co_return;
  }
  if (ids.lines.empty()) {
    co_await give_up(std::move(claim), "its ids are of an earlier version and do not tell what it ran");
    co_return;
  }
  const auto total = ids.total;
  auto runs = co_await find_requests(std::move(ids.lines), ids.bits);
  if (!runs) {
    co_await try_again(std::move(claim), runs.error().message, std::nullopt);
    co_return;
  }
  if (runs->empty()) {
    co_await end_without(std::move(claim), total, "none of its lines is a request that waits here");
    co_return;
  }
  claimed.assignments = std::move(*runs);
  claimed.matched = requests_in(claimed.assignments);
  claimed.unmatched = total - claimed.matched;
  auto by_content = record(claimed, doors_.clock.now());
  booked = co_await doors_.database.write(std::move(by_content));
  crash_point("claim_recorded");
  if (booked.as != BookedAs::nobodys) co_await end(std::move(claimed), booked);
}

Task<Result<std::vector<Assignment>>> Claimer::find_requests(std::vector<ClaimLine> lines, unsigned bits) {
  auto scan = std::make_shared<Scan>(std::move(lines), bits, doors_.files, doors_.config.paths.claimed());
  const auto jobs = co_await doors_.database.read([](const Queue& queue) { return queue.jobs_with_open_requests(); });
  for (const auto job : jobs) {
    auto scanned = co_await scan_job(job, scan);
    if (!scanned) co_return scanned.error();
  }
  auto match = [scan] { return scan->matcher.match(); };
  co_return co_await doors_.file_worker.run(std::move(match));
}

// A segment at a time, so that nobody waits long for either worker.
Task<Result<void>> Claimer::scan_job(JobId job, std::shared_ptr<Scan> scan) {
  std::optional<Seq> first = Seq{0};
  while (first) {
    auto read = [job, from = *first](const Queue& queue) {
      return std::make_shared<const OpenLines>(queue.open_lines(job, from));
    };
    const auto open = co_await doors_.database.read(std::move(read));
    first = open->next;
    if (open->lines.empty()) continue;
    auto take = [scan, open] { return scan->take(*open); };
    auto taken = co_await doors_.file_worker.run(std::move(take));
    if (taken) continue;
    if (taken.error().kind != ErrorKind::not_found) co_return taken.error();
    log_damage(job, taken.error());
    co_return Result<void>();
  }
  if (scan->damage) log_damage(job, *scan->damage);
  scan->damage.reset();
  co_return Result<void>();
}

void Claimer::log_damage(JobId job, const Error& damage) {
  doors_.log.error(
      "claim.damaged_job",
      {{"job", job}, {"reason", damage.message}, {"hint", "what the batch ran of these bytes cannot be found"}});
}

Task<> Claimer::end(ClaimedBatch claimed, Booked booked) {
  if (booked.as == BookedAs::duplicate && booked.intent == IntentId()) {
    doors_.log.info("claim.known", {{"batch", claimed.provider_id}, {"reason", "it has been booked meanwhile"}});
  } else if (booked.as == BookedAs::duplicate) {
    doors_.log.error("claim.duplicate", {{"batch", claimed.provider_id},
                                         {"intent", booked.intent},
                                         {"hint", "its intent has another batch already; compare the bill"}});
  } else {
    doors_.log.info("claim.recorded", {{"batch", claimed.provider_id},
                                       {"intent", booked.intent},
                                       {"matched", claimed.matched},
                                       {"unmatched", claimed.unmatched}});
  }
  co_return;
}

Task<> Claimer::end_without(UnexplainedBatch claim, std::uint64_t lines, std::string reason) {
  doors_.log.warning("claim.nothing_ours", {{"batch", claim.provider_id}, {"lines", lines}, {"reason", reason}});
  co_await doors_.database.write([id = claim.provider_id, lines, reason, now = doors_.clock.now()](Queue& queue) {
    queue.end_claim(id, lines, reason, now);
  });
}

Task<> Claimer::wait(UnexplainedBatch claim, std::string reason, Duration pause) {
  const auto next = doors_.clock.now() + std::min(pause, look_interval());
  co_await doors_.database.write(
      [id = claim.provider_id, reason, next](Queue& queue) { queue.note_claim(id, reason, next, false); });
}

Task<> Claimer::try_again(UnexplainedBatch claim, std::string reason, std::optional<Duration> retry_after) {
  const auto& retry = doors_.config.retry;
  auto pause = backoff(retry.backoff, retry.max_backoff, static_cast<int>(claim.failures) + 1, doors_.random.unit());
  if (retry_after) pause = std::max(pause, pause_asked_for(*retry_after));
  const auto next = doors_.clock.now() + std::max(pause, Duration(1));
  doors_.log.warning("claim.waiting",
                     {{"batch", claim.provider_id}, {"reason", reason}, {"next_try_at", to_rfc3339(next)}});
  co_await doors_.database.write(
      [id = claim.provider_id, reason, next](Queue& queue) { queue.note_claim(id, reason, next, true); });
}

Task<> Claimer::give_up(UnexplainedBatch claim, std::string reason) {
  doors_.log.error("claim.impossible", {{"batch", claim.provider_id},
                                        {"reason", reason},
                                        {"act", fmt::format("offpeak reconcile {} dismiss", claim.provider_id)}});
  co_await doors_.database.write([id = claim.provider_id, reason](Queue& queue) { queue.give_up_claim(id, reason); });
}

// What the provider asks for, within reason.
Duration Claimer::pause_asked_for(Duration retry_after) const {
  return std::min(retry_after, doors_.config.retry.max_backoff);
}

Duration Claimer::look_interval() const { return std::max(doors_.config.poll.max_interval, Duration(1)); }

std::string Claimer::download_path() const { return join_path(doors_.config.paths.downloads(), "claim.download"); }

}  // namespace offpeak
