#include "sim/create_parser.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "model/limits.hpp"

namespace offpeak::sim {

namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

bool is_wire_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

std::size_t find_char(std::string_view text, char c, std::size_t at) {
  const void* found = std::memchr(text.data() + at, c, text.size() - at);
  return found == nullptr ? text.size() : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

}  // namespace

void CreateParser::take(std::string_view block) {
  const auto block_at = bytes_;
  bytes_ += block.size();
  if (too_large() || state_ == State::broken) return;
  for (std::size_t at = 0; at < block.size() && state_ != State::broken;) {
    if (in_value_) {
      at += take_value(block.substr(at));
      continue;
    }
    if (!is_space(block[at])) {
      value_at_ = block_at + at;
      step(block[at]);
    }
    // A value begins with the byte that step() saw; all else is taken by it.
    if (!in_value_) ++at;
  }
}

void CreateParser::finish() {
  if (too_large()) return;
  if (state_ != State::end && state_ != State::broken) break_json("unexpected end of data");
  if (json_fault_) {
    fault_ = fmt::format("The request body is not valid JSON: {}", *json_fault_);
  } else if (!rule_fault_ && !saw_requests_) {
    fault_ = "requests: Field required";
  } else {
    fault_ = rule_fault_;
  }
}

// One byte of the body's own structure, between values.
void CreateParser::step(char c) {
  switch (state_) {
    case State::start:
      if (c != '{') return break_json("expected an object");
      state_ = State::first_key;
      return;
    case State::first_key:
      if (c == '}') {
        state_ = State::end;
        return;
      }
      [[fallthrough]];
    case State::key:
      if (c != '"') return break_json("expected a key");
      return begin(Part::key);
    case State::colon:
      if (c != ':') return break_json("expected ':'");
      state_ = State::value;
      return;
    case State::value:
      if (!value_is_requests_ || c != '[') return begin(Part::value);
      state_ = State::first_element;
      return;
    case State::first_element:
      if (c == ']') {
        state_ = State::behind_value;
        return;
      }
      [[fallthrough]];
    case State::element:
      return begin(Part::element);
    case State::behind_element:
      if (c != ',' && c != ']') return break_json("expected ',' or ']'");
      state_ = c == ',' ? State::element : State::behind_value;
      return;
    case State::behind_value:
      if (c != ',' && c != '}') return break_json("expected ',' or '}'");
      state_ = c == ',' ? State::key : State::end;
      return;
    case State::end:
      return break_json("trailing characters");
    case State::broken:
      return;
  }
}

void CreateParser::begin(Part part) {
  part_ = part;
  in_value_ = true;
  scanner_.reset();
  pending_.clear();
}

std::size_t CreateParser::take_value(std::string_view rest) {
  const auto used = scanner_.scan(rest);
  const auto text = rest.substr(0, used);
  if (!scanner_.complete()) {
    pending_ += text;
  } else if (pending_.empty()) {
    value_complete(text);
  } else {
    pending_ += text;
    value_complete(pending_);
  }
  return used;
}

void CreateParser::value_complete(std::string_view text) {
  in_value_ = false;
  if (const auto fault = checker_.check(text)) {
    value_at_ += fault->offset;
    return break_json(fault->message);
  }
  switch (part_) {
    case Part::key:
      return key_complete(text);
    case Part::value:
      state_ = State::behind_value;
      if (value_is_requests_) break_rule("requests: Input should be a valid list");
      return;
    case Part::element:
      return element_complete(text);
  }
}

void CreateParser::key_complete(std::string_view text) {
  const auto key = json_decode_string(text);
  value_is_requests_ = key == "requests";
  if (value_is_requests_) {
    saw_requests_ = true;
  } else {
    break_rule(fmt::format("{}: Extra inputs are not permitted", key));
  }
  state_ = State::colon;
}

void CreateParser::element_complete(std::string_view text) {
  state_ = State::behind_element;
  if (!rule_fault_) check_element(text);
  ++elements_;
}

void CreateParser::check_element(std::string_view element) {
  if (json_kind(element) != JsonKind::object) {
    return break_rule(fmt::format("requests.{}: Input should be a valid dictionary", elements_));
  }
  std::string_view raw_id, params;
  std::string extra;
  JsonMembers members(element);
  for (JsonMember member; members.next(member);) {
    if (member.key == "custom_id") {
      raw_id = member.value;
    } else if (member.key == "params") {
      params = member.value;
    } else if (extra.empty()) {
      extra = json_decode_key(member.key);
    }
  }
  if (raw_id.empty()) return break_rule(fmt::format("requests.{}.custom_id: Field required", elements_));
  if (raw_id.front() != '"') {
    return break_rule(fmt::format("requests.{}.custom_id: Input should be a valid string", elements_));
  }
  auto custom_id = raw_id.substr(1, raw_id.size() - 2);
  std::string decoded;
  if (custom_id.find('\\') != std::string_view::npos) custom_id = decoded = json_decode_key(custom_id);
  check_custom_id(custom_id, raw_id);
  if (rule_fault_) return;
  if (params.empty()) return break_rule(fmt::format("requests.{}.params: Field required", elements_));
  if (params.front() != '{') {
    return break_rule(fmt::format("requests.{}.params: Input should be a valid dictionary", elements_));
  }
  if (!extra.empty()) {
    return break_rule(fmt::format("requests.{}.{}: Extra inputs are not permitted", elements_, extra));
  }
  sink_.take_request(custom_id, params);
}

void CreateParser::check_custom_id(std::string_view custom_id, std::string_view raw) {
  if (raw.size() == 2) {
    return break_rule(fmt::format("requests.{}.custom_id: String should have at least 1 character", elements_));
  }
  const auto characters =
      std::ranges::count_if(custom_id, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
  if (static_cast<std::size_t>(characters) > wire_id_bytes_max) {
    return break_rule(fmt::format("requests.{}.custom_id: String should have at most 64 characters", elements_));
  }
  if (!std::ranges::all_of(custom_id, is_wire_char)) {
    break_rule(fmt::format("requests.{}.custom_id: String should match pattern '^[a-zA-Z0-9_-]{{1,64}}$'", elements_));
  }
}

void CreateParser::break_json(std::string message) {
  json_fault_ = fmt::format("{} at byte {}", message, std::min(value_at_, bytes_));
  state_ = State::broken;
  in_value_ = false;
}

void CreateParser::break_rule(std::string message) {
  if (!rule_fault_) rule_fault_ = std::move(message);
}

std::size_t CreateParser::ValueScanner::scan(std::string_view text) {
  std::size_t at = 0;
  if (kind_ == Kind::unknown && !text.empty()) {
    const char c = text[at++];
    kind_ = c == '"' ? Kind::string : c == '{' || c == '[' ? Kind::nested : Kind::scalar;
    in_string_ = kind_ == Kind::string;
    depth_ = kind_ == Kind::nested ? 1 : 0;
  }
  while (at < text.size()) {
    if (in_string_) {
      at = scan_string(text, at);
      complete_ = !in_string_ && kind_ == Kind::string;
      if (complete_) return at;
      continue;
    }
    const char c = text[at];
    if (kind_ == Kind::scalar) {
      complete_ = is_space(c) || c == ',' || c == ']' || c == '}';
      if (complete_) return at;
    } else if (c == '"') {
      in_string_ = true;
    } else if (c == '{' || c == '[') {
      ++depth_;
    } else if (c == '}' || c == ']') {
      complete_ = --depth_ == 0;
      if (complete_) return at + 1;
    }
    ++at;
  }
  return at;
}

// `at` lies inside a string; returns the place behind its closing quote, or the end of `text`.
std::size_t CreateParser::ValueScanner::scan_string(std::string_view text, std::size_t at) {
  if (escaped_) {
    escaped_ = false;
    ++at;
  }
  auto quote = at < text.size() ? find_char(text, '"', at) : text.size();
  while (at < text.size()) {
    // Only the part before the next quote is searched, so that no byte is read more than twice.
    const auto backslash = find_char(text.substr(0, quote), '\\', at);
    if (backslash == quote) {
      if (quote == text.size()) return quote;
      in_string_ = false;
      return quote + 1;
    }
    at = backslash + 2;
    if (at > text.size()) {
      escaped_ = true;
      return text.size();
    }
    if (backslash + 1 == quote) quote = at < text.size() ? find_char(text, '"', at) : text.size();
  }
  return at;
}

}  // namespace offpeak::sim
