// The routes of the status socket: one table, which the server follows and schema/openapi.json is tested against.
// Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace offpeak {

enum class RouteId : std::uint8_t {
  health,
  status,
  list_jobs,
  post_job,
  get_job,
  cancel_job,
  hold_job,
  release_job,
  job_results,
  list_batches,
  get_batch,
  list_rejected,
  see_rejected,
  pause,
  resume,
  list_reconcile,
  settle_reconcile,
  audit,
  audit_job,
  backup,
};

struct Route {
  std::string_view method;
  std::string_view path;  // a segment in braces is a parameter
  RouteId id;
  std::span<const std::string_view> query;  // the members it knows
};

std::span<const Route> routes();

struct Routed {
  const Route* route = nullptr;
  std::vector<std::string> parameters;  // the segments that stand for braces, in order
};

struct NoRoute {
  std::string allow;  // the methods that the path has (405), or empty: no such path (404)
};

// HEAD goes where GET goes.
std::variant<Routed, NoRoute> find_route(std::string_view method, const std::vector<std::string>& segments);

}  // namespace offpeak
