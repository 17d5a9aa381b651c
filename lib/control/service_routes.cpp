#include <fmt/format.h>

#include "base/text.hpp"
#include "control/handlers.hpp"
#include "control/problem.hpp"
#include "control/shapes.hpp"

namespace offpeak {

namespace {

struct PauseWish {
  bool intake = false;
  bool submitting = false;
};

std::optional<PauseWish> parse_what(std::optional<std::string_view> what) {
  PauseWish wish;
  wish.intake = what == "intake" || what == "all";
  wish.submitting = !what || what == "submitting" || what == "all";
  if (!wish.intake && !wish.submitting) return std::nullopt;
  return wish;
}

}  // namespace

Reply get_health() { return json_reply(R"({"ok":true})"); }

Task<Reply> get_status(ControlContext& context) {
  const auto now = context.doors.clock.now();
  const auto status = co_await context.doors.database.status(now);
  const auto facts = context.facts();
  co_return json_reply(status_json({status, facts, context.config(), now}));
}

// Resuming submitting also ends an account's pause: the operator knows that it is worth a try.
Task<Reply> set_pause(ControlContext& context, RoutedCall call, bool paused) {
  const auto wish = parse_what(call.query("what"));
  if (!wish) {
    const auto detail = fmt::format("what={} is not known", escape_for_display(*call.query("what"), 60));
    co_return to_reply(bad_request(detail, "use intake, submitting or all"));
  }
  const auto write = [wish = *wish, paused, now = context.doors.clock.now()](Queue& queue) {
    queue.pause(wish.intake, wish.submitting, paused, now);
    if (!paused && wish.submitting && queue.account().paused) queue.resume_account();
  };
  co_await context.doors.database.write(write);
  context.doors.log.info(paused ? "operator.paused" : "operator.resumed",
                         {{"intake", wish->intake}, {"submitting", wish->submitting}});
  co_return co_await get_status(context);
}

}  // namespace offpeak
