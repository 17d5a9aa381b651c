#include "ingest/troubles.hpp"

#include <algorithm>

namespace offpeak {

bool Troubles::note(const std::string& about, std::string what, Instant now, std::optional<Instant> next_action_at,
                    Duration patience) {
  auto known = all_.find(about);
  if (known == all_.end()) {
    if (all_.size() >= most) return false;
    known = all_.emplace(about, One{IntakeTrouble{"", now, std::nullopt}, false}).first;
  }
  auto& one = known->second;
  one.trouble.what = std::move(what);
  one.trouble.next_action_at = next_action_at;
  if (one.said || now - one.trouble.since < patience) return false;
  one.said = true;
  return true;
}

bool Troubles::end(std::string_view about) {
  const auto known = all_.find(about);
  if (known == all_.end()) return false;
  const bool said = known->second.said;
  all_.erase(known);
  return said;
}

std::vector<std::string> Troubles::end_others(std::string_view begin, const std::set<std::string>& about) {
  std::vector<std::string> ended;
  for (auto at = all_.lower_bound(begin); at != all_.end() && at->first.starts_with(begin);) {
    if (about.contains(at->first)) {
      ++at;
      continue;
    }
    if (at->second.said) ended.push_back(at->first);
    at = all_.erase(at);
  }
  return ended;
}

std::vector<IntakeTrouble> Troubles::list() const {
  std::vector<IntakeTrouble> found;
  for (const auto& [about, one] : all_) {
    if (one.said) found.push_back(one.trouble);
  }
  std::ranges::stable_sort(found, {}, &IntakeTrouble::since);
  return found;
}

}  // namespace offpeak
