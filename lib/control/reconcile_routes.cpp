// What only an operator can decide: batches that nothing here explains, and intents whose outcome is unknown. The
// decision is a row; the stages carry it out.
#include <fmt/format.h>

#include <algorithm>

#include "base/json.hpp"
#include "base/text.hpp"
#include "control/amount.hpp"
#include "control/handlers.hpp"
#include "control/problem.hpp"
#include "control/shapes.hpp"
#include "control/small_body.hpp"
#include "model/made_result.hpp"

namespace offpeak {

namespace {

constexpr std::size_t action_bytes_max = 64 * 1024;
constexpr std::string_view intent_prefix = "intent-";
constexpr std::uint32_t strangers_listed = 100;

struct Wish {
  std::string action;   // claim, dismiss, cancel or gone
  std::string batch;    // of an unknown intent: which candidate; or empty
  std::string confirm;  // or empty
};

Result<std::string> text_member(std::string_view object, std::string_view key) {
  const auto value = json_member(object, key);
  if (!value) return std::string();
  if (json_kind(*value) != JsonKind::string) {
    return make_error(ErrorKind::invalid, fmt::format("\"{}\" is no string", key));
  }
  return json_decode_string(*value);
}

Result<Wish> parse_wish(std::string_view body) {
  const std::string hint = R"(send {"action":"claim"}, {"action":"dismiss"}, {"action":"cancel"} or {"action":"gone"})";
  if (const auto fault = JsonChecker().check(body)) {
    return make_error(ErrorKind::invalid, fmt::format("the body is not JSON: {}", fault->message), hint);
  }
  const auto object = body.substr(std::min(body.find_first_not_of(" \t\r\n"), body.size()));
  if (json_kind(object) != JsonKind::object) return make_error(ErrorKind::invalid, "the body is no JSON object", hint);
  Wish wish;
  for (const auto& [key, text] : {std::pair<std::string_view, std::string*>{"action", &wish.action},
                                  {"batch", &wish.batch},
                                  {"confirm", &wish.confirm}}) {
    auto read = text_member(object, key);
    if (!read) return make_error(ErrorKind::invalid, read.error().message, hint);
    *text = std::move(*read);
  }
  for (const std::string_view action : {"dismiss", "claim", "cancel", "gone"}) {
    if (wish.action == action) return wish;
  }
  if (wish.action.empty()) return make_error(ErrorKind::invalid, "the body has no \"action\"", hint);
  return make_error(ErrorKind::invalid, fmt::format("{} is no action", escape_for_display(wish.action, 40)), hint);
}

// "intent-12", or plainly 12.
std::optional<IntentId> parse_intent_id(std::string_view id) {
  if (id.starts_with(intent_prefix)) id.remove_prefix(intent_prefix.size());
  const auto number = parse_integer(id);
  if (!number) return std::nullopt;
  return IntentId{*number};
}

Reply no_such_thing(const std::string& id) {
  return to_reply(not_found(fmt::format("nothing named {} is to be reconciled", escape_for_display(id, 100)),
                            "offpeak reconcile lists what is"));
}

Reply not_now(std::string detail) {
  return to_reply(conflict(std::move(detail), "offpeak reconcile lists what is open"));
}

Reply confirmation_needed(const std::string& id, const Wish& wish, const Amount& amount) {
  const auto wanted = confirmation(amount);
  const auto wrong =
      wish.confirm.empty() ? "" : fmt::format("; {} is not that amount", escape_for_display(wish.confirm, 40));
  return to_reply(needs_confirmation(
      fmt::format("what {} ran would be sent again and may be paid for a second time: {}{}", id, describe(amount),
                  wrong),
      fmt::format(
          "claim uses what it paid for instead; to dismiss all the same: offpeak reconcile {} dismiss --confirm {}", id,
          wanted),
      wanted));
}

Reply giving_up_needs_confirmation(const std::string& id, const Wish& wish, const Amount& amount) {
  const auto wanted = confirmation(amount);
  const auto wrong =
      wish.confirm.empty() ? "" : fmt::format("; {} is not that amount", escape_for_display(wish.confirm, 40));
  return to_reply(needs_confirmation(
      fmt::format("{} end as errored (offpeak_results_lost) although they may have been paid for{}", describe(amount),
                  wrong),
      fmt::format("to give them up all the same: offpeak reconcile {} {} --confirm {}", id, wish.action, wanted),
      wanted));
}

// ---- batches of ours that the provider does not show

std::string lost_reason(const Batch& batch) {
  return made_error("results_lost",
                    fmt::format("The provider does not show batch {} any more, and the operator gave it up; "
                                "the request may have been paid for. It is not sent again by itself.",
                                batch.provider_id));
}

Task<Reply> settle_lost(ControlContext& context, Batch batch, Wish wish) {
  const auto id = batch.provider_id;
  if (wish.action != "gone") {
    co_return not_now(fmt::format("batch {} is ours: gone is all that can be said of it", id));
  }
  if (batch.state == BatchState::collected) co_return not_now(fmt::format("batch {} is collected already", id));
  const Amount amount{batch.requests, std::nullopt};
  if (!confirms(wish.confirm, amount)) co_return giving_up_needs_confirmation(id, wish, amount);
  const auto write = [batch, now = context.doors.clock.now()](Queue& queue) {
    const auto known = queue.batch(batch.id);
    if (!known || known->state == BatchState::collected) return false;
    static_cast<void>(queue.results_lost(batch.id, lost_reason(batch), lost_reason(batch), now));
    return true;
  };
  if (!co_await context.doors.database.write(write))
    co_return not_now(fmt::format("batch {} has changed meanwhile", id));
  context.doors.log.warning("reconcile.decided",
                            {{"batch", id}, {"action", wish.action}, {"requests", batch.requests}});
  const auto after =
      co_await context.doors.database.read([id = batch.id](const Queue& queue) { return queue.batch(id); });
  co_return json_reply(lost_batch_json(after.value_or(batch)));
}

// ---- what the start-up guard cannot tell

std::optional<GuardWait> guard_wait(ControlContext& context) {
  auto wait = context.hooks.guard_wait ? context.hooks.guard_wait() : std::nullopt;
  if (wait && wait->id.empty()) wait.reset();
  return wait;
}

Task<Amount> amount_of_wait(ControlContext& context, std::string id) {
  const auto read = [id, now = context.doors.clock.now()](const Queue& queue) {
    if (id == "key") return queue.old_work(now).requests;
    const auto counts = queue.status(now).counts;
    return counts[RequestState::pending] + counts[RequestState::assigned];
  };
  co_return Amount{co_await context.doors.database.read(read), std::nullopt};
}

Task<Reply> settle_guard(ControlContext& context, GuardWait wait, Wish wish) {
  if (wish.action != "dismiss") co_return not_now(fmt::format("{}: dismiss is all that can be decided", wait.id));
  const auto amount = co_await amount_of_wait(context, wait.id);
  if (amount.requests > 0 && !confirms(wish.confirm, amount)) {
    if (wait.id == "key") co_return giving_up_needs_confirmation(wait.id, wish, amount);
    co_return confirmation_needed(wait.id, wish, amount);
  }
  if (wait.id == "key") {
    const auto give_up = [now = context.doors.clock.now()](Queue& queue) { return queue.give_up_old_work(now); };
    while (co_await context.doors.database.write(give_up)) {
    }
  } else {
    co_await context.doors.database.write([](Queue& queue) { queue.forget_newest_known(); });
  }
  context.doors.log.warning("reconcile.decided", {{"what", wait.id}, {"action", wish.action}});
  co_return json_reply(guard_wait_json(wait, amount, "dismissed"));
}

// ---- unexplained batches

Task<Reply> shown(ControlContext& context, std::string provider_id) {
  const auto read = [provider_id](const Queue& queue) { return queue.unexplained(provider_id); };
  const auto batch = co_await context.doors.database.read(read);
  if (!batch) co_return no_such_thing(provider_id);
  const auto amounts = co_await amounts_of(context, {*batch});
  co_return json_reply(to_json(*batch, amounts.front()));
}

Task<Reply> decided(ControlContext& context, Decided decision, UnexplainedBatch batch, Wish wish) {
  if (decision == Decided::no_such_thing) co_return no_such_thing(batch.provider_id);
  if (decision == Decided::not_in_this_state) {
    const auto read = [id = batch.provider_id](const Queue& queue) { return queue.unexplained(id); };
    const auto now = co_await context.doors.database.read(read);
    co_return not_now(fmt::format("batch {} is {} already", batch.provider_id, now ? now->state : "gone"));
  }
  context.doors.log.info("reconcile.decided", {{"batch", batch.provider_id}, {"action", wish.action}});
  co_return co_await shown(context, batch.provider_id);
}

Task<Reply> settle_batch(ControlContext& context, UnexplainedBatch batch, Wish wish) {
  const auto id = batch.provider_id;
  if (wish.action != "dismiss") {
    const auto claim = [id, cancel = wish.action == "cancel"](Queue& queue) {
      return queue.claim_unexplained(id, cancel);
    };
    const auto decision = co_await context.doors.database.write(claim);
    co_return co_await decided(context, decision, std::move(batch), std::move(wish));
  }
  if (batch.state == "claimed" || batch.state == "dismissed") {
    co_return not_now(fmt::format("batch {} is {} already", id, batch.state));
  }
  const auto amounts = co_await amounts_of(context, {batch});
  if (amounts.front().requests > 0 && !confirms(wish.confirm, amounts.front())) {
    co_return confirmation_needed(id, wish, amounts.front());
  }
  const auto dismiss = [id](Queue& queue) { return queue.dismiss_unexplained(id); };
  const auto decision = co_await context.doors.database.write(dismiss);
  co_return co_await decided(context, decision, std::move(batch), std::move(wish));
}

// ---- unknown intents

struct FoundIntent {
  std::optional<Intent> intent;
  std::vector<Candidate> candidates;
};

Task<FoundIntent> find_intent(ControlContext& context, IntentId id) {
  const auto read = [id](const Queue& queue) { return FoundIntent{queue.intent(id), queue.candidates(id)}; };
  co_return co_await context.doors.database.read(read);
}

std::string name_of(const Intent& intent) { return fmt::format("{}{}", intent_prefix, intent.id.value); }

// Which candidate is meant, or the reply that says why not.
std::optional<Reply> choose(const FoundIntent& found, Wish& wish) {
  const auto name = name_of(*found.intent);
  const auto& candidates = found.candidates;
  if (wish.batch.empty() && candidates.size() == 1) wish.batch = candidates.front().provider_id;
  const bool known =
      std::ranges::any_of(candidates, [&](const Candidate& one) { return one.provider_id == wish.batch; });
  if (known) return std::nullopt;
  if (candidates.empty()) {
    return to_reply(
        conflict(fmt::format("no list has shown several batches that can be {}", name),
                 "one that can be it is taken by itself; offpeak reconcile shows when it is looked for next"));
  }
  std::string ids;
  for (const auto& one : candidates) ids += (ids.empty() ? "" : ", ") + one.provider_id;
  if (wish.batch.empty()) {
    return to_reply(conflict(fmt::format("{} batches can be {}: {}", candidates.size(), name, ids),
                             fmt::format("name one: offpeak reconcile {} {} --batch ID", name, wish.action)));
  }
  return to_reply(not_found(fmt::format("{} is no candidate of {}", escape_for_display(wish.batch, 100), name),
                            fmt::format("these are: {}", ids)));
}

Task<Reply> settle_intent(ControlContext& context, FoundIntent found, Wish wish) {
  const auto intent = *found.intent;
  const auto name = name_of(intent);
  if (intent.state != IntentState::unknown) {
    co_return not_now(fmt::format("{} is {}: there is nothing to decide", name, to_text(intent.state)));
  }
  auto decision = Decided::done;
  if (wish.action == "dismiss") {
    const auto amount = co_await amount_of(context, intent);
    if (!confirms(wish.confirm, amount)) co_return confirmation_needed(name, wish, amount);
    const auto write = [id = intent.id, now = context.doors.clock.now()](Queue& queue) {
      return queue.dismiss_intent(id, now);
    };
    decision = co_await context.doors.database.write(write);
  } else {
    if (auto refused = choose(found, wish)) co_return std::move(*refused);
    const auto write = [id = intent.id, batch = wish.batch, claim = wish.action == "claim",
                        now = context.doors.clock.now()](Queue& queue) {
      return claim ? queue.adopt_candidate(id, batch, now) : queue.cancel_candidate(id, batch);
    };
    decision = co_await context.doors.database.write(write);
  }
  if (decision != Decided::done) co_return not_now(fmt::format("{} has changed meanwhile", name));
  context.doors.log.info("reconcile.decided", {{"intent", intent.id}, {"action", wish.action}, {"batch", wish.batch}});
  const auto now = co_await find_intent(context, intent.id);
  const auto amount = co_await amount_of(context, intent);
  co_return json_reply(unknown_intent_json(*now.intent, now.candidates, amount));
}

// "b1" or the provider's id.
Task<std::optional<Batch>> find_batch(ControlContext& context, std::string id) {
  const auto number = id.starts_with("b") ? parse_integer(std::string_view(id).substr(1)) : std::nullopt;
  const auto read = [id, number](const Queue& queue) {
    return number ? queue.batch(BatchId{*number}) : queue.batch(id);
  };
  co_return co_await context.doors.database.read(read);
}

}  // namespace

Task<Reply> list_reconcile(ControlContext& context, RoutedCall) {
  auto batches = co_await context.doors.database.read([](const Queue& queue) {
    auto undecided = queue.unexplained();
    const auto seen = queue.strangers(strangers_listed);
    undecided.insert(undecided.end(), seen.begin(), seen.end());
    return undecided;
  });
  const auto intents = co_await context.doors.database.read([](const Queue& queue) { return queue.unknown_intents(); });
  const auto amounts = co_await amounts_of(context, batches);
  std::string items;
  for (std::size_t i = 0; i < batches.size(); ++i) {
    items += (items.empty() ? "" : ",") + to_json(batches[i], amounts[i]);
  }
  for (const auto& intent : intents) {
    const auto candidates =
        co_await context.doors.database.read([id = intent.id](const Queue& queue) { return queue.candidates(id); });
    const auto amount = co_await amount_of(context, intent);
    items += (items.empty() ? "" : ",") + unknown_intent_json(intent, candidates, amount);
  }
  const auto lost = co_await context.doors.database.read([](const Queue& queue) { return queue.batches_not_shown(); });
  for (const auto& batch : lost) items += (items.empty() ? "" : ",") + lost_batch_json(batch);
  if (const auto wait = guard_wait(context)) {
    items += (items.empty() ? "" : ",") + guard_wait_json(*wait, co_await amount_of_wait(context, wait->id), "open");
  }
  co_return json_reply(fmt::format(R"({{"data":[{}],"next":null}})", items));
}

Task<Reply> settle_reconcile(ControlContext& context, RoutedCall call) {
  auto body = co_await read_small_body(call.call.body, action_bytes_max);
  if (!body) co_return to_reply(bad_request(body.error().message, body.error().hint));
  auto wish = parse_wish(*body);
  if (!wish) co_return to_reply(bad_request(wish.error().message, wish.error().hint));
  const auto id = call.parameters.at(0);
  const auto read = [id](const Queue& queue) { return queue.unexplained(id); };
  auto batch = co_await context.doors.database.read(read);
  if (batch) co_return co_await settle_batch(context, std::move(*batch), std::move(*wish));
  if (auto wait = guard_wait(context); wait && wait->id == id) {
    co_return co_await settle_guard(context, std::move(*wait), std::move(*wish));
  }
  if (auto ours = co_await find_batch(context, id))
    co_return co_await settle_lost(context, std::move(*ours), std::move(*wish));
  const auto intent_id = parse_intent_id(id);
  if (!intent_id) co_return no_such_thing(id);
  auto found = co_await find_intent(context, *intent_id);
  if (!found.intent) co_return no_such_thing(id);
  co_return co_await settle_intent(context, std::move(found), std::move(*wish));
}

}  // namespace offpeak
