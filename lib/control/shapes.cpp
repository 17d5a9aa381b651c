#include "control/shapes.hpp"

#include <fmt/format.h>

#include "base/json.hpp"
#include "base/text.hpp"

namespace offpeak {

namespace {

class NeedsHuman {
 public:
  void add(std::string_view what, std::string_view command) {
    if (!items_.empty()) items_ += ',';
    items_ += fmt::format(R"({{"what":{},"command":{}}})", json_quote(what), json_quote(command));
  }
  std::string json() const { return '[' + items_ + ']'; }

 private:
  std::string items_;
};

std::string needs_human(const Status& status) {
  NeedsHuman list;
  if (status.account.paused) {
    list.add(fmt::format("the account does not take batches: {}", status.account.reason), "offpeak resume");
  }
  for (const auto& provider_id : status.unexplained) {
    list.add(fmt::format("{} exists at the provider and is not known here; submitting waits", provider_id),
             fmt::format("offpeak reconcile dismiss {}", provider_id));
  }
  for (const auto& job : status.held) {
    const auto name = escape_for_display(job.name, 60);
    list.add(
        fmt::format("job {} ({}) is held{}{}", job.id.value, name, job.reason ? ": " : "", job.reason.value_or("")),
        fmt::format("offpeak release {}", job.id.value));
  }
  return list.json();
}

std::string account_json(const AccountState& account) {
  if (!account.paused) return R"({"state":"ok","reason":null,"next_try_at":null})";
  return fmt::format(R"({{"state":"paused","reason":{},"next_try_at":{}}})", json_quote(account.reason),
                     json_time(account.next_try_at));
}

std::string text_list(const std::vector<std::string>& texts) {
  std::string list = "[";
  for (const auto& text : texts) list += (list.size() == 1 ? "" : ",") + json_quote(text);
  return list + ']';
}

}  // namespace

std::string to_json(const Batch& batch) {
  return fmt::format(
      R"({{"id":{},"provider_id":{},"state":"{}","requests":{},"bytes":{},"created_at":{},"expires_at":{},)"
      R"("ended_at":{},"collected_at":{},"archived_at":{},"counts":{{"processing":{},"succeeded":{},"errored":{},)"
      R"("canceled":{},"expired":{}}},"intent":{},"proven":{},"cancel_wanted":{},"reason":{},"next_action_at":{}}})",
      batch.id.value, json_quote(batch.provider_id), to_text(batch.state), batch.requests, batch.bytes,
      json_time(batch.created_at), json_time(batch.expires_at), json_time(batch.ended_at),
      json_time(batch.collected_at), json_time(batch.archived_at), batch.processing, batch.succeeded, batch.errored,
      batch.canceled, batch.expired, batch.intent.value, batch.proven, batch.cancel_wanted, json_text(batch.reason),
      json_time(batch.next_action_at));
}

std::string to_json(const UnexplainedBatch& batch) {
  return fmt::format(R"({{"id":{},"kind":"unexplained_batch","provider_id":{},"requests":{},"created_at":{},)"
                     R"("state":{},"reason":null,"next_action_at":null}})",
                     json_quote(batch.provider_id), json_quote(batch.provider_id), batch.requests,
                     json_time(batch.created_at), json_quote(batch.state));
}

std::string unknown_intent_json(const Intent& intent) {
  return fmt::format(R"({{"id":"{}","kind":"unknown_intent","provider_id":null,"requests":{},"created_at":{},)"
                     R"("state":"{}","reason":{},"next_action_at":{}}})",
                     intent.id.value, intent.requests, json_time(intent.created_at), to_text(intent.state),
                     json_text(intent.reason), json_time(intent.next_action_at));
}

std::string status_json(const Status& status, const StatusExtras& extras) {
  const bool degraded = status.account.paused || !status.unexplained.empty() || extras.trouble;
  return fmt::format(R"({{"health":"{}","account":{},"counts":{},"open_batches":{},"next_poll_at":{},"needs_human":{},)"
                     R"("paused":{{"intake":{},"submitting":{}}},"jobs_open":{},"intakes":{},"unknown_intents":{},)"
                     R"("unexplained_batches":{},"spent_today_usd":{},"trouble":{},"version":"{}","now":{}}})",
                     degraded ? "degraded" : "ok", account_json(status.account), to_json(status.counts),
                     status.open_batches, json_time(extras.next_poll_at), needs_human(status), status.intake_paused,
                     status.submitting_paused, status.jobs_open, status.intakes, status.unknown_intents,
                     text_list(status.unexplained), json_usd(status.spent_today), json_text(extras.trouble),
                     OFFPEAK_VERSION, json_time(extras.now));
}

}  // namespace offpeak
