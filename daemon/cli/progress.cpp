#include "daemon/cli/progress.hpp"

#include <fmt/format.h>

#include "daemon/cli/human.hpp"
#include "daemon/cli/table.hpp"

namespace offpeak::cli {

namespace {
constexpr std::size_t bar_width = 20;
constexpr std::size_t name_width = 16;
}  // namespace

void Pace::see(const JobView& job, SteadyTime now) {
  if (!first_at_) {
    first_at_ = now;
    first_finished_ = job.finished();
  }
  last_at_ = now;
  finished_ = job.finished();
  requests_ = job.requests;
}

double Pace::per_second() const {
  if (!first_at_ || last_at_ <= *first_at_ || finished_ <= first_finished_) return 0;
  const std::chrono::duration<double> seconds = last_at_ - *first_at_;
  return static_cast<double>(finished_ - first_finished_) / seconds.count();
}

std::optional<Duration> Pace::left() const {
  const double pace = per_second();
  if (pace <= 0) return std::nullopt;
  const double seconds = static_cast<double>(requests_ - finished_) / pace;
  return Duration(static_cast<std::int64_t>(std::min(seconds * 1000, 1e14)));
}

std::string progress_bar(std::int64_t part, std::int64_t whole, std::size_t width) {
  const double share = whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
  const auto full = std::min(static_cast<std::size_t>(share * static_cast<double>(width)), width);
  return fmt::format("[{}{}]", std::string(full, '#'), std::string(width - full, '.'));
}

std::string progress_line(const Output& out, const JobView& job, const Pace& pace) {
  auto text =
      fmt::format("{:>5}  {:<{}}  {} {:>4}  {}/{}", job.id, cut_to_width(job.name, name_width), name_width,
                  progress_bar(job.finished(), job.requests, bar_width), human_percent(job.finished(), job.requests),
                  human_count(job.finished()), human_count(job.requests));
  // What matters most stands first: a narrow terminal cuts the rest.
  if (job.state != "running") text += "  " + paint_state(out, job.state);
  if (job.failed() != 0) text += "  " + out.yellow(fmt::format("{} failed", human_count(job.failed())));
  if (job.state == "running" && pace.per_second() > 0) {
    text += fmt::format("  {:.1f}/s", pace.per_second());
    if (const auto left = pace.left()) text += fmt::format("  {} left", human_duration(*left));
  }
  if (job.cost_usd != 0) text += "  " + human_usd(job.cost_usd);
  if (!job.reason.empty()) text += "  " + job.reason;
  return text;
}

std::string waits_line(const JobView& job, Instant now) {
  const auto next = job.next_action_at && *job.next_action_at > now
                        ? fmt::format("next in {}: ", human_duration(*job.next_action_at - now))
                        : "";
  return fmt::format("       {}{}", next, job.reason);
}

std::string plain_line(const JobView& job, Instant now) {
  auto text = fmt::format("{} job={} name={} state={} finished={}/{}", to_rfc3339(now), job.id, job.name, job.state,
                          job.finished(), job.requests);
  for (std::size_t i = 0; i < job.counts.by_state.size(); ++i) {
    if (job.counts.by_state[i] == 0) continue;
    text += fmt::format(" {}={}", to_text(static_cast<RequestState>(i)), job.counts.by_state[i]);
  }
  if (!job.reason.empty()) text += fmt::format(" reason=\"{}\"", job.reason);
  return text;
}

}  // namespace offpeak::cli
