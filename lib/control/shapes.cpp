#include "control/shapes.hpp"

#include <fmt/format.h>

#include "base/json.hpp"
#include "base/text.hpp"
#include "control/amount.hpp"

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

// "2 files that nobody has looked at were rejected, the newest: a.jsonl: line 3, column 14: not valid JSON"
std::string unseen_text(const Status& status) {
  const auto& newest = *status.rejected_newest;
  const auto name = escape_for_display(newest.file, 100);
  JsonElements errors(newest.errors);
  std::string_view first;
  std::string why;
  if (errors.next(first)) {
    const auto number = [&](std::string_view key) {
      const auto value = json_member(first, key);
      return value ? json_integer(*value) : std::nullopt;
    };
    if (const auto line = number("line")) why += fmt::format("line {}, ", *line);
    if (const auto column = number("column")) why += fmt::format("column {}, ", *column);
    if (!why.empty()) why.replace(why.size() - 2, 1, ":");
    if (const auto message = json_member(first, "message")) why += json_decode_string(*message);
  }
  if (newest.job) return fmt::format("{}: {}", name, why);
  if (status.rejected_unseen == 1) return fmt::format("{} was rejected: {}", name, why);
  return fmt::format("{} files were rejected, the newest: {}: {}", status.rejected_unseen, name, why);
}

// It prints what is wrong with each, and then they are looked at.
std::string unseen_command(const Status& status) {
  if (status.rejected_unseen > 1) return "offpeak rejected --seen all";
  return fmt::format("offpeak rejected --seen {}", status.rejected_newest->id.value);
}

std::string needs_human(const Status& status) {
  NeedsHuman list;
  if (status.account.paused) {
    list.add(fmt::format("the account does not take batches: {}", status.account.reason), "offpeak resume");
  }
  for (const auto& batch : status.unexplained) {
    // What is claimed already needs nobody.
    if (batch.state != "open") continue;
    list.add(fmt::format("{} exists at the provider and is not known here; submitting waits{}{}", batch.provider_id,
                         batch.reason ? ": " : "", batch.reason.value_or("")),
             fmt::format("offpeak reconcile {} claim", batch.provider_id));
  }
  if (status.rejected_newest) list.add(unseen_text(status), unseen_command(status));
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
      json_time(batch.created_at), to_text(batch.state), json_text(batch.reason), json_time(batch.next_action_at), actions);
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

std::string status_json(const Status& status, const StatusExtras& extras) {
  const bool degraded = status.account.paused || !status.unexplained.empty() || extras.trouble;
  return fmt::format(
      R"({{"health":"{}","account":{},"counts":{},"open_batches":{},"next_poll_at":{},"needs_human":{},)"
      R"("paused":{{"intake":{},"submitting":{}}},"jobs_open":{},"intakes":{},"unknown_intents":{},)"
      R"("unexplained_batches":{},"spent_today_usd":{},"rejected":{{"unseen":{}}},"trouble":{},"version":"{}","now":{}}})",
      degraded ? "degraded" : "ok", account_json(status.account), to_json(status.counts), status.open_batches,
      json_time(extras.next_poll_at), needs_human(status), status.intake_paused, status.submitting_paused,
      status.jobs_open, status.intakes, status.unknown_intents, id_list(status.unexplained),
      json_usd(status.spent_today), status.rejected_unseen, json_text(extras.trouble), OFFPEAK_VERSION,
      json_time(extras.now));
}

}  // namespace offpeak
