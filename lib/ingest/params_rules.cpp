#include "ingest/params_rules.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace offpeak {

namespace {

constexpr std::size_t few_keys = 24;  // compared one with another; more are sorted

bool is_empty_array(std::string_view array) {
  const auto at = array.find_first_not_of(" \t\r\n", 1);
  return at == std::string_view::npos || array[at] == ']';
}

bool is_non_empty_string(std::string_view value) { return json_kind(value) == JsonKind::string && value.size() > 2; }

// A JSON integer: digits alone, however many.
bool is_integer(std::string_view value) {
  return json_kind(value) == JsonKind::number && value.find_first_of(".eE") == std::string_view::npos;
}

}  // namespace

ParamsRules::Found ParamsRules::check(std::string_view object, std::size_t base, std::string_view what,
                                      std::vector<Fault>& faults) {
  Found found;
  keys_.clear();
  raw_keys_.clear();
  decoded_.clear();
  const auto add = [&](std::string_view where, std::string message, std::string hint = "") {
    faults.push_back(Fault{base + offset_in(object, where), std::move(message), std::move(hint)});
  };
  JsonMembers members(object);
  for (JsonMember member; members.next(member);) {
    const auto key = decoded(member.key);
    keys_.push_back(key);
    raw_keys_.push_back(member.key);
    const auto value = member.value;
    found.end = offset_in(object, value) + value.size();
    if (key == "model") {
      found.model = true;
      if (!is_non_empty_string(value)) add(value, fmt::format("{}.model must be a non-empty string", what));
    } else if (key == "max_tokens") {
      found.max_tokens = true;
      if (!is_integer(value) || value.front() == '-' || value == "0") {
        add(value, fmt::format("{}.max_tokens must be an integer of at least 1", what),
            "write it with digits only: 1024, not 1e3, 1024.0 or \"1024\"");
      }
    } else if (key == "messages") {
      found.messages = true;
      if (json_kind(value) != JsonKind::array || is_empty_array(value)) {
        add(value, fmt::format("{}.messages must be a non-empty array", what));
      }
    } else if (key == "stream" && value == "true") {
      add(value, fmt::format("{}.stream must not be true: a batch answers with whole messages", what),
          "leave \"stream\" out");
    }
  }
  found.empty = keys_.empty();
  check_twice(object, base, what, faults);
  return found;
}

std::string_view ParamsRules::decoded(std::string_view raw_key) {
  if (raw_key.find('\\') == std::string_view::npos) return raw_key;
  return decoded_.emplace_back(json_decode_key(raw_key));
}

void ParamsRules::check_twice(std::string_view object, std::size_t base, std::string_view what,
                              std::vector<Fault>& faults) {
  const auto add = [&](std::size_t later) {
    faults.push_back(Fault{base + offset_in(object, raw_keys_[later]),
                           fmt::format("{} has the member {} twice", what, quoted(keys_[later])),
                           "leave one of them out: which one would count is not defined"});
  };
  if (keys_.size() <= few_keys) {
    for (std::size_t later = 1; later < keys_.size(); ++later) {
      const auto end = keys_.begin() + static_cast<std::ptrdiff_t>(later);
      if (std::find(keys_.begin(), end, keys_[later]) != end) add(later);
    }
    return;
  }
  std::vector<std::size_t> order(keys_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return keys_[i]; });
  for (std::size_t i = 1; i < order.size() && faults.size() < 100; ++i) {
    if (keys_[order[i]] == keys_[order[i - 1]]) add(order[i]);
  }
}

}  // namespace offpeak
