#include "sim/control.hpp"

#include <fmt/format.h>

#include <charconv>

#include "base/digest.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "sim/answers.hpp"
#include "sim/ledger.hpp"
#include "sim/script.hpp"

namespace offpeak::sim {

namespace {

Answer refuse(int status, std::string_view message) {
  auto answer = json_answer(fmt::format("{{\"error\":{}}}\n", json_quote(message)));
  answer.status = status;
  return answer;
}

Answer ok() { return json_answer("{\"ok\":true}\n"); }

Answer one_content(const Store& store, std::string_view hex) {
  for (std::uint32_t i = 0; i < store.tables.contents.size(); ++i) {
    if (store.tables.contents[i].digest.hex() == hex) return json_answer(content_json(store.tables.contents[i]) + "\n");
  }
  return refuse(404, "no request with this content was created");
}

Answer ledger(Service& service, const Route& route, Instant now) {
  auto totals = totals_json(service.totals(now), service.faults().fired());
  if (const auto digest = route.parameter("digest")) return one_content(service.store(), *digest);
  if (route.parameter("summary").value_or("0") != "0") return json_answer("{\"totals\":" + totals + "}\n");
  auto answer = json_answer("");
  const auto part = route.parameter("twice").value_or("0") != "0" ? LedgerPart::created_twice : LedgerPart::all;
  answer.stream = std::make_unique<LedgerStream>(service.store(), std::move(totals), part, now);
  answer.framing = Framing::chunked;
  return answer;
}

Answer list_faults(Service& service) {
  std::string body = "[";
  for (const auto& rule : service.faults().rules()) {
    if (body.size() > 1) body += ",\n ";
    body += fmt::format(R"({{"rule":{},"seen":{},"fired":{}}})", rule.text, rule.seen, rule.fired);
  }
  return json_answer(body + "]\n");
}

Answer add_faults(Service& service, std::string_view body) {
  auto rules = parse_faults(body);
  if (!rules) return refuse(400, rules.error().message);
  for (auto& rule : *rules) service.faults().add(std::move(rule));
  return ok();
}

Answer show_settings(const Settings& settings) {
  return json_answer(fmt::format(
      R"({{"seed":{},"processing_time":"{}","cancel_time":"{}","expire_after":"{}","results_kept":"{}",)"
      R"("list_lag":"{}","answer_bytes":{},"max_requests":{},"max_bytes":{},"queue_limit":{},"workspace":{}}})"
      "\n",
      settings.seed, to_text(settings.processing_time), to_text(settings.cancel_time), to_text(settings.expire_after),
      to_text(settings.results_kept), to_text(settings.list_lag), settings.answer_bytes, settings.max_requests,
      settings.max_bytes, settings.queue_limit, json_quote(settings.workspace)));
}

Answer change_settings(Service& service, std::string_view body) {
  auto script = parse_script(body, service.settings());
  if (!script) return refuse(400, script.error().message);
  service.change(std::move(script->settings));
  for (auto& rule : script->faults) service.faults().add(std::move(rule));
  return ok();
}

Answer add_foreign(Service& service, const Route& route, Instant now) {
  const auto text = route.parameter("requests").value_or("1");
  std::uint32_t requests = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), requests);
  if (ec != std::errc() || end != text.data() + text.size() || requests == 0 || requests > batch_requests_max) {
    return refuse(400, "requests must be from 1 to 100000");
  }
  const auto maker = route.parameter("maker").value_or("program");
  if (maker != "program" && maker != "offpeak") return refuse(400, "maker must be program or offpeak");
  service.add_foreign(requests, now, maker == "offpeak" ? Maker::offpeak : Maker::program);
  return ok();
}

}  // namespace

Answer handle_control(Service& service, std::string_view method, const Route& route, std::string_view body,
                      Instant now) {
  const bool get = method == "GET", post = method == "POST";
  const auto& what = route.control;
  if (what == "ledger" && get) return ledger(service, route, now);
  if (what == "faults" && get) return list_faults(service);
  if (what == "faults" && post) return add_faults(service, body);
  if (what == "faults" && method == "DELETE") {
    service.faults().clear();
    return ok();
  }
  if (what == "settings" && get) return show_settings(service.settings());
  if (what == "settings" && post) return change_settings(service, body);
  if (what == "digest" && post) return json_answer(fmt::format("{{\"digest\":\"{}\"}}\n", digest128(body).hex()));
  if (what == "foreign" && post) return add_foreign(service, route, now);
  if (what == "end" && post) {
    service.end_all(now);
    return ok();
  }
  if (what == "shutdown" && post) {
    auto answer = ok();
    answer.ends_program = true;
    return answer;
  }
  return refuse(404, "no such call; there are ledger, faults, settings, digest, foreign, end and shutdown");
}

}  // namespace offpeak::sim
