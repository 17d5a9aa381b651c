#include "sim/outcome.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>

#include "base/json.hpp"
#include "sim/mix.hpp"

namespace offpeak::sim {

namespace {

constexpr std::array<std::string_view, 7> stop_reasons{
    "end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal", "model_context_window_exceeded"};

struct ErrorText {
  std::string_view name;  // in scripts and markers
  std::string_view type;  // on the wire
  std::string_view message;
};

// Texts recorded in public traffic where there are any.
constexpr std::array<ErrorText, 14> error_texts{{
    {"invalid_request_error", "invalid_request_error", "Could not process image"},
    {"authentication_error", "authentication_error", "API key is invalid."},
    {"billing_error", "billing_error", "There is an issue with your billing or payment information."},
    {"permission_error", "permission_error", "Your API key does not have permission to use the specified resource."},
    {"not_found_error", "not_found_error", "The requested resource could not be found."},
    {"conflict_error", "conflict_error", "The request conflicts with the current state of the resource."},
    {"request_too_large", "request_too_large", "Request exceeds the maximum size"},
    {"rate_limit_error", "rate_limit_error", "This request would exceed your organization's rate limit."},
    {"timeout_error", "timeout_error", "Request timed out"},
    {"api_error", "api_error", "Internal server error"},
    {"overloaded_error", "overloaded_error", "Overloaded"},
    {"credit", "invalid_request_error",
     "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or "
     "purchase "
     "credits."},
    {"usage_limit", "invalid_request_error",
     "You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC."},
    {"download", "invalid_request_error", "Unable to download the file. Please verify the URL and try again."},
}};

const ErrorText* find_error(std::string_view name) {
  const auto* found = std::ranges::find(error_texts, name, &ErrorText::name);
  return found == error_texts.end() ? nullptr : found;
}

std::uint8_t stop_reason_index(std::string_view name) {
  const auto* found = std::ranges::find(stop_reasons, name);
  return found == stop_reasons.end() ? 0 : static_cast<std::uint8_t>(found - stop_reasons.begin());
}

bool contains(std::string_view text, std::string_view needle) {
  return memmem(text.data(), text.size(), needle.data(), needle.size()) != nullptr;
}

std::int64_t output_limit(std::string_view model) {
  for (const std::string_view family : {"claude-haiku-4-5", "claude-sonnet-4-5", "claude-opus-4-5"}) {
    if (model.starts_with(family)) return 64'000;
  }
  return 128'000;
}

struct Marker {
  std::string_view word;    // "errored:api_error", "expired", "400"
  std::uint32_t times = 0;  // 0: for ever
};

// The next marker of `text` from `at` on; moves `at` behind it.
std::optional<Marker> next_marker(std::string_view text, std::size_t& at) {
  while (at < text.size()) {
    const void* found = std::memchr(text.data() + at, '[', text.size() - at);
    if (found == nullptr) break;
    at = static_cast<std::size_t>(static_cast<const char*>(found) - text.data()) + 1;
    if (at >= text.size() || text[at] != '[') continue;
    const auto end = text.substr(at, 80).find("]]");
    if (end == std::string_view::npos) continue;
    Marker marker{text.substr(at + 1, end - 1)};
    const auto colon = marker.word.rfind(':');
    if (colon != std::string_view::npos && colon + 1 < marker.word.size()) {
      const auto number = marker.word.substr(colon + 1);
      const auto [stop, ec] = std::from_chars(number.data(), number.data() + number.size(), marker.times);
      if (ec == std::errc() && stop == number.data() + number.size()) marker.word = marker.word.substr(0, colon);
    }
    at += end + 2;
    return marker;
  }
  at = text.size();
  return std::nullopt;
}

// Makes `decision` what an outcome's name says; false where it is no such name.
bool apply_outcome(std::string_view name, Decision& decision) {
  if (name == "succeeded") {
    decision.type = OutcomeType::succeeded;
  } else if (name == "expired") {
    decision.type = OutcomeType::expired;
  } else if (name == "canceled") {
    decision.type = OutcomeType::canceled;
  } else if (name == "errored" || name.starts_with("errored:")) {
    const auto type = name == "errored" ? std::string_view("api_error") : name.substr(8);
    decision.type = OutcomeType::errored;
    decision.error_type = wire_error_type(type);
    decision.error_message = default_message(type);
    decision.error_by_worker = true;
  } else {
    return false;
  }
  return true;
}

std::string_view pick(const std::vector<Weighted>& mix_of, std::uint64_t word) {
  double total = 0;
  for (const auto& entry : mix_of) total += entry.weight;
  double at = unit(word) * total;
  for (const auto& entry : mix_of) {
    at -= entry.weight;
    if (at < 0) return entry.name;
  }
  return mix_of.empty() ? std::string_view() : std::string_view(mix_of.back().name);
}

// The markers of `params` decide; false where there is none that commands an outcome.
bool decide_by_markers(std::string_view params, std::uint32_t created_before, std::uint32_t refused_before,
                       Decision& decision) {
  bool commanded = false;
  bool settled = false;
  std::uint32_t created = created_before;
  std::uint32_t refused = refused_before;
  std::size_t at = 0;
  while (const auto marker = next_marker(params, at)) {
    const auto word = marker->word;
    if (word == "bytes") {
      decision.answer_bytes = marker->times;
    } else if (word == "400" || word == "400-unnamed") {
      commanded = true;
      if (marker->times == 0 || refused < marker->times) {
        if (decision.refusal == Refusal::none) {
          decision.refusal = word == "400" ? Refusal::named : Refusal::unnamed;
        }
      } else {
        refused -= marker->times;
      }
    } else if (word == "missing") {
      commanded = true;
      if (marker->times == 0 || created < marker->times) decision.missing = true;
    } else if (word.starts_with("stop:")) {
      commanded = true;
      if (marker->times == 0 || created < marker->times) decision.stop_reason = stop_reason_index(word.substr(5));
    } else if (Decision commanded_one; apply_outcome(word, commanded_one)) {
      commanded = true;
      if (settled) continue;
      if (marker->times != 0 && created >= marker->times) {
        created -= marker->times;
        continue;
      }
      apply_outcome(word, decision);
      settled = true;
    }
  }
  return commanded;
}

}  // namespace

ParamsFacts check_params(std::string_view params, std::int64_t most_tokens) {
  ParamsFacts facts;
  std::string_view model, max_tokens, messages, stream, speed;
  JsonMembers members(params);
  for (JsonMember member; members.next(member);) {
    if (member.key == "model") model = member.value;
    if (member.key == "max_tokens") max_tokens = member.value;
    if (member.key == "messages") messages = member.value;
    if (member.key == "stream") stream = member.value;
    if (member.key == "speed") speed = member.value;
  }
  if (model.size() > 2 && model.front() == '"') facts.model = model.substr(1, model.size() - 2);
  facts.max_tokens = json_integer(max_tokens).value_or(0);
  facts.cached = contains(params, "cache_control");
  facts.cached_1h = facts.cached && contains(params, "\"1h\"");

  const auto refuse = [&](std::string_view type, std::string message) {
    facts.error_type = type;
    facts.error_message = std::move(message);
  };
  const auto limit = most_tokens > 0 ? most_tokens : output_limit(facts.model);
  if (model.empty()) {
    refuse("invalid_request_error", "model: Field required");
  } else if (facts.model.empty()) {
    refuse("invalid_request_error", "model: Input should be a valid string");
  } else if (max_tokens.empty()) {
    refuse("invalid_request_error", "max_tokens: Field required");
  } else if (!json_integer(max_tokens)) {
    refuse("invalid_request_error", "max_tokens: Input should be a valid integer");
  } else if (facts.max_tokens < 1) {
    refuse("invalid_request_error", "max_tokens: must be greater than or equal to 1");
  } else if (messages.empty()) {
    refuse("invalid_request_error", "messages: Field required");
  } else if (messages.front() != '[') {
    refuse("invalid_request_error", "messages: Input should be a valid list");
  } else if (messages.find_first_not_of(" \t\r\n", 1) == messages.size() - 1) {
    refuse("invalid_request_error", "messages: at least one message is required");
  } else if (stream == "true") {
    refuse("invalid_request_error", "\"stream=True\" is not supported in the Message Batches API");
  } else if (!speed.empty() && speed != "null") {
    refuse("invalid_request_error", "\"speed\" is not supported in the Message Batches API");
  } else if (facts.model.starts_with("claude-does-not-exist")) {
    refuse("not_found_error", fmt::format("model: {}", facts.model));
  } else if (facts.max_tokens > limit) {
    refuse("invalid_request_error",
           fmt::format("max_tokens: {} > {}, which is the maximum allowed number of output tokens for {}",
                       facts.max_tokens, limit, facts.model));
  }
  return facts;
}

Decision decide(const Settings& settings, std::string_view params, const ParamsFacts& facts, std::uint64_t content_word,
                std::uint32_t created_before, std::uint32_t refused_before) {
  Decision decision;
  const bool commanded = decide_by_markers(params, created_before, refused_before, decision);
  if (!facts.error_type.empty()) {
    decision.type = OutcomeType::errored;
    decision.error_type = facts.error_type;
    decision.error_message = facts.error_message;
    decision.error_by_worker = false;
  } else if (!commanded) {
    apply_outcome(pick(settings.outcomes, mix(settings.seed, content_word, created_before)), decision);
    decision.stop_reason =
        stop_reason_index(pick(settings.stop_reasons, mix(settings.seed ^ 0x57, content_word, created_before)));
  }
  return decision;
}

std::string_view stop_reason_name(std::uint8_t index) { return stop_reasons.at(index); }

bool is_stop_reason(std::string_view name) { return std::ranges::find(stop_reasons, name) != stop_reasons.end(); }

bool is_outcome_name(std::string_view name) {
  Decision ignored;
  return apply_outcome(name, ignored);
}

std::string_view default_message(std::string_view error_type) {
  const auto* text = find_error(error_type);
  return text == nullptr ? std::string_view("Something went wrong") : text->message;
}

std::string_view wire_error_type(std::string_view error_type) {
  const auto* text = find_error(error_type);
  return text == nullptr ? error_type : text->type;
}

}  // namespace offpeak::sim
