// Which finished jobs are exported together: they share the syncs of the results folder and one transaction. Pure.
#pragma once

#include <cstdint>

namespace offpeak {

struct ExportGroupLimits {
  std::int64_t jobs = 64;
  std::int64_t requests = 1024;
  std::uint64_t bytes = 16 * 1024 * 1024;
};

struct ExportGroup {
  std::int64_t jobs = 0;
  std::int64_t requests = 0;
  std::uint64_t bytes = 0;  // written so far

  // Does a job of that many requests still join? The first always does, however large; nobody waits for one that is.
  bool takes(std::int64_t job_requests, const ExportGroupLimits& limits = {}) const;
  void add(std::int64_t job_requests, std::uint64_t job_bytes);
};

}  // namespace offpeak
