// wait.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <thread>

#include "base/text.hpp"
#include "daemon/cli/follow.hpp"
#include "daemon/cli/follow_verbs.hpp"
#include "daemon/cli/ids.hpp"
#include "daemon/cli/job_view.hpp"

namespace offpeak::cli {

namespace {

using Steady = std::chrono::steady_clock;

constexpr Duration first_pause{100};
constexpr Duration longest_pause{2'000};
constexpr std::chrono::seconds restart_patience{30};

// A reason that is gone sooner is not told.
constexpr std::chrono::seconds told_after{5};

struct Waiting {
  std::string id;
  std::string json = "";  // as last seen
  bool settled = false;
  std::string kind = "";  // what it waits for, since, and whether that was told
  Steady::time_point since{};
  bool told = false;
};

int code_of(const JobView& job) {
  // What was written too late is in no job: no success of the others makes that good.
  if (job.is_held() || job.file_changed) return exit_held;
  return job.failed() != 0 ? exit_not_all_succeeded : exit_done;
}

void announce(Cli& cli, const Waiting& one) {
  if (cli.json) {
    print_json(cli, one.json);
    cli.out.flush();
    return;
  }
  const auto job = parse_job(JsonView(one.json));
  cli.out.talk(fmt::format("Job {} ({}) is {}{}{}: {}", job.id, job.name, job.state, job.reason.empty() ? "" : ", ",
                           job.reason, describe(job.counts)));
}

class Waiter {
 public:
  Waiter(Cli& cli, const std::vector<std::string>& ids) : cli_(cli) {
    for (const auto& id : ids) jobs_.push_back(Waiting{id});
  }

  int run(std::optional<Duration> timeout) {
    const auto start = Steady::now();
    auto pause = first_pause;
    for (;;) {
      if (const auto failed = look()) return *failed;
      if (all_settled()) return result();
      if (timeout && Steady::now() - start >= *timeout) return timed_out(*timeout);
      auto next = pause;
      if (timeout) next = std::min(next, std::chrono::ceil<Duration>(start + *timeout - Steady::now()));
      std::this_thread::sleep_for(next);
      pause = std::min(pause * 3 / 2, longest_pause);
    }
  }

 private:
  bool all_settled() const {
    return std::ranges::all_of(jobs_, [](const Waiting& one) { return one.settled; });
  }

  std::optional<int> look() {
    for (auto& one : jobs_) {
      if (one.settled && !JsonView(one.json).text("state").starts_with("held")) continue;
      const auto reply = cli_.http().call("GET", "/v1/jobs/" + one.id);
      if (!reply) {
        // A restart is nothing to give up for, once the daemon was there.
        if (reached_ && Steady::now() - *reached_ < restart_patience) return std::nullopt;
        return explain(cli_, reply.error());
      }
      if (reply->status != 200 || !is_json_object(reply->body)) return explain(cli_, *reply);
      reached_ = Steady::now();
      see(one, reply->body);
    }
    return std::nullopt;
  }

  // A held job may be released while we wait for others.
  void see(Waiting& one, const std::string& json) {
    const bool was_settled = one.settled;
    one.json = json;
    const auto job = parse_job(JsonView(one.json));
    one.settled = job.is_over() || job.is_held();
    if (one.settled && (!was_settled || job.is_over())) announce(cli_, one);
    if (!one.settled) tell_why(one, job);
  }

  // Whoever waits for long may read for what; once for each thing that is waited for.
  void tell_why(Waiting& one, const JobView& job) {
    if (job.wait.kind != one.kind) {
      one.kind = job.wait.kind;
      one.since = Steady::now();
      one.told = false;
    }
    if (Steady::now() - one.since >= told_after) say_why(one, job);
  }

  void say_why(Waiting& one, const JobView& job) {
    if (one.told || cli_.json) return;
    one.told = true;
    const auto times = times_text(job.wait, SystemClock().now());
    cli_.out.talk(fmt::format("Job {} ({}) waits: {}{}", job.id, job.name, job.reason,
                              times.empty() ? "" : fmt::format(" ({})", times)));
  }

  int result() const {
    int code = exit_done;
    for (const auto& one : jobs_) code = std::max(code, code_of(parse_job(JsonView(one.json))));
    return code;
  }

  int timed_out(Duration timeout) {
    cli_.out.talk(fmt::format("offpeak: still not over after {}", to_text(timeout)));
    for (auto& one : jobs_) {
      if (!one.settled && !one.json.empty()) say_why(one, parse_job(JsonView(one.json)));
    }
    return exit_timed_out;
  }

  Cli& cli_;
  std::vector<Waiting> jobs_;
  std::optional<Steady::time_point> reached_;
};

struct WaitArguments {
  std::vector<std::string> ids;
  std::string timeout;
};

int wait_verb(Cli& cli, const WaitArguments& arguments) {
  for (const auto& text : arguments.ids) {
    const auto id = parse_thing_id(text);
    if (id && !id->batch) continue;
    cli.out.complain(fmt::format("{} is no job", escape_for_display(text, 100)), "offpeak jobs lists them");
    return exit_no_such_thing;
  }
  std::optional<Duration> timeout;
  if (!arguments.timeout.empty()) timeout = parse_duration(arguments.timeout);
  return wait_for_jobs(cli, arguments.ids, timeout);
}

std::string check_duration(const std::string& text) {
  return parse_duration(text) ? "" : fmt::format("{} is no duration: write 90s, 10m or 1h", text);
}

}  // namespace

int wait_for_jobs(Cli& cli, const std::vector<std::string>& ids, std::optional<Duration> timeout) {
  return Waiter(cli, ids).run(timeout);
}

void add_wait_verb(CLI::App& app, Cli& cli) {
  auto* const verb = add_verb(app, cli, "wait", "Wait until jobs are over, or held");
  auto arguments = std::make_shared<WaitArguments>();
  verb->add_option("ID", arguments->ids, "Job numbers")->required();
  verb->add_option("--timeout", arguments->timeout, "Give up after this long: 90s, 10m, 1h")->check(check_duration);
  verb->callback([&cli, arguments] { cli.verb = [&cli, arguments] { return wait_verb(cli, *arguments); }; });
}

}  // namespace offpeak::cli
