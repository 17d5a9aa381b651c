#include "control/shapes.hpp"

#include <fmt/format.h>

#include "base/json.hpp"
#include "control/amount.hpp"

namespace offpeak {

namespace {

std::string_view word_of(CallFailureKind kind) {
  switch (kind) {
    case CallFailureKind::unreachable:
      return "unreachable";
    case CallFailureKind::throttled:
      return "throttled";
    case CallFailureKind::account:
      return "account";
    case CallFailureKind::not_found:
      return "not_found";
    case CallFailureKind::refused:
      return "refused";
    case CallFailureKind::unreadable:
      return "unreadable";
    case CallFailureKind::stopped:
      return "stopped";
    case CallFailureKind::unproven:
      return "unproven";
  }
  return "";
}

std::string joined(const std::vector<std::string>& items) { return fmt::format("[{}]", fmt::join(items, ",")); }

std::string waits_json(const std::vector<Wait>& waits) {
  std::vector<std::string> items;
  for (const auto& wait : waits) items.push_back(to_json(wait));
  return joined(items);
}

std::string needs_human(const std::vector<Wait>& waits) {
  std::vector<std::string> items;
  for (const auto& wait : waits) {
    if (wait.health != Health::needs_human) continue;
    items.push_back(fmt::format(R"({{"what":{},"command":{}}})", json_quote(wait.what), json_quote(wait.command)));
  }
  return joined(items);
}

// The first sentence that keeps the health from being ok, or null.
std::string trouble(const std::vector<Wait>& waits) {
  return health_of(waits) == Health::ok ? "null" : json_quote(waits.front().what);
}

std::string account_json(const AccountState& account) {
  const auto known = [](Instant at) { return to_millis(at) == 0 ? std::nullopt : std::optional(at); };
  if (!account.paused) return R"({"state":"ok","reason":null,"since":null,"next_try_at":null})";
  return fmt::format(R"({{"state":"paused","reason":{},"since":{},"next_try_at":{}}})", json_quote(account.reason),
                     json_time(account.since), json_time(known(account.next_try_at)));
}

std::string provider_json(const ProviderContact& contact, const std::vector<Wait>& waits) {
  if (!contact.failing()) {
    return fmt::format(
        R"({{"last_ok_at":{},"failing_since":null,"failures":0,"last_error":null,"last_error_kind":null,)"
        R"("last_http_status":null,"next_try_at":null}})",
        json_time(contact.last_ok_at));
  }
  std::optional<Instant> next;
  for (const auto& wait : waits) {
    const bool asks =
        wait.kind == WaitKind::provider || wait.kind == WaitKind::account || wait.kind == WaitKind::workspace;
    if (asks && !next) next = wait.next_action_at;
  }
  const auto& error = contact.last_error;
  return fmt::format(R"({{"last_ok_at":{},"failing_since":{},"failures":{},"last_error":{},"last_error_kind":"{}",)"
                     R"("last_http_status":{},"next_try_at":{}}})",
                     json_time(contact.last_ok_at), json_time(contact.failing_since), contact.failures,
                     json_quote(error.message), word_of(error.kind),
                     error.http_status == 0 ? "null" : fmt::format("{}", error.http_status), json_time(next));
}

std::string money_json(const Look& look) {
  const double cap = look.config.money.daily_cap_usd;
  return fmt::format(R"({{"today_usd":{},"cap_usd":{},"unpriced_requests":{}}})", json_usd(look.status.spent_today),
                     cap > 0 ? fmt::format("{}", cap) : "null", look.status.unpriced_today);
}

std::string facts_json(const Status& status) {
  std::vector<std::string> items;
  for (const auto& fact : facts_of(status)) items.push_back(json_quote(fact));
  return joined(items);
}

// What holds submitting.
std::string id_list(const std::vector<UnexplainedBatch>& batches) {
  std::string list = "[";
  for (const auto& batch : batches) {
    if (batch.holds_submitting()) list += (list.size() == 1 ? "" : ",") + json_quote(batch.provider_id);
  }
  return list + ']';
}

// What an operator may do with one thing that is to be reconciled, what that does, and what it may cost.
class Actions {
 public:
  explicit Actions(std::string id) : id_(std::move(id)) {}

