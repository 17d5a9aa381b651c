#include "sim/script.hpp"

#include <fmt/format.h>

#include "base/json.hpp"
#include "sim/actions.hpp"
#include "sim/fields.hpp"
#include "sim/outcome.hpp"

namespace offpeak::sim {

namespace {

Result<void> check_json(std::string_view text) {
  JsonChecker checker;
  if (const auto fault = checker.check(text)) {
    return make_error(ErrorKind::invalid, fmt::format("not JSON at byte {}: {}", fault->offset, fault->message));
  }
  return {};
}

void read_mix(Fields& fields, std::string_view key, bool (*known)(std::string_view), std::vector<Weighted>& out) {
  const auto value = fields.raw(key);
  if (!value) return;
  if (json_kind(*value) != JsonKind::object) return fields.fail(key, "must be an object of weights");
  out.clear();
  double total = 0;
  JsonMembers members(*value);
  for (JsonMember member; members.next(member);) {
    const auto name = json_decode_key(member.key);
    if (!known(name)) return fields.fail(key, fmt::format("has the unknown name \"{}\"", name));
    std::string single = fmt::format("{{\"weight\":{}}}", member.value);
    Fields weight(single, fmt::format("{}.{}", key, name), fields.error());
    out.push_back({name, weight.real("weight", 0, 1e9)});
    total += out.back().weight;
  }
  if (total <= 0) fields.fail(key, "must have a weight above 0");
}

FaultRule read_rule(std::string_view text, const std::string& where, std::string& error) {
  FaultRule rule;
  rule.text = json_on_one_line(text);
  Fields fields(text, where, error);
  if (const auto on = fields.text("on", "any"); on != "any") {
    rule.on = parse_verb(on);
    if (!rule.on) fields.fail("on", "must be one of create, list, retrieve, results, cancel, delete, any");
  }
  if (fields.has("nth")) {
    rule.from = rule.to = fields.number("nth", 1);
    if (fields.has("from") || fields.has("to") || fields.has("every")) fields.fail("nth", "excludes from, to, every");
  } else {
    rule.from = fields.number("from", 1);
    rule.to = fields.number("to", UINT64_MAX);
    rule.every = fields.number("every", 1);
  }
  if (rule.from == 0 || rule.every == 0) fields.fail("nth, from, every", "count from 1");
  rule.probability = fields.real("probability", 1, 1);
  if (fields.has("batch")) rule.batch = fields.number("batch", 1);
  const auto action = fields.raw("do");
  if (!action) {
    fields.fail("do", "is missing");
  } else {
    rule.action = read_action(*action, where + ".do", error);
  }
  fields.finish();
  return rule;
}

std::vector<FaultRule> read_rules(std::string_view array, std::string& error) {
  std::vector<FaultRule> rules;
  JsonElements elements(array);
  for (std::string_view element; elements.next(element);) {
    rules.push_back(read_rule(element, fmt::format("faults[{}]", rules.size()), error));
  }
  return rules;
}

void read_settings(Fields& fields, Settings& settings) {
  read_mix(fields, "outcomes", is_outcome_name, settings.outcomes);
  read_mix(fields, "stop_reasons", is_stop_reason, settings.stop_reasons);
  settings.processing_time = fields.duration("processing_time", settings.processing_time);
  settings.cancel_time = fields.duration("cancel_time", settings.cancel_time);
  settings.expire_after = fields.duration("expire_after", settings.expire_after);
  settings.results_kept = fields.duration("results_kept", settings.results_kept);
  settings.list_lag = fields.duration("list_lag", settings.list_lag);
  settings.answer_bytes = fields.bytes("answer_bytes", settings.answer_bytes);
  settings.max_requests = fields.number("max_requests", settings.max_requests);
  settings.max_bytes = fields.bytes("max_bytes", settings.max_bytes);
  settings.queue_limit = fields.number("queue_limit", settings.queue_limit);
  settings.progress = fields.flag("progress", settings.progress);
  settings.page_limit = fields.number("page_limit", settings.page_limit);
  if (fields.has("too_large")) settings.html_413 = fields.word("too_large", {"html", "api"}) == 0;
  settings.poll_retry_after = static_cast<int>(
      fields.number("poll_retry_after", static_cast<std::uint64_t>(settings.poll_retry_after), 1'000'000));
  settings.api_key = fields.text("api_key", settings.api_key);
  settings.workspace = fields.text("workspace", settings.workspace);
  settings.organization = fields.text("organization", settings.organization);
  settings.results_url_base = fields.text("results_url_base", settings.results_url_base);
}

}  // namespace

Result<Script> parse_script(std::string_view text, Settings settings) {
  if (const auto valid = check_json(text); !valid) return valid.error();
  Script script{std::move(settings), {}};
  std::string error;
  Fields fields(text, "", error);
  read_settings(fields, script.settings);
  if (const auto faults = fields.raw("faults")) {
    if (json_kind(*faults) == JsonKind::array) {
      script.faults = read_rules(*faults, error);
    } else {
      fields.fail("faults", "must be an array of rules");
    }
  }
  fields.finish();
  if (!error.empty()) return make_error(ErrorKind::invalid, error);
  return script;
}

Result<std::vector<FaultRule>> parse_faults(std::string_view text) {
  if (const auto valid = check_json(text); !valid) return valid.error();
  std::string error;
  std::vector<FaultRule> rules;
  if (json_kind(text) == JsonKind::array) {
    rules = read_rules(text, error);
  } else {
    rules.push_back(read_rule(text, "rule", error));
  }
  if (!error.empty()) return make_error(ErrorKind::invalid, error);
  return rules;
}

}  // namespace offpeak::sim
