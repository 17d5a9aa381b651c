#include "reference_json.hpp"

#include <algorithm>
#include <set>

namespace offpeak::fuzz {

namespace {

constexpr std::size_t depth_max = 600;

void append_character(std::string& out, std::uint32_t code) {
  const auto put = [&](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 + code / 64);
    put(0x80 + code % 64);
  } else if (code < 0x10000) {
    put(0xE0 + code / 4096);
    put(0x80 + code / 64 % 64);
    put(0x80 + code % 64);
  } else {
    put(0xF0 + code / 262144);
    put(0x80 + code / 4096 % 64);
    put(0x80 + code / 64 % 64);
    put(0x80 + code % 64);
  }
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::optional<ReferenceDocument> read() {
    skip_space();
    if (!value(document_.root, 0)) return std::nullopt;
    skip_space();
    if (at_ != text_.size()) return std::nullopt;
    return std::move(document_);
  }

 private:
  bool more() const { return at_ < text_.size(); }
  bool next_is(char c) const { return more() && text_[at_] == c; }
  bool take(char c) {
    if (!next_is(c)) return false;
    ++at_;
    return true;
  }
  void skip_space() {
    while (next_is(' ') || next_is('\t') || next_is('\n') || next_is('\r')) ++at_;
  }
  bool digits() {
    const auto begin = at_;
    while (more() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
    return at_ > begin;
  }
  bool word(std::string_view expected) {
    if (text_.substr(at_, expected.size()) != expected) return false;
    at_ += expected.size();
    return true;
  }

  bool value(ReferenceValue& into, std::size_t depth) {
    const auto begin = at_;
    if (!value_without_raw(into, depth)) return false;
    into.raw = text_.substr(begin, at_ - begin);
    return true;
  }

  bool value_without_raw(ReferenceValue& into, std::size_t depth) {
    if (!more()) return false;
    switch (text_[at_]) {
      case '{':
        into.kind = ReferenceKind::object;
        return object(into, depth + 1);
      case '[':
        into.kind = ReferenceKind::array;
        return array(into, depth + 1);
      case '"':
        into.kind = ReferenceKind::string;
        return string(into.text);
      case 't':
        into.kind = ReferenceKind::boolean;
        return word("true");
      case 'f':
        into.kind = ReferenceKind::boolean;
        return word("false");
      case 'n':
        into.kind = ReferenceKind::null;
        return word("null");
      default:
        into.kind = ReferenceKind::number;
        return number();
    }
  }

  bool enter(std::size_t depth) {
    document_.depth = std::max(document_.depth, depth);
    ++at_;
    skip_space();
    return depth <= depth_max;
  }

  bool object(ReferenceValue& into, std::size_t depth) {
    if (!enter(depth)) return false;
    if (take('}')) return true;
    do {
      skip_space();
      const auto begin = at_;
      if (!next_is('"') || !string(into.keys.emplace_back())) return false;
      into.raw_keys.push_back(text_.substr(begin + 1, at_ - begin - 2));
      skip_space();
      if (!take(':')) return false;
      skip_space();
      if (!value(into.members.emplace_back(), depth)) return false;
      skip_space();
    } while (take(','));
    return take('}');
  }

  bool array(ReferenceValue& into, std::size_t depth) {
    if (!enter(depth)) return false;
    if (take(']')) return true;
    do {
      skip_space();
      if (!value(into.members.emplace_back(), depth)) return false;
      skip_space();
    } while (take(','));
    return take(']');
  }

  bool number() {
    take('-');
    if (!take('0') && !digits()) return false;
    if (take('.') && !digits()) return false;
    if (take('e') || take('E')) {
      if (!take('+')) take('-');
      const auto begin = at_;
      if (!digits()) return false;
      document_.has_huge_exponent = document_.has_huge_exponent || at_ - begin >= 9;
    }
    return true;
  }

  bool string(std::string& out) {
    ++at_;
    while (more()) {
      if (take('"')) return true;
      if (take('\\')) {
        if (!escape(out)) return false;
        continue;
      }
      auto rest = text_.substr(at_);
      const auto character = take_utf8(rest);
      if (!character || *character < 0x20) return false;
      append_character(out, *character);
      at_ = text_.size() - rest.size();
    }
    return false;
  }

  bool escape(std::string& out) {
    if (!more()) return false;
    static constexpr std::string_view letters = R"("\/bfnrt)";
    static constexpr std::string_view meanings = "\"\\/\b\f\n\r\t";
    const char letter = text_[at_++];
    if (const auto found = letters.find(letter); found != std::string_view::npos) {
      out += meanings[found];
      return true;
    }
    if (letter != 'u') return false;
    auto code = hex();
    if (!code) return false;
    if (*code >= 0xD800 && *code <= 0xDBFF && text_.substr(at_, 2) == "\\u") {
      const auto before = at_;
      at_ += 2;
      const auto low = hex();
      if (!low) return false;
      if (*low >= 0xDC00 && *low <= 0xDFFF) {
        append_character(out, 0x10000 + (*code - 0xD800) * 0x400 + (*low - 0xDC00));
        return true;
      }
      at_ = before;  // it stands for itself
    }
    document_.has_lone_surrogate = document_.has_lone_surrogate || (*code >= 0xD800 && *code <= 0xDFFF);
    append_character(out, *code);
    return true;
  }

  std::optional<std::uint32_t> hex() {
    static constexpr std::string_view lower = "0123456789abcdef";
    static constexpr std::string_view upper = "0123456789ABCDEF";
    std::uint32_t code = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      if (!more()) return std::nullopt;
      const auto digit = std::min(lower.find(text_[at_]), upper.find(text_[at_]));
      if (digit == std::string_view::npos) return std::nullopt;
      code = code * 16 + static_cast<std::uint32_t>(digit);
    }
    return code;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  ReferenceDocument document_;
};

}  // namespace

const ReferenceValue* ReferenceValue::first(std::string_view key) const {
  const auto found = std::find(keys.begin(), keys.end(), key);
  return found == keys.end() ? nullptr : &members[static_cast<std::size_t>(found - keys.begin())];
}

const ReferenceValue* ReferenceValue::last(std::string_view key) const {
  const auto found = std::find(keys.rbegin(), keys.rend(), key);
  return found == keys.rend() ? nullptr : &members[static_cast<std::size_t>(keys.rend() - found - 1)];
}

bool ReferenceValue::has_twin_keys() const {
  return std::set<std::string_view>(keys.begin(), keys.end()).size() != keys.size();
}

std::optional<ReferenceDocument> read_reference(std::string_view text) { return Reader(text).read(); }

std::optional<std::uint32_t> take_utf8(std::string_view& text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i])); };
  if (text.empty()) return std::nullopt;
  const auto lead = byte(0);
  const std::size_t length = lead < 0x80   ? 1
                             : lead < 0xC0 ? 0
                             : lead < 0xE0 ? 2
                             : lead < 0xF0 ? 3
                             : lead < 0xF8 ? 4
                                           : 0;
  if (length == 0 || text.size() < length) return std::nullopt;
  auto code = length == 1 ? lead : lead & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if (byte(i) / 64 != 2) return std::nullopt;
    code = code * 64 + byte(i) % 64;
  }
  static constexpr std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};  // below it the form is overlong
  if (code < least[length] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return std::nullopt;
  text.remove_prefix(length);
  return code;
}

}  // namespace offpeak::fuzz
