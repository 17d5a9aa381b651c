// batches.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "daemon/cli/batch_view.hpp"
#include "daemon/cli/cli.hpp"
#include "daemon/cli/human.hpp"
#include "daemon/cli/pages.hpp"
#include "daemon/cli/reconcile_verb.hpp"
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
  if (!cli.json && !table.empty()) cli.out.data(table.text(cli.out.line_width()));
  if (!cli.json && table.empty()) cli.out.talk("No batches.");
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
  add_reconcile_verb(app, cli);
}

}  // namespace offpeak::cli
