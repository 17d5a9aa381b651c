#include "base/json.hpp"

#include <simdjson.h>

#include <algorithm>
#include <bit>
#include <charconv>

#include "base/json_walk.hpp"
#include "base/text.hpp"

namespace offpeak {

namespace {

// Longer texts are walked (base/json_walk.hpp): simdjson's memory grows to about 14 times the text.
constexpr std::size_t fast_bytes_max = 512 * 1024;

// Any length in constant memory, and it knows where the fault is.
std::optional<JsonFault> walk(std::string_view text, JsonTaken taken) {
  JsonWalk walk(taken);
  if (walk.feed(text)) walk.finish();
  return walk.fault();
}

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

std::size_t skip_space(std::string_view text, std::size_t at) {
  while (at < text.size() && is_space(text[at])) ++at;
  return at;
}

// `at` is the opening quote; returns the place behind the closing one.
std::size_t skip_string(std::string_view text, std::size_t at) {
  for (++at; at < text.size();) {
    const auto quote = text.find('"', at);
    if (quote == std::string_view::npos) return text.size();
    std::size_t backslashes = 0;
    while (text[quote - 1 - backslashes] == '\\') ++backslashes;
    at = quote + 1;
    if (backslashes % 2 == 0) return at;
  }
  return at;
}

std::size_t skip_value(std::string_view text, std::size_t at) {
  if (at >= text.size()) return at;
  if (text[at] == '"') return skip_string(text, at);
  if (text[at] != '{' && text[at] != '[') {
    while (at < text.size() && text[at] != ',' && text[at] != '}' && text[at] != ']' && !is_space(text[at])) ++at;
    return at;
  }
  std::size_t depth = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"') {
      at = skip_string(text, at);
      continue;
    }
    ++at;
    if (c == '{' || c == '[') ++depth;
    if ((c == '}' || c == ']') && --depth == 0) return at;
  }
  return at;
}

void append_utf8(std::string& out, unsigned code) {
  const auto put = [&](unsigned byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | (code >> 6));
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | (code >> 12));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | (code >> 18));
    put(0x80 | ((code >> 12) & 0x3F));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

unsigned hex4(std::string_view text, std::size_t at) {
  unsigned code = 0;
  if (at + 4 <= text.size()) std::from_chars(text.data() + at, text.data() + at + 4, code, 16);
  return code;
}

}  // namespace

struct JsonChecker::Fast {
  // Grown by doubling and kept: allocating for each text anew costs more than reading it.
  bool make_room(std::size_t bytes) {
    if (parser.capacity() >= bytes && parser.capacity() != 0) return true;
    const auto room = std::min(std::bit_ceil(std::max<std::size_t>(bytes, 4096)), fast_bytes_max);
    return parser.allocate(room, json_depth_max) == simdjson::SUCCESS;
  }

  simdjson::dom::parser parser;
  std::string padded;
};

JsonChecker::JsonChecker() : fast_(std::make_unique<Fast>()) {}
JsonChecker::~JsonChecker() = default;

// Slow for what is wrong, long, deep, or holds numbers beyond simdjson's 64 bits.
std::optional<JsonFault> JsonChecker::check(std::string_view text, JsonTaken taken) {
  if (is_surely_json(text)) return std::nullopt;
  return walk(text, taken);
}

bool JsonChecker::is_surely_json(std::string_view text) {
  if (text.size() > fast_bytes_max) return false;
  // simdjson reads a little beyond the text, so it gets a copy with room behind it.
  fast_->padded.reserve(text.size() + simdjson::SIMDJSON_PADDING);
  fast_->padded.assign(text);
  simdjson::dom::element root;
  return fast_->make_room(text.size()) &&
         fast_->parser.parse(fast_->padded.data(), text.size(), false).get(root) == simdjson::SUCCESS;
}

JsonMembers::JsonMembers(std::string_view object) : text_(object) {
  at_ = skip_space(text_, 0) + 1;  // behind the brace
}

