#include "base/state_log.hpp"

#include "base/text.hpp"

namespace offpeak {

namespace {

constexpr auto told_again_after = std::chrono::hours(1);
constexpr auto reasons_apart = std::chrono::minutes(1);

}  // namespace

void StateLog::lasts(std::string_view about, std::string_view reason, LogFields fields) {
  const auto now = clock_.steady_now();
  const auto [found, begins] = states_.try_emplace(std::string(about));
  auto& state = found->second;
  if (begins) state.began = now;
  ++state.times;
  const bool another = state.reason != reason && now - state.told >= reasons_apart;
  if (!begins && !another && now - state.told < told_again_after) return;
  state.told = now;
  state.reason = reason;
  log_.tell(level_, event_, fields);
}

void StateLog::ended(std::string_view about) {
  const auto found = states_.find(about);
  if (found == states_.end()) return;
  const auto lasted = std::chrono::duration_cast<Duration>(clock_.steady_now() - found->second.began);
  log_.info(end_event_, {{"about", about}, {"lasted", to_text(lasted)}, {"times", found->second.times}});
  states_.erase(found);
}

}  // namespace offpeak
