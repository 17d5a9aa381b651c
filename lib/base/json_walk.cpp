#include "base/json_walk.hpp"

#include <algorithm>
#include <cstring>

namespace offpeak {

namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Bytes that need no look inside a string: printable ASCII but for the quote and the backslash. Eight at a time.
std::size_t plain_prefix(std::string_view bytes) {
  constexpr std::uint64_t ones = 0x0101010101010101;
  constexpr std::uint64_t tops = 0x8080808080808080;
  const auto has_zero = [](std::uint64_t x) { return (x - ones) & ~x & tops; };
  std::size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, 8);
    const auto control = (word - ones * 0x20) & ~word & tops;
    if ((control | has_zero(word ^ (ones * '"')) | has_zero(word ^ (ones * '\\')) | (word & tops)) != 0) break;
  }
  const auto odd = [](char c) { return c == '"' || c == '\\' || static_cast<unsigned char>(c) - 0x20U >= 0x60; };
  while (at < bytes.size() && !odd(bytes[at])) ++at;
  return at;
}

}  // namespace

bool JsonWalk::feed(std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size() && !fault_;) {
    if (state_ == State::in_string) {
      i += take_string(bytes.substr(i));
    } else if (state_ == State::in_number && !take_number(bytes[i])) {
      if (!end_scalar()) break;  // this byte is looked at again
    } else {
      if (state_ != State::in_number && !step(bytes[i])) break;
      ++i;
      ++at_;
    }
  }
  return !fault_;
}

bool JsonWalk::finish() {
  if (fault_) return false;
  if (state_ == State::in_number && !end_scalar()) return false;
  return state_ == State::over || fail("the text ends in the middle");
}

bool JsonWalk::fail(std::string message) {
  if (!fault_) fault_ = JsonFault{static_cast<std::size_t>(at_), std::move(message)};
  return false;
}

bool JsonWalk::step(char c) {
  if (state_ == State::in_word) return take_word(c);
  if (is_space(c)) return true;
  switch (state_) {
    case State::value:
      return begin_value(c);
    case State::first_value:
      return c == ']' ? end_container(c) : begin_value(c);
    case State::first_key:
      if (c == '}') return end_container(c);
      [[fallthrough]];
    case State::key:
      if (c != '"') return fail("a key in double quotes is expected");
      is_key_ = true;
      key_at_ = at_ + 1;
      keeping_ = is_told();
      kept_all_ = true;
      kept_.clear();
      state_ = State::in_string;
      return true;
    case State::colon:
      if (c != ':') return fail("a colon is expected behind the key");
      state_ = State::value;
      return true;
    case State::behind:
      if (c == ',') {
        state_ = objects_.back() ? State::key : State::value;
        return true;
      }
      if (c == '}' || c == ']') return end_container(c);
      return fail(objects_.back() ? "a comma or a closing brace is expected"
                                  : "a comma or a closing bracket is expected");
    case State::over:
      return fail("extra data after the value");
    case State::in_string:
    case State::in_number:
    case State::in_word:
      break;
  }
  return true;
}

bool JsonWalk::begin_value(char c) {
  if (c == '{' || c == '[') return begin_container(c);
  if (c == '"') {
    kind_ = JsonKind::string;
    state_ = State::in_string;
  } else if (c == '-' || is_digit(c)) {
    kind_ = JsonKind::number;
    digits_ = c == '-' ? Digits::minus : c == '0' ? Digits::zero : Digits::whole;
    state_ = State::in_number;
  } else if (c == 't' || c == 'f' || c == 'n') {
    kind_ = c == 'n' ? JsonKind::null : JsonKind::boolean;
    word_ = c == 't' ? "rue" : c == 'f' ? "alse" : "ull";
    word_at_ = at_;
    state_ = State::in_word;
  } else {
    return fail("a value is expected");
  }
  is_key_ = false;
  keeping_ = is_told();
  kept_all_ = true;
  kept_.clear();
  keep({&c, 1});
  tell_begin(kind_);
  return true;
}

bool JsonWalk::begin_container(char c) {
  tell_begin(c == '{' ? JsonKind::object : JsonKind::array);
  if (taken_ == JsonTaken::strictly && depth() >= json_depth_max) return fail("too deep");
  objects_.push_back(c == '{');
  state_ = c == '{' ? State::first_key : State::first_value;
  return true;
}

bool JsonWalk::end_container(char c) {
  if (objects_.back() != (c == '}')) return fail("a closing bracket of the other kind is expected");
  objects_.pop_back();
  if (is_told()) listener_->on_end(depth(), c == '}' ? JsonKind::object : JsonKind::array, at_ + 1, {});
  behind_value();
  return true;
}

void JsonWalk::behind_value() { state_ = objects_.empty() ? State::over : State::behind; }

void JsonWalk::tell_begin(JsonKind kind) {
  if (is_told()) listener_->on_begin(depth(), kind, at_);
}

void JsonWalk::keep(std::string_view bytes) {
  if (!keeping_) return;
  const auto room = json_kept_bytes - kept_.size();
  kept_all_ = kept_all_ && bytes.size() <= room;
  kept_ += bytes.substr(0, room);
}

// ---- strings

