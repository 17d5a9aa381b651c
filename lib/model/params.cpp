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

constexpr std::size_t print_digits = 16;
constexpr std::size_t place_digits = 5;
constexpr std::uint32_t places = 1U << (4 * place_digits);
static_assert(print_digits + place_digits == wire_seq_bytes && places > batch_requests_max);

// Of an earlier version.
constexpr std::size_t old_seq_bytes = 19;
constexpr std::uint64_t old_places = 1'000'000;
constexpr std::uint64_t old_fingerprints = std::uint64_t{1} << old_fingerprint_bits;

void append_hex(std::string& text, std::uint64_t number, std::size_t digits) {
  constexpr std::string_view all = "0123456789abcdef";
  for (auto digit = digits; digit > 0; --digit) text += all[(number >> (4 * (digit - 1))) & 15];
}

// All of it, in lower case.
template <class Number>
std::optional<Number> parse_hex(std::string_view digits) {
  if (digits.find_first_not_of("0123456789abcdef") != std::string_view::npos) return std::nullopt;
  Number number = 0;
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
  if (ec != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number;
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
  MissingDefaults missing(defaults);
  missing.feed(params);
  const auto members = missing.members();
  const auto brace = params.rfind('}');
  std::string merged(params.substr(0, brace));
  merged += members;
  merged += params.substr(brace);
  return merged;
}

MissingDefaults::MissingDefaults(std::string_view defaults) : walk_(JsonTaken::as_it_came, *this, 1) {
  if (defaults.empty()) return;
  JsonMembers members(defaults);
  for (JsonMember member; members.next(member);) {
    defaults_.push_back({json_decode_key(member.key), fmt::format("\"{}\":{}", member.key, member.value)});
  }
}

void MissingDefaults::feed(std::string_view params) {
  if (!defaults_.empty()) walk_.feed(params);
}

void MissingDefaults::on_key(std::size_t, std::string_view raw, std::uint64_t) {
  empty_ = false;
  const auto key = json_decode_key(raw);
  for (auto& one : defaults_) one.is_there = one.is_there || one.key == key;
}

std::string MissingDefaults::members() const {
  std::string members;
  for (const auto& one : defaults_) {
    if (one.is_there) continue;
    if (!empty_ || !members.empty()) members += ',';
    members += one.member;
  }
  return members;
}

std::uint64_t fingerprint_seed(std::string_view defaults) { return defaults.empty() ? 0 : hash64(defaults); }

Fingerprint fingerprint(std::string_view params, std::uint64_t seed) {
  return fingerprint_of_hash(hash64(params, seed));
}

Fingerprint fingerprint_of_hash(std::uint64_t hash) { return hash; }

Fingerprint low_bits(Fingerprint fingerprint, unsigned bits) {
  return bits >= fingerprint_bits ? fingerprint : fingerprint & ((Fingerprint{1} << bits) - 1);
}

std::uint32_t checksum_part(Fingerprint fingerprint) { return static_cast<std::uint32_t>(fingerprint); }

std::string wire_id(const WireId& id) {
  if (!id.fingerprint) return fmt::format("{}-{}", id.nonce, id.place);
  if (id.bits == old_fingerprint_bits) {
    return fmt::format("{}-{}", id.nonce, (old_fingerprints + *id.fingerprint) * old_places + id.place);
  }
  std::string text(id.nonce);
  text += '-';
  append_hex(text, *id.fingerprint, print_digits);
  append_hex(text, id.place, place_digits);
  return text;
}

namespace {

// The digits behind the dash, into `id`; false where they are of no form.
bool parse_seq(std::string_view digits, WireId& id) {
  if (digits.size() == wire_seq_bytes) {
    id.fingerprint = parse_hex<Fingerprint>(digits.substr(0, print_digits));
    const auto place = parse_hex<std::uint32_t>(digits.substr(print_digits));
    id.place = place.value_or(0);
    return id.fingerprint && place;
  }
  if (digits.size() == old_seq_bytes) {
    const auto seq = parse_digits<std::uint64_t>(digits);
    if (!seq || *seq / old_places < old_fingerprints || *seq / old_places >= 2 * old_fingerprints) return false;
    id.place = static_cast<std::uint32_t>(*seq % old_places);
    id.fingerprint = *seq / old_places - old_fingerprints;
    id.bits = old_fingerprint_bits;
    return true;
  }
  const auto place = parse_digits<std::uint32_t>(digits);
  id.place = place.value_or(0);
  return place.has_value();
}

}  // namespace

std::optional<WireId> parse_wire_id(std::string_view text) {
  const auto dash = text.rfind('-');
  if (dash != wire_nonce_bytes || text.size() > wire_id_bytes_max) return std::nullopt;
  WireId id;
  id.nonce = text.substr(0, dash);
  if (!parse_seq(text.substr(dash + 1), id)) return std::nullopt;
  return id;
}

std::string request_prefix(std::string_view nonce, std::uint32_t place, Fingerprint fingerprint) {
  // Made a hundred thousand times a batch.
  std::string prefix;
  prefix.reserve(before_id.size() + wire_id_bytes_max + after_id.size());
  prefix.append(before_id).append(nonce).append(1, '-');
  append_hex(prefix, fingerprint, print_digits);
  append_hex(prefix, place, place_digits);
  prefix.append(after_id);
  return prefix;
}

std::uint64_t request_bytes(std::uint32_t place, std::uint64_t sent_params_bytes) {
  return before_id.size() + wire_nonce_bytes + 1 + wire_seq_bytes + after_id.size() + sent_params_bytes + 1 +
         (place == 0 ? 0 : 1);
}

}  // namespace offpeak
