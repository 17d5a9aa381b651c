#include "results/result_line.hpp"

namespace offpeak {

namespace {

bool take_text(std::string_view value, std::string& text) {
  if (value.size() < 2 || value.front() != '"') return false;
  const auto inner = value.substr(1, value.size() - 2);
  if (inner.find('\\') == std::string_view::npos) {
    text.assign(inner);
  } else {
    text = json_decode_key(inner);
  }
  return true;
}

bool is_object(std::string_view value) { return !value.empty() && value.front() == '{'; }

constexpr std::string_view space = " \t\r\n";

std::size_t end_in(std::string_view text, std::string_view slice) {
  return static_cast<std::size_t>(slice.data() - text.data()) + slice.size();
}

// Where the object begins that is the value of `quoted_key`, if that is the member behind `before`; npos otherwise.
std::size_t object_behind(std::string_view text, std::size_t before, std::string_view quoted_key) {
  auto at = text.find_first_not_of(" \t\r\n,", before);
  if (at == std::string_view::npos || !text.substr(at).starts_with(quoted_key)) return std::string_view::npos;
  at = text.find_first_not_of(" \t\r\n:", at + quoted_key.size());
  return at != std::string_view::npos && text[at] == '{' ? at : std::string_view::npos;
}

// Behind the brace that closes an object of which everything before `walked` was seen; npos where more of it follows.
std::size_t close_behind(std::string_view text, std::size_t walked) {
  const auto at = walked == std::string_view::npos ? walked : text.find_first_not_of(space, walked);
  return at != std::string_view::npos && text[at] == '}' ? at + 1 : std::string_view::npos;
}

// More than any answer holds, few enough that every column at the dearest price still fits its nanodollars.
constexpr std::int64_t count_max = 1'000'000'000;

std::int64_t count_of(std::string_view value) {
  const auto count = json_integer(value).value_or(0);
  return count >= 0 && count <= count_max ? count : 0;
}

void read_error(std::string_view document, ResultLine& line) {
  const auto error = json_path(document, {"error"});
  if (!error || !is_object(*error)) return;
  JsonMembers members(*error);
  for (JsonMember member; members.next(member);) {
    if (member.key == "type") {
      take_text(member.value, line.error_type);
    } else if (member.key == "message") {
      take_text(member.value, line.error_message);
    } else if (member.key == "details" && is_object(member.value)) {
      if (const auto code = json_member(member.value, "error_code")) take_text(*code, line.error_code);
    }
  }
}

// Returns where the last member's value ends, or the place behind the opening brace. What follows the object in
// `message` is not looked at.
std::size_t read_message(std::string_view message, ResultLine& line) {
  std::size_t walked = 1;
  JsonMembers members(message);
  for (JsonMember member; members.next(member);) {
    walked = end_in(message, member.value);
    if (member.key == "stop_reason") {
      take_text(member.value, line.stop_reason);
    } else if (member.key == "model") {
      take_text(member.value, line.model);
    } else if (member.key == "usage" && is_object(member.value)) {
      line.usage = parse_usage(member.value);
    }
  }
  return walked;
}

bool read_result(ResultLine& line) {
  std::string_view type, message, error;
  JsonMembers members(line.result);
  for (JsonMember member; members.next(member);) {
    if (member.key == "type") type = member.value;
    if (member.key == "message") message = member.value;
    if (member.key == "error") error = member.value;
  }
  if (type.size() < 2 || type.front() != '"') return false;
  const auto known = parse_outcome_type(type.substr(1, type.size() - 2));
  if (!known) return false;
  line.type = *known;
  if (line.type == OutcomeType::succeeded && is_object(message)) read_message(message, line);
  if (line.type == OutcomeType::errored && is_object(error)) read_error(error, line);
  return true;
}

void clear(ResultLine& line) {
  line.custom_id.clear();
  line.result = {};
  line.error_type.clear();
  line.error_message.clear();
  line.error_code.clear();
  line.stop_reason.clear();
  line.model.clear();
  line.usage = Usage{};
}

// {"custom_id":"...","result":{"type":"succeeded","message":{...}}}, in this order and nothing else: what nearly every
// line is. It is walked once; the general way walks the answer's text once for every level that it is nested.
bool read_usual_form(std::string_view text, ResultLine& line) {
  JsonMember member;
  JsonMembers of_line(text);
  if (!of_line.next(member) || member.key != "custom_id") return false;
  const auto id = member.value;
  const auto result = object_behind(text, end_in(text, id), R"("result")");
  if (result == std::string_view::npos) return false;
  JsonMembers of_result(text.substr(result));
  if (!of_result.next(member) || member.key != "type" || member.value != R"("succeeded")") return false;
  const auto message = object_behind(text, end_in(text, member.value), R"("message")");
  if (message == std::string_view::npos) return false;
  const auto message_end = close_behind(text, message + read_message(text.substr(message), line));
  const auto result_end = close_behind(text, message_end);
  const auto line_end = close_behind(text, result_end);
  if (line_end == std::string_view::npos || text.find_first_not_of(space, line_end) != std::string_view::npos) {
    return false;
  }
  line.result = text.substr(result, result_end - result);
  line.type = OutcomeType::succeeded;
  return take_text(id, line.custom_id);
}

}  // namespace

bool parse_result_line(std::string_view text, JsonChecker& checker, ResultLine& line) {
  clear(line);
  if (checker.check(text, LoneSurrogates::allowed) || json_kind(text) != JsonKind::object) return false;
  if (read_usual_form(text, line)) return true;
  clear(line);
  bool has_id = false;
  JsonMembers members(text);
  for (JsonMember member; members.next(member);) {
    if (member.key == "custom_id") has_id = take_text(member.value, line.custom_id);
    if (member.key == "result") line.result = member.value;
  }
  return has_id && is_object(line.result) && read_result(line);
}

Usage parse_usage(std::string_view text) {
  Usage usage;
  std::int64_t creation_total = 0;
  bool has_parts = false;
  JsonMembers members(text);
  for (JsonMember member; members.next(member);) {
    if (member.key == "input_tokens") {
      usage.input_tokens = count_of(member.value);
    } else if (member.key == "output_tokens") {
      usage.output_tokens = count_of(member.value);
    } else if (member.key == "cache_read_input_tokens") {
      usage.cache_read_input_tokens = count_of(member.value);
    } else if (member.key == "cache_creation_input_tokens") {
      creation_total = count_of(member.value);
    } else if (member.key == "cache_creation" && is_object(member.value)) {
      has_parts = true;
      const auto part = [&](std::string_view key) { return count_of(json_member(member.value, key).value_or("0")); };
      usage.cache_creation_5m_input_tokens = part("ephemeral_5m_input_tokens");
      usage.cache_creation_1h_input_tokens = part("ephemeral_1h_input_tokens");
    } else if (member.key == "server_tool_use" && is_object(member.value)) {
      usage.web_search_requests = count_of(json_member(member.value, "web_search_requests").value_or("0"));
    } else if (member.key == "inference_geo") {
      usage.us_inference = member.value == R"("us")";
    }
  }
  if (!has_parts) usage.cache_creation_5m_input_tokens = creation_total;
  return usage;
}

}  // namespace offpeak
