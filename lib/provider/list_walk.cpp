#include "provider/list_walk.hpp"

#include <fmt/format.h>

#include <utility>

namespace offpeak {

namespace {

constexpr std::uint32_t page_batches = 1000;  // the most that the API gives (OpenAPI document: limit)
constexpr int pages_max = 100;

Error unreadable(std::string why) {
  return make_error(ErrorKind::invalid, "the list of batches proves nothing: " + why);
}

}  // namespace

bool ListJoin::is_older(const ProviderBatch& batch) const {
  return floor_.created_at && batch.created_at_known && batch.created_at < *floor_.created_at;
}

// Others that were made in its own moment may stand on either side of it.
bool ListJoin::is_floor(const ProviderBatch& batch) const {
  if (floor_.id && batch.id == *floor_.id) return true;
  return floor_.created_at && batch.created_at_known && batch.created_at == *floor_.created_at;
}

bool ListJoin::joins(const ProviderBatch& batch) const {
  if (seen_.contains(batch.id)) return false;
  return !oldest_ || !batch.created_at_known || batch.created_at <= *oldest_;
}

// What stands above the known batch is newer, whatever it says.
void ListJoin::forget_odd_dates(ListPage& page) const {
  if (!floor_.id || passed_) return;
  const auto floor = std::ranges::find(page.batches, *floor_.id, &ProviderBatch::id);
  if (floor == page.batches.end()) return;
  for (auto above = page.batches.begin(); above != floor; ++above) {
    if (is_older(*above)) above->created_at_known = false;
  }
}

Result<ListJoin::Next> ListJoin::take(ListPage page) {
  if (pages_ == 0) list_.date = page.date;
  ++pages_;
  // Wherever on the page they stand: one may be newer than the floor.
  list_.unreadable_entries += page.unreadable_entries;
  forget_odd_dates(page);
  for (auto& batch : page.batches) {
    if (!joins(batch)) return unreadable(fmt::format("page {} does not join the one before at {}", pages_, batch.id));
    if (is_older(batch) && !floor_.to_the_end) {
      list_.older = std::move(batch);
      return Next::done;
    }
    reached_ = reached_ || is_floor(batch) || is_older(batch);
    seen_.insert(batch.id);
    if (batch.created_at_known) oldest_ = batch.created_at;
    after_id_ = batch.id;
    const bool is_behind = passed_ && !batch.created_at_known && !floor_.to_the_end;
    passed_ = passed_ || batch.id == floor_.id;
    if (batch.id != floor_.id && !is_behind) list_.newest_first.push_back(std::move(batch));
  }
  return page.has_more ? at_end_of_page(page) : at_end_of_list();
}

Result<ListJoin::Next> ListJoin::at_end_of_list() const {
  if (reached_ || floor_.may_end || (!floor_.id && !floor_.created_at)) return Next::done;
  return unreadable(
      fmt::format("it ends before {}, which offpeak knows; is it the list of another workspace, or was that deleted?",
                  floor_.id ? "batch " + *floor_.id : "what was made at " + to_rfc3339(*floor_.created_at)));
}

Result<ListJoin::Next> ListJoin::at_end_of_page(const ListPage& page) {
  if (page.batches.empty()) return unreadable(fmt::format("page {} is empty and says that there is more", pages_));
  if (!page.last_id)
    return unreadable(fmt::format("page {} says that there is more and not behind which batch", pages_));
  // An entry without an id may be the last one: then the cursor is all that names it.
  if (page.unreadable_entries == 0 && *page.last_id != after_id_) {
    return unreadable(
        fmt::format("page {} ends with {} and says that it ends with {}", pages_, after_id_, *page.last_id));
  }
  if (pages_ >= pages_max) return unreadable(fmt::format("it has more than {} pages", pages_max));
  after_id_ = *page.last_id;
  return Next::another_page;
}

WholeList ListJoin::take_list() {
  list_.shows_floor = passed_;
  return std::move(list_);
}

// Model: T12.
Task<Called<WholeList>> walk_list(Provider& provider, ListFloor floor) {
  Called<WholeList> called;
  ListJoin join(std::move(floor));
  ListQuery query;
  query.limit = page_batches;
  for (;;) {
    auto listed = co_await provider.list(query);
    if (!listed.ok()) {
      called.answer = listed.failure();
      co_return called;
    }
    called.retry_after = listed.retry_after;
    const auto next = join.take(std::move(listed.value()));
    if (!next) {
      CallFailure failure;
      failure.kind = CallFailureKind::unreadable;
      failure.http_status = 200;
      failure.message = next.error().message;
      called.answer = failure;
      co_return called;
    }
    if (*next == ListJoin::Next::done) {
      called.answer = join.take_list();
      co_return called;
    }
    query.after_id = join.after_id();
  }
}

}  // namespace offpeak