  void add(std::string_view action, std::string_view effect, std::string_view arguments = "") {
    put(action, effect, arguments, "null", "null");
  }
  // Where nothing waits that it could have run, nothing is to be confirmed.
  void add_dismiss(std::string_view effect, const Amount& amount) {
    if (amount.requests == 0) return add("dismiss", effect);
    const auto confirm = confirmation(amount);
    put("dismiss", effect, " --confirm " + confirm, json_quote(describe(amount)), json_quote(confirm));
  }
  const std::string& json() const { return items_; }

 private:
  void put(std::string_view action, std::string_view effect, std::string_view arguments, std::string_view may_cost,
           std::string_view confirm) {
    if (!items_.empty()) items_ += ',';
    items_ += fmt::format(R"({{"action":"{}","effect":{},"may_be_paid_again":{},"confirm":{},"command":{}}})", action,
                          json_quote(effect), may_cost, confirm,
                          json_quote(fmt::format("offpeak reconcile {} {}{}", id_, action, arguments)));
  }

  std::string id_;
  std::string items_;
};

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

std::string to_json(const RejectedFile& file) {
  return fmt::format(R"({{"id":{},"file":{},"stored":{},"at":{},"error_count":{},"errors":{},"job":{},"seen":{}}})",
                     file.id.value, json_quote(file.file), file.stored.empty() ? "null" : json_quote(file.stored),
                     json_time(file.at), file.error_count, file.errors,
                     file.job ? fmt::format("{}", file.job->value) : "null", file.seen);
}

std::string to_json(const UnexplainedBatch& batch, const Amount& amount) {
  const auto& id = batch.provider_id;
  std::string actions;
  if (batch.state == "open" || batch.state == "claiming") {
    Actions list(id);
    list.add("claim", "its results are used: what it paid for is not sent again; submitting waits until it has ended");
    list.add("cancel", "it is canceled at the provider, then claimed: what it has not run is not billed");
    list.add_dismiss("it is left alone: what it ran of the requests that wait here is sent again", amount);
    actions = list.json();
  }
  return fmt::format(
      R"({{"id":{},"kind":"unexplained_batch","provider_id":{},"requests":{},"created_at":{},"since":{},"state":{},)"
      R"("reason":{},"next_action_at":{},"candidates":[],"matched":{},"unmatched":{},"actions":[{}]}})",
      json_quote(id), json_quote(id), batch.requests, json_time(batch.created_at), json_time(batch.created_at),
      json_quote(batch.state), json_text(batch.reason), json_time(batch.next_action_at), batch.matched, batch.unmatched,
      actions);
}

std::string unknown_intent_json(const Intent& intent, const std::vector<Candidate>& candidates, const Amount& amount) {
  const auto id = fmt::format("intent-{}", intent.id.value);
  std::string actions;
  std::string shown;
  if (intent.state == IntentState::unknown) {
    Actions list(id);
    for (const auto& candidate : candidates) {
      shown += fmt::format(R"({}{{"provider_id":{},"created_at":{},"ended":{},"cancel_wanted":{}}})",
                           shown.empty() ? "" : ",", json_quote(candidate.provider_id), json_time(candidate.created_at),
                           candidate.ended, candidate.cancel_wanted);
      const auto named = " --batch " + candidate.provider_id;
      list.add("claim", "it is taken for the intent's batch; its results prove or disprove that", named);
      list.add("cancel", "it is canceled at the provider; whose it was shows when it has ended", named);
    }
    list.add_dismiss("it is taken as not created at once: its requests are sent again", amount);
    actions = list.json();
  }
  return fmt::format(
      R"({{"id":"{}","kind":"unknown_intent","provider_id":null,"requests":{},"created_at":{},"since":{},"state":"{}",)"
      R"("reason":{},"next_action_at":{},"candidates":[{}],"matched":0,"unmatched":0,"actions":[{}]}})",
      id, intent.requests, json_time(intent.created_at),
      json_time(intent.committed_at ? intent.committed_at : std::optional(intent.created_at)), to_text(intent.state),
      json_text(intent.reason), json_time(intent.next_action_at), shown, actions);
}

std::string lost_batch_json(const Batch& batch) {
  std::string actions;
  if (batch.state != BatchState::collected) {
    Actions list(batch.provider_id);
    list.add("gone", "it is given up: its requests without a result end as errored, offpeak_results_lost",
             fmt::format(" --confirm {}", confirmation({batch.requests, std::nullopt})));
    actions = list.json();
  }
  return fmt::format(
      R"({{"id":{},"kind":"lost_batch","provider_id":{},"requests":{},"created_at":{},"since":{},"state":"{}",)"
      R"("reason":{},"next_action_at":{},"candidates":[],"matched":0,"unmatched":0,"actions":[{}]}})",
      json_quote(batch.provider_id), json_quote(batch.provider_id), batch.requests, json_time(batch.created_at),
      json_time(batch.created_at), to_text(batch.state), json_text(batch.reason), json_time(batch.next_action_at),
      actions);
}

std::string guard_wait_json(const GuardWait& wait, const Amount& amount, std::string_view state) {
  Actions list(wait.id);
  const bool key = wait.id == "key";
  list.add("dismiss",
           key ? "what was sent before is given up: its requests end as errored, offpeak_results_lost"
               : "what is listed now is taken as known; what was deleted there may be sent again",
           amount.requests == 0 ? "" : " --confirm " + confirmation(amount));
  return fmt::format(
      R"({{"id":"{}","kind":"workspace","provider_id":null,"requests":{},"created_at":{},"since":{},"state":"{}",)"
      R"("reason":{},"next_action_at":{},"candidates":[],"matched":0,"unmatched":0,"actions":[{}]}})",
      wait.id, amount.requests, json_time(wait.since), json_time(wait.since), state, json_quote(wait.what),
      json_time(wait.next_try_at), list.json());
}

std::string to_json(const Wait& wait) {
  return fmt::format(
      R"({{"kind":"{}","what":{},"since":{},"until":{},"next_action_at":{},"health":"{}","command":{}}})",
      to_text(wait.kind), json_quote(wait.what), json_time(wait.since), json_time(wait.until),
      json_time(wait.next_action_at), to_text(wait.health), wait.command.empty() ? "null" : json_quote(wait.command));
}

std::string job_json(const Job& job, const JobWaits& waits, const Look& look) {
  const auto wait = wait_of(job, waits, look);
  auto shown = job;
  if (!wait) return to_json(shown);
  shown.reason = wait->what;
  shown.next_action_at = wait->next_action_at;
  auto json = to_json(shown);
  json.pop_back();
  return json + R"(,"wait":)" + to_json(*wait) + '}';
}

std::string status_json(const Look& look) {
  const auto& status = look.status;
  const auto waits = waits_of(look);
  return fmt::format(
      R"({{"health":"{}","account":{},"provider":{},"waits":{},"needs_human":{},"counts":{},"open_batches":{},)"
      R"("next_poll_at":{},"paused":{{"intake":{},"submitting":{}}},"jobs_open":{},"jobs_held_by_operator":{},)"
      R"("intakes":{},"unknown_intents":{},"unexplained_batches":{},"spent_today_usd":{},"money":{},"facts":{},)"
      R"("rejected":{{"unseen":{}}},)"
      R"("trouble":{},"version":"{}","now":{}}})",
      to_text(health_of(waits)), account_json(account_of(look)), provider_json(look.stages.contact, waits),
      waits_json(waits), needs_human(waits), to_json(status.counts), status.open_batches,
      json_time(look.stages.next_poll_at), status.intake_paused, status.submitting_paused, status.jobs_open,
      status.held_by_operator, status.intakes, status.unknown_intents, id_list(status.unexplained),
      json_usd(status.spent_today), money_json(look), facts_json(status), status.rejected_unseen, trouble(waits),
      OFFPEAK_VERSION, json_time(look.now));
}

}  // namespace offpeak
