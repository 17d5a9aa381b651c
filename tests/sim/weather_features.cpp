// What the features add to a seed's weather, each by a chance of its own, so that a seed has most of them or few.
#include <algorithm>
#include <array>

#include "sim/weather.hpp"

namespace offpeak::simtest {

namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

Duration between(Random& random, Duration least, Duration most) {
  return least + Duration(static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>((most - least).count()))));
}

sim::FaultRule rule(sim::Verb verb, sim::Action action, double probability, std::uint64_t from = 1,
                    std::uint64_t to = UINT64_MAX) {
  sim::FaultRule made;
  made.on = verb;
  made.probability = probability;
  made.from = from;
  made.to = to;
  made.action = std::move(action);
  return made;
}

// One of the first creates comes to nothing, or nobody hears what came of it and the list shows it later: it is unknown
// for minutes.
void lose_answers(Weather& weather, Random& random) {
  const auto when = random.below(3) == 0 ? sim::When::instead : sim::When::after;
  const auto from = 1 + random.below(3);
  const auto to = from + random.below(2);
  weather.faults.push_back(rule(sim::Verb::create, sim::Drop{when, sim::Delivery::reset, 0}, 1, from, to));
  weather.faults.push_back(
      rule(sim::Verb::create, sim::Lag{between(random, minutes(2), minutes(11)), true}, 1, from, to));
}

// One job of a request or two: where it hangs, nobody else's bell ends it. A third of them meets a create that comes to
// nothing, and is canceled meanwhile by the operator (World::plan_single).
void add_single(Weather& weather, Random& random) {
  weather.single = true;
  weather.drops = 1;
  weather.most_requests = 2;
  weather.crashes = static_cast<int>(random.below(2));
  weather.commands = weather.reloads = weather.clock_jumps = weather.disk_faults = weather.full_disks = 0;
  weather.restores = false;
  weather.faults.clear();
  switch (random.below(4)) {
    case 0:
      weather.faults.push_back(
          rule(sim::Verb::create, sim::Drop{sim::When::instead, sim::Delivery::reset, 0}, 1, 1, 1 + random.below(2)));
      break;
    case 1: {
      sim::AnswerWith large;
      large.when = sim::When::instead;
      large.status = 413;
      weather.faults.push_back(rule(sim::Verb::create, large, 0.8, 1, 1 + random.below(3)));
      break;
    }
    case 2:
      lose_answers(weather, random);
      break;
    default:
      break;  // what its markers do
  }
}

void add_strangers(Weather& weather, Random& random) {
  weather.strangers = static_cast<int>(5 + random.below(25));
  weather.config.provider.exclusive = random.below(2) == 0;
  lose_answers(weather, random);
}

void add_short_lists(Weather& weather, Random& random) {
  using Short = sim::ShortList::As;
  static constexpr std::array<Short, 3> kinds{Short::empty, Short::no_cursor, Short::ends};
  const auto from = 1 + random.below(20);
  weather.faults.push_back(rule(sim::Verb::list, sim::ShortList{kinds[random.below(3)], random.below(3)},
                                random.below(2) == 0 ? 1 : 0.1 + 0.3 * random.unit(), from, from + random.below(40)));
}

void add_odd_entries(Weather& weather, Random& random) {
  using Odd = sim::OddEntry::As;
  static constexpr std::array<Odd, 5> kinds{Odd::status, Odd::null_counts, Odd::no_created_at, Odd::zero_counts,
                                            Odd::one_short};
  // Where others work too, a batch of one request less is anybody's.
  const auto kind = kinds[random.below(weather.config.provider.exclusive ? 5 : 4)];
  const auto from = 1 + random.below(20);
  weather.faults.push_back(rule(sim::Verb::list, sim::OddEntry{kind, random.below(4)},
                                random.below(2) == 0 ? 1 : 0.1 + 0.3 * random.unit(), from, from + random.below(60)));
}

void add_lists(Weather& weather, Random& random) {
  if (random.below(2) == 0) weather.provider.page_limit = 1 + random.below(5);
  if (random.below(2) == 0) add_short_lists(weather, random);
  if (random.below(2) == 0) add_odd_entries(weather, random);
  if (random.below(3) == 0) {
    weather.faults.push_back(
        rule(sim::Verb::create, sim::Untallied{between(random, minutes(1), minutes(50))}, 0.2 + 0.6 * random.unit()));
  }
  if (random.below(3) == 0) {
    weather.settle_unknown = between(random, hours(4), hours(8));
    weather.config.provider.settle_unknown = *weather.settle_unknown;
    weather.most_lag = *weather.settle_unknown * 3 / 4;
    weather.faults.push_back(
        rule(sim::Verb::create, sim::Lag{between(random, hours(1), weather.most_lag), random.below(2) == 0}, 0.5));
  }
  lose_answers(weather, random);
}

void add_gateway(Weather& weather, Random& random) {
  const auto after = random.below(2) == 0 ? Duration(0) : between(random, seconds(1), seconds(30));
  weather.faults.push_back(
      rule(sim::Verb::create, sim::Repeat{after, random.below(2) == 0}, 0.1 + 0.4 * random.unit()));
}

}  // namespace

sim::Settings Weather::other_provider() const {
  auto other = provider;
  other.seed = provider.seed ^ 0x5A5A;
  other.workspace = "wrkspc_01AnotherWorkspace";
  other.organization = "a2222222-0000-4000-8000-000000000000";
  return other;
}

void add_features(Weather& weather, std::uint64_t seed, Features features) {
  SeededRandom random(seed * 0xD1B54A32D192ED03 + 0x11);
  weather.features = features;
  // Drawn whether wanted or not: a feature's chance does not depend on the others that a run asks for.
  const auto chance = [&](Feature feature, std::uint64_t one_of) {
    const bool drawn = random.below(one_of) == 0;
    return drawn && features.has(feature);
  };
  const auto part = [&](void (*add)(Weather&, Random&), bool wanted) {
    SeededRandom own(random.below(UINT64_MAX));
    if (wanted) add(weather, own);
  };
  part(add_single, chance(Feature::single, 6));
  part(add_strangers, chance(Feature::strangers, 2));
  part(add_lists, chance(Feature::lists, 2));
  part(add_gateway, chance(Feature::gateway, 4));
  if (chance(Feature::workspaces, 5)) weather.workspace_changes = 1 + static_cast<int>(random.below(2));
  if (chance(Feature::backups, 4) && !weather.single) weather.snapshot = true;
  if (weather.workspace_changes > 0 || weather.snapshot) lose_answers(weather, random);
}

}  // namespace offpeak::simtest
