// results.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "base/text.hpp"
#include "daemon/cli/cli.hpp"
#include "daemon/cli/ids.hpp"

namespace offpeak::cli {

namespace {

int print_results(Cli& cli, const std::string& text, const std::string& outcome) {
  const auto id = parse_thing_id(text);
  if (!id || id->batch) {
    cli.out.complain(fmt::format("{} is no job", escape_for_display(text, 100)), "offpeak jobs lists them");
    return exit_no_such_thing;
  }
  const auto query = outcome.empty() ? "" : "?outcome=" + percent_encode(outcome);
  const auto take = [&cli](std::string_view block) { cli.out.data(block); };
  const auto reply = cli.http().download(fmt::format("/v1/jobs/{}/results{}", id->text, query), take);
  if (!reply) return explain(cli, reply.error());
  return reply->status == 200 ? exit_done : explain(cli, *reply);
}

}  // namespace

void add_results_verbs(CLI::App& app, Cli& cli) {
  auto* const results = add_verb(app, cli, "results", "Print a job's result lines so far, in input order");
  auto id = std::make_shared<std::string>();
  auto outcome = std::make_shared<std::string>();
  results->add_option("ID", *id, "A job's number")->required();
  results->add_option("--outcome", *outcome, "Only these: succeeded, errored, expired or canceled")
      ->check(CLI::IsMember({"succeeded", "errored", "expired", "canceled"}));
  results->callback(
      [&cli, id, outcome] { cli.verb = [&cli, id, outcome] { return print_results(cli, *id, *outcome); }; });
}

}  // namespace offpeak::cli
