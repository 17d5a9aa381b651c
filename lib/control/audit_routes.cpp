#include <fmt/format.h>

#include "base/json.hpp"
#include "base/text.hpp"
#include "control/audit_files.hpp"
#include "control/handlers.hpp"
#include "control/problem.hpp"

namespace offpeak {

namespace {

constexpr std::uint32_t jobs_a_page = 100;

// Named in the reply, and what it covers.
struct AuditWish {
  std::optional<JobId> only;
  bool deep = false;
};

std::optional<bool> parse_deep(std::optional<std::string_view> text) {
  if (!text || text == "false" || text == "0") return false;
  if (text == "true" || text == "1") return true;
  return std::nullopt;
}

std::string audit_json(const AuditReport& report, const AuditWish& wish) {
  std::string problems;
  for (const auto& problem : report.problems) problems += (problems.empty() ? "" : ",") + json_quote(problem);
  return fmt::format(
      R"({{"ok":{},"job":{},"deep":{},"at_rest":{},"jobs":{},"requests":{},"outcomes":{},"waiting":{},"intents":{},)"
      R"("batches":{},"problem_count":{},"problems":[{}]}})",
      report.ok(), wish.only ? std::to_string(wish.only->value) : "null", wish.deep, report.at_rest, report.jobs,
      report.requests, report.outcomes, report.waiting, report.intents, report.batches, report.problem_count, problems);
}

// The bytes that outcomes and requests stand for, window by window.
Task<> check_bytes(ControlContext& context, Job job, AuditReport& report) {
  AuditFiles files(context.doors.files, context.folders, job);
  for (std::int64_t first = 0; first < job.requests; first += result_window_requests) {
    const auto read = [id = job.id, first](const Queue& queue) {
      return read_result_window(queue, id, static_cast<Seq>(first), result_window_requests);
    };
    const auto window = co_await context.doors.database.read(read);
    for (bool more = true; more;) {
      const auto check = [&files, &window, &report] { return files.check_some_results(window, report); };
      more = co_await context.doors.file_worker.run(check);
    }
  }
  for (bool more = true; more;) {
    const auto check = [&files, &report] { return files.check_some_of_the_digest(report); };
    more = co_await context.doors.file_worker.run(check);
  }
}

Task<> check_files(ControlContext& context, Job job, bool deep, AuditReport& report) {
  if (job.done_at) {
    ResultFilesCheck check(context.doors.files, context.folders, job);
    for (bool more = true; more;) {
      const auto count = [&check, &report] { return check.count_some(report); };
      more = co_await context.doors.file_worker.run(count);
    }
  }
  if (deep) co_await check_bytes(context, std::move(job), report);
}

Task<std::vector<Job>> next_jobs(ControlContext& context, AuditWish wish, JobId after) {
  const auto read = [wish, after](const Queue& queue) {
    if (!wish.only) {
      ListOptions options;
      options.limit = jobs_a_page;
      options.after = after.value;
      return queue.jobs(options);
    }
    std::vector<Job> one;
    if (auto job = after ? std::nullopt : queue.job(*wish.only)) one.push_back(std::move(*job));
    return one;
  };
  co_return co_await context.doors.database.read(read);
}

// A row that cannot be read has been named by the first part already; here it ends the reading of files.
Task<> check_all_files(ControlContext& context, AuditWish wish, AuditReport& report) {
  std::string damage;
  try {
    JobId after;
    for (;;) {
      auto jobs = co_await next_jobs(context, wish, after);
      if (jobs.empty()) break;
      after = jobs.back().id;
      for (auto& job : jobs) co_await check_files(context, std::move(job), wish.deep, report);
    }
  } catch (const QueueDamaged& error) {
    damage = error.what();
  }
  if (!damage.empty()) report.add_problem(fmt::format("the files were not all compared: {}", damage));
}

Task<Reply> audit(ControlContext& context, AuditWish wish) {
  AuditProgress progress;
  progress.only = wish.only;
  const auto slice = [&progress](const Queue& queue) { return queue.audit_slice(progress); };
  while (co_await context.doors.database.read(slice)) {
  }
  // Of everything, only on demand: results that somebody moved away are his own affair.
  if (wish.only || wish.deep) co_await check_all_files(context, wish, progress.report);
  for (const auto& problem : progress.report.problems) {
    context.doors.log.error("audit.problem", {{"what", problem}, {"act", "restore a backup"}});
  }
  co_return json_reply(audit_json(progress.report, wish));
}

Reply bad_deep(const RoutedCall& call) {
  return to_reply(bad_request(fmt::format("deep={} is not known", escape_for_display(*call.query("deep"), 60)),
                              "use true or false"));
}

}  // namespace

Task<Reply> get_audit(ControlContext& context, RoutedCall call) {
  const auto deep = parse_deep(call.query("deep"));
  if (!deep) co_return bad_deep(call);
  AuditWish wish;
  wish.deep = *deep;
  co_return co_await audit(context, wish);
}

Task<Reply> get_job_audit(ControlContext& context, RoutedCall call) {
  const auto deep = parse_deep(call.query("deep"));
  if (!deep) co_return bad_deep(call);
  AuditWish wish;
  wish.only = job_id_of(call);
  wish.deep = *deep;
  const auto look = [id = *wish.only](const Queue& queue) {
    try {
      return queue.job(id).has_value();
    } catch (const QueueDamaged&) {
      return true;  // the audit says what is wrong with it
    }
  };
  const bool known = co_await context.doors.database.read(look);
  if (!known) co_return no_such_job(call);
  co_return co_await audit(context, wish);
}

}  // namespace offpeak
