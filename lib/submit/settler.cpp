#include "submit/settler.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/crash_point.hpp"
#include "base/json.hpp"
#include "model/params.hpp"
#include "submit/new_batch.hpp"

namespace offpeak {

namespace {

constexpr std::uint32_t must_be_listed_most = 1000;
constexpr std::size_t line_bytes_max = 8 * 1024 * 1024;  // what is longer is cut, and then unreadable

// Looks through a results stream for a line that carries a nonce, and stops there. Odd lines prove nothing: they may
// stand in anybody's results.
class NonceSearch final : public ResultsSink {
 public:
  explicit NonceSearch(std::string nonce) : nonce_(std::move(nonce)) {}

  Task<Result<void>> take(std::string_view block) override {
    while (!block.empty() && !found_) {
      const auto end = block.find('\n');
      const auto part = block.substr(0, end);
      if (line_.size() + part.size() <= line_bytes_max) line_ += part;
      if (end == std::string_view::npos) break;
      take_line();
      block.remove_prefix(end + 1);
    }
    if (found_) co_return make_error(ErrorKind::canceled, "one line with the nonce is enough");
    co_return Result<void>();
  }
  // Behind the last block: the last line may have no line break.
  void finish() { take_line(); }

  bool found() const { return found_; }
  // Lines that carry somebody else's id.
  bool others() const { return others_; }
  // The one nonce that all of those carry, or empty.
  std::string others_nonce() const { return one_nonce_ ? others_nonce_ : ""; }

 private:
  void take_line() {
    const auto line = std::exchange(line_, {});
    if (line.empty() || checker_.check(line)) return;
    const auto id = json_member(line, "custom_id");
    if (!id || json_kind(*id) != JsonKind::string) return;
    const auto text = json_decode_string(*id);
    const auto wire = parse_wire_id(text);
    if (wire && wire->nonce == nonce_) {
      found_ = true;
      return;
    }
    const std::string nonce(wire ? wire->nonce : "");
    one_nonce_ = !nonce.empty() && (!others_ || (one_nonce_ && nonce == others_nonce_));
    others_ = true;
    others_nonce_ = nonce;
  }

