// Who made the batches in the provider's list that are not ours (product contract 6.5 to 6.8): the one function that
// says so, for polling, settling, the late audit and the start-up guard. Pure.
//
// A count is never an identity. It only says that a batch may be an intent's; its results prove or disprove that, since
// they carry the nonce. One intent explains at most one batch.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "model/provider_batch.hpp"
#include "queue/rows.hpp"

namespace offpeak {

// The last byte of a create leaves at most 10 s after its commit was asked for, and the kernel delivers it within 30 s
// or never; the rest is the provider's time to make the batch. Measured from `committed_at` to the batch's created_at,
// and never beyond the verdict or the answer.
inline constexpr Duration arrival_window = std::chrono::minutes(5);
// The Date header has whole seconds, and is read after the answer has travelled.
inline constexpr Duration date_slack = std::chrono::seconds(5);
// A workspace in which nobody else was seen for so long is taken as ours alone.
inline constexpr Duration alone_after = std::chrono::days(30);

// An intent that may have made a batch that nobody knows.
struct MayExplain {
  Intent intent;
  std::set<std::string> excluded;         // ids that are known not to be its batch
  std::optional<Instant> own_created_at;  // created: of the batch that it has, by the provider's clock
  bool own_proven = false;                // nothing but its count made that batch this intent's, where false
};

struct ListKnowledge {
  std::set<std::string> ours;               // listed ids of our batches
  std::map<std::string, std::string> told;  // listed ids that were seen before, and what was decided (UnexplainedBatch)
  std::vector<MayExplain> intents;
  // At a start, and of a state that was put back: a batch may be of work that it does not know. Then it is explained
  // only by an intent without a batch, and only where it was made when the bytes of that create arrived.
  bool may_have_forgotten = false;
  Instant known_from{};                     // what is not newer was there before this state, or has left it
  std::optional<Instant> stranger_seen_at;  // when a stranger was seen last, by our clock
  bool undecided = false;                   // one was canceled as ours, and its results have not shown yet whose it is
};

// When, and in what kind of workspace, the list was read.
struct ListMoment {
  Instant now{};                // our clock
  std::optional<Instant> date;  // the provider's, of the same moment
  bool exclusive = true;        // nobody else makes batches here
};

enum class StrangerIs : std::uint8_t {
  unsettled,    // it may be the batch of an intent that is being sent or settled: the settler finds out. Also of one
                // whose batch was adopted and is not proven
  late_twin,    // it may be the batch of an intent that was taken as not created
  second_copy,  // it may be another copy of a create that has its batch: something on the way repeats requests
  stranger,     // nothing here explains it
};

struct Stranger {
  ProviderBatch batch;
  StrangerIs is = StrangerIs::stranger;
  IntentId intent;          // that may explain it; of a stranger: the one that another batch explains already, or none
  bool may_cancel = false;  // a twin that may be canceled before its results prove it
};

// May this batch be the intent's, by all that the list shows? `count_needed`: an entry whose counts are not there, or
// not tallied yet, may be anybody's.
enum class CountRule : std::uint8_t { equal, equal_or_untold, any };
bool may_be(const ProviderBatch& batch, const Intent& intent, CountRule rule);
// No counts yet: an entry without them, or a batch in processing that counts nothing.
bool is_untold(const ProviderBatch& batch);

// The batches of `listed`, in any order, that are not ours and were not told before, oldest first.
std::vector<Stranger> strangers_of(const std::vector<ProviderBatch>& listed, const ListKnowledge& known,
                                   const ListMoment& moment);

// Once each, by name, with a command.
void report_strangers(Log& log, const std::vector<Stranger>& found, bool exclusive);

}  // namespace offpeak
