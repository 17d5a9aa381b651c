#include "pack/packer.hpp"

#include <algorithm>

#include "base/backoff.hpp"
#include "model/limits.hpp"
#include "queue/strangers.hpp"

namespace offpeak {

namespace {

// Runs of one job that a look reads: enough for a full batch of single requests.
constexpr std::uint32_t most_ranges_a_job = batch_requests_max;
// The newest one is enough, unless it is odd.
constexpr std::uint32_t watermark_page_batches = 5;
constexpr Duration pause_after_nothing = std::chrono::seconds(1);

class QueueSizes final : public Sizes {
 public:
  explicit QueueSizes(const Queue& queue) : queue_(queue) {}
  std::uint32_t sent_params_bytes(JobId job, Seq seq) override { return queue_.sent_params_bytes(job, seq); }

 private:
  const Queue& queue_;
};

struct Watermark {
  std::string id;
  Instant created_at{};  // or earlier than all that is made from now on
};

// The newest batch that says who it is and since when: what follows it in the list was there before. Where none says
// since when, the clock of the answer does: what is made from now on is not older.
std::optional<Watermark> watermark_of(const ListPage& newest) {
  const auto found = std::ranges::find_if(newest.batches, &ProviderBatch::created_at_known);
  if (found != newest.batches.end()) return Watermark{found->id, found->created_at};
  if (newest.batches.empty() || !newest.date) return std::nullopt;
  return Watermark{newest.batches.front().id, *newest.date - date_slack};
}

// A workspace that has batches and shows none of them readably is not an empty one.
bool hides_its_newest(const ListPage& newest) {
  const bool shows_something = !newest.batches.empty() || newest.unreadable_entries > 0 || newest.has_more;
  return shows_something && !watermark_of(newest);
}

bool lacks(const ListPage& newest, const ListedBatch& known) {
  if (std::ranges::find(newest.batches, known.id, &ProviderBatch::id) != newest.batches.end()) return false;
  const auto is_older = [&](const ProviderBatch& batch) {
    return batch.created_at_known && batch.created_at < known.created_at;
  };
  return !newest.has_more || std::ranges::any_of(newest.batches, is_older);
}

CallFailure without_known(const std::string& id) {
  CallFailure failure;
  failure.kind = CallFailureKind::unreadable;
  failure.message =
      "list: it does not show batch " + id + ", which exists: nothing is sent by a list that is not whole";
  return failure;
}

CallFailure without_watermark() {
  CallFailure failure;
  failure.kind = CallFailureKind::unreadable;
  failure.message = "list: none of the newest batches has an id that can be read; nothing is sent without";
  return failure;
}

NewIntent to_intent(Plan plan, std::string nonce, const ListPage& newest) {
  NewIntent intent;
  intent.nonce = std::move(nonce);
  intent.headers = std::move(plan.headers);
  intent.parts = std::move(plan.parts);
  intent.requests = plan.requests;
  intent.bytes = plan.bytes;
  if (const auto watermark = watermark_of(newest)) {
    intent.watermark = watermark->id;
    intent.watermark_at = watermark->created_at;
  }
  return intent;
}

}  // namespace

Task<> Packer::run() {
  for (;;) {
    const auto seen = co_await look();
    tell(seen);
    if (seen.gate) {
      // What has no time of its own (room for another batch, say) is looked at again, bell or not.
      co_await wait_until(seen.gate->until.value_or(clock_.now() + std::chrono::minutes(1)));
      continue;
    }
    if (seen.send_at && *seen.send_at <= clock_.now()) {
      co_await send();
      continue;
    }
    auto next = seen.send_at;
    if (seen.next_ready_at && (!next || *seen.next_ready_at < *next)) next = seen.next_ready_at;
    co_await wait_until(next);
  }
}

// What a job and the status say of it, and once in the log where it is about money.
void Packer::tell(const Look& seen) {
  const bool same = seen.gate && facts_.gate && seen.gate->kind == facts_.gate->kind;
  if (!same) facts_.gate_since = seen.gate ? std::optional(clock_.now()) : std::nullopt;
  facts_.gate = seen.gate;
  facts_.send_at = seen.send_at;
  if (seen.gate && seen.gate->kind == GateKind::daily_cap) {
    cap_.lasts("daily_cap_usd", seen.gate->reason,
               {{"reason", seen.gate->reason}, {"until", to_rfc3339(seen.gate->until.value_or(clock_.now()))}});
  } else {
    cap_.ended("daily_cap_usd");
  }
}

Task<Packer::Look> Packer::look() {
  const auto now = clock_.now();
  const Config config = config_;
  co_return co_await database_.read([now, config](const Queue& queue) {
    Look look;
    const auto view = queue.pack_view(now, most_ranges_a_job);
    look.gate = closed_gate(view, config, now);
    look.next_ready_at = view.next_ready_at;
    if (look.gate) return look;
    const auto limits = limits_for(view, config.batch);
    // Where sizes are taken, a batch that could be full may be one that cannot be told apart: only a plan knows.
    if (limits.taken_counts.empty() && surely_full(view.jobs, limits)) {
      look.send_at = now;
    } else {
      QueueSizes sizes(queue);
      const auto plan = plan_batch(view.jobs, limits, sizes);
      look.send_at = send_at(plan, config.batch.linger, now);
      if (plan.empty() && !view.jobs.empty() && !limits.taken_counts.empty()) {
        look.gate = PackGate{GateKind::same_size,
                             "a batch of this size could not be told from one whose outcome is not known yet; it goes "
                             "when that is known",
                             std::nullopt};
      }
    }
    return look;
  });
}

// What a list does not show that must be in it cannot be told from a create that came to nothing. A batch may have been
// deleted: then the provider does not know it any more.
Task<std::optional<CallFailure>> Packer::missing_from(ListPage newest) {
  const auto before = newest.date.value_or(clock_.now()) - config_.provider.settle_unknown;
  const auto known =
      co_await database_.read([before](const Queue& queue) { return queue.must_be_listed(Instant(), before, 1); });
  if (known.empty() || !lacks(newest, known.front())) co_return std::nullopt;
  const auto told = co_await provider_.retrieve(known.front().id);
  if (!told.ok() && told.failure().kind == CallFailureKind::not_found) co_return std::nullopt;
  if (!told.ok()) co_return told.failure();
  // The time that is recorded may be ours.
  if (!lacks(newest, {known.front().id, told.value().created_at})) co_return std::nullopt;
  co_return without_known(known.front().id);
}

// The watermark is read before anything becomes an intent. What waits may have changed meanwhile (a job was canceled),
// so the plan is made in the transaction's own function.
// Model: T1.
Task<> Packer::send() {
  ListQuery query;
  query.limit = watermark_page_batches;
  auto newest = co_await provider_.list(query);
  if (newest.ok() && hides_its_newest(newest.value())) newest.answer = without_watermark();
  if (newest.ok()) {
    if (auto problem = co_await missing_from(newest.value())) newest.answer = std::move(*problem);
  }
  if (!newest.ok()) {
    ++list_failures_;
    const auto pause =
        std::max(std::min(newest.retry_after.value_or(Duration(0)), config_.retry.max_backoff),
                 backoff(config_.retry.backoff, config_.retry.max_backoff, list_failures_, random_.unit()));
    const auto next = clock_.now() + pause;
    no_list_.lasts("the list", newest.failure().message,
                   {{"message", newest.failure().message}, {"next_try_at", to_rfc3339(next)}});
    facts_.next_try_at = next;
    co_await bell_.wait_for(pause);
    facts_.next_try_at.reset();
    co_return;
  }
  list_failures_ = 0;
  no_list_.ended("the list");
  const auto now = clock_.now();
  const Config config = config_;
  const auto nonce = random_.hex(wire_nonce_bytes / 2);
  const auto& page = newest.value();
  const auto written = co_await database_.write([now, config, nonce, page](Queue& queue) {
    Written intent;
    const auto view = queue.pack_view(now, most_ranges_a_job);
    if (closed_gate(view, config, now)) return intent;
    QueueSizes sizes(queue);
    auto plan = plan_batch(view.jobs, limits_for(view, config.batch), sizes);
    if (plan.empty()) return intent;
    intent.requests = plan.requests;
    intent.bytes = plan.bytes;
    intent.id = queue.create_intent(to_intent(std::move(plan), nonce, page), now);
    return intent;
  });
  if (!written.id) {
    // Something has changed, or what waits could not be told from what is unsettled. Never a list call after the other.
    co_await bell_.wait_for(pause_after_nothing);
    co_return;
  }
  log_.info("intent.written", {{"intent", written.id}, {"requests", written.requests}, {"bytes", written.bytes}});
}

Task<> Packer::wait_until(std::optional<Instant> at) {
  if (!at) {
    co_await bell_.wait_for(longest_idle_wait);
    co_return;
  }
  // Never longer than a minute at once: the wall clock may be set meanwhile.
  const auto left = std::clamp<Duration>(*at - clock_.now(), Duration(1), std::chrono::minutes(1));
  co_await bell_.wait_for(left);
}

}  // namespace offpeak
