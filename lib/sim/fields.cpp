#include "sim/fields.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "base/json.hpp"
#include "base/text.hpp"

namespace offpeak::sim {

Fields::Fields(std::string_view object, std::string where, std::string& error)
    : where_(std::move(where)), error_(error) {
  if (json_kind(object) != JsonKind::object) {
    if (error_.empty()) error_ = fmt::format("{}: expected an object", where_);
    return;
  }
  JsonMembers members(object);
  for (JsonMember member; members.next(member);) members_.push_back({json_decode_key(member.key), member.value});
}

bool Fields::has(std::string_view key) const {
  return std::ranges::any_of(members_, [&](const Member& member) { return member.key == key; });
}

std::optional<std::string_view> Fields::raw(std::string_view key) {
  asked_.emplace_back(key);
  std::optional<std::string_view> value;
  for (auto& member : members_) {
    if (member.key != key) continue;
    if (value) fail(key, "is given twice");
    member.used = true;
    value = member.value;
  }
  return value;
}

std::string Fields::text(std::string_view key, std::string_view otherwise) {
  const auto value = raw(key);
  if (!value) return std::string(otherwise);
  if (json_kind(*value) == JsonKind::string) return json_decode_string(*value);
  fail(key, "must be a string");
  return std::string(otherwise);
}

std::uint64_t Fields::number(std::string_view key, std::uint64_t otherwise, std::uint64_t most) {
  const auto value = raw(key);
  if (!value) return otherwise;
  const auto number = json_integer(*value);
  if (number && *number >= 0 && static_cast<std::uint64_t>(*number) <= most) {
    return static_cast<std::uint64_t>(*number);
  }
  fail(key, most == UINT64_MAX ? "must be a whole number" : fmt::format("must be a whole number up to {}", most));
  return otherwise;
}

std::int64_t Fields::signed_number(std::string_view key) {
  const auto value = raw(key);
  if (!value) return 0;
  const auto number = json_integer(*value);
  if (!number) fail(key, "must be a whole number");
  return number.value_or(0);
}

double Fields::real(std::string_view key, double otherwise, double most) {
  const auto value = raw(key);
  if (!value) return otherwise;
  if (json_kind(*value) == JsonKind::number) {
    const double number = std::strtod(std::string(*value).c_str(), nullptr);
    if (number >= 0 && number <= most) return number;
  }
  fail(key, fmt::format("must be a number from 0 to {}", most));
  return otherwise;
}

bool Fields::flag(std::string_view key, bool otherwise) {
  const auto value = raw(key);
  if (!value) return otherwise;
  if (json_kind(*value) != JsonKind::boolean) fail(key, "must be true or false");
  return *value == "true";
}

Duration Fields::duration(std::string_view key, Duration otherwise) {
  const auto value = raw(key);
  if (!value) return otherwise;
  const auto kind = json_kind(*value);
  const auto parsed = parse_duration(kind == JsonKind::string ? json_decode_string(*value) : std::string(*value));
  if (!parsed) fail(key, "must be a duration such as \"250ms\", \"2s\" or \"24h\"");
  return parsed.value_or(otherwise);
}

std::uint64_t Fields::bytes(std::string_view key, std::uint64_t otherwise) {
  const auto value = raw(key);
  if (!value) return otherwise;
  if (const auto number = json_integer(*value); number && *number >= 0) return static_cast<std::uint64_t>(*number);
  const auto parsed = json_kind(*value) == JsonKind::string ? parse_bytes(json_decode_string(*value)) : std::nullopt;
  if (!parsed) fail(key, "must be a number of bytes or a size such as \"256MB\"");
  return parsed.value_or(otherwise);
}

std::size_t Fields::word(std::string_view key, std::initializer_list<std::string_view> words) {
  const auto given = text(key, *words.begin());
  const auto found = std::ranges::find(words, given);
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  fail(key, fmt::format("must be one of {}", fmt::join(words, ", ")));
  return 0;
}

void Fields::fail(std::string_view key, std::string_view what) {
  if (!error_.empty()) return;
  const auto shown = escape_for_display(key, 80);
  error_ = where_.empty() ? fmt::format("{} {}", shown, what) : fmt::format("{}.{} {}", where_, shown, what);
}

void Fields::finish() {
  for (const auto& member : members_) {
    if (member.used) continue;
    std::vector<std::string_view> known(asked_.begin(), asked_.end());
    const auto nearest = nearest_word(member.key, known);
    return fail(member.key, nearest ? fmt::format("is not known; did you mean \"{}\"?", *nearest)
                                    : fmt::format("is not known; known are {}", fmt::join(known, ", ")));
  }
}

}  // namespace offpeak::sim
