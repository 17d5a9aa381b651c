#include "sim/faults.hpp"

#include <array>
#include <utility>

#include "sim/mix.hpp"

namespace offpeak::sim {

Plan FaultBook::plan(Verb verb, std::uint64_t batch_number, std::uint64_t seed) {
  Plan plan;
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    auto& rule = rules_[i];
    if (rule.on && *rule.on != verb) continue;
    if (rule.batch && *rule.batch != batch_number) continue;
    const auto nth = ++rule.seen;
    if (nth < rule.from || nth > rule.to || (nth - rule.from) % rule.every != 0) continue;
    if (unit(mix(seed, i, nth)) >= rule.probability) continue;
    ++rule.fired;
    ++fired_;
    plan.actions.push_back(rule.action);
  }
  return plan;
}

std::optional<Verb> parse_verb(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, Verb>, 6> verbs{{{"create", Verb::create},
                                                                           {"list", Verb::list},
                                                                           {"retrieve", Verb::retrieve},
                                                                           {"results", Verb::results},
                                                                           {"cancel", Verb::cancel},
                                                                           {"delete", Verb::remove}}};
  for (const auto& [text, verb] : verbs) {
    if (text == name) return verb;
  }
  return std::nullopt;
}

}  // namespace offpeak::sim
