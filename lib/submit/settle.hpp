// What the lists say about an intent whose create has an unknown outcome (product contract 6.5). Pure.
//
// The provider's lists are the only witness: a batch newer than the intent's watermark, not known to us, with exactly
// our request count, is a candidate. A list may lag, so absence counts only when clean lists over `settle_unknown`
// agree. A list is clean where it is whole and shows nothing that may be the intent's.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "provider/list_walk.hpp"
#include "queue/rows.hpp"

namespace offpeak {

inline constexpr int clean_lists_min = 5;

// What we have seen of one unknown intent in this process. A restart begins anew: that only waits longer.
struct Observation {
  std::optional<SteadyTime> last_clean_at;  // the last clean list that counts
  Duration watched{};                       // by clean lists that follow one another closely
  int clean_lists = 0;                      // without a candidate, in a row
  std::string hidden;                       // a batch that exists, and that lists with a verdict did not show
};

// What the state says of listed batches.
struct KnownIds {
  std::set<std::string> decided;  // ours, claimed, dismissed, or known not to be this intent's
  // They hold submitting because nothing explains them. A count alone makes none of them the intent's.
  std::set<std::string> open;
  // Another intent has them by their count alone, and lists have told wrong counts: their results will show whose they
  // are. Not those that are known not to be this intent's.
  std::set<std::string> anothers;
};

// Of the batches newer than the watermark, those that may be this intent's.
struct Candidates {
  std::vector<ProviderBatch> equal;  // with exactly our request count
  // Their counts do not say that they are not ours: not told yet, or, where nobody else makes batches, wrong. While
  // there is one the create may have worked.
  std::vector<ProviderBatch> possible;
  std::vector<ProviderBatch> anothers;  // the same, of KnownIds::anothers
};
Candidates candidates(const WholeList& list, const Intent& intent, const KnownIds& known, bool exclusive);

enum class SettleStep : std::uint8_t { look_again, adopt, peek, not_created };

struct SettleDecision {
  SettleStep step = SettleStep::look_again;
  std::vector<ProviderBatch> batches;  // adopt: one; peek: those that have ended and can show their nonce
  std::string reason;
  std::optional<Instant> until;  // at the latest then it is known
};

// Two clean lists say of the time between them as much as this, however long it was: while the provider or the right
// key was away, nobody has looked.
Duration most_watched(Duration settle_unknown);

// After a clean list (every page came). Updates the observation.
SettleDecision decide(const Candidates& found, Observation& seen, SteadyTime now, Duration settle_unknown);

// The time between two looks, so that at least clean_lists_min fit into settle_unknown.
Duration look_interval(Duration settle_unknown);

}  // namespace offpeak
