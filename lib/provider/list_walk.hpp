// Walks the provider's list of batches, newest first, down to something that is known. A list is a witness only when it
// is whole: whatever does not join or does not reach that far is unreadable, and proves nothing. I/O thread.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "provider/provider.hpp"

namespace offpeak {

// How far down: to what is older than this batch, which may have been deleted, or to the end of the list behind it.
// Neither set: the workspace was empty, so the list must end.
struct ListFloor {
  std::optional<std::string> id;
  std::optional<Instant> created_at;
  bool to_the_end = false;  // it must be shown, and everything older is wanted, too
  bool may_end = false;     // nothing that old needs to be there
};

// Everything newer than the floor, and what was made in its own moment, but for the floor's own batch.
struct WholeList {
  std::vector<ProviderBatch> newest_first;
  bool shows_floor = false;              // the batch that the floor names
  std::optional<ProviderBatch> older;    // the first that is older, where the walk ended there
  std::optional<Instant> date;           // the provider's clock when it began to answer
  std::uint64_t unreadable_entries = 0;  // without an id: whose they are cannot be told
};

// Puts pages together. Pure.
class ListJoin {
 public:
  explicit ListJoin(ListFloor floor) : floor_(std::move(floor)) {}

  enum class Next : std::uint8_t { done, another_page };
  // The error says why nothing may be concluded from this list.
  Result<Next> take(ListPage page);
  // Of the next page: older than this.
  const std::string& after_id() const { return after_id_; }
  WholeList take_list();

 private:
  bool is_older(const ProviderBatch& batch) const;
  bool is_floor(const ProviderBatch& batch) const;
  bool joins(const ProviderBatch& batch) const;
  void forget_odd_dates(ListPage& page) const;
  Result<Next> at_end_of_list() const;
  Result<Next> at_end_of_page(const ListPage& page);

  ListFloor floor_;
  WholeList list_;
  std::set<std::string> seen_;
  std::optional<Instant> oldest_;  // of those that have a time
  std::string after_id_;
  bool reached_ = false;  // the floor, or what was made in its own moment
  bool passed_ = false;   // the floor's own id: what says no date and stands behind it is older
  int pages_ = 0;
};

Task<Called<WholeList>> walk_list(Provider& provider, ListFloor floor);

}  // namespace offpeak
