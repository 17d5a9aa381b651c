// jobs, show, cancel, hold, release.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "daemon/cli/batch_view.hpp"
#include "daemon/cli/cli.hpp"
#include "daemon/cli/human.hpp"
#include "daemon/cli/ids.hpp"
#include "daemon/cli/job_view.hpp"
#include "daemon/cli/pages.hpp"
#include "daemon/cli/rejected_view.hpp"
#include "daemon/cli/table.hpp"

namespace offpeak::cli {

namespace {

struct ListArguments {
  std::string state;
  std::int64_t limit = 0;
};

int list_jobs(Cli& cli, const ListArguments& arguments) {
  Table table({{"ID", Align::right},
               {"NAME"},
               {"STATE"},
               {"REQUESTS", Align::right},
               {"DONE", Align::right},
               {"FAILED", Align::right},
               {"COST", Align::right},
               {"CREATED"},
               {"REASON"}});
  const auto add = [&](const JsonView& item) {
    if (cli.json) return print_json(cli, item.raw());
    const auto job = parse_job(item);
    table.add({std::to_string(job.id), cut_to_width(job.name, 40), paint_state(cli.out, job.state),
               human_count(job.requests), human_percent(job.finished(), job.requests), human_count(job.failed()),
               human_usd(job.cost_usd), human_time(job.created_at), job.reason});
  };
  const auto query = arguments.state.empty() ? "" : "&state=" + percent_encode(arguments.state);
  if (const auto failed = for_each_item(cli, "/v1/jobs", query, arguments.limit, add)) return *failed;
  if (cli.json) return exit_done;
  if (table.empty()) {
    cli.out.talk(arguments.state.empty() ? "No jobs yet: offpeak submit FILE" : "No such jobs.");
  } else {
    cli.out.data(table.text(cli.out.line_width()));
  }
  return exit_done;
}

int no_such_id(Cli& cli, const std::string& id) {
  cli.out.complain(fmt::format("{} is no ID", escape_for_display(id, 100)),
                   "use a job's number (7), a batch number (b12) or msgbatch_...; offpeak jobs lists the jobs");
  return exit_no_such_thing;
}

int show_batch(Cli& cli, const std::string& id) {
  const auto answer = ask(cli, "GET", "/v1/batches/" + percent_encode(id));
  if (answer.failed) return *answer.failed;
  if (cli.json) {
    print_json(cli, answer.reply.body);
  } else {
    cli.out.data(describe(cli.out, parse_batch(answer.json())));
  }
  return exit_done;
}

int show_name(Cli& cli, const std::string& name) {
  if (const auto shown = show_rejected(cli, name)) return *shown;
  cli.out.complain(fmt::format("{} is no ID, and no file of that name was rejected", escape_for_display(name, 100)),
                   "use a job's number (7), a batch number (b12) or msgbatch_...; offpeak jobs lists the jobs, offpeak "
                   "rejected the rejected files");
  return exit_no_such_thing;
}

int show(Cli& cli, const std::string& text) {
  const auto id = parse_thing_id(text);
  if (!id) return show_name(cli, text);
  if (id->batch) return show_batch(cli, id->text);
  const auto reply = cli.http().call("GET", "/v1/jobs/" + id->text);
  if (!reply) return explain(cli, reply.error());
  if (reply->status == 404) {
    const auto batch = cli.http().call("GET", "/v1/batches/" + id->text);
    if (batch && batch->status == 200) return show_batch(cli, id->text);
  }
  if (reply->status != 200 || !is_json_object(reply->body)) return explain(cli, *reply);
  if (cli.json) {
    print_json(cli, reply->body);
  } else {
    cli.out.data(describe(cli.out, parse_job(JsonView(reply->body)), SystemClock().now()));
  }
  return exit_done;
}

// cancel, hold, release: one after the other; the worst exit code is what counts.
int change_jobs(Cli& cli, const std::vector<std::string>& ids, const std::string& verb) {
  int code = exit_done;
  for (const auto& text : ids) {
    const auto id = parse_thing_id(text);
    if (!id || id->batch) {
      code = no_such_id(cli, text);
      continue;
    }
    const auto answer = ask(cli, "POST", fmt::format("/v1/jobs/{}/{}", id->text, verb));
    if (answer.failed) {
      code = *answer.failed;
      if (code == exit_unreachable) break;
      continue;
    }
    if (cli.json) {
      print_json(cli, answer.reply.body);
    } else {
      const auto job = parse_job(answer.json());
      cli.out.talk(fmt::format("Job {} ({}) is {}: {}", job.id, job.name, job.state, describe(job.counts)));
    }
  }
  return code;
}

void add_change(CLI::App& app, Cli& cli, const std::string& name, std::string description) {
  auto* const verb = add_verb(app, cli, name, std::move(description));
  auto ids = std::make_shared<std::vector<std::string>>();
  verb->add_option("ID", *ids, "Job numbers")->required();
  verb->callback([&cli, ids, name] { cli.verb = [&cli, ids, name] { return change_jobs(cli, *ids, name); }; });
}

}  // namespace

void add_job_verbs(CLI::App& app, Cli& cli) {
  auto* const jobs = add_verb(app, cli, "jobs", "List jobs, oldest first");
  auto arguments = std::make_shared<ListArguments>();
  jobs->add_option("--state", arguments->state, "queued, running, held, canceling, done or canceled")
      ->check(CLI::IsMember({"queued", "running", "held", "canceling", "done", "canceled"}));
  jobs->add_option("--limit", arguments->limit, "At most this many")->check(CLI::PositiveNumber);
  jobs->callback([&cli, arguments] { cli.verb = [&cli, arguments] { return list_jobs(cli, *arguments); }; });

  auto* const one = add_verb(app, cli, "show", "Show one job, batch or rejected file");
  auto id = std::make_shared<std::string>();
  one->add_option("ID", *id, "A job's number, b12, msgbatch_..., or a rejected file's name")->required();
  one->callback([&cli, id] { cli.verb = [&cli, id] { return show(cli, *id); }; });

  add_change(app, cli, "cancel", "Cancel jobs: what is not sent yet never will be");
  add_change(app, cli, "hold", "Hold jobs: nothing more of them is sent");
  add_change(app, cli, "release", "Let held jobs go on");
}

}  // namespace offpeak::cli
