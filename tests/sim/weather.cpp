#include "sim/weather.hpp"

#include <algorithm>
#include <array>

namespace offpeak::simtest {

namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::array<std::uint64_t, 4> result_file_bytes{32'000'000, 1, 700, 5000};
constexpr Duration longest_answer = minutes(9);  // within answer_timeout

Duration between(Random& random, Duration least, Duration most) {
  return least + Duration(static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>((most - least).count()))));
}

template <class T, std::size_t n>
const T& one_of(Random& random, const std::array<T, n>& all) {
  return all[random.below(n)];
}

sim::AnswerWith answer_fault(Random& random, sim::When when) {
  static constexpr std::array<int, 14> statuses{500, 502, 503, 504, 529, 429, 408, 409, 401, 403, 404, 307, 402, 500};
  static constexpr std::array<sim::Shape, 5> shapes{sim::Shape::api, sim::Shape::html, sim::Shape::text,
                                                    sim::Shape::json, sim::Shape::empty};
  sim::AnswerWith fault;
  fault.when = when;
  fault.status = one_of(random, statuses);
  // A proven "no" that follows a created batch would be a lie that no client can see through.
  const bool proof = fault.status < 500 && fault.status != 408 && fault.status != 409;
  fault.shape = one_of(random, shapes);
  if (when == sim::When::after && proof && fault.shape == sim::Shape::api) fault.shape = sim::Shape::html;
  if (fault.status == 307) fault.location = "https://elsewhere.test/";
  if (random.below(3) == 0) fault.retry_after = std::to_string(1 + random.below(300));
  return fault;
}

sim::Drop drop_fault(Random& random, sim::When when) {
  static constexpr std::array<sim::Delivery, 3> ways{sim::Delivery::close, sim::Delivery::reset, sim::Delivery::hang};
  sim::Drop fault;
  fault.when = when;
  fault.how = one_of(random, ways);
  fault.after_body_bytes = random.below(2000);
  return fault;
}

sim::When any_when(Random& random) { return static_cast<sim::When>(random.below(3)); }

sim::Action create_fault(Random& random, bool lag_broken) {
  static constexpr std::array<sim::Garble::As, 6> garbles{sim::Garble::As::truncated, sim::Garble::As::text,
                                                          sim::Garble::As::html,      sim::Garble::As::empty,
                                                          sim::Garble::As::no_id,     sim::Garble::As::wrong_type};
  const auto lag = lag_broken ? between(random, minutes(20), hours(6)) : between(random, seconds(1), minutes(4));
  switch (random.below(14)) {
    case 0:
    case 1:
      return answer_fault(random, any_when(random));
    case 2:
    case 3:
    case 4:
      return drop_fault(random, any_when(random));
    case 5:
      return sim::Delay{sim::When::after, between(random, seconds(1), longest_answer)};
    case 6:
      return sim::Cut{false, std::nullopt, random.unit(), random.below(2) == 0};
    case 7:
    case 8:
      return sim::Garble{one_of(random, garbles), std::nullopt, random.unit()};
    case 9:
      return sim::Lag{lag, random.below(2) == 0};
    case 10:
      return sim::Late{lag};
    case 11:
      return sim::Foreign{static_cast<std::uint32_t>(1 + random.below(9)), random.below(2) == 0};
    case 12:
      return sim::RowError{static_cast<std::uint32_t>(random.below(3)),
                           random.below(2) == 0 ? "api_error" : "timeout_error", ""};
    default: {
      sim::AnswerWith large;
      large.when = random.below(2) == 0 ? sim::When::early : sim::When::instead;
      large.status = random.below(2) == 0 ? 413 : 400;
      large.shape = large.status == 413 && random.below(2) == 0 ? sim::Shape::html : sim::Shape::api;
      if (large.status == 400 && random.below(2) == 0) {
        large.message = "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing.";
      }
      return large;
    }
  }
}

