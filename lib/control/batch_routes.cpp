#include <fmt/format.h>

#include <array>

#include "base/json.hpp"
#include "base/text.hpp"
#include "control/handlers.hpp"
#include "control/paging.hpp"
#include "control/problem.hpp"
#include "control/shapes.hpp"
#include "control/small_body.hpp"

namespace offpeak {

namespace {

constexpr std::array<std::string_view, 4> batch_states{"in_progress", "canceling", "ended", "collected"};
constexpr std::size_t action_bytes_max = 64 * 1024;

struct Unsettled {
  std::vector<Intent> intents;
  std::vector<UnexplainedBatch> batches;
};

Task<Unsettled> read_unsettled(ControlContext& context) {
  const auto read = [](Queue& queue) { return Unsettled{queue.unknown_intents(), queue.unexplained()}; };
  co_return co_await context.doors.database.run(read);
}

// The word of {"action":"..."}, or why not.
Result<std::string> parse_action(std::string_view body) {
  const std::string hint = R"(send {"action":"dismiss"})";
  if (const auto fault = JsonChecker().check(body)) {
    return make_error(ErrorKind::invalid, fmt::format("the body is not JSON: {}", fault->message), hint);
  }
  const auto text = body.substr(std::min(body.find_first_not_of(" \t\r\n"), body.size()));
  if (json_kind(text) != JsonKind::object) return make_error(ErrorKind::invalid, "the body is no JSON object", hint);
  const auto action = json_member(text, "action");
  if (!action || json_kind(*action) != JsonKind::string) {
    return make_error(ErrorKind::invalid, "the body has no \"action\"", hint);
  }
  auto word = json_decode_string(*action);
  if (word == "dismiss" || word == "claim" || word == "cancel") return word;
  return make_error(ErrorKind::invalid, fmt::format("{} is no action", escape_for_display(word, 40)), hint);
}

Reply not_this_action(const std::string& action, const std::string& id) {
  return to_reply(conflict(fmt::format("{} is not possible for batch {} yet", action, id),
                           fmt::format("what works: dismiss it, or cancel it in the provider's console first; "
                                       "then offpeak reconcile dismiss {}",
                                       id)));
}

Reply settles_itself(const Intent& intent) {
  return to_reply(conflict(
      fmt::format("intent {} is unknown and settles by itself from the provider's batch list", intent.id.value),
      "nothing is to do: offpeak reconcile list shows when it is looked at next"));
}

}  // namespace

Task<Reply> list_batches(ControlContext& context, RoutedCall call) {
  const auto options = parse_list_options(call.target.query, batch_states);
  if (!options) co_return to_reply(bad_request(options.error().message, options.error().hint));
  const auto read = [wanted = one_more(*options)](Queue& queue) { return queue.batches(wanted); };
  const auto rows = co_await context.doors.database.run(read);
  co_return json_reply(list_document(rows, options->limit, [](const Batch& batch) { return to_json(batch); }));
}

Task<Reply> get_batch(ControlContext& context, RoutedCall call) {
  const auto read = [id = call.parameters.at(0)](Queue& queue) {
    const auto number = parse_integer(id);
    return number ? queue.batch(BatchId(*number)) : queue.batch(id);
  };
  const auto batch = co_await context.doors.database.run(read);
  if (!batch) {
    const auto id = escape_for_display(call.parameters.at(0), 100);
    co_return to_reply(not_found(fmt::format("there is no batch {}", id), "offpeak batches lists them"));
  }
  co_return json_reply(to_json(*batch));
}

Task<Reply> list_reconcile(ControlContext& context, RoutedCall) {
  const auto found = co_await read_unsettled(context);
  std::string items;
  for (const auto& batch : found.batches) items += (items.empty() ? "" : ",") + to_json(batch);
  for (const auto& intent : found.intents) items += (items.empty() ? "" : ",") + unknown_intent_json(intent);
  co_return json_reply(fmt::format(R"({{"data":[{}],"next":null}})", items));
}

Task<Reply> settle_reconcile(ControlContext& context, RoutedCall call) {
  auto body = co_await read_small_body(call.call.body, action_bytes_max);
  if (!body) co_return to_reply(bad_request(body.error().message, body.error().hint));
  const auto action = parse_action(*body);
  if (!action) co_return to_reply(bad_request(action.error().message, action.error().hint));
  const auto id = call.parameters.at(0);
  const auto found = co_await read_unsettled(context);
  for (const auto& intent : found.intents) {
    if (std::to_string(intent.id.value) == id) co_return settles_itself(intent);
  }
  for (const auto& batch : found.batches) {
    if (batch.provider_id != id) continue;
    if (*action != "dismiss") co_return not_this_action(*action, id);
    const auto write = [id](Queue& queue) { return queue.dismiss_unexplained(id); };
    co_await context.doors.database.run(write);
    context.doors.log.info("reconcile.dismissed", {{"batch", id}});
    context.wake_stages();
    UnexplainedBatch dismissed = batch;
    dismissed.state = "dismissed";
    co_return json_reply(to_json(dismissed));
  }
  co_return to_reply(not_found(fmt::format("nothing named {} is to be reconciled", escape_for_display(id, 100)),
                               "offpeak reconcile list"));
}

}  // namespace offpeak
