#include "model/params.hpp"

#include <fmt/format.h>

#include <charconv>

#include "base/json.hpp"
#include "model/limits.hpp"

namespace offpeak {

namespace {

constexpr std::string_view before_id = R"({"custom_id":")";
constexpr std::string_view after_id = R"(","params":)";

std::uint64_t decimal_digits(std::uint32_t number) {
  std::uint64_t digits = 1;
  for (; number >= 10; number /= 10) ++digits;
  return digits;
}

}  // namespace

std::string merge_defaults(std::string_view params, std::string_view defaults) {
  std::string missing;
  JsonMembers members(defaults);
  for (JsonMember member; members.next(member);) {
    if (json_member(params, json_decode_key(member.key))) continue;
    missing += fmt::format(",\"{}\":{}", member.key, member.value);
  }
  if (missing.empty()) return std::string(params);
  const auto brace = params.rfind('}');
  std::string merged(params.substr(0, brace));
  JsonMember any;
  const bool empty = !JsonMembers(params).next(any);
  merged += empty ? std::string_view(missing).substr(1) : std::string_view(missing);
  merged += params.substr(brace);
  return merged;
}

std::string wire_id(std::string_view nonce, std::uint32_t place) { return fmt::format("{}-{}", nonce, place); }

std::optional<WireId> parse_wire_id(std::string_view text) {
  const auto dash = text.rfind('-');
  if (dash != wire_nonce_bytes || text.size() > wire_id_bytes_max) return std::nullopt;
  WireId id{text.substr(0, dash), 0};
  const auto digits = text.substr(dash + 1);
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), id.place);
  const bool canonical = digits.size() == 1 || (!digits.empty() && digits.front() != '0');
  if (ec != std::errc() || end != digits.data() + digits.size() || !canonical) return std::nullopt;
  return id;
}

std::string request_prefix(std::string_view nonce, std::uint32_t place) {
  return fmt::format("{}{}-{}{}", before_id, nonce, place, after_id);
}

std::uint64_t request_bytes(std::uint32_t place, std::uint64_t sent_params_bytes) {
  return before_id.size() + wire_nonce_bytes + 1 + decimal_digits(place) + after_id.size() + sent_params_bytes + 1 +
         (place == 0 ? 0 : 1);
}

}  // namespace offpeak