std::size_t JsonWalk::take_string(std::string_view bytes) {
  std::size_t taken = 0;
  while (taken < bytes.size()) {
    const bool plain = !escape_ && hex_left_ == 0 && utf8_left_ == 0 && !low_wanted_;
    if (plain) {
      const auto run = plain_prefix(bytes.substr(taken));
      keep(bytes.substr(taken, run));
      taken += run;
      at_ += run;
      if (taken == bytes.size()) break;
    }
    const char c = bytes[taken];
    if (plain && c == '"') {
      ++taken;
      end_string();
      ++at_;
      return taken;
    }
    const bool good = escape_          ? take_escaped(c)
                      : hex_left_ > 0  ? take_hex(c)
                      : utf8_left_ > 0 ? take_utf8(static_cast<unsigned char>(c))
                      : c == '\\'      ? (escape_ = true)
                      : low_wanted_    ? fail("a surrogate without its partner")
                                       : take_utf8(static_cast<unsigned char>(c));
    if (!good) return taken;
    keep({&c, 1});
    ++taken;
    ++at_;
  }
  return taken;
}

bool JsonWalk::take_escaped(char c) {
  escape_ = false;
  if (c == 'u') {
    hex_left_ = 4;
    hex_ = 0;
    return true;
  }
  if (low_wanted_) return fail("a surrogate without its partner");
  return std::string_view("\"\\/bfnrt").find(c) != std::string_view::npos || fail("an escape that JSON does not have");
}

bool JsonWalk::take_hex(char c) {
  const char lower = static_cast<char>(c | 0x20);
  if (is_digit(c)) {
    hex_ = hex_ * 16 + static_cast<unsigned>(c - '0');
  } else if (lower >= 'a' && lower <= 'f') {
    hex_ = hex_ * 16 + static_cast<unsigned>(lower - 'a' + 10);
  } else {
    return fail("four hexadecimal digits are expected behind \\u");
  }
  if (--hex_left_ > 0 || taken_ == JsonTaken::as_it_came) return true;
  const bool high = hex_ >= 0xD800 && hex_ < 0xDC00;
  const bool low = hex_ >= 0xDC00 && hex_ < 0xE000;
  if (low != low_wanted_) return fail("a surrogate without its partner");
  low_wanted_ = high;
  return true;
}

// Well-formed UTF-8 alone: no overlong forms, no surrogates, nothing above U+10FFFF (Unicode, table 3-7).
bool JsonWalk::take_utf8(unsigned char byte) {
  if (utf8_left_ > 0) {
    if (byte < utf8_from_ || byte > utf8_to_) return fail("not UTF-8");
    --utf8_left_;
    utf8_from_ = 0x80;
    utf8_to_ = 0xBF;
    return true;
  }
  if (byte < 0x20) return fail("a control character in a string");
  if (byte < 0x80) return true;
  if (byte < 0xC2 || byte > 0xF4) return fail("not UTF-8");
  utf8_left_ = byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3;
  utf8_from_ = byte == 0xE0 ? 0xA0 : byte == 0xF0 ? 0x90 : 0x80;
  utf8_to_ = byte == 0xED ? 0x9F : byte == 0xF4 ? 0x8F : 0xBF;
  return true;
}

void JsonWalk::end_string() {
  if (is_key_) {
    if (is_told()) listener_->on_key(depth(), kept_, key_at_);
    state_ = State::colon;
    return;
  }
  keep("\"");
  if (is_told()) listener_->on_end(depth(), JsonKind::string, at_ + 1, kept_all_ ? std::string_view(kept_) : "");
  behind_value();
}

// ---- numbers and words

// False where `c` is none of the number's; end_scalar() then says whether that was a number.
bool JsonWalk::take_number(char c) {
  using enum Digits;
  auto next = digits_;
  if (is_digit(c)) {
    switch (digits_) {
      case minus:
        next = c == '0' ? zero : whole;
        break;
      case zero:
        return false;
      case dot:
        next = fraction;
        break;
      case e:
      case e_sign:
        next = exponent;
        break;
      case whole:
      case fraction:
      case exponent:
        break;
    }
  } else if (c == '.' && (digits_ == zero || digits_ == whole)) {
    next = dot;
  } else if ((c == 'e' || c == 'E') && (digits_ == zero || digits_ == whole || digits_ == fraction)) {
    next = e;
  } else if ((c == '+' || c == '-') && digits_ == e) {
    next = e_sign;
  } else {
    return false;
  }
  digits_ = next;
  keep({&c, 1});
  return true;
}

bool JsonWalk::end_scalar() {
  using enum Digits;
  if (digits_ != zero && digits_ != whole && digits_ != fraction && digits_ != exponent) {
    return fail("a digit is expected");
  }
  if (is_told()) listener_->on_end(depth(), JsonKind::number, at_, kept_all_ ? std::string_view(kept_) : "");
  behind_value();
  return true;
}

bool JsonWalk::take_word(char c) {
  if (c != word_.front()) {
    at_ = word_at_;
    return fail("a value is expected");
  }
  keep({&c, 1});
  word_.remove_prefix(1);
  if (!word_.empty()) return true;
  if (is_told()) listener_->on_end(depth(), kind_, at_ + 1, kept_);
  behind_value();
  return true;
}

}  // namespace offpeak
