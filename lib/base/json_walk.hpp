// Reads one JSON text that comes in pieces: is it JSON, and what stands near its top? However deep or long it is, the
// memory is one bit a level and the few bytes that are kept of what is told. RFC 8259 in UTF-8. Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"

namespace offpeak {

// Told of values down to a depth; the whole text has the depth 0, a member of the outermost object 1. Offsets count
// from the first byte of the text.
class JsonListener {
 public:
  virtual ~JsonListener() = default;
  // The value that begins next is this member's. `raw` is the key without its quotes, escapes as written; of a long one
  // its first json_kept_bytes. `offset` is that of its first byte.
  virtual void on_key(std::size_t depth, std::string_view raw, std::uint64_t offset) = 0;
  virtual void on_begin(std::size_t depth, JsonKind kind, std::uint64_t offset) = 0;
  // `end` is the offset behind the value. `raw`: all of a string (with quotes), number or word, where it is not longer
  // than json_kept_bytes; else nothing.
  virtual void on_end(std::size_t depth, JsonKind kind, std::uint64_t end, std::string_view raw) = 0;
};

inline constexpr std::size_t json_kept_bytes = 64 * 1024;

class JsonWalk {
 public:
  explicit JsonWalk(JsonTaken taken) : taken_(taken) {}
  // `listener` must outlive the walk; it is told of values down to `told_depth`.
  JsonWalk(JsonTaken taken, JsonListener& listener, std::size_t told_depth)
      : taken_(taken), listener_(&listener), told_depth_(told_depth) {}

  // The bytes behind those that came before; false where the text is no JSON: see fault().
  bool feed(std::string_view bytes);
  // Nothing follows: is it whole?
  bool finish();
  const std::optional<JsonFault>& fault() const { return fault_; }

 private:
  enum class State : std::uint8_t {
    value,        // of the text, a member or a later element
    first_value,  // an element, or the end of an empty array
    first_key,    // a key, or the end of an empty object
    key,
    colon,
    behind,  // a comma or the end of what it is in
    in_string,
    in_number,
    in_word,  // true, false, null
    over,
  };
  enum class Digits : std::uint8_t { minus, zero, whole, dot, fraction, e, e_sign, exponent };

  std::size_t take_string(std::string_view bytes);
  bool take_escaped(char c);
  bool take_hex(char c);
  bool take_utf8(unsigned char byte);
  bool take_number(char c);
  bool take_word(char c);
  bool step(char c);
  bool begin_value(char c);
  bool begin_container(char c);
  bool end_container(char c);
  void end_string();
  bool end_scalar();
  void behind_value();
  void tell_begin(JsonKind kind);
  void keep(std::string_view bytes);
  bool fail(std::string message);
  bool is_told() const { return listener_ != nullptr && depth() <= told_depth_; }
  std::size_t depth() const { return objects_.size(); }

  JsonTaken taken_;
  JsonListener* listener_ = nullptr;
  std::size_t told_depth_ = 0;
  State state_ = State::value;
  std::vector<bool> objects_;  // what is open, from the outermost: an object, or an array
  std::uint64_t at_ = 0;       // of the next byte
  std::optional<JsonFault> fault_;

  JsonKind kind_ = JsonKind::null;  // of the scalar in the making
  bool is_key_ = false;
  bool keeping_ = false;
  bool kept_all_ = true;
  std::string kept_;
  // In a string: what must come next.
  bool escape_ = false;
  unsigned hex_left_ = 0;
  unsigned hex_ = 0;
  bool low_wanted_ = false;  // a high surrogate was read
  unsigned utf8_left_ = 0;
  unsigned char utf8_from_ = 0x80, utf8_to_ = 0xBF;
  Digits digits_ = Digits::minus;
  std::string_view word_;      // what is left of it
  std::uint64_t word_at_ = 0;  // where it began
  std::uint64_t key_at_ = 0;
};

}  // namespace offpeak
