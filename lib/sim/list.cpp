// Exchange::list: the pages of GET /v1/messages/batches, most recently created first.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "sim/answers.hpp"
#include "sim/exchange.hpp"

namespace offpeak::sim {

namespace {

struct Page {
  std::vector<std::shared_ptr<Batch>> batches;  // newest first
  bool has_more = false;
};

// The page of `all` (newest first) that follows `from`, going older.
Page older_page(const std::vector<std::shared_ptr<Batch>>& all, std::size_t from, std::size_t limit) {
  Page page;
  const auto end = std::min(all.size(), from + limit);
  page.batches.assign(all.begin() + static_cast<std::ptrdiff_t>(from), all.begin() + static_cast<std::ptrdiff_t>(end));
  page.has_more = end < all.size();
  return page;
}

// What a list has shown, and what one that says that it is at its end has not.
void note_shown(const std::vector<std::shared_ptr<Batch>>& all, std::size_t from, const Page& page, Instant at) {
  for (const auto& batch : page.batches) batch->shown = true;
  if (page.has_more) return;
  for (auto i = from + page.batches.size(); i < all.size(); ++i) all[i]->hidden_at = at;
}

// The page that ends just before `to`, going newer.
Page newer_page(const std::vector<std::shared_ptr<Batch>>& all, std::size_t to, std::size_t limit) {
  Page page;
  const auto from = to > limit ? to - limit : 0;
  page.batches.assign(all.begin() + static_cast<std::ptrdiff_t>(from), all.begin() + static_cast<std::ptrdiff_t>(to));
  page.has_more = from > 0;
  return page;
}

}  // namespace

Answer Exchange::list(Instant at) const {
  std::size_t limit = 20;
  if (const auto text = route_.parameter("limit")) {
    const auto [end, ec] = std::from_chars(text->data(), text->data() + text->size(), limit);
    if (ec != std::errc() || end != text->data() + text->size()) {
      return error(400, "limit: Input should be a valid integer, unable to parse string as an integer");
    }
    if (limit < 1) return error(400, "limit: Input should be greater than or equal to 1");
    if (limit > 1000) return error(400, "limit: Input should be less than or equal to 1000");
  }
  const auto after = route_.parameter("after_id"), before = route_.parameter("before_id");
  if (after && before) return error(400, "Only one of after_id and before_id can be given.");

  // A cursor keeps its place even where its batch is not visible (yet), so places are counted over all.
  const auto& all = service_.store().batches();
  const auto visible = [&](const Batch& batch) {
    return !batch.deleted && batch.workspace == service_.settings().workspace && batch.created_at <= at &&
           batch.listed_at <= at;
  };
  std::vector<std::shared_ptr<Batch>> listed;
  std::optional<std::size_t> cursor_at;
  const auto& cursor = after ? after : before;
  for (auto i = all.size(); i-- > 0;) {
    if (cursor && all[i]->id == *cursor && !all[i]->deleted) cursor_at = listed.size();
    if (visible(*all[i])) listed.push_back(all[i]);
  }
  if (cursor && !cursor_at) return error(404, fmt::format("Message Batch {} not found.", *cursor));

  if (const auto most = service_.settings().page_limit; most > 0) limit = std::min<std::size_t>(limit, most);
  auto page = Page{};
  auto from = cursor_at.value_or(0);
  if (before) {
    page = newer_page(listed, from, limit);
  } else {
    if (cursor_at && from < listed.size() && listed[from]->id == *cursor) ++from;
    page = older_page(listed, from, limit);
  }

  const auto* cut = plan_.find<ShortList>();
  if (cut != nullptr) {
    page.has_more = cut->as != ShortList::As::ends;
    if (cut->as == ShortList::As::empty) page.batches.clear();
    if (cut->as == ShortList::As::ends && page.batches.size() > cut->entries) page.batches.resize(cut->entries);
  }
  if (!before) note_shown(listed, from, page, at);
  std::string body = R"({"data":[)";
  for (std::size_t i = 0; i < page.batches.size(); ++i) {
    if (i > 0) body += ',';
    body += entry(*page.batches[i], i, page.batches.size(), at);
  }
  const auto id = [&](const auto& batches, bool first) {
    if (batches.empty() || (cut != nullptr && cut->as == ShortList::As::no_cursor)) return std::string("null");
    return fmt::format("\"{}\"", (first ? batches.front() : batches.back())->id);
  };
  body += fmt::format(R"(],"has_more":{},"first_id":{},"last_id":{}}})", page.has_more, id(page.batches, true),
                      id(page.batches, false));
  return json_answer(std::move(body));
}

// As the list shows it: a fault may make one of the page odd.
std::string Exchange::entry(const Batch& batch, std::size_t index, std::size_t entries, Instant at) const {
  const auto* odd = plan_.find<OddEntry>();
  auto text = render(batch, at);
  if (odd == nullptr || index != odd->index % entries) return text;
  const auto put = [&text](std::string_view from, std::string_view until, std::string_view instead) {
    const auto begin = text.find(from);
    const auto end = text.find(until, begin);
    if (begin != std::string::npos && end != std::string::npos) text.replace(begin, end - begin, instead);
  };
  switch (odd->as) {
    case OddEntry::As::status:
      put("\"processing_status\"", ",\"request_counts\"", R"("processing_status":"finalizing")");
      break;
    case OddEntry::As::null_counts:
      put("\"request_counts\"", ",\"ended_at\"", R"("request_counts":null)");
      break;
    case OddEntry::As::no_created_at:
      put("\"created_at\"", "\"expires_at\"", "");
      break;
    case OddEntry::As::zero_counts:
      put("\"request_counts\"", ",\"ended_at\"",
          R"("request_counts":{"processing":0,"succeeded":0,"errored":0,"canceled":0,"expired":0})");
      break;
    case OddEntry::As::one_short: {
      auto counts = batch.counts(at, service_.settings().progress);
      --(counts.processing > 0 ? counts.processing : counts.succeeded > 0 ? counts.succeeded : counts.errored);
      text = batch_json(batch, at, service_.settings().progress, Counts{}, base_url());
      put("\"request_counts\"", ",\"ended_at\"",
          fmt::format(R"("request_counts":{{"processing":{},"succeeded":{},"errored":{},"canceled":{},"expired":{}}})",
                      counts.processing, counts.succeeded, counts.errored, counts.canceled, counts.expired));
      break;
    }
  }
  return text;
}

}  // namespace offpeak::sim
