#include "daemon/cli/status_view.hpp"

#include <fmt/format.h>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "daemon/cli/human.hpp"
#include "daemon/cli/job_view.hpp"

namespace offpeak::cli {

namespace {

std::string account_text(const JsonView& account, std::optional<Instant> now) {
  if (account.text("state") == "ok") return "ok";
  auto text = fmt::format("{}: {}", account.text("state"), escape_for_display(account.text("reason"), 300));
  const auto next = parse_rfc3339(account.text("next_try_at"));
  if (next && now) text += fmt::format(" (next try in {})", human_duration(*next - *now));
  return text;
}

std::string batches_text(const JsonView& status, std::optional<Instant> now) {
  auto text = fmt::format("{} open", human_count(status.integer("open_batches")));
  const auto next = parse_rfc3339(status.text("next_poll_at"));
  if (next && now) text += fmt::format(", next look in {}", human_duration(*next - *now));
  if (const auto unknown = status.integer("unknown_intents"); unknown != 0) {
    text += fmt::format("; {} being settled", human_count(unknown));
  }
  return text;
}

std::string paused_text(const JsonView& paused) {
  const bool intake = paused.flag("intake");
  const bool submitting = paused.flag("submitting");
  if (intake && submitting) return "intake and submitting: offpeak resume all";
  if (intake) return "intake: offpeak resume intake";
  return submitting ? "submitting: offpeak resume" : "";
}

}  // namespace

std::string describe_status(const Output& out, const JsonView& status) {
  const auto now = parse_rfc3339(status.text("now"));
  const auto health = status.text("health");
  std::string text = fmt::format("{} {}: {}\n", out.bold("offpeak"), status.text("version"),
                                 health == "ok" ? out.green(health) : out.red(health));
  const auto add = [&text](std::string_view title, std::string_view value) {
    if (!value.empty()) text += fmt::format("  {:<9} {}\n", title, value);
  };
  add("Trouble", escape_for_display(status.text("trouble"), 300));
  add("Account", account_text(status.object("account"), now));
  add("Paused", paused_text(status.object("paused")));
  add("Jobs", fmt::format("{} open", human_count(status.integer("jobs_open"))));
  if (const auto intakes = status.integer("intakes"); intakes != 0) {
    add("Intake", fmt::format("{} being checked", human_count(intakes)));
  }
  if (const auto unseen = status.object("rejected").integer("unseen"); unseen != 0) {
    add("Rejected", fmt::format("{} not looked at", human_count(unseen)));
  }
  add("Requests", describe(parse_counts(status.object("counts"))));
  add("Batches", batches_text(status, now));
  add("Today", human_usd(status.number("spent_today_usd")));
  const auto needs = status.array("needs_human");
  if (!needs.empty()) text += out.bold("Needs you:") + '\n';
  for (const auto& item : needs) {
    text += fmt::format("  {}\n      {}\n", escape_for_display(item.text("what"), 500),
                        escape_for_display(item.text("command"), 200));
  }
  return text;
}

}  // namespace offpeak::cli
