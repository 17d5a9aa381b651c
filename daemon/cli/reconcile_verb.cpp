// reconcile: what the provider has and nothing here explains, and what becomes of it.
#include "daemon/cli/reconcile_verb.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <memory>

#include "base/json.hpp"
#include "base/text.hpp"
#include "daemon/cli/human.hpp"
#include "daemon/cli/table.hpp"

namespace offpeak::cli {

namespace {

constexpr std::array<std::string_view, 4> actions{"claim", "dismiss", "cancel", "gone"};
constexpr std::size_t typed_bytes_max = 200;

struct ReconcileArguments {
  std::string id;
  std::string action;
  std::string batch;
  std::string confirm;
};

bool is_action(std::string_view word) { return std::ranges::find(actions, word) != actions.end(); }

std::string shown(const JsonView& item, std::string_view key) { return escape_for_display(item.text(key), 300); }

std::string kind_of(const JsonView& item) {
  const auto kind = item.text("kind");
  if (kind == "unknown_intent") return "intent";
  return kind == "workspace" ? "workspace" : "batch";
}

int list(Cli& cli) {
  const auto answer = ask(cli, "GET", "/v1/reconcile");
  if (answer.failed) return *answer.failed;
  Table table({{"ID"}, {"KIND"}, {"STATE"}, {"REQUESTS", Align::right}, {"SINCE"}, {"REASON"}});
  bool open = false;
  for (const auto& item : answer.json().array("data")) {
    if (cli.json) {
      print_json(cli, item.raw());
      continue;
    }
    open = open || (item.text("kind") == "unexplained_batch" && item.text("state") == "open");
    table.add({shown(item, "id"), kind_of(item), shown(item, "state"), human_count(item.integer("requests")),
               human_time(parse_rfc3339(item.text("since"))), shown(item, "reason")});
  }
  if (cli.json) return exit_done;
  if (table.empty()) {
    cli.out.talk("Nothing to reconcile.");
    return exit_done;
  }
  cli.out.data(table.text());
  cli.out.talk("What can be done about one: offpeak reconcile ID");
  if (open) cli.out.talk("Use what a batch paid for: offpeak reconcile ID claim");
  return exit_done;
}

std::string describe_item(const Output& out, const JsonView& item) {
  auto title = kind_of(item);
  title.front() = static_cast<char>(title.front() - 'a' + 'A');
  std::string text = out.bold(fmt::format("{} {}: {}", title, shown(item, "id"), shown(item, "state"))) + '\n';
  const auto add = [&text](std::string_view title, std::string_view value) {
    if (!value.empty()) text += fmt::format("  {:<9} {}\n", title, value);
  };
  add("Requests", human_count(item.integer("requests")));
  add("Since", human_time(parse_rfc3339(item.text("since"))));
  add("Reason", shown(item, "reason"));
  add("Next look", human_time(parse_rfc3339(item.text("next_action_at"))));
  for (const auto& candidate : item.array("candidates")) {
    add("May be",
        fmt::format("{}, made {}{}", shown(candidate, "provider_id"),
                    human_time(parse_rfc3339(candidate.text("created_at"))), candidate.flag("ended") ? ", ended" : ""));
  }
  for (const auto& action : item.array("actions")) {
    text += fmt::format("  {}\n      {}\n", shown(action, "command"), shown(action, "effect"));
    if (const auto again = shown(action, "may_be_paid_again"); !again.empty()) {
      text += fmt::format("      may be paid for a second time: {}\n", again);
    }
  }
  return text;
}

int show(Cli& cli, const std::string& id) {
  const auto answer = ask(cli, "GET", "/v1/reconcile");
  if (answer.failed) return *answer.failed;
  for (const auto& item : answer.json().array("data")) {
    if (item.text("id") != id && item.text("id") != "intent-" + id) continue;
    if (cli.json) {
      print_json(cli, item.raw());
    } else {
      cli.out.data(describe_item(cli.out, item));
    }
    return exit_done;
  }
  cli.out.complain(fmt::format("nothing named {} is to be reconciled", escape_for_display(id, 100)),
                   "offpeak reconcile lists what is");
  return exit_no_such_thing;
}

std::string body_of(const ReconcileArguments& arguments) {
  std::string body = fmt::format(R"({{"action":{})", json_quote(arguments.action));
  if (!arguments.batch.empty()) body += fmt::format(R"(,"batch":{})", json_quote(arguments.batch));
  if (!arguments.confirm.empty()) body += fmt::format(R"(,"confirm":{})", json_quote(arguments.confirm));
  return body + '}';
}

// One line from the terminal, without its end; empty where there is none.
std::string read_typed(int fd) {
  std::string line;
  for (char c = 0; line.size() < typed_bytes_max && ::read(fd, &c, 1) == 1 && c != '\n';) line += c;
  return line;
}

bool is_terminal(const Streams& streams) { return ::isatty(streams.in) == 1 && ::isatty(streams.err) == 1; }

int tell_decided(Cli& cli, const JsonView& item) {
  if (cli.json) {
    print_json(cli, item.raw());
    return exit_done;
  }
  const auto reason = shown(item, "reason");
  cli.out.talk(
      fmt::format("{} is {}{}{}", shown(item, "id"), shown(item, "state"), reason.empty() ? "." : ": ", reason));
  return exit_done;
}

// What may be paid for twice is done only where the amount was typed.
int decide(Cli& cli, ReconcileArguments arguments) {
  const auto target = "/v1/reconcile/" + percent_encode(arguments.id);
  for (bool asked = !arguments.confirm.empty();; asked = true) {
    const auto reply = cli.http().call("POST", target, body_of(arguments));
    if (!reply) return explain(cli, reply.error());
    const bool readable = is_json_object(reply->body);
    if (reply->status < 300 && readable) return tell_decided(cli, JsonView(reply->body));
    const auto amount = reply->status == 422 && readable ? JsonView(reply->body).text("confirm") : "";
    if (amount.empty() || asked) return explain(cli, *reply);
    if (!is_terminal(cli.out.streams())) {
      static_cast<void>(explain(cli, *reply));
      return exit_held;
    }
    cli.out.flush();
    cli.out.talk(escape_for_display(JsonView(reply->body).text("detail"), 500));
    cli.out.talk(fmt::format("Type {} to go on:", escape_for_display(amount, 60)));
    arguments.confirm = read_typed(cli.out.streams().in);
    if (arguments.confirm.empty()) {
      cli.out.complain("nothing was decided", "");
      return exit_refused;
    }
  }
}

int reconcile(Cli& cli, ReconcileArguments arguments) {
  // `reconcile dismiss ID` is understood, too.
  if (is_action(arguments.id) && !arguments.action.empty() && !is_action(arguments.action)) {
    std::swap(arguments.id, arguments.action);
  }
  if (arguments.id.empty() || (arguments.id == "list" && arguments.action.empty())) return list(cli);
  if (arguments.action.empty()) return show(cli, arguments.id);
  if (!is_action(arguments.action)) {
    cli.out.complain(fmt::format("{} is no action", escape_for_display(arguments.action, 40)),
                     "use claim, dismiss, cancel or gone");
    return exit_usage;
  }
  return decide(cli, std::move(arguments));
}

}  // namespace

void add_reconcile_verb(CLI::App& app, Cli& cli) {
  auto* const verb = add_verb(app, cli, "reconcile", "Show and settle what the provider has and we cannot explain");
  auto arguments = std::make_shared<ReconcileArguments>();
  verb->add_option("ID", arguments->id, "msgbatch_..., intent-N, key or list; without it, all are listed");
  verb->add_option("ACTION", arguments->action,
                   "claim: use what it paid for. cancel: cancel it at the provider, then claim. dismiss: leave it "
                   "alone. gone: give up "
                   "a batch of ours that the provider does not show");
  verb->add_option("--batch", arguments->batch, "Of an intent: which candidate, msgbatch_...");
  verb->add_option("--confirm", arguments->confirm,
                   "The amount that may be paid again or is given up, as the refusal names it");
  verb->callback([&cli, arguments] { cli.verb = [&cli, arguments] { return reconcile(cli, *arguments); }; });
}

}  // namespace offpeak::cli
