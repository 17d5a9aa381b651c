#include "watch/settle.hpp"

#include <algorithm>
#include <array>
#include <tuple>

namespace offpeak {

namespace {

constexpr std::array<std::string_view, 6> ignored_ends{".tmp", ".part", ".partial", ".filepart", ".crdownload", "~"};

SeenFile look_at(const SeenFiles& before, const FileInfo& info, bool moved_in, SteadyTime now) {
  const auto known = before.find(info.name);
  if (known == before.end()) return SeenFile{info, now, moved_in};
  SeenFile seen = known->second;
  if (seen.info != info) {
    // Another file under the name, or one that was written to: what was seen of the old one says nothing.
    const bool other_file = seen.info.inode != info.inode;
    seen = SeenFile{info, now, seen.moved_in && !other_file};
  }
  seen.moved_in = seen.moved_in || moved_in;
  return seen;
}

}  // namespace

bool is_ignored_name(std::string_view name) {
  return name.empty() || name.starts_with('.') ||
         std::ranges::any_of(ignored_ends, [&](std::string_view end) { return name.ends_with(end); });
}

Writers who_writes(Writers by_lease, Writers by_events) { return by_lease == Writers::unknown ? by_events : by_lease; }

std::optional<SteadyTime> ready_at(const SeenFile& seen, Writers writers, Duration settle) {
  if (seen.moved_in) return seen.since;
  switch (writers) {
    case Writers::none:
      return seen.since + settle;
    case Writers::unknown:
      return seen.since + blind_settle_factor * settle;
    case Writers::some:
      break;
  }
  return std::nullopt;
}

Settled look_for_settled(const SeenFiles& before, const std::vector<FileInfo>& found,
                         const std::set<std::string>& moved_in, Duration settle, SteadyTime now) {
  Settled settled;
  for (const auto& info : found) {
    if (is_ignored_name(info.name)) continue;
    const auto seen = look_at(before, info, moved_in.contains(info.name), now);
    const auto ready_at = seen.since + settle;
    if (seen.moved_in || ready_at <= now) {
      settled.ready.push_back(info);
    } else if (!settled.look_again_at || ready_at < *settled.look_again_at) {
      settled.look_again_at = ready_at;
    }
    settled.seen.emplace(info.name, seen);
  }
  std::ranges::sort(settled.ready, {}, [](const FileInfo& info) { return std::tie(info.modified_ns, info.name); });
  return settled;
}

}  // namespace offpeak
