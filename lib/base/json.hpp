// JSON as offpeak needs it: is this text valid, and where does each member lie, byte for byte. Values are never
// rebuilt from a parse: what the user wrote is what travels. Pure; any thread.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace offpeak {

// Nested deeper than this is refused, of what is taken strictly.
inline constexpr std::size_t json_depth_max = 256;

struct JsonFault {
  std::size_t offset = 0;  // of the byte at which the text stops being JSON
  std::string message;
};

// A \ud800 to \udfff without its partner is JSON by the grammar, but no character; and nobody sends a thousand levels.
// Requests with either are refused; an answer that somebody paid for is taken as it came, however odd.
enum class JsonTaken : unsigned char { strictly, as_it_came };

// Checks texts one after the other, keeping its memory. RFC 8259 in UTF-8.
class JsonChecker {
 public:
  JsonChecker();
  ~JsonChecker();
  JsonChecker(const JsonChecker&) = delete;
  JsonChecker& operator=(const JsonChecker&) = delete;

  // Nothing where `text` is one JSON value with nothing but white space around it.
  std::optional<JsonFault> check(std::string_view text, JsonTaken taken = JsonTaken::strictly);
  // Fast: true of nearly all that check() finds nothing wrong with; false says nothing.
  bool is_surely_json(std::string_view text);

 private:
  struct Fast;
  std::unique_ptr<Fast> fast_;
};

// One member of an object, as slices of the text it was read from.
struct JsonMember {
  std::string_view key;    // raw, without its quotes; escapes as written
  std::string_view value;  // raw
};

// Everything below takes text that JsonChecker found valid, without white space around it where said.

// Walks the members of an object (white space around it allowed); false at the end.
class JsonMembers {
 public:
  explicit JsonMembers(std::string_view object);
  bool next(JsonMember& member);

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

// Walks the elements of an array.
class JsonElements {
 public:
  explicit JsonElements(std::string_view array);
  bool next(std::string_view& element);

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

enum class JsonKind : unsigned char { object, array, string, number, boolean, null };
JsonKind json_kind(std::string_view value);

// The member's value, or nothing. Keys are compared after decoding.
std::optional<std::string_view> json_member(std::string_view object, std::string_view key);
// Follows keys through nested objects.
std::optional<std::string_view> json_path(std::string_view object, std::initializer_list<std::string_view> keys);

// Decodes a raw string value (with its quotes) or a raw key (without) to UTF-8.
std::string json_decode_string(std::string_view quoted);
std::string json_decode_key(std::string_view raw_key);

// An integer in its plain form (no fraction, no exponent) that fits.
std::optional<std::int64_t> json_integer(std::string_view value);

// `text` as a JSON string with quotes; bytes that are not UTF-8 become U+FFFD.
std::string json_quote(std::string_view text);

// A copy with every raw line break replaced by a space: one line. JSON strings hold no raw line breaks.
std::string json_on_one_line(std::string_view text);

}  // namespace offpeak
