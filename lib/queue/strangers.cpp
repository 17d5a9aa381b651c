#include "queue/strangers.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace offpeak {

namespace {

// An adopted batch may still be disproved: then another one is the intent's. But an intent explains one batch, so where
// others may be of work that was forgotten, it explains the one that it has.
bool is_unsettled(const MayExplain& one, bool may_have_forgotten) {
  const auto state = one.intent.state;
  if (state == IntentState::created) return !one.own_proven && !may_have_forgotten;
  return state == IntentState::uploading || state == IntentState::committing || state == IntentState::unknown;
}

// Something on the way may send a request again at once, or when it has waited for an answer.
bool is_near(Instant a, Instant b) { return std::max(a, b) - std::min(a, b) <= arrival_window; }

// Was it made when the bytes of this create can have arrived? Our clock is compared with the provider's by the Date of
// the list, so neither needs to be right. One that was made after the verdict was not only listed late: it may be
// anybody's. Nothing: it cannot be told.
std::optional<bool> arrived_in_time(const ProviderBatch& batch, const Intent& intent, const ListMoment& moment) {
  if (!moment.date || !batch.created_at_known || !intent.committed_at) return std::nullopt;
  const auto created_at = batch.created_at - (*moment.date - moment.now);
  auto until = *intent.committed_at + arrival_window;
  if (intent.state == IntentState::not_created && intent.settled_at) until = std::min(until, *intent.settled_at);
  return created_at >= *intent.committed_at - date_slack && created_at <= until;
}

std::optional<StrangerIs> as_of(const ProviderBatch& batch, const MayExplain& one, const ListMoment& moment,
                                bool may_have_forgotten) {
  if (one.excluded.contains(batch.id)) return std::nullopt;
  if (!may_be(batch, one.intent, CountRule::equal_or_untold)) return std::nullopt;
  // Where any batch may be of work that was forgotten, a count alone explains none: it must have been made when the
  // bytes of this create arrived.
  if (may_have_forgotten && arrived_in_time(batch, one.intent, moment) == false) return std::nullopt;
  if (is_unsettled(one, may_have_forgotten)) return StrangerIs::unsettled;
  const bool not_created = one.intent.state == IntentState::not_created;
  if (may_have_forgotten && !not_created) return std::nullopt;
  const bool near = one.own_created_at && batch.created_at_known && is_near(batch.created_at, *one.own_created_at);
  if (!not_created && !near) return std::nullopt;
  // Its counts will tell whether it is one.
  if (is_untold(batch) && batch.status != ProcessingStatus::ended) return StrangerIs::unsettled;
  if (is_untold(batch)) return std::nullopt;
  return not_created ? StrangerIs::late_twin : StrangerIs::second_copy;
}

// Explanations in the order of what they mean: an unsettled intent's own batch comes before a copy of another's.
constexpr StrangerIs by_weight[] = {StrangerIs::unsettled, StrangerIs::late_twin, StrangerIs::second_copy};

class Explaining {
 public:
  Explaining(const ListKnowledge& known, const ListMoment& moment) : known_(known), moment_(moment) {}

  Stranger explain(const ProviderBatch& batch) {
    Stranger stranger{batch, StrangerIs::stranger, IntentId(), false};
    for (const auto weight : by_weight) {
      for (const auto& one : known_.intents) {
        if (as_of(batch, one, moment_, known_.may_have_forgotten) != weight) continue;
        if (!stranger.intent) stranger.intent = one.intent.id;
        if (!explained_.insert(one.intent.id).second) continue;  // one intent explains one batch
        stranger.is = weight;
        stranger.intent = one.intent.id;
        return stranger;
      }
    }
    return stranger;
  }

  const Intent* intent(IntentId id) const {
    const auto found = std::ranges::find(known_.intents, id, [](const MayExplain& one) { return one.intent.id; });
    return found == known_.intents.end() ? nullptr : &found->intent;
  }

