#include "submit/settler.hpp"

#include <algorithm>

#include "base/crash_point.hpp"
#include "base/json.hpp"
#include "model/params.hpp"
#include "submit/new_batch.hpp"

namespace offpeak {

namespace {

constexpr std::uint32_t page_batches = 1000;
constexpr int pages_max = 100;
constexpr std::size_t peek_bytes_max = 8 * 1024 * 1024;

class DownToWatermark final : public ListWalk {
 public:
  explicit DownToWatermark(Intent intent) : intent_(std::move(intent)) {}
  bool ends_at(const ProviderBatch& batch) const override { return reaches_watermark(batch, intent_); }

 private:
  Intent intent_;
};

// Takes a results stream up to the end of its first line.
class FirstLine final : public ResultsSink {
 public:
  Task<Result<void>> take(std::string_view block) override {
    line_ += block;
    if (const auto end = line_.find('\n'); end != std::string::npos) {
      line_.resize(end);
      complete_ = true;
    }
    if (complete_ || line_.size() > peek_bytes_max)
      co_return make_error(ErrorKind::canceled, "the first line is enough");
    co_return Result<void>();
  }
  bool complete() const { return complete_; }

  // The nonce of the line's custom_id, or empty where it is not a wire id of offpeak's form.
  std::string nonce() const {
    JsonChecker checker;
    if (checker.check(line_)) return "";
    const auto id = json_member(line_, "custom_id");
    if (!id || json_kind(*id) != JsonKind::string) return "";
    const auto text = json_decode_string(*id);
    const auto wire = parse_wire_id(text);
    return wire ? std::string(wire->nonce) : "";
  }

 private:
  std::string line_;
  bool complete_ = false;
};

}  // namespace

Task<Called<std::vector<ProviderBatch>>> list_down_to(Provider& provider, const ListWalk& walk) {
  Called<std::vector<ProviderBatch>> called;
  std::vector<ProviderBatch> newest_first;
  ListQuery query;
  query.limit = page_batches;
  for (int page = 0; page < pages_max; ++page) {
    auto listed = co_await provider.list(query);
    if (!listed.ok()) {
      called.answer = listed.failure();
      co_return called;
    }
    for (auto& batch : listed.value().batches) {
      if (walk.ends_at(batch)) {
        called.answer = std::move(newest_first);
        co_return called;
      }
      newest_first.push_back(std::move(batch));
    }
    if (!listed.value().has_more || !listed.value().last_id) {
      called.answer = std::move(newest_first);
      co_return called;
    }
    query.after_id = listed.value().last_id;
  }
  CallFailure failure;
  failure.kind = CallFailureKind::unreadable;
  failure.message = "the list of batches does not end";
  called.answer = failure;
  co_return called;
}

Task<> Settler::run() {
  for (;;) {
    auto unknown = co_await database_.run([](Queue& queue) { return queue.unknown_intents(); });
    std::erase_if(seen_, [&](const auto& entry) {
      return std::none_of(unknown.begin(), unknown.end(), [&](const Intent& i) { return i.id == entry.first; });
    });
    if (unknown.empty()) {
      co_await bells_.mine.wait();
      continue;
    }
    for (auto& intent : unknown) co_await look(intent);
    co_await bells_.mine.wait_for(look_interval(config_.provider.settle_unknown));
  }
}

Task<> Settler::look(Intent intent) {
  const auto id = intent.id;
  const auto next_look = clock_.now() + look_interval(config_.provider.settle_unknown);
  DownToWatermark walk(intent);
  auto listed = co_await list_down_to(provider_, walk);
  if (!listed.ok()) {
    const auto reason = "the list of batches cannot be read: " + listed.failure().message;
    co_await database_.run([id, reason, next_look](Queue& queue) { queue.note_intent(id, reason, next_look); });
    co_return;
  }
  // Read after the list: a batch that was recorded meanwhile is known.
  const auto known = co_await database_.run([id](Queue& queue) { return queue.known_ids(id); });
  const auto found = candidates(listed.value(), intent, known);
  const auto decision = decide(found, seen_[id], clock_.steady_now(), config_.provider.settle_unknown);
  switch (decision.step) {
    case SettleStep::look_again:
      co_await database_.run(
          [id, reason = decision.reason, next_look](Queue& queue) { queue.note_intent(id, reason, next_look); });
      co_return;
    case SettleStep::adopt:
      co_await adopt(std::move(intent), decision.batches.front(), false);
      co_return;
    case SettleStep::peek:
      co_await peek(std::move(intent), decision.batches);
      co_return;
    case SettleStep::not_created:
      log_.info("intent.not_created", {{"intent", id}, {"clean_lists", seen_[id].clean_lists}});
      crash_point("before_not_created");
      co_await database_.run([id, now = clock_.now()](Queue& queue) { queue.record_not_created(id, now); });
      crash_point("after_not_created");
      bells_.pack.notify();
      bells_.poll.notify();  // from now on it looks for a late twin
      co_return;
  }
}

Task<> Settler::adopt(Intent intent, ProviderBatch batch, bool proven) {
  log_.info("intent.adopted", {{"intent", intent.id}, {"batch", batch.id}, {"proven", proven}});
  crash_point("before_adopted");
  co_await database_.run([intent, record = new_batch(batch), proven, now = clock_.now()](Queue& queue) {
    queue.record_created(intent.id, record, proven, now);
  });
  crash_point("after_adopted");
  bells_.poll.notify();
  bells_.pack.notify();
}

Task<> Settler::peek(Intent intent, std::vector<ProviderBatch> ended) {
  for (const auto& batch : ended) {
    FirstLine line;
    auto got = co_await provider_.results(batch.id, line);
    if (!line.complete()) continue;
    if (line.nonce() == intent.nonce) {
      co_await adopt(std::move(intent), batch, true);
      co_return;
    }
    log_.info("intent.candidate_excluded", {{"intent", intent.id}, {"batch", batch.id}});
    co_await database_.run(
        [id = intent.id, provider_id = batch.id](Queue& queue) { queue.exclude_candidate(id, provider_id); });
  }
}

}  // namespace offpeak
