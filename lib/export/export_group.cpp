#include "export/export_group.hpp"

namespace offpeak {

bool ExportGroup::takes(std::int64_t job_requests, const ExportGroupLimits& limits) const {
  if (jobs == 0) return true;
  return jobs < limits.jobs && requests + job_requests <= limits.requests && bytes < limits.bytes;
}

void ExportGroup::add(std::int64_t job_requests, std::uint64_t job_bytes) {
  ++jobs;
  requests += job_requests;
  bytes += job_bytes;
}

}  // namespace offpeak