 private:
  const ListKnowledge& known_;
  const ListMoment& moment_;
  std::set<IntentId> explained_;
};

bool is_alone(const std::vector<Stranger>& found, const ListKnowledge& known, const ListMoment& moment) {
  if (!moment.exclusive || known.undecided) return false;
  const bool strange = std::ranges::any_of(found, [](const Stranger& one) { return one.is == StrangerIs::stranger; });
  return !strange && (!known.stranger_seen_at || moment.now - *known.stranger_seen_at >= alone_after);
}

}  // namespace

bool is_untold(const ProviderBatch& batch) { return !batch.counts_known || batch.counts.total() == 0; }

bool may_be(const ProviderBatch& batch, const Intent& intent, CountRule rule) {
  if (intent.watermark && batch.id == *intent.watermark) return false;
  // One that was made in the watermark's own moment may be newer.
  if (intent.watermark_at && batch.created_at_known && batch.created_at < *intent.watermark_at) return false;
  switch (rule) {
    case CountRule::equal:
      return batch.counts_known && batch.counts.total() == static_cast<std::int64_t>(intent.requests);
    case CountRule::equal_or_untold:
      return is_untold(batch) || batch.counts.total() == static_cast<std::int64_t>(intent.requests);
    case CountRule::any:
      return true;
  }
  return true;
}

std::vector<Stranger> strangers_of(const std::vector<ProviderBatch>& listed, const ListKnowledge& known,
                                   const ListMoment& moment) {
  std::vector<ProviderBatch> strange;
  for (const auto& batch : listed) {
    if (known.ours.contains(batch.id) || known.told.contains(batch.id)) continue;
    if (batch.created_at_known && batch.created_at <= known.known_from) continue;
    strange.push_back(batch);
  }
  std::ranges::stable_sort(strange, {}, &ProviderBatch::created_at);
  Explaining explaining(known, moment);
  std::vector<Stranger> found;
  for (const auto& batch : strange) found.push_back(explaining.explain(batch));
  if (!is_alone(found, known, moment)) return found;
  for (auto& one : found) {
    // Never a second copy: two offpeaks that send batches of one size at one time would cancel each other's.
    if (one.is != StrangerIs::late_twin) continue;
    const auto* const intent = explaining.intent(one.intent);
    // What an unsettled intent may have made is its only batch, perhaps: never canceled before it is settled.
    const bool awaited = std::ranges::any_of(known.intents, [&](const MayExplain& other) {
      return as_of(one.batch, other, moment, false) == StrangerIs::unsettled;
    });
    one.may_cancel = intent != nullptr && !awaited && arrived_in_time(one.batch, *intent, moment) == true;
  }
  return found;
}

namespace {

void report_stranger(Log& log, const ProviderBatch& batch, bool exclusive) {
  const auto requests = batch.counts.total();
  if (!exclusive) {
    log.info("batch.unexplained", {{"batch", batch.id}, {"requests", requests}});
    return;
  }
  log.warning("batch.unexplained",
              {{"batch", batch.id},
               {"requests", requests},
               {"act", fmt::format("offpeak reconcile {}; where others make batches in this workspace, set [provider] "
                                   "exclusive = false",
                                   batch.id)}});
}

}  // namespace

void report_strangers(Log& log, const std::vector<Stranger>& found, bool exclusive) {
  for (const auto& one : found) {
    const auto& id = one.batch.id;
    switch (one.is) {
      case StrangerIs::unsettled:
        break;
      case StrangerIs::late_twin:
        log.error("batch.came_late",
                  {{"batch", id},
                   {"intent", one.intent},
                   {"requests", one.batch.counts.total()},
                   {"canceled", one.may_cancel},
                   {"hint",
                    "what it has run already is paid for and is used; raise provider.settle_unknown if this happens "
                    "again"}});
        break;
      case StrangerIs::second_copy:
        log.error(
            "batch.second_copy",
            {{"batch", id},
             {"intent", one.intent},
             {"requests", one.batch.counts.total()},
             {"hint",
              fmt::format("its results will tell. Either another program makes batches here, or something between "
                          "offpeak and the provider repeats requests, and what it runs is paid for twice: offpeak "
                          "reconcile {} cancel stops it",
                          id)}});
        break;
      case StrangerIs::stranger:
        report_stranger(log, one.batch, exclusive);
        break;
    }
  }
}

}  // namespace offpeak
