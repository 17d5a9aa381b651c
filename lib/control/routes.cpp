#include "control/routes.hpp"

#include <array>
#include <optional>

namespace offpeak {

namespace {

using Names = std::span<const std::string_view>;

constexpr std::array<std::string_view, 3> list_query{"state", "limit", "after"};
constexpr std::array<std::string_view, 6> post_query{"name", "priority", "hold", "again", "format", "file"};
constexpr std::array<std::string_view, 1> results_query{"outcome"};
constexpr std::array<std::string_view, 1> pause_query{"what"};
constexpr std::array<std::string_view, 1> audit_query{"deep"};

constexpr std::array<std::string_view, 3> rejected_query{"file", "limit", "after"};

constexpr std::array<Route, 20> table{{
    {"GET", "/healthz", RouteId::health, {}},
    {"GET", "/v1/status", RouteId::status, {}},
    {"GET", "/v1/jobs", RouteId::list_jobs, Names(list_query)},
    {"POST", "/v1/jobs", RouteId::post_job, Names(post_query)},
    {"GET", "/v1/jobs/{id}", RouteId::get_job, {}},
    {"POST", "/v1/jobs/{id}/cancel", RouteId::cancel_job, {}},
    {"POST", "/v1/jobs/{id}/hold", RouteId::hold_job, {}},
    {"POST", "/v1/jobs/{id}/release", RouteId::release_job, {}},
    {"GET", "/v1/jobs/{id}/results", RouteId::job_results, Names(results_query)},
    {"GET", "/v1/batches", RouteId::list_batches, Names(list_query)},
    {"GET", "/v1/batches/{id}", RouteId::get_batch, {}},
    {"GET", "/v1/rejected", RouteId::list_rejected, Names(rejected_query)},
    {"POST", "/v1/rejected/{id}/seen", RouteId::see_rejected, {}},
    {"POST", "/v1/pause", RouteId::pause, Names(pause_query)},
    {"POST", "/v1/resume", RouteId::resume, Names(pause_query)},
    {"GET", "/v1/reconcile", RouteId::list_reconcile, {}},
    {"POST", "/v1/reconcile/{id}", RouteId::settle_reconcile, {}},
    {"GET", "/v1/audit", RouteId::audit, Names(audit_query)},
    {"GET", "/v1/jobs/{id}/audit", RouteId::audit_job, Names(audit_query)},
    {"GET", "/v1/backup", RouteId::backup, {}},
}};

// The parameters where `segments` are of this form.
std::optional<std::vector<std::string>> match(std::string_view path, const std::vector<std::string>& segments) {
  std::vector<std::string> parameters;
  path.remove_prefix(1);
  for (const auto& segment : segments) {
    if (path.empty()) return std::nullopt;
    const auto slash = std::min(path.find('/'), path.size());
    const auto wanted = path.substr(0, slash);
    path.remove_prefix(std::min(slash + 1, path.size()));
    if (wanted.front() == '{' && !segment.empty()) {
      parameters.push_back(segment);
    } else if (wanted != segment) {
      return std::nullopt;
    }
  }
  if (!path.empty()) return std::nullopt;
  return parameters;
}

}  // namespace

std::span<const Route> routes() { return table; }

std::variant<Routed, NoRoute> find_route(std::string_view method, const std::vector<std::string>& segments) {
  if (method == "HEAD") method = "GET";
  NoRoute none;
  for (const auto& route : table) {
    auto parameters = match(route.path, segments);
    if (!parameters) continue;
    if (route.method == method) return Routed{&route, std::move(*parameters)};
    if (!none.allow.empty()) none.allow += ", ";
    none.allow += route.method;
    if (route.method == "GET") none.allow += ", HEAD";
  }
  return none;
}

}  // namespace offpeak
