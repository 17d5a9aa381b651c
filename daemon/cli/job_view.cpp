#include "daemon/cli/job_view.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "daemon/cli/human.hpp"

namespace offpeak::cli {

namespace {

constexpr std::size_t shown_bytes_max = 200;
constexpr std::size_t reason_bytes_max = 1000;
constexpr std::size_t title_width = 12;  // of "  Requests  "

std::string shown(const JsonView& json, std::string_view key) {
  return escape_for_display(json.text(key), shown_bytes_max);
}

}  // namespace

std::int64_t JobView::finished() const { return requests - counts.waiting(); }

std::int64_t JobView::failed() const { return finished() - counts[RequestState::succeeded]; }

RequestCounts parse_counts(const JsonView& json) {
  RequestCounts counts;
  for (std::size_t i = 0; i < counts.by_state.size(); ++i) {
    counts.by_state[i] = json.integer(to_text(static_cast<RequestState>(i)));
  }
  return counts;
}

JobView parse_job(const JsonView& json) {
  JobView job;
  job.id = json.integer("id");
  job.name = shown(json, "name");
  job.file = shown(json, "file");
  job.state = shown(json, "state");
  job.reason = escape_for_display(json.text("reason"), reason_bytes_max);
  job.wait = parse_wait(json.object("wait"));
  job.next_action_at = parse_rfc3339(json.text("next_action_at"));
  job.created_at = parse_rfc3339(json.text("created_at"));
  job.done_at = parse_rfc3339(json.text("done_at"));
  job.requests = json.integer("requests");
  job.counts = parse_counts(json.object("counts"));
  job.cost_usd = json.number("cost_usd");
  job.file_changed = json.flag("file_changed");
  for (const auto& error : json.array("errors")) {
    job.errors.push_back({shown(error, "type"), shown(error, "message"), error.integer("count")});
  }
  return job;
}

std::string describe(const RequestCounts& counts) {
  std::string text;
  for (std::size_t i = 0; i < counts.by_state.size(); ++i) {
    if (counts.by_state[i] == 0) continue;
    if (!text.empty()) text += ", ";
    text += fmt::format("{} {}", human_count(counts.by_state[i]), to_text(static_cast<RequestState>(i)));
  }
  return text.empty() ? "none" : text;
}

std::string paint_state(const Output& out, const std::string& state) {
  if (state == "held") return out.red(state);
  if (state == "done") return out.green(state);
  if (state == "canceling" || state == "canceled") return out.yellow(state);
  return state;
}

std::string describe(const Output& out, const JobView& job, Instant now) {
  std::string text = out.bold(fmt::format("Job {}: {}", job.id, job.name)) + '\n';
  const auto add = [&text, &out](std::string_view title, std::string_view value) {
    text += fmt::format("  {:<9} {}\n", title, wrapped(value, out.line_width(), title_width));
  };
  add("State", paint_state(out, job.state));
  const bool ended = job.state == "done" || job.state == "canceled";
  if (!job.reason.empty()) add(ended ? "Note" : "Waits for", job.reason);
  if (const auto times = times_text(job.wait, now); !times.empty()) add("", times);
  add("File", job.file);
  add("Requests", fmt::format("{}: {}", human_count(job.requests), describe(job.counts)));
  for (const auto& error : job.errors) {
    add("Error", fmt::format("{} {}: {}", human_count(error.count), error.type, error.message));
  }
  add("Cost", human_usd(job.cost_usd));
  if (job.created_at) {
    add("Created", fmt::format("{} ({} ago)", human_time(job.created_at), human_duration(now - *job.created_at)));
  }
  if (job.done_at) {
    add("Done", fmt::format("{}, after {}", human_time(job.done_at),
                            human_duration(*job.done_at - job.created_at.value_or(*job.done_at))));
  }
  const auto& command = job.wait.command;
  if (!command.empty() && (job.is_held() || job.wait.health == "needs_human")) add("Go on", command);
  return text;
}

}  // namespace offpeak::cli
