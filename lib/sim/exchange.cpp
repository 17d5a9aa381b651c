#include "sim/exchange.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "sim/answers.hpp"
#include "sim/control.hpp"
#include "sim/outcome.hpp"

namespace offpeak::sim {

namespace {

constexpr std::size_t control_body_bytes_max = 16'000'000;

std::uint64_t content_length(const Headers& headers) {
  const auto text = find_header(headers, "content-length");
  std::uint64_t length = 0;
  std::from_chars(text.data(), text.data() + text.size(), length);
  return length;
}

}  // namespace

Exchange::Exchange(Service& service, const Call& head, Instant now)
    : service_(service), route_(parse_route(head.method, head.target)), request_id_(service.next_request_id()) {
  head_.method = head.method;
  head_.target = head.target;
  head_.headers = head.headers;
  if (route_.kind != Route::Kind::api) return;
  auto& store = service_.store();
  store.settle(now);
  ++store.totals.calls[static_cast<std::size_t>(route_.verb)];
  const auto batch = store.find(route_.id);
  plan_ = service_.faults().plan(route_.verb, batch ? batch->number : 0, service_.settings().seed);
  if (route_.verb == Verb::create && !check_access()) {
    const auto betas = find_header(head_.headers, "anthropic-beta");
    draft_ = std::make_unique<Draft>(service_.settings(), store,
                                     betas.find("output-300k-2026-03-24") != std::string_view::npos);
  }
}

Duration Exchange::delay_before_body() const {
  Duration delay{0};
  for (const auto& action : plan_.actions) {
    const auto* found = std::get_if<Delay>(&action);
    if (found != nullptr && found->when == When::early) delay += found->duration;
  }
  return delay;
}

std::optional<std::uint64_t> Exchange::body_bytes_wanted() const {
  if (const auto* drop = plan_.find<Drop>(); drop != nullptr && drop->when == When::early) {
    return drop->after_body_bytes;
  }
  if (const auto* answer = plan_.find<AnswerWith>(); answer != nullptr && answer->when == When::early) return 0;
  if (refused_by_length()) return 0;
  return std::nullopt;
}

void Exchange::take(std::string_view block) {
  if (draft_) draft_->take(block);
  if (route_.kind == Route::Kind::control && body_.size() <= control_body_bytes_max) body_ += block;
}

Answer Exchange::finish(Instant now) {
  if (route_.kind == Route::Kind::control) {
    if (body_.size() > control_body_bytes_max) return text_answer(413, "too large\n");
    return handle_control(service_, head_.method, route_, body_, now);
  }
  service_.store().settle(now);
  if (const auto* foreign = plan_.find<Foreign>(); foreign != nullptr && !foreign->same_size) {
    service_.add_foreign(foreign->requests, now, foreign->maker);
  }
  auto answer = cut_short(When::early);
  if (!answer && refused_by_length()) answer = error(413, "Request exceeds the maximum size");
  if (!answer) answer = cut_short(When::instead);
  if (!answer) {
    answer = perform(now);
    if (auto instead = cut_short(When::after)) answer = std::move(instead);
  }
  play_on_wire(*answer);
  add_headers(*answer, now);
  answer->early = body_bytes_wanted().has_value();
  return std::move(*answer);
}

bool Exchange::refused_by_length() const {
  return draft_ != nullptr && content_length(head_.headers) > service_.settings().max_bytes;
}

// Nothing where the call may go on.
std::optional<Answer> Exchange::check_access() const {
  auto key = find_header(head_.headers, "x-api-key");
  if (key.empty()) {
    key = find_header(head_.headers, "authorization");
    if (!key.starts_with("Bearer ") && !key.starts_with("bearer ")) key = {};
    if (!key.empty()) key.remove_prefix(7);
  }
  if (key.empty()) return error(401, "x-api-key header is required");
  const auto& wanted = service_.settings().api_key;
  if (!wanted.empty() && key != wanted) return error(401, "API key is invalid.");
  const auto version = find_header(head_.headers, "anthropic-version");
  if (version.empty()) return error(400, "anthropic-version: header is required");
  if (version != "2023-06-01" && version != "2023-01-01" && version != "2026-10-21") {
    return error(400, fmt::format("anthropic-version: \"{}\" is not a valid version", version));
  }
  return std::nullopt;
}

// What a fault answers at this stage of the call, or nothing.
std::optional<Answer> Exchange::cut_short(When when) const {
  if (const auto* answer = plan_.find<AnswerWith>(); answer != nullptr && answer->when == when) {
    return failure(*answer);
  }
  if (const auto* drop = plan_.find<Drop>(); drop != nullptr && drop->when == when) {
    Answer answer;
    answer.delivery = drop->how;
    return answer;
  }
  return std::nullopt;
}

Answer Exchange::failure(const AnswerWith& wanted) const {
  Answer answer;
  switch (wanted.shape) {
    case Shape::api: {
      const auto type = wanted.type.empty() ? error_type_of(wanted.status) : std::string_view(wanted.type);
      auto message = wanted.message.empty() ? std::string(default_message(type)) : wanted.message;
      if (wanted.message.empty() && wanted.status == 404 && !route_.id.empty()) {
        message = fmt::format("Message Batch {} {}.", route_.id,
                              route_.verb == Verb::results ? "has no available results" : "not found");
      }
      answer = api_error(wanted.status, wire_error_type(type), message, request_id_, wanted.error_code);
      break;
    }
    case Shape::html:
      answer = html_answer(wanted.status);
      break;
    case Shape::text:
      answer = text_answer(wanted.status, "upstream connect error or disconnect/reset before headers");
      break;
    case Shape::json:
      answer = json_answer(R"({"error":"upstream","code":17})");
      break;
    case Shape::empty:
      break;
  }
  answer.status = wanted.status;
  if (!wanted.retry_after.empty()) answer.headers.emplace_back("retry-after", wanted.retry_after);
  if (!wanted.should_retry.empty()) answer.headers.emplace_back("x-should-retry", wanted.should_retry);
  if (!wanted.location.empty()) answer.headers.emplace_back("location", wanted.location);
  return answer;
}

Answer Exchange::perform(Instant now) {
  if (route_.kind == Route::Kind::not_found) return error(404, "Not found");
  if (route_.kind == Route::Kind::wrong_method) return error(405, "Method Not Allowed");
  if (auto refused = check_access()) return std::move(*refused);
  switch (route_.verb) {
    case Verb::create:
      return create(now);
    case Verb::list:
      return list(view(now));
    case Verb::retrieve:
      return retrieve(view(now));
    case Verb::results:
      return results(now);
    case Verb::cancel:
      return cancel(now);
    case Verb::remove:
      return remove(now);
    case Verb::none:
      break;
  }
  return error(404, "Not found");
}

Answer Exchange::error(int status, std::string_view message) const {
  if (status == 413 && service_.settings().html_413) return html_answer(413);
  return api_error(status, error_type_of(status), message, request_id_);
}

void Exchange::play_on_wire(Answer& answer) const {
  if (answer.delivery == Delivery::answer && answer.status == 200) garble(answer);
  for (const auto& action : plan_.actions) {
    const auto* delay = std::get_if<Delay>(&action);
    if (delay != nullptr && delay->when == When::after) answer.delay += delay->duration;
  }
  if (const auto* trickle = plan_.find<Trickle>()) {
    answer.trickle_bytes = trickle->bytes;
    answer.trickle_pause = trickle->pause;
  }
  if (const auto* frame = plan_.find<Frame>()) answer.framing = frame->as;
  if (const auto* cut = plan_.find<Cut>()) {
    const auto size = answer.stream ? answer.stream_bytes : answer.body.size();
    answer.cut_after_bytes = cut->bytes.value_or(static_cast<std::uint64_t>(static_cast<double>(size) * cut->fraction));
    answer.cut_in_head = cut->in_head;
    answer.cut_by_reset = cut->reset;
  }
}

void Exchange::garble(Answer& answer) const {
  const auto* wanted = plan_.find<Garble>();
  if (wanted == nullptr) return;
  auto body = whole_body(answer);
  answer.stream.reset();
  switch (wanted->as) {
    case Garble::As::truncated:
      body.resize(std::min<std::size_t>(body.size(), wanted->bytes.value_or(static_cast<std::uint64_t>(
                                                         static_cast<double>(body.size()) * wanted->fraction))));
      break;
    case Garble::As::text:
      body = "upstream connect error or disconnect/reset before headers";
      break;
    case Garble::As::html:
      body = html_answer(200).body;
      break;
    case Garble::As::empty:
      body.clear();
      break;
    case Garble::As::no_id:
      if (const auto at = body.find("\"id\":"); at != std::string::npos) body.replace(at, 5, "\"di\":");
      break;
    case Garble::As::wrong_type:
      body = "[17]";
      break;
  }
  answer.body = std::move(body);
  if (answer.framing == Framing::chunked) answer.framing = Framing::length;
}

void Exchange::add_headers(Answer& answer, Instant now) const {
  answer.headers.emplace_back("date", http_date(now));
  if (!find_header(answer.headers, "server").empty()) return;
  answer.headers.emplace_back("request-id", request_id_);
  answer.headers.emplace_back("anthropic-organization-id", service_.settings().organization);
  if (answer.status != 401) {
    answer.headers.emplace_back("anthropic-workspace-id", service_.settings().workspace);
  }
}

}  // namespace offpeak::sim
