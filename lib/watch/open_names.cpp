#include "watch/open_names.hpp"

namespace offpeak {

OpenNames::Name* OpenNames::find_or_add(std::string_view name) {
  const auto known = names_.find(name);
  if (known != names_.end()) return &known->second;
  if (names_.size() >= names_max) return nullptr;
  return &names_[std::string(name)];
}

void OpenNames::created(std::string_view name) {
  gone(name);
  if (auto* one = find_or_add(name)) one->just_created = true;
}

// Whoever makes a file by opening it opens it right behind. A name that was made as a link says nothing of who has the
// file open.
void OpenNames::opened(std::string_view name) {
  auto* one = find_or_add(name);
  if (one == nullptr) return;
  one->from_start = one->from_start || one->just_created;
  one->just_created = false;
  one->opened_last = true;
  ++one->open;
}

void OpenNames::closed(std::string_view name) {
  const auto known = names_.find(name);
  if (known == names_.end()) return;
  auto& one = known->second;
  one.just_created = false;
  one.opened_last = false;
  if (one.open > 0) --one.open;
}

void OpenNames::gone(std::string_view name) {
  const auto known = names_.find(name);
  if (known != names_.end()) names_.erase(known);
}

Writers OpenNames::of(std::string_view name) const {
  const auto known = names_.find(name);
  if (known == names_.end()) return Writers::unknown;
  const auto& one = known->second;
  if (one.opened_last) return Writers::some;
  return one.from_start && one.open == 0 ? Writers::none : Writers::unknown;
}

}  // namespace offpeak