sim::LineFaults line_faults(Random& random) {
  sim::LineFaults faults;
  switch (random.below(9)) {
    case 0:
      faults.duplicate = 1 + random.below(4);
      break;
    case 1:
      faults.conflicting = 1 + random.below(2);
      break;
    case 2:
      faults.foreign = 1 + random.below(3);
      break;
    case 3:
      faults.garbage = 1 + random.below(3);
      faults.blank = random.below(3);
      break;
    case 4:
      faults.missing = 1 + random.below(3);
      break;
    case 5:
      faults.none = true;
      break;
    case 6:
      faults.invalid_utf8 = 1;
      faults.nul = 1;
      break;
    case 7:
      faults.bom = faults.crlf = true;
      break;
    default:
      faults.no_last_newline = true;
      faults.deep = random.below(2) * 2000;
  }
  return faults;
}

sim::Action read_fault(Random& random, sim::Verb verb) {
  switch (random.below(8)) {
    case 0:
    case 1:
      return answer_fault(random, sim::When::instead);
    case 2:
      return drop_fault(random, sim::When::instead);
    case 3:
      return sim::Delay{sim::When::after, between(random, seconds(1), longest_answer)};
    case 4:
      return sim::Cut{false, std::nullopt, random.unit(), random.below(2) == 0};
    case 5: {
      auto as = static_cast<sim::Garble::As>(random.below(6));
      // In results it would change what a request was answered, and nobody could tell.
      if (as == sim::Garble::As::no_id && verb == sim::Verb::results) as = sim::Garble::As::text;
      return sim::Garble{as, std::nullopt, random.unit()};
    }
    case 6:
      if (verb == sim::Verb::results) return line_faults(random);
      if (verb != sim::Verb::cancel) return sim::Stale{between(random, seconds(1), minutes(4))};
      return answer_fault(random, sim::When::after);
    default:
      if (verb == sim::Verb::results) return line_faults(random);
      // The sum stays: it is what tells one batch from another.
      if (verb != sim::Verb::cancel) return sim::WrongCounts{{.succeeded = -1, .errored = 1}};
      return answer_fault(random, sim::When::instead);
  }
}

std::vector<sim::FaultRule> make_faults(Random& random, bool lag_broken) {
  std::vector<sim::FaultRule> rules;
  const auto add = [&](sim::Verb verb, sim::Action action) {
    sim::FaultRule rule;
    rule.on = verb;
    rule.probability = random.below(4) == 0 ? 0.6 : 0.02 + 0.25 * random.unit();
    rule.from = 1 + random.below(4);
    rule.to = rule.from + random.below(random.below(2) == 0 ? 4 : 40);
    rule.action = std::move(action);
    rules.push_back(std::move(rule));
  };
  const auto creates = random.below(6);
  for (std::uint64_t i = 0; i < creates; ++i) add(sim::Verb::create, create_fault(random, false));
  if (lag_broken) {
    // The answer is lost, and the batch appears when its requests were sent again.
    sim::FaultRule lost;
    lost.on = sim::Verb::create;
    lost.to = 2;
    lost.action = sim::Drop{sim::When::after, sim::Delivery::reset, 0};
    rules.push_back(lost);
    lost.action = random.below(2) == 0 ? sim::Action(sim::Late{between(random, minutes(31), hours(6))})
                                       : sim::Action(sim::Lag{between(random, minutes(31), hours(6)), true});
    rules.push_back(lost);
  }
  for (const auto verb : {sim::Verb::list, sim::Verb::retrieve, sim::Verb::results, sim::Verb::cancel}) {
    const auto some = random.below(3);
    for (std::uint64_t i = 0; i < some; ++i) add(verb, read_fault(random, verb));
  }
  if (random.below(8) == 0) add(sim::Verb::create, sim::NeverEnd{});
  return rules;
}

