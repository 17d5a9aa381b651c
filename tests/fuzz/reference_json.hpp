// A second JSON reader, written from RFC 8259 and RFC 3629 alone and for clearness, not speed: the oracle that
// lib/base/json is measured against. It shares no code with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace offpeak::fuzz {

enum class ReferenceKind : std::uint8_t { object, array, string, number, boolean, null };

struct ReferenceValue {
  ReferenceKind kind = ReferenceKind::null;
  std::string_view raw;  // in place
  std::string text;      // of a string, decoded; a lone surrogate as its three bytes
  std::vector<std::string_view> raw_keys;
  std::vector<std::string> keys;        // decoded
  std::vector<ReferenceValue> members;  // of an object, beside its keys; or of an array

  bool is_object() const { return kind == ReferenceKind::object; }
  bool is_string() const { return kind == ReferenceKind::string; }
  // The first member of that key, or nullptr; the last one.
  const ReferenceValue* first(std::string_view key) const;
  const ReferenceValue* last(std::string_view key) const;
  bool has_twin_keys() const;
};

struct ReferenceDocument {
  ReferenceValue root;
  std::size_t depth = 0;  // of its nesting; 0 for a scalar
  bool has_lone_surrogate = false;
  bool has_huge_exponent = false;  // of nine digits and more, which parsers may refuse
};

// Nothing where `text` is not one JSON value with nothing but white space around it, or is nested beyond 600 levels.
std::optional<ReferenceDocument> read_reference(std::string_view text);

// Cuts one character off; nothing where `text` does not begin with one in UTF-8.
std::optional<std::uint32_t> take_utf8(std::string_view& text);

}  // namespace offpeak::fuzz