  std::string nonce_;
  JsonChecker checker_;
  std::string line_;
  bool found_ = false;
  bool others_ = false;
  bool one_nonce_ = false;
  std::string others_nonce_;
};

// Said until a verdict finds it shown, or the intent is settled.
std::string hides_reason(const std::string& hidden) {
  return "the list of batches cannot be used: it does not show " + hidden + ", which exists";
}

std::set<std::string> shown_by(const WholeList& list, const std::optional<std::string>& watermark) {
  std::set<std::string> shown;
  for (const auto& batch : list.newest_first) shown.insert(batch.id);
  if (watermark && list.shows_floor) shown.insert(*watermark);
  return shown;
}

bool is_unknown(const Queue& queue, IntentId id) {
  const auto intent = queue.intent(id);
  return intent && intent->state == IntentState::unknown;
}

}  // namespace

// Model: T14.
Task<> Settler::run() {
  for (;;) {
    auto unknown = co_await database_.read([](const Queue& queue) { return queue.unknown_intents(); });
    std::erase_if(seen_, [&](const auto& entry) {
      return std::none_of(unknown.begin(), unknown.end(), [&](const Intent& i) { return i.id == entry.first; });
    });
    if (unknown.empty()) {
      co_await bell_.wait_for(longest_idle_wait);
      continue;
    }
    for (auto& intent : unknown) co_await look(intent);
    co_await bell_.wait_for(look_interval(config_.provider.settle_unknown));
  }
}

std::map<IntentId, Instant> Settler::verdict_at() const {
  const auto settle = config_.provider.settle_unknown;
  std::map<IntentId, Instant> verdicts;
  for (const auto& [id, seen] : seen_) {
    if (!seen.last_clean_at) continue;
    const auto since = std::chrono::floor<Duration>(clock_.steady_now() - *seen.last_clean_at);
    const auto left = settle - seen.watched - std::min(since, most_watched(settle));
    verdicts[id] = clock_.now() + std::max(left, Duration(0)) + look_interval(settle);
  }
  return verdicts;
}

// Model: T12, T12_failed.
Task<> Settler::look(Intent intent) {
  const auto id = intent.id;
  const auto next_look = clock_.now() + look_interval(config_.provider.settle_unknown);
  // A slow answer tells what was true when it was asked for.
  const auto asked_at = clock_.steady_now();
  auto listed = co_await walk_list(provider_, {intent.watermark, intent.watermark_at, false});
  if (!listed.ok()) {
    const auto reason = "the list of batches cannot be used: " + listed.failure().message;
    co_await database_.write([id, reason, next_look](Queue& queue) { queue.note_intent(id, reason, next_look); });
    co_return;
  }
  const auto unreadable = listed.value().unreadable_entries;
  const auto date = listed.value().date;
  auto shown = shown_by(listed.value(), intent.watermark);
  const auto found = co_await compare(intent, std::move(listed.value()));
  // Whoever else works in this workspace: an entry without an id may be this very batch.
  if (unreadable > 0 && found.equal.empty() && found.possible.empty() && found.anothers.empty()) {
    const auto reason = fmt::format("{} entries of the list cannot be read, and one may be it", unreadable);
    co_await database_.write([id, reason, next_look](Queue& queue) { queue.note_intent(id, reason, next_look); });
    co_return;
  }
  const auto decision = decide(found, seen_[id], asked_at, config_.provider.settle_unknown);
  co_await show(intent, found.equal);
  switch (decision.step) {
    case SettleStep::look_again: {
      const auto& hidden = seen_[id].hidden;
      const auto reason = hidden.empty() ? decision.reason : hides_reason(hidden);
      co_await database_.write([id, reason, next_look](Queue& queue) { queue.note_intent(id, reason, next_look); });
      co_return;
    }
    case SettleStep::adopt:
      co_await adopt(std::move(intent), decision.batches.front(), false);
      co_return;
    case SettleStep::peek:
      co_await peek(std::move(intent), decision.batches);
      co_return;
    case SettleStep::not_created:
      if (const auto hidden = co_await hidden_from(intent, std::move(shown), date)) {
        auto& seen = seen_[id];
        if (seen.hidden != *hidden) {
          log_.warning("intent.list_hides", {{"intent", id}, {"batch", *hidden}, {"act", "none: lists are read anew"}});
        }
        seen = Observation();
        seen.hidden = *hidden;
        co_await database_.write([id, reason = hides_reason(*hidden), next_look](Queue& queue) {
          queue.note_intent(id, reason, next_look);
        });
        co_return;
      }
      if (!co_await record_not_created(id)) co_return;
      log_.info("intent.not_created", {{"intent", id}, {"clean_lists", seen_[id].clean_lists}});
      co_return;
  }
}

// A verdict is as good as its list: one that hides what is known to be there may hide this intent's batch, too. Nothing
// where it shows all of it, but for what was deleted. Another failure than "not found" is told with the id.
// Model: T13.
Task<std::optional<std::string>> Settler::hidden_from(Intent intent, std::set<std::string> shown,
                                                      std::optional<Instant> date) {
  const auto from = intent.watermark_at ? *intent.watermark_at + Duration(1) : Instant();
  const auto before = date.value_or(clock_.now()) - config_.provider.settle_unknown;
  const auto known = co_await database_.read(
      [from, before](const Queue& queue) { return queue.must_be_listed(from, before, must_be_listed_most); });
  std::vector<std::string> missing;
  for (const auto& batch : known) {
    if (!shown.contains(batch.id)) missing.push_back(batch.id);
  }
  // The newest and the oldest of them: a list is cut at one end.
  if (missing.size() > 2) missing = {missing.front(), missing.back()};
  for (const auto& id : missing) {
    const auto told = co_await provider_.retrieve(id);
    if (!told.ok() && told.failure().kind == CallFailureKind::not_found) continue;
    // Where the time that is recorded was ours, it may be older than all that is asked for.
    if (told.ok() && told.value().created_at < from) continue;
    co_return id;
  }
  co_return std::nullopt;
}

// Read after the list: a batch that was recorded meanwhile is known. What nothing explains is told, whatever the
// verdict.
Task<Candidates> Settler::compare(Intent intent, WholeList list) {
  const ListMoment moment{clock_.now(), list.date, config_.provider.exclusive};
  auto seen = co_await database_.write([intent, list = std::move(list), moment](Queue& queue) {
    auto strangers = queue.see_list(list.newest_first, moment, Queue::ListLook::running);
    KnownIds known{queue.known_ids(intent.id), {}, queue.taken_by_count(intent.id)};
    for (const auto& batch : queue.unexplained()) known.open.insert(batch.provider_id);
    return std::pair(candidates(list, intent, known, moment.exclusive), std::move(strangers));
  });
  report_strangers(log_, seen.second, moment.exclusive);
  co_return std::move(seen.first);
}

// False where the operator has settled it meanwhile.
Task<bool> Settler::record_not_created(IntentId id) {
  crash_point("before_not_created");
  const bool recorded = co_await database_.write([id, now = clock_.now()](Queue& queue) {
    if (!is_unknown(queue, id)) return false;
    queue.record_not_created(id, now);
    return true;
  });
  crash_point("after_not_created");
  co_return recorded;
}

// Several batches that can be it are shown to the operator, who may know better, or not want to wait. What is wished
// for one of them outlasts the others.
Task<> Settler::show(Intent intent, std::vector<ProviderBatch> found) {
  std::vector<Candidate> shown;
  for (const auto& batch : found) {
    shown.push_back({batch.id, batch.created_at, batch.expires_at, batch.status == ProcessingStatus::ended, false});
  }
  const bool news = co_await database_.write([id = intent.id, shown](Queue& queue) {
    const auto before = queue.candidates(id).size();
    queue.record_candidates(id, shown);
    return shown.size() > 1 && shown.size() > before;
  });
  if (!news) co_return;
  log_.warning("intent.several_candidates",
               {{"intent", intent.id},
                {"candidates", shown.size()},
                {"act", fmt::format("it settles when the first of them ends; or: offpeak reconcile intent-{}",
                                    intent.id.value)}});
}

// The operator may have settled it while the list was read.
// Model: T13.
Task<> Settler::adopt(Intent intent, ProviderBatch batch, bool proven) {
  crash_point("before_adopted");
  const bool adopted =
      co_await database_.write([intent, record = new_batch(batch), proven, now = clock_.now()](Queue& queue) {
        if (!is_unknown(queue, intent.id) || queue.batch(record.provider_id)) return false;
        queue.record_created(intent.id, record, proven, now);
        return true;
      });
  crash_point("after_adopted");
  if (!adopted) co_return;
  log_.info("intent.adopted", {{"intent", intent.id}, {"batch", batch.id}, {"proven", proven}});
}

// Model: T13.
Task<> Settler::peek(Intent intent, std::vector<ProviderBatch> ended) {
  for (const auto& batch : ended) {
    NonceSearch search(intent.nonce);
    const auto got = co_await provider_.results(batch.id, search);
    if (got.ok()) search.finish();
    if (search.found()) {
      co_await adopt(std::move(intent), batch, true);
      co_return;
    }
    // Only a whole download in which nothing is ours shows that the batch is not this intent's.
    if (!got.ok() || !search.others()) continue;
    co_await exclude(intent.id, batch, search.others_nonce());
  }
}

// Not this intent's. Another one of ours may have sent it: then it is that one's.
Task<> Settler::exclude(IntentId id, ProviderBatch batch, std::string nonce) {
  log_.info("intent.candidate_excluded", {{"intent", id}, {"batch", batch.id}});
  auto record = new_batch(batch);
  record.requests = static_cast<std::uint32_t>(batch.counts.total());
  const auto booked = co_await database_.write(
      [id, record, nonce, exclusive = config_.provider.exclusive, now = clock_.now()](Queue& queue) {
        if (!nonce.empty() && !queue.batch(record.provider_id)) {
          return queue.book_candidate(id, nonce, record, exclusive, now);
        }
        queue.exclude_candidate(id, record.provider_id);
        return Booked();
      });
  if (booked.as == BookedAs::nobodys) co_return;
  log_.warning("batch.booked_by_nonce", {{"batch", batch.id}, {"intent", booked.intent}, {"as", to_text(booked.as)}});
}

}  // namespace offpeak
