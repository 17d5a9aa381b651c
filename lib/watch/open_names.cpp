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
  if (auto* one = find_or_add(name)) one->last = Name::Last::created;
}

// Whoever makes a file by opening it opens it right behind. A name that was made as a link says nothing of who has the
// file open.
void OpenNames::opened(std::string_view name) {
  auto* one = find_or_add(name);
  if (one == nullptr) return;
  one->from_start = one->from_start || one->last == Name::Last::created;
  one->last = Name::Last::opened;
  ++one->open;
}

void OpenNames::closed_by_writer(std::string_view name) { closed(name, Name::Last::closed_by_writer); }

void OpenNames::closed_by_reader(std::string_view name) { closed(name, Name::Last::closed_by_reader); }

void OpenNames::closed(std::string_view name, Name::Last how) {
  const auto known = names_.find(name);
  if (known == names_.end()) return;
  known->second.last = how;
  if (known->second.open > 0) --known->second.open;
}

void OpenNames::gone(std::string_view name) {
  const auto known = names_.find(name);
  if (known != names_.end()) names_.erase(known);
}

Writers OpenNames::of(std::string_view name) const {
  const auto known = names_.find(name);
  if (known == names_.end()) return Writers::unknown;
  const auto& one = known->second;
  if (one.last == Name::Last::opened) return Writers::some;
  const bool closed = one.open == 0 && one.last == Name::Last::closed_by_writer;
  return one.from_start && closed ? Writers::none : Writers::unknown;
}

}  // namespace offpeak