sim::Settings make_settings(std::uint64_t seed, Random& random) {
  sim::Settings settings;
  settings.seed = seed;
  settings.outcomes = {{"succeeded", 90}, {"errored:overloaded_error", 3}, {"expired", 2}, {"errored:api_error", 2}};
  settings.processing_time = between(random, minutes(1), random.below(4) == 0 ? hours(26) : hours(4));
  settings.cancel_time = between(random, seconds(1), minutes(20));
  settings.list_lag = random.below(3) == 0 ? between(random, seconds(1), minutes(3)) : Duration(0);
  settings.answer_bytes = 20 + random.below(200);
  settings.progress = random.below(2) == 0;
  settings.html_413 = random.below(2) == 0;
  if (random.below(6) == 0) settings.queue_limit = 60 + random.below(200);
  return settings;
}

void make_small(Weather& weather, Random& random) {
  weather.drops = static_cast<int>(1 + random.below(3));
  weather.most_requests = 8;
  weather.crashes = std::min(weather.crashes, 4);
  weather.commands = std::min(weather.commands, 3);
  weather.reloads = std::min(weather.reloads, 1);
  auto& config = weather.config;
  config.poll.min_interval *= 4;
  config.poll.max_interval *= 4;
  config.intake.rescan *= 4;
  config.retry.backoff = between(random, seconds(30), minutes(2));
  config.retry.max_backoff = minutes(30);
  config.batch.max_open_batches += 4;
}

}  // namespace

Weather make_weather(std::uint64_t seed, Size size, Features features) {
  SeededRandom random(seed * 0x9E3779B97F4A7C15 + 0x57);
  Weather weather;
  weather.provider = make_settings(seed, random);
  weather.lag_broken = seed % 10 == 7;
  weather.result_file_bytes = result_file_bytes[seed % result_file_bytes.size()];
  weather.restores = seed % 10 == 3;
  weather.faults = make_faults(random, weather.lag_broken);
  weather.storm = between(random, hours(48), hours(70));
  const bool calm_day = random.below(10) == 0;
  weather.drops = static_cast<int>(2 + random.below(7));
  weather.crashes = calm_day ? 0 : static_cast<int>(random.below(10));
  weather.disk_faults = calm_day ? 0 : static_cast<int>(random.below(4));
  weather.full_disks = random.below(4) == 0 ? 1 + static_cast<int>(random.below(2)) : 0;
  weather.clock_jumps = random.below(3) == 0 ? 1 + static_cast<int>(random.below(4)) : 0;
  weather.commands = static_cast<int>(random.below(8));
  weather.reloads = static_cast<int>(random.below(3));

  auto& config = weather.config;
  config.paths.spool = "/box/spool";
  config.paths.state = "/box/state";
  config.poll.min_interval = between(random, minutes(2), minutes(20));
  config.poll.max_interval = config.poll.min_interval + between(random, minutes(10), minutes(90));
  config.intake.rescan = between(random, minutes(10), hours(2));
  change_config(config, weather, random);
  if (size == Size::small) make_small(weather, random);
  if (features.any()) add_features(weather, seed, features);
  return weather;
}

void change_config(Config& config, const Weather& weather, Random& random) {
  const auto settle_unknown = between(random, least_settle, 2 * least_settle);
  config.provider.settle_unknown = weather.settle_unknown.value_or(settle_unknown);
  config.batch.linger = between(random, seconds(1), minutes(10));
  config.batch.max_requests = static_cast<std::uint32_t>(2 + random.below(random.below(3) == 0 ? 8 : 60));
  config.batch.max_open_batches = static_cast<std::uint32_t>(1 + random.below(12));
  config.batch.max_queued_requests = static_cast<std::uint32_t>(20 + random.below(300));
  config.retry.backoff = between(random, seconds(30), minutes(10));
  config.retry.max_backoff = between(random, minutes(30), hours(2));
}

}  // namespace offpeak::simtest
