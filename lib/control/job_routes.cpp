#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/json.hpp"
#include "base/text.hpp"
#include "control/handlers.hpp"
#include "control/paging.hpp"
#include "control/problem.hpp"
#include "control/shapes.hpp"

namespace offpeak {

namespace {

constexpr std::array<std::string_view, 6> job_states{"queued", "running", "held", "canceling", "done", "canceled"};

std::string_view meaning_of(std::string_view oddity) {
  if (oddity == unreadable_error_type) {
    return "the provider's line could not be read; it stands in the results as it came, and may have been paid for";
  }
  if (oddity == missing_error_type) return "the results held no line that can be read; it may have been paid for";
  return "its line says that it did not succeed, but the provider counts more successes; it may have been paid for";
}

// What was odd about a job's results, as one more member; empty where nothing was.
std::string errors_member(const JobTallies& tallies) {
  if (tallies.oddities.empty()) return {};
  std::string errors;
  for (const auto& [type, count] : tallies.oddities) {
    errors += fmt::format(R"({}{{"type":{},"message":{},"count":{}}})", errors.empty() ? "" : ",", json_quote(type),
                          json_quote(meaning_of(type)), count);
  }
  return fmt::format(R"(,"errors":[{}])", errors);
}

Task<std::optional<Job>> find_job(ControlContext& context, JobId id) {
  const auto read = [id](const Queue& queue) { return queue.job(id); };
  co_return co_await context.doors.database.read(read);
}

// What a change of a job's state made of it: the job, a 404 or a 409.
Task<Reply> change_reply(ControlContext& context, RoutedCall call, Queue::Change change, std::string_view verb) {
  const auto job = co_await find_job(context, job_id_of(call));
  if (change == Queue::Change::no_such_job || !job) co_return no_such_job(call);
  if (change == Queue::Change::not_in_this_state) {
    co_return to_reply(conflict(fmt::format("job {} is {}: it cannot be {}", job->id.value, to_text(job->state), verb),
                                fmt::format("offpeak show {}", job->id.value)));
  }
  context.doors.log.info("job.changed", {{"job", job->id}, {"state", to_text(job->state)}, {"by", "socket"}});
  co_return json_reply((co_await show_jobs(context, {*job})).front());
}

bool is_moving(const Job& job) {
  const bool over = job.state == JobState::done || job.state == JobState::canceled;
  return !over && job.state != JobState::held && job.counts.waiting() > 0;
}

}  // namespace

// Only jobs with requests on their way are looked up further: of the others, the row says it all.
Task<std::vector<std::string>> show_jobs(ControlContext& context, std::vector<Job> jobs) {
  const auto now = context.doors.clock.now();
  const auto read = [jobs, now](const Queue& queue) {
    std::vector<JobWaits> waits;
    for (const auto& job : jobs) waits.push_back(is_moving(job) ? queue.job_waits(job.id, now) : JobWaits());
    return waits;
  };
  std::vector<JobWaits> waits(jobs.size());
  if (std::ranges::any_of(jobs, is_moving)) waits = co_await context.doors.database.read(read);
  const auto status = co_await context.doors.database.status(now);
  const auto facts = context.facts();
  const Look look{status, facts, context.config(), now};
  std::vector<std::string> shown;
  for (std::size_t i = 0; i < jobs.size(); ++i) shown.push_back(job_json(jobs[i], waits[i], look));
  co_return shown;
}

JobId job_id_of(const RoutedCall& call) { return JobId(parse_integer(call.parameters.at(0)).value_or(0)); }

Reply no_such_job(const RoutedCall& call) {
  return to_reply(not_found(fmt::format("there is no job {}", escape_for_display(call.parameters.at(0), 60)),
                            "offpeak jobs lists them"));
}

Task<Reply> list_jobs(ControlContext& context, RoutedCall call) {
  const auto options = parse_list_options(call.target.query, job_states);
  if (!options) co_return to_reply(bad_request(options.error().message, options.error().hint));
  const auto read = [wanted = one_more(*options)](const Queue& queue) { return queue.jobs(wanted); };
  const auto rows = co_await context.doors.database.read(read);
  const auto shown = co_await show_jobs(context, rows);
  const auto show = [&](const Job& job) { return shown[static_cast<std::size_t>(&job - rows.data())]; };
  co_return json_reply(list_document(rows, options->limit, show));
}

Task<Reply> get_job(ControlContext& context, RoutedCall call) {
  const auto read = [id = job_id_of(call)](const Queue& queue) { return std::pair(queue.job(id), queue.tallies(id)); };
  const auto [job, tallies] = co_await context.doors.database.read(read);
  if (!job) co_return no_such_job(call);
  auto document = (co_await show_jobs(context, {*job})).front();
  document.pop_back();
  co_return json_reply(document + errors_member(tallies) + '}');
}

Task<Reply> cancel_job(ControlContext& context, RoutedCall call) {
  const auto id = job_id_of(call);
  const auto write = [id, now = context.doors.clock.now()](Queue& queue) { return queue.cancel_job(id, now); };
  const auto change = co_await context.doors.database.write(write);
  co_return co_await change_reply(context, std::move(call), change, "canceled");
}

Task<Reply> hold_job(ControlContext& context, RoutedCall call) {
  const auto id = job_id_of(call);
  const auto write = [id](Queue& queue) { return queue.hold_job(id, std::string(held_by_operator)); };
  const auto change = co_await context.doors.database.write(write);
  co_return co_await change_reply(context, std::move(call), change, "held");
}

Task<Reply> release_job(ControlContext& context, RoutedCall call) {
  const auto id = job_id_of(call);
  const auto write = [id](Queue& queue) { return queue.release_job(id); };
  const auto change = co_await context.doors.database.write(write);
  co_return co_await change_reply(context, std::move(call), change, "released");
}

}  // namespace offpeak
