// What the provider may answer to a create, list or retrieve call, whatever it is. The input's first line says how it
// came, "<status> [left] [cut]": its HTTP status, whether the last byte of the call had left, whether the body is cut
// off; the body follows. After the last byte only a 413, or a 4xx in the API's own shape, may ever be read as "nothing
// was created", and only an id as "created".
#include <algorithm>

#include "fuzz.hpp"
#include "provider/failure.hpp"
#include "provider/list_walk.hpp"
#include "provider/retry_after.hpp"
#include "provider/verdict.hpp"
#include "provider/wire.hpp"
#include "reference_json.hpp"

namespace offpeak::fuzz {
namespace {

constexpr std::size_t message_bytes_max = 4096;

struct Input {
  CreateAnswer answer;
  std::string_view body;
};

Input read_input(std::string_view text) {
  Input input;
  auto first = take_line(text);
  input.body = text;
  input.answer.last_byte_left = first.find("left") != first.npos;
  HttpAnswer answer;
  for (const char c : first.substr(0, 3)) answer.status = answer.status * 10 + (c >= '0' && c <= '9' ? c - '0' : 2);
  answer.body_complete = first.find("cut") == first.npos;
  answer.body = text;
  input.answer.failure = first;
  if (first.find("none") == first.npos) input.answer.answer = std::move(answer);
  return input;
}

// The API's error shape, by the reference reader. Of twin keys the last counts.
bool has_error_shape(const ReferenceValue& root) {
  const auto* type = root.last("type");
  const auto* error = root.last("error");
  if (!root.is_object() || type == nullptr || type->text != "error" || error == nullptr || !error->is_object()) {
    return false;
  }
  const auto* error_type = error->last("type");
  return error_type != nullptr && error_type->is_string() && !error_type->text.empty();
}

// Nothing where the readers may differ for good reason.
std::optional<bool> expected_error_shape(std::string_view body) {
  const auto document = read_reference(body);
  if (!document) return false;
  if (document->depth > 250 || document->has_lone_surrogate || document->has_huge_exponent) return std::nullopt;
  return has_error_shape(document->root);
}

void check_proven_no(const CreateVerdict& verdict, const HttpAnswer& answer) {
  const bool client_error =
      answer.status >= 400 && answer.status <= 499 && answer.status != 408 && answer.status != 409;
  const bool shaped = parse_api_error(answer.body).has_value();
  require(answer.status == 413 || (client_error && shaped && answer.body_complete),
          "after the last byte nothing but a 413, or a whole 4xx in the API's shape, is a proven no", answer.body);
  require(verdict.kind != CreateVerdictKind::not_sent, "what left was sent", answer.body);
  if (verdict.kind == CreateVerdictKind::throttled) require(answer.status == 429, "throttled is a 429", answer.body);
}

void check_verdict(const CreateAnswer& answer) {
  const auto verdict = verdict_on_create(answer);
  const auto kind = verdict.kind;
  const std::string_view body = answer.answer ? std::string_view(answer.answer->body) : "";
  const bool is_created = kind == CreateVerdictKind::created;
  require(is_created == verdict.batch.has_value(), "a batch belongs to created", body);
  require((kind == CreateVerdictKind::request_at_fault) == verdict.request_index.has_value(),
          "a place belongs to request_at_fault", body);
  require(is_displayable(verdict.message) && verdict.message.size() <= message_bytes_max, "the message can be logged",
          verdict.message);
  require(is_created || !verdict.message.empty(), "there is a message", body);
  require(verdict.error_document.empty() || verdict.error_document == body, "the error document is verbatim", body);
  if (!answer.answer) {
    require(kind == (answer.last_byte_left ? CreateVerdictKind::unknown : CreateVerdictKind::not_sent),
            "without an answer it counts whether the last byte left");
    return;
  }
  if (is_created) {
    require(answer.last_byte_left && answer.answer->status == 200, "created is a 200 after the last byte", body);
    require(is_path_id(verdict.batch->id), "created has an id", body);
    const bool verbatim = body.find('"' + verdict.batch->id + '"') != body.npos;
    require(verbatim || body.find("\\u") != body.npos, "the id stands in the answer", body);
  } else if (!answer.last_byte_left) {
    require(kind != CreateVerdictKind::unknown, "before the last byte nothing is unknown", body);
  } else if (kind != CreateVerdictKind::unknown) {
    check_proven_no(verdict, *answer.answer);
  }
  if (kind == CreateVerdictKind::request_at_fault) require(answer.answer->status == 400, "a 400 names it", body);
}

// Not what arrived, but what might have: the same body with another status, cut or not.
void check_verdicts(const Input& input) {
  check_verdict(input.answer);
  static constexpr int statuses[] = {200, 201, 400, 408, 409, 413, 429, 500, 529};
  CreateAnswer answer;
  answer.last_byte_left = true;
  answer.answer.emplace();
  answer.answer->status = statuses[hash_of(input.body) % std::size(statuses)];
  answer.answer->body = input.body;
  for (const bool complete : {true, false}) {
    answer.answer->body_complete = complete;
    check_verdict(answer);
  }
}

bool in_range(std::int64_t count) { return count >= 0 && count <= 1'000'000'000; }

void check_batch(const ProviderBatch& batch, std::string_view body) {
  require(is_path_id(batch.id), "a batch's id is safe in a path", body);
  const auto& counts = batch.counts;
  require(in_range(counts.processing) && in_range(counts.succeeded) && in_range(counts.errored) &&
              in_range(counts.canceled) && in_range(counts.expired) && counts.total() >= 0,
          "counts are sane", body);
  const auto written = parse_rfc3339(to_rfc3339(batch.created_at));
  require(written == batch.created_at, "a date survives writing and reading", to_rfc3339(batch.created_at));
}

void check_batches(std::string_view body) {
  const auto document = read_reference(body);
  const auto batch = parse_batch(body);
  const auto salvaged = salvage_batch_id(body);
  if (salvaged) require(is_path_id(*salvaged), "a salvaged id is safe in a path", body);
  if (batch) {
    check_batch(*batch, body);
    require(document.has_value() && document->root.is_object(), "a batch is a JSON object", body);
    if (!document->root.has_twin_keys()) require(salvaged == batch->id, "what is read can be salvaged", body);
  } else {
    require(is_displayable(batch.error().message), "an unreadable batch is told so that it can be logged", body);
  }
  // However far the answer came, it is the same id or none.
  for (std::size_t part = 1; part <= 8; ++part) {
    const auto cut = salvage_batch_id(body.substr(0, body.size() * part / 9));
    if (cut && salvaged) require(*cut == *salvaged, "a cut answer never names another id", body);
    if (cut) require(body.find(*cut) != body.npos || body.find("\\u") != body.npos, "a cut id is whole", body);
  }
}

void check_list(std::string_view body) {
  const auto page = parse_list_page(body);
  if (!page) return require(is_displayable(page.error().message), "an unreadable list can be logged", body);
  for (const auto& batch : page->batches) check_batch(batch, body);
  for (const auto& cursor : {page->first_id, page->last_id}) {
    if (cursor) require(is_path_id(*cursor), "a cursor is safe in a query", body);
  }
  if (!page->has_more || (!page->batches.empty() && page->last_id)) return;
  ListJoin walk{ListFloor()};
  require(!walk.take(*page), "a page that does not say how to go on ends no walk", body);
}

void check_error(std::string_view body) {
  const auto error = parse_api_error(body);
  if (error) require(!error->type.empty(), "an API error has a type", body);
  if (const auto expected = expected_error_shape(body)) {
    require(error.has_value() == *expected, "the API's error shape", body);
  }
  for (const int status : {200, 302, 400, 500}) {
    const auto text = describe_answer(status, body);
    require(is_displayable(text) && text.size() <= message_bytes_max, "a description can be logged", text);
  }
}

void check_dates(std::string_view text) {
  const auto now = from_millis(1'767'225'923'250);
  const auto wait = parse_retry_after(text, text, text, now);
  if (wait) require(wait->count() > 0 && wait->count() <= 2147483647, "a wait is one the clients would take", text);
  const auto later = parse_retry_after("", text, "", now);
  if (later) require(later->count() > 0 && later->count() <= 2147483647, "a wait until a date too", text);
  if (const auto date = parse_rfc3339(text)) {
    require(parse_rfc3339(to_rfc3339(*date)) == date, "a date survives writing and reading", text);
  }
}

}  // namespace
}  // namespace offpeak::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace offpeak::fuzz;
  const auto input = read_input(as_text(data, size));
  check_verdicts(input);
  check_batches(input.body);
  check_list(input.body);
  check_error(input.body);
  check_dates(input.body);
  return 0;
}
