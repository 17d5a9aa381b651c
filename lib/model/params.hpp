// What a request looks like on the wire: its wire id, its place in the body, defaults merged under its params. Pure;
// the same functions count the bytes when a line is checked and make them when it is sent.
//
// A wire id is "<nonce>-<seq>". The nonce says which POST it was; seq carries 64 bits of the content that was sent, and
// the request's place in it. So the results of a batch that a restored state knows nothing of still say which requests
// it ran: nothing but a wire id comes back with a result.
//
//   seq = 16 hexadecimal digits of the fingerprint, 5 of the place
//
// Batches that were sent by earlier versions are read as well: "<nonce>-<place>" says nothing of the content, and
//
//   seq = (2^40 + 40 bits of the fingerprint) * 1,000,000 + place      always 19 decimal digits
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_walk.hpp"

namespace offpeak {

// `params` verbatim, with those members of `defaults` behind it that it does not have itself (top level only). Both are
// valid JSON objects. Where nothing is missing the result is `params` byte for byte.
std::string merge_defaults(std::string_view params, std::string_view defaults);

// The same for params that come in pieces: what merge_defaults() puts before their last brace.
class MissingDefaults final : private JsonListener {
 public:
  // Both as in merge_defaults. Without defaults nothing is looked at.
  explicit MissingDefaults(std::string_view defaults);
  void feed(std::string_view params);
  std::string members() const;

 private:
  struct Default {
    std::string key;     // decoded
    std::string member;  // "key":value, raw
    bool is_there = false;
  };
  void on_key(std::size_t depth, std::string_view raw, std::uint64_t offset) override;
  void on_begin(std::size_t, JsonKind, std::uint64_t) override {}
  void on_end(std::size_t, JsonKind, std::uint64_t, std::string_view) override {}

  std::vector<Default> defaults_;
  bool empty_ = true;  // the params have no member
  JsonWalk walk_;
};

// 64 bits of what a request carries: its line's params bytes and its job's defaults. Claiming 100,000 results against
// ten million requests that wait expects 0.00000005 matches by chance; with the 40 bits of earlier versions it was one.
using Fingerprint = std::uint64_t;
inline constexpr unsigned fingerprint_bits = 64;
inline constexpr unsigned old_fingerprint_bits = 40;
// The low bits of one, as many as a wire id has of it.
Fingerprint low_bits(Fingerprint fingerprint, unsigned bits);

// Hashing a job's defaults once is enough; a job without defaults has the seed 0.
std::uint64_t fingerprint_seed(std::string_view defaults);
Fingerprint fingerprint(std::string_view params, std::uint64_t seed);
// The same from hash64(params, seed).
Fingerprint fingerprint_of_hash(std::uint64_t hash);
// What the line index keeps of every line (LineEntry::checksum) is this part of its fingerprint where the seed is 0.
std::uint32_t checksum_part(Fingerprint fingerprint);

struct WireId {
  std::string_view nonce;
  std::uint32_t place = 0;
  std::optional<Fingerprint> fingerprint;  // none: of an earlier version
  unsigned bits = fingerprint_bits;        // of the fingerprint: fewer, of an earlier version
  bool operator==(const WireId&) const = default;
};

// Inside the provider's [A-Za-z0-9_-]{1,64}.
std::string wire_id(const WireId& id);
// Nothing where `text` is of none of the forms (a foreign id).
std::optional<WireId> parse_wire_id(std::string_view text);

// One request in the body without the comma: {"custom_id":"<wire id>","params":<params>}. `prefix` is everything before
// the params; the suffix is one closing brace.
std::string request_prefix(std::string_view nonce, std::uint32_t place, Fingerprint fingerprint);
// The bytes of request `place` in the body, comma included where it is not the first.
std::uint64_t request_bytes(std::uint32_t place, std::uint64_t sent_params_bytes);

inline constexpr std::string_view body_open = R"({"requests":[)";
inline constexpr std::string_view body_close = "]}";

}  // namespace offpeak
