// batches, reconcile.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "base/text.hpp"
#include "daemon/cli/batch_view.hpp"
#include "daemon/cli/cli.hpp"
#include "daemon/cli/human.hpp"
#include "daemon/cli/pages.hpp"
#include "daemon/cli/table.hpp"

namespace offpeak::cli {

namespace {

struct ListArguments {
  std::string state;
  std::int64_t limit = 0;
};

int list_batches(Cli& cli, const ListArguments& arguments) {
  Table table({{"ID", Align::right},
               {"PROVIDER ID"},
               {"STATE"},
               {"REQUESTS", Align::right},
               {"SIZE", Align::right},
               {"SUCCEEDED", Align::right},
               {"CREATED"},
               {"REASON"}});
  const auto add = [&](const JsonView& item) {
    if (cli.json) return print_json(cli, item.raw());
    const auto batch = parse_batch(item);
    table.add({fmt::format("b{}", batch.id), batch.provider_id, batch.state, human_count(batch.requests),
               human_bytes(batch.bytes), human_count(batch.succeeded), human_time(batch.created_at), batch.reason});
  };
  const auto query = arguments.state.empty() ? "" : "&state=" + percent_encode(arguments.state);
  if (const auto failed = for_each_item(cli, "/v1/batches", query, arguments.limit, add)) return *failed;
  if (!cli.json && !table.empty()) cli.out.data(table.text());
  if (!cli.json && table.empty()) cli.out.talk("No batches.");
  return exit_done;
}

int list_reconcile(Cli& cli) {
  const auto answer = ask(cli, "GET", "/v1/reconcile");
  if (answer.failed) return *answer.failed;
  Table table({{"ID"}, {"KIND"}, {"REQUESTS", Align::right}, {"CREATED"}, {"REASON"}});
  for (const auto& item : answer.json().array("data")) {
    if (cli.json) {
      print_json(cli, item.raw());
      continue;
    }
    table.add({escape_for_display(item.text("id"), 100), item.text("kind") == "unknown_intent" ? "intent" : "batch",
               human_count(item.integer("requests")), human_time(parse_rfc3339(item.text("created_at"))),
               escape_for_display(item.text("reason"), 200)});
  }
  if (cli.json) return exit_done;
  if (table.empty()) {
    cli.out.talk("Nothing to reconcile.");
    return exit_done;
  }
  cli.out.data(table.text());
  cli.out.talk("An intent settles by itself. A batch that is not known here: offpeak reconcile dismiss ID");
  return exit_done;
}

int dismiss(Cli& cli, const std::string& id) {
  const auto answer = ask(cli, "POST", "/v1/reconcile/" + percent_encode(id), R"({"action":"dismiss"})");
  if (answer.failed) return *answer.failed;
  if (cli.json) {
    print_json(cli, answer.reply.body);
  } else {
    cli.out.talk(fmt::format("{} is dismissed: offpeak leaves it alone.", escape_for_display(id, 100)));
  }
  return exit_done;
}

}  // namespace

void add_batch_verbs(CLI::App& app, Cli& cli) {
  auto* const batches = add_verb(app, cli, "batches", "List batches at the provider, oldest first");
  auto arguments = std::make_shared<ListArguments>();
  batches->add_option("--state", arguments->state, "in_progress, canceling, ended or collected")
      ->check(CLI::IsMember({"in_progress", "canceling", "ended", "collected"}));
  batches->add_option("--limit", arguments->limit, "At most this many")->check(CLI::PositiveNumber);
  batches->callback([&cli, arguments] { cli.verb = [&cli, arguments] { return list_batches(cli, *arguments); }; });

  auto* const reconcile =
      add_verb(app, cli, "reconcile", "Show and settle what the provider has and we cannot explain");
  reconcile->require_subcommand(0, 1);
  reconcile->callback([&cli] {
    if (!cli.verb) cli.verb = [&cli] { return list_reconcile(cli); };
  });
  auto* const list = add_verb(*reconcile, cli, "list", "Unknown intents and unexplained batches");
  list->callback([&cli] { cli.verb = [&cli] { return list_reconcile(cli); }; });
  auto* const away = add_verb(*reconcile, cli, "dismiss", "Leave a batch alone that is not known here");
  auto id = std::make_shared<std::string>();
  away->add_option("ID", *id, "msgbatch_...")->required();
  away->callback([&cli, id] { cli.verb = [&cli, id] { return dismiss(cli, *id); }; });
}

}  // namespace offpeak::cli