bool JsonMembers::next(JsonMember& member) {
  at_ = skip_space(text_, at_);
  if (at_ < text_.size() && text_[at_] == ',') at_ = skip_space(text_, at_ + 1);
  if (at_ >= text_.size() || text_[at_] != '"') return false;
  const auto key_end = skip_string(text_, at_);
  member.key = text_.substr(at_ + 1, key_end - at_ - 2);
  at_ = skip_space(text_, key_end);
  at_ = skip_space(text_, at_ + 1);  // behind the colon
  const auto value_end = skip_value(text_, at_);
  member.value = text_.substr(at_, value_end - at_);
  at_ = value_end;
  return true;
}

JsonElements::JsonElements(std::string_view array) : text_(array) { at_ = skip_space(text_, 0) + 1; }

bool JsonElements::next(std::string_view& element) {
  at_ = skip_space(text_, at_);
  if (at_ < text_.size() && text_[at_] == ',') at_ = skip_space(text_, at_ + 1);
  if (at_ >= text_.size() || text_[at_] == ']') return false;
  const auto end = skip_value(text_, at_);
  element = text_.substr(at_, end - at_);
  at_ = end;
  return true;
}

JsonKind json_kind(std::string_view value) {
  const auto at = skip_space(value, 0);
  switch (at < value.size() ? value[at] : 'n') {
    case '{':
      return JsonKind::object;
    case '[':
      return JsonKind::array;
    case '"':
      return JsonKind::string;
    case 't':
    case 'f':
      return JsonKind::boolean;
    case 'n':
      return JsonKind::null;
    default:
      return JsonKind::number;
  }
}

std::optional<std::string_view> json_member(std::string_view object, std::string_view key) {
  if (json_kind(object) != JsonKind::object) return std::nullopt;
  JsonMembers members(object);
  for (JsonMember member; members.next(member);) {
    if (member.key == key) return member.value;
    if (member.key.find('\\') != std::string_view::npos && json_decode_key(member.key) == key) return member.value;
  }
  return std::nullopt;
}

std::optional<std::string_view> json_path(std::string_view object, std::initializer_list<std::string_view> keys) {
  std::optional<std::string_view> found = object;
  for (const auto key : keys) {
    found = json_member(*found, key);
    if (!found) return std::nullopt;
  }
  return found;
}

std::string json_decode_key(std::string_view raw) {
  std::string out;
  out.reserve(raw.size());
  for (std::size_t at = 0; at < raw.size();) {
    if (raw[at] != '\\' || at + 1 >= raw.size()) {
      out += raw[at++];
      continue;
    }
    const char escape = raw[at + 1];
    at += 2;
    switch (escape) {
      case 'b':
        out += '\b';
        break;
      case 'f':
        out += '\f';
        break;
      case 'n':
        out += '\n';
        break;
      case 'r':
        out += '\r';
        break;
      case 't':
        out += '\t';
        break;
      case 'u': {
        unsigned code = hex4(raw, at);
        at += 4;
        if (code >= 0xD800 && code < 0xDC00 && at + 6 <= raw.size() && raw[at] == '\\' && raw[at + 1] == 'u') {
          const unsigned low = hex4(raw, at + 2);
          if (low >= 0xDC00 && low < 0xE000) {
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            at += 6;
          }
        }
        append_utf8(out, code);
        break;
      }
      default:
        out += escape;
    }
  }
  return out;
}

std::string json_decode_string(std::string_view quoted) {
  if (quoted.size() < 2) return "";
  return json_decode_key(quoted.substr(1, quoted.size() - 2));
}

std::optional<std::int64_t> json_integer(std::string_view value) {
  std::int64_t number = 0;
  const auto [end, ec] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (ec != std::errc() || end != value.data() + value.size()) return std::nullopt;
  return number;
}

std::string json_quote(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out = "\"";
  while (!text.empty()) {
    const auto c = static_cast<unsigned char>(text[0]);
    const auto length = utf8_length(text);
    if (length == 0) {
      out += "\xEF\xBF\xBD";
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += text[0];
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c < 0x20 || c == 0x7F) {
      out += "\\u00";
      out += digits[c >> 4];
      out += digits[c & 15];
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out + '"';
}

std::string json_on_one_line(std::string_view text) {
  std::string line(text);
  for (char& c : line) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  return line;
}

}  // namespace offpeak
