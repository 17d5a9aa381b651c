#include "ingest/recovered.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/json.hpp"
#include "ingest/spool.hpp"

namespace offpeak {

namespace {

// Beyond it a number in a name is none of ours, and would use the ids up.
constexpr std::int64_t id_max = 1'000'000'000'000'000;

JobId parse_id(std::string_view text) {
  JobId id;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), id.value);
  if (ec != std::errc() || end != text.data() + text.size() || id.value <= 0 || id.value > id_max) return JobId();
  return id;
}

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// JSON Lines, or one create body?
std::string_view format_suffix(std::string_view head) {
  if (head.starts_with("\xEF\xBB\xBF")) head.remove_prefix(3);
  while (!head.empty() && is_blank(head.front())) head.remove_prefix(1);
  const auto end = head.find('\n');
  const auto line = head.substr(0, end);
  const bool whole = end != std::string_view::npos || head.size() < recovered_head_bytes;
  if (whole && !JsonChecker().check(line) && json_kind(line) == JsonKind::object) {
    return json_member(line, "requests") ? ".json" : ".jsonl";
  }
  // An object that goes on behind its first line is a document; a first line longer than the head tells by its key.
  if (whole) return ".json";
  return head.substr(0, 32).find("\"requests\"") != std::string_view::npos ? ".json" : ".jsonl";
}

}  // namespace

ClaimedFolder sort_claimed(const std::set<std::string>& names, const KnownClaims& known) {
  ClaimedFolder folder;
  for (const auto& name : names) {
    if (name.ends_with(ids_suffix) || name.ends_with(anew_suffix)) {
      folder.left_over.push_back(name);
      continue;
    }
    const bool unpacked = name.ends_with(data_suffix);
    const auto id = parse_id(unpacked ? std::string_view(name).substr(0, name.size() - data_suffix.size()) : name);
    if (!id) continue;
    folder.ids.insert(id);
    const auto original = fmt::format("{}", id.value);
    // The original of a file that is being checked goes only when its job is accepted, or with all that was made of it.
    const bool accepted_since = unpacked && !names.contains(original);
    if (known.intakes.contains(id) && !accepted_since) continue;
    if (known.purged.contains(id)) {
      folder.left_over.push_back(name);
      continue;
    }
    const bool both = names.contains(original) && names.contains(original + std::string(data_suffix));
    if (known.jobs.contains(id)) {
      // The compressed original of a job that was accepted.
      if (both && !unpacked) folder.left_over.push_back(name);
    } else if (both && unpacked) {
      // Made from the original, which is taken in again.
      folder.left_over.push_back(name);
    } else {
      folder.unknown.push_back({id, name});
    }
  }
  return folder;
}

JobId id_of_results(std::string_view name) {
  const auto dash = name.find('-');
  return dash == std::string_view::npos ? JobId() : parse_id(name.substr(0, dash));
}

std::string recovered_name(JobId id, std::string_view head) {
  std::string_view suffix;
  if (head.starts_with("\x1f\x8b")) {
    suffix = ".jsonl.gz";
  } else if (head.starts_with("\x28\xb5\x2f\xfd")) {
    suffix = ".jsonl.zst";
  } else {
    suffix = format_suffix(head);
  }
  return fmt::format("recovered-{}{}", id.value, suffix);
}

}  // namespace offpeak
