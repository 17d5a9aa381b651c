// How far a job is, in one line. Pure.
#pragma once

#include <optional>
#include <string>

#include "daemon/cli/job_view.hpp"

namespace offpeak::cli {

// What was seen of a job since one looks at it.
class Pace {
 public:
  void see(const JobView& job, SteadyTime now);
  double per_second() const;  // 0 where nothing has finished yet
  // Until the rest is finished at that pace.
  std::optional<Duration> left() const;

 private:
  std::optional<SteadyTime> first_at_;
  std::int64_t first_finished_ = 0;
  SteadyTime last_at_{};
  std::int64_t finished_ = 0;
  std::int64_t requests_ = 0;
};

// "[#########...........]", `width` marks inside.
std::string progress_bar(std::int64_t part, std::int64_t whole, std::size_t width);
// For a terminal.
std::string progress_line(const Output& out, const JobView& job, const Pace& pace);
// Beneath it: what the job waits for, and when something happens.
std::string waits_line(const JobView& job, Instant now);
// For a file or a pipe: "2026-11-21T10:00:00Z job=7 name=reviews state=running finished=38/100 succeeded=36 ...".
std::string plain_line(const JobView& job, Instant now);

}  // namespace offpeak::cli
