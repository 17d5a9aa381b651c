#include "provider/wire.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <charconv>

#include "provider/salvage.hpp"

namespace offpeak {

namespace {

namespace json = boost::json;

// More than a batch can ever hold (100,000), few enough that five of them cannot overflow.
constexpr std::int64_t count_max = 1'000'000'000;

// "Batches expire 24 hours after their creation."
constexpr auto batch_life = std::chrono::hours(24);

Error unreadable(std::string_view what) {
  return make_error(ErrorKind::unavailable, "the answer is not what the API promises: " + std::string(what));
}

std::optional<json::value> parse_json(std::string_view text) {
  json::parse_options options;
  options.max_depth = 256;
  json::error_code ec;
  auto value = json::parse(json::string_view(text.data(), text.size()), ec, {}, options);
  if (ec) return std::nullopt;
  return value;
}

// Nothing where the member is missing or null.
const json::value* present(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(json::string_view(key.data(), key.size()));
  return value != nullptr && !value->is_null() ? value : nullptr;
}

std::optional<std::string> text_of(const json::object& object, std::string_view key) {
  const auto* value = present(object, key);
  if (value == nullptr || !value->is_string()) return std::nullopt;
  const auto& text = value->get_string();
  return std::string(text.data(), text.size());
}

bool read_count(const json::object& counts, std::string_view key, std::int64_t& into) {
  const auto* value = present(counts, key);
  if (value == nullptr || !value->is_int64()) return false;
  into = value->get_int64();
  return into >= 0 && into <= count_max;
}

bool read_counts(const json::object& batch, ProviderCounts& into) {
  const auto* counts = present(batch, "request_counts");
  if (counts == nullptr || !counts->is_object()) return false;
  const auto& of = counts->get_object();
  return read_count(of, "processing", into.processing) && read_count(of, "succeeded", into.succeeded) &&
         read_count(of, "errored", into.errored) && read_count(of, "canceled", into.canceled) &&
         read_count(of, "expired", into.expired);
}

bool read_status(const json::object& batch, ProcessingStatus& into) {
  const auto text = text_of(batch, "processing_status");
  if (text == "in_progress") {
    into = ProcessingStatus::in_progress;
  } else if (text == "canceling") {
    into = ProcessingStatus::canceling;
  } else if (text == "ended") {
    into = ProcessingStatus::ended;
  } else {
    return false;
  }
  return true;
}

// False where the member is there, but no date.
bool read_date(const json::object& batch, std::string_view key, std::optional<Instant>& into) {
  if (present(batch, key) == nullptr) return true;
  const auto text = text_of(batch, key);
  into = text ? parse_rfc3339(*text) : std::nullopt;
  return into.has_value();
}

Result<ProviderBatch> read_batch(const json::value& value) {
  if (!value.is_object()) return unreadable("no batch object");
  const auto& object = value.get_object();
  ProviderBatch batch;
  const auto id = text_of(object, "id");
  if (!id || !is_path_id(*id)) return unreadable("no usable batch id");
  batch.id = *id;
  if (const auto type = text_of(object, "type"); type && *type != "message_batch") {
    return unreadable("an object of another type than message_batch");
  }
  if (!read_status(object, batch.status)) return unreadable("no known processing_status of " + *id);
  if (!read_counts(object, batch.counts)) return unreadable("no sane request_counts of " + *id);
  std::optional<Instant> created, expires;
  if (!read_date(object, "created_at", created) || !created || !read_date(object, "expires_at", expires) ||
      !read_date(object, "ended_at", batch.ended_at) || !read_date(object, "archived_at", batch.archived_at) ||
      !read_date(object, "cancel_initiated_at", batch.cancel_initiated_at)) {
    return unreadable("no readable dates of " + *id);
  }
  batch.created_at = *created;
  batch.expires_at = expires.value_or(*created + batch_life);
  return batch;
}

// An entry of a list: as much of it as can be read. Nothing where even the id cannot.
std::optional<ProviderBatch> read_entry(const json::value& value) {
  if (!value.is_object()) return std::nullopt;
  const auto& object = value.get_object();
  const auto id = text_of(object, "id");
  if (!id || !is_path_id(*id)) return std::nullopt;
  ProviderBatch batch;
  batch.id = *id;
  const bool another_type = text_of(object, "type").value_or("message_batch") != "message_batch";
  if (another_type || !read_status(object, batch.status)) batch.status = ProcessingStatus::unknown;
  batch.counts_known = !another_type && read_counts(object, batch.counts);
  if (!batch.counts_known) batch.counts = ProviderCounts();
  std::optional<Instant> created, expires;
  batch.created_at_known = !another_type && read_date(object, "created_at", created) && created.has_value();
  batch.created_at = created.value_or(Instant{});
  read_date(object, "expires_at", expires);
  batch.expires_at = expires.value_or(batch.created_at + batch_life);
  read_date(object, "ended_at", batch.ended_at);
  read_date(object, "archived_at", batch.archived_at);
  read_date(object, "cancel_initiated_at", batch.cancel_initiated_at);
  return batch;
}

// Missing: the id of the entry at that end of the page.
std::optional<std::string> read_cursor(const json::object& page, std::string_view key, const ProviderBatch* at_end) {
  if (present(page, key) == nullptr) return at_end != nullptr ? std::optional(at_end->id) : std::nullopt;
  auto cursor = text_of(page, key);
  if (cursor && !is_path_id(*cursor)) cursor.reset();
  return cursor;
}

}  // namespace

bool is_path_id(std::string_view id) {
  return !id.empty() && id.size() <= id_bytes_max && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

Result<ProviderBatch> parse_batch(std::string_view body) {
  const auto value = parse_json(body);
  if (!value) return unreadable("no JSON");
  return read_batch(*value);
}

Result<ListPage> parse_list_page(std::string_view body) {
  const auto value = parse_json(body);
  if (!value || !value->is_object()) return unreadable("no JSON object");
  const auto& object = value->get_object();
  const auto* data = present(object, "data");
  const auto* has_more = present(object, "has_more");
  if (data == nullptr || !data->is_array() || has_more == nullptr || !has_more->is_bool()) {
    return unreadable("a list without data and has_more");
  }
  ListPage page;
  page.has_more = has_more->get_bool();
  for (const auto& element : data->get_array()) {
    if (auto batch = read_entry(element)) {
      page.batches.push_back(std::move(*batch));
    } else {
      ++page.unreadable_entries;
    }
  }
  const bool empty = page.batches.empty();
  page.first_id = read_cursor(object, "first_id", empty ? nullptr : &page.batches.front());
  page.last_id = read_cursor(object, "last_id", empty ? nullptr : &page.batches.back());
  return page;
}

std::optional<std::string> salvage_batch_id(std::string_view body) {
  const auto found = salvage_strings(body);
  if (found.type != "message_batch") return std::nullopt;
  if (!found.id || !is_path_id(*found.id)) return std::nullopt;
  return found.id;
}

std::optional<ApiError> parse_api_error(std::string_view body) {
  const auto value = parse_json(body);
  if (!value || !value->is_object()) return std::nullopt;
  const auto& object = value->get_object();
  const auto* error = present(object, "error");
  if (text_of(object, "type") != "error" || error == nullptr || !error->is_object()) return std::nullopt;
  const auto type = text_of(error->get_object(), "type");
  if (!type || type->empty()) return std::nullopt;
  ApiError out;
  out.type = *type;
  out.message = text_of(error->get_object(), "message").value_or("");
  out.request_id = text_of(object, "request_id").value_or("");
  if (const auto* details = present(error->get_object(), "details"); details != nullptr && details->is_object()) {
    out.error_code = text_of(details->get_object(), "error_code").value_or("");
  }
  return out;
}

std::optional<std::uint32_t> named_request(std::string_view message) {
  constexpr std::string_view start = "requests.";
  if (!message.starts_with(start)) return std::nullopt;
  message.remove_prefix(start.size());
  std::uint32_t index = 0;
  const auto [end, ec] = std::from_chars(message.data(), message.data() + message.size(), index);
  if (ec != std::errc()) return std::nullopt;
  message.remove_prefix(static_cast<std::size_t>(end - message.data()));
  // "requests.17.params", "requests.17: ..."; not "requests.17th".
  if (!message.empty() && message.front() != '.' && message.front() != ':') return std::nullopt;
  return index;
}

}  // namespace offpeak
