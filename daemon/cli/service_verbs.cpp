// status, pause, resume.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "daemon/cli/cli.hpp"
#include "daemon/cli/status_view.hpp"

namespace offpeak::cli {

namespace {

int print_status(Cli& cli, const Answer& answer) {
  if (answer.failed) return *answer.failed;
  if (cli.json) {
    print_json(cli, answer.reply.body);
  } else {
    cli.out.data(describe_status(cli.out, answer.json()));
  }
  return exit_done;
}

// For cron, a monitor, a script.
int code_of_health(std::string_view health) {
  if (health == "ok") return exit_done;
  return health == "needs_human" ? exit_held : exit_error;
}

int show_status(Cli& cli, bool check) {
  const auto answer = ask(cli, "GET", "/v1/status");
  const int code = print_status(cli, answer);
  return check && code == exit_done ? code_of_health(answer.json().text("health")) : code;
}

void add_pause(CLI::App& app, Cli& cli, const std::string& name, std::string description) {
  auto* const verb = add_verb(app, cli, name, std::move(description));
  auto what = std::make_shared<std::string>("submitting");
  verb->add_option("WHAT", *what, "intake, submitting or all (default: submitting)")
      ->check(CLI::IsMember({"intake", "submitting", "all"}));
  const auto run = [&cli, what, name] {
    return print_status(cli, ask(cli, "POST", fmt::format("/v1/{}?what={}", name, *what)));
  };
  verb->callback([&cli, run] { cli.verb = run; });
}

}  // namespace

void add_service_verbs(CLI::App& app, Cli& cli) {
  auto* const status = add_verb(app, cli, "status", "Show how the daemon is doing and what needs you");
  auto check = std::make_shared<bool>(false);
  status->add_flag("--check", *check, "Exit with 0 where all is well, 1 where it is degraded, 6 where it needs you");
  status->callback([&cli, check] { cli.verb = [&cli, check] { return show_status(cli, *check); }; });
  add_pause(app, cli, "pause", "Stop sending batches, or taking job files, until resume");
  add_pause(app, cli, "resume", "Go on after pause, or try a paused account at once");
}

}  // namespace offpeak::cli
