// What a request looks like on the wire: its wire id, its place in the body, defaults merged under its params. Pure;
// the same functions count the bytes when a line is checked and make them when it is sent.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace offpeak {

// `params` verbatim, with those members of `defaults` behind it that it does not have itself (top level only). Both are
// valid JSON objects. Where nothing is missing the result is `params` byte for byte.
std::string merge_defaults(std::string_view params, std::string_view defaults);

// "<nonce>-<place>", inside the provider's [A-Za-z0-9_-]{1,64}.
std::string wire_id(std::string_view nonce, std::uint32_t place);

struct WireId {
  std::string_view nonce;
  std::uint32_t place = 0;
};
// Nothing where `text` is not of that form (a foreign id).
std::optional<WireId> parse_wire_id(std::string_view text);

// One request in the body without the comma: {"custom_id":"<wire id>","params":<params>}. `prefix` is everything before
// the params; the suffix is one closing brace.
std::string request_prefix(std::string_view nonce, std::uint32_t place);
// The bytes of request `place` in the body, comma included where it is not the first.
std::uint64_t request_bytes(std::uint32_t place, std::uint64_t sent_params_bytes);

inline constexpr std::string_view body_open = R"({"requests":[)";
inline constexpr std::string_view body_close = "]}";

}  // namespace offpeak
