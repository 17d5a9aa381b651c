#include "model/params.hpp"

#include <fmt/format.h>

#include <charconv>

#include "base/digest.hpp"
#include "base/json.hpp"
#include "model/limits.hpp"

namespace offpeak {

namespace {

constexpr std::string_view before_id = R"({"custom_id":")";
constexpr std::string_view after_id = R"(","params":)";

constexpr std::uint64_t places = 1'000'000;
constexpr std::uint64_t fingerprints = std::uint64_t{1} << 40;

std::uint64_t wire_seq(std::uint32_t place, Fingerprint fingerprint) {
  return (fingerprints + fingerprint) * places + place;
}

// Digits without a leading zero.
template <class Number>
std::optional<Number> parse_digits(std::string_view digits) {
  Number number = 0;
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const bool canonical = digits.size() == 1 || (!digits.empty() && digits.front() != '0');
  if (ec != std::errc() || end != digits.data() + digits.size() || !canonical) return std::nullopt;
  return number;
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

std::uint64_t fingerprint_seed(std::string_view defaults) { return defaults.empty() ? 0 : hash64(defaults); }

Fingerprint fingerprint(std::string_view params, std::uint64_t seed) {
  return fingerprint_of_hash(hash64(params, seed));
}

Fingerprint fingerprint_of_hash(std::uint64_t hash) { return hash % fingerprints; }

std::uint32_t checksum_part(Fingerprint fingerprint) { return static_cast<std::uint32_t>(fingerprint); }

std::string wire_id(const WireId& id) {
  if (!id.fingerprint) return fmt::format("{}-{}", id.nonce, id.place);
  return fmt::format("{}-{}", id.nonce, wire_seq(id.place, *id.fingerprint));
}

std::optional<WireId> parse_wire_id(std::string_view text) {
  const auto dash = text.rfind('-');
  if (dash != wire_nonce_bytes || text.size() > wire_id_bytes_max) return std::nullopt;
  WireId id;
  id.nonce = text.substr(0, dash);
  const auto digits = text.substr(dash + 1);
  if (digits.size() != wire_seq_bytes) {
    const auto place = parse_digits<std::uint32_t>(digits);
    if (!place) return std::nullopt;
    id.place = *place;
    return id;
  }
  const auto seq = parse_digits<std::uint64_t>(digits);
  if (!seq || *seq / places < fingerprints || *seq / places >= 2 * fingerprints) return std::nullopt;
  id.place = static_cast<std::uint32_t>(*seq % places);
  id.fingerprint = *seq / places - fingerprints;
  return id;
}

std::string request_prefix(std::string_view nonce, std::uint32_t place, Fingerprint fingerprint) {
  // Made a hundred thousand times a batch.
  std::string prefix;
  prefix.reserve(before_id.size() + wire_id_bytes_max + after_id.size());
  prefix.append(before_id).append(nonce).append(1, '-');
  prefix.append(std::to_string(wire_seq(place, fingerprint))).append(after_id);
  return prefix;
}

std::uint64_t request_bytes(std::uint32_t place, std::uint64_t sent_params_bytes) {
  return before_id.size() + wire_nonce_bytes + 1 + wire_seq_bytes + after_id.size() + sent_params_bytes + 1 +
         (place == 0 ? 0 : 1);
}

}  // namespace offpeak
