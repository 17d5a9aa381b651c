// What the route handlers share; inside lib/control only.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/wakeup.hpp"
#include "control/control.hpp"
#include "control/target.hpp"

namespace offpeak {

struct ControlContext {
  ControlDoors doors;
  ControlFolders folders;
  ControlHooks hooks;
  std::set<Wakeup*> uploads_waiting{};
  bool backing_up = false;  // one backup at a time
  Config shipped{};         // where nobody says what is configured

  const Config& config() const { return hooks.config ? *hooks.config() : shipped; }
  StageFacts facts() const { return hooks.facts ? hooks.facts() : StageFacts(); }
};

struct RoutedCall {
  Call call;
  Target target;
  std::vector<std::string> parameters;

  std::optional<std::string_view> query(std::string_view name) const { return query_member(target.query, name); }
};

}  // namespace offpeak
