#include "daemon/cli/status_view.hpp"

#include <fmt/format.h>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "daemon/cli/human.hpp"
#include "daemon/cli/job_view.hpp"
#include "daemon/cli/wait_view.hpp"

namespace offpeak::cli {

namespace {

constexpr std::size_t title_width = 12;  // of "  Requests  "

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

// The account's reason is not said twice.
std::string provider_text(const JsonView& status, std::optional<Instant> now) {
  const auto provider = status.object("provider");
  const auto since = parse_rfc3339(provider.text("failing_since"));
  if (!since || !now) return "";
  const auto tries = provider.integer("failures");
  auto text = fmt::format("fails since {}, {} {}", human_duration(*now - *since), human_count(tries),
                          tries == 1 ? "try" : "tries");
  const auto error = provider.text("last_error");
  if (error != status.object("account").text("reason")) text += ": " + escape_for_display(error, 300);
  const auto next = parse_rfc3339(provider.text("next_try_at"));
  if (next && *next > *now) text += fmt::format(" (next try in {})", human_duration(*next - *now));
  return text;
}

std::string paused_text(const JsonView& paused) {
  const bool intake = paused.flag("intake");
  const bool submitting = paused.flag("submitting");
  if (intake && submitting) return "intake and submitting: offpeak resume all";
  if (intake) return "intake: offpeak resume intake";
  return submitting ? "submitting: offpeak resume" : "";
}

std::string jobs_text(const JsonView& status) {
  auto text = fmt::format("{} open", human_count(status.integer("jobs_open")));
  const auto held = status.integer("jobs_held_by_operator");
  if (held != 0) text += fmt::format(", {} held by you: offpeak jobs --state held", human_count(held));
  return text;
}

std::string money_text(const JsonView& status) {
  const auto money = status.object("money");
  auto text = human_usd(status.number("spent_today_usd")) + " (UTC day)";
  if (const auto cap = money.number("cap_usd"); cap > 0) text += ", cap " + human_usd(cap);
  if (const auto unpriced = money.integer("unpriced_requests"); unpriced != 0) {
    text += fmt::format(" + {} requests without a price", human_count(unpriced));
  }
  return text;
}

// What waits and asks nobody, what needs somebody, and what is over and still to be known.
class Sections {
 public:
  Sections(const Output& out, std::optional<Instant> now) : out_(out), now_(now) {}

  void add_waits(const std::vector<JsonView>& waits) {
    begin("Waits:");
    for (const auto& item : waits) {
      const auto wait = parse_wait(item);
      if (wait.health == "needs_human") continue;
      add(wait.what, 2);
      if (now_) add(times_text(wait, *now_), 6);
    }
  }
  void add_needs(const std::vector<JsonView>& needs) {
    begin("Needs you:");
    for (const auto& item : needs) {
      add(escape_for_display(item.text("what"), 1000), 2);
      add(escape_for_display(item.text("command"), 200), 6);
    }
  }
  void add_facts(const std::vector<std::string>& facts) {
    begin("To know:");
    for (const auto& fact : facts) add(escape_for_display(fact, 1000), 2);
  }
  const std::string& text() const { return text_; }

 private:
  void begin(std::string_view title) { title_ = title; }
  void add(const std::string& value, std::size_t indent) {
    if (value.empty()) return;
    if (!title_.empty()) text_ += out_.bold(title_) + '\n';
    title_.clear();
    text_ += std::string(indent, ' ') + wrapped(value, out_.line_width(), indent) + '\n';
  }

  const Output& out_;
  std::optional<Instant> now_;
  std::string title_;  // not written yet
  std::string text_;
};

}  // namespace

std::string describe_status(const Output& out, const JsonView& status) {
  const auto now = parse_rfc3339(status.text("now"));
  const auto health = status.text("health");
  std::string text = fmt::format("{} {}: {}\n", out.bold("offpeak"), status.text("version"),
                                 health == "ok" ? out.green(health) : out.red(health));
  const auto add = [&](std::string_view title, std::string_view value) {
    if (!value.empty()) text += fmt::format("  {:<9} {}\n", title, wrapped(value, out.line_width(), title_width));
  };
  add("Account", account_text(status.object("account"), now));
  add("Provider", provider_text(status, now));
  add("Paused", paused_text(status.object("paused")));
  add("Jobs", jobs_text(status));
  if (const auto intakes = status.integer("intakes"); intakes != 0) {
    add("Intake", fmt::format("{} being checked", human_count(intakes)));
  }
  if (const auto unseen = status.object("rejected").integer("unseen"); unseen != 0) {
    add("Rejected", fmt::format("{} not looked at", human_count(unseen)));
  }
  add("Requests", describe(parse_counts(status.object("counts"))));
  add("Batches", batches_text(status, now));
  add("Today", money_text(status));
  Sections sections(out, now);
  sections.add_waits(status.array("waits"));
  sections.add_needs(status.array("needs_human"));
  sections.add_facts(status.texts("facts"));
  return text + sections.text();
}

}  // namespace offpeak::cli
