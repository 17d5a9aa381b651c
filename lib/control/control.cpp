#include "control/control.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include "base/text.hpp"
#include "control/handlers.hpp"
#include "control/problem.hpp"
#include "control/routes.hpp"

namespace offpeak {

namespace {

Task<Reply> dispatch(ControlContext& context, RouteId id, RoutedCall call) {
  switch (id) {
    case RouteId::health:
      co_return get_health();
    case RouteId::status:
      co_return co_await get_status(context);
    case RouteId::list_jobs:
      co_return co_await list_jobs(context, std::move(call));
    case RouteId::post_job:
      co_return co_await post_job(context, std::move(call));
    case RouteId::get_job:
      co_return co_await get_job(context, std::move(call));
    case RouteId::cancel_job:
      co_return co_await cancel_job(context, std::move(call));
    case RouteId::hold_job:
      co_return co_await hold_job(context, std::move(call));
    case RouteId::release_job:
      co_return co_await release_job(context, std::move(call));
    case RouteId::job_results:
      co_return co_await job_results(context, std::move(call));
    case RouteId::list_batches:
      co_return co_await list_batches(context, std::move(call));
    case RouteId::get_batch:
      co_return co_await get_batch(context, std::move(call));
    case RouteId::list_rejected:
      co_return co_await list_rejected(context, std::move(call));
    case RouteId::see_rejected:
      co_return co_await see_rejected(context, std::move(call));
    case RouteId::pause:
      co_return co_await set_pause(context, std::move(call), true);
    case RouteId::resume:
      co_return co_await set_pause(context, std::move(call), false);
    case RouteId::list_reconcile:
      co_return co_await list_reconcile(context, std::move(call));
    case RouteId::settle_reconcile:
      co_return co_await settle_reconcile(context, std::move(call));
    case RouteId::audit:
      co_return co_await get_audit(context, std::move(call));
    case RouteId::audit_job:
      co_return co_await get_job_audit(context, std::move(call));
    case RouteId::backup:
      co_return co_await get_backup(context);
  }
  throw std::logic_error("a route without a handler");
}

Reply no_route(const NoRoute& none, const Call& call) {
  const auto path = escape_for_display(call.target.substr(0, call.target.find('?')), 200);
  if (none.allow.empty()) {
    return to_reply(not_found(fmt::format("there is no {} here", path), "schema/openapi.json lists what there is"));
  }
  Problem problem;
  problem.status = 405;
  problem.type = "method-not-allowed";
  problem.title = "Method not allowed";
  problem.detail = fmt::format("{} does not take {}", path, escape_for_display(call.method, 40));
  problem.hint = fmt::format("use {}", none.allow);
  Reply reply = to_reply(problem);
  reply.headers.emplace_back("Allow", none.allow);
  return reply;
}

// The first query member that the route does not know.
std::optional<Reply> unknown_member(const Route& route, const QueryMembers& query) {
  for (const auto& [name, value] : query) {
    if (std::ranges::find(route.query, name) != route.query.end()) continue;
    auto detail = fmt::format("unknown query member {}", escape_for_display(name, 60));
    if (route.query.empty()) return to_reply(bad_request(std::move(detail), "this call takes none"));
    return to_reply(bad_request(std::move(detail), fmt::format("use {}", fmt::join(route.query, ", "))));
  }
  return std::nullopt;
}

Reply disk_full() {
  Problem problem;
  problem.status = 507;
  problem.type = "disk-full";
  problem.title = "Disk full";
  problem.detail = "the daemon's disk is full; nothing was changed";
  problem.hint = "make room on the file systems of the spool and the state folder, then try again";
  return to_reply(problem);
}

Reply internal_failure(std::string detail, std::exception_ptr failure) {
  Problem problem;
  problem.status = 500;
  problem.type = "internal";
  problem.title = "Internal error";
  problem.detail = std::move(detail);
  problem.hint = "see the daemon's log: journalctl -u offpeakd";
  Reply reply = to_reply(problem);
  reply.failure = std::move(failure);
  return reply;
}

// A reply for what a handler threw; rethrows a cancellation.
Reply failure_reply(Log& log, const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const QueueDiskFull&) {
    return disk_full();
  } catch (const QueueError& error) {
    return internal_failure(fmt::format("the database failed: {}", error.what()), failure);
  } catch (const boost::system::system_error& error) {
    if (error.code() == boost::asio::error::operation_aborted) throw;
    log.error("control.failed", {{"error", error.what()}, {"hint", "report this as a bug"}});
    return internal_failure(error.what(), nullptr);
  } catch (const std::exception& error) {
    log.error("control.failed", {{"error", error.what()}, {"hint", "report this as a bug"}});
    return internal_failure(error.what(), nullptr);
  }
}

Task<Reply> route(ControlContext& context, Call call) {
  auto target = parse_target(call.target);
  if (!target) co_return to_reply(bad_request(target.error().message, "see schema/openapi.json"));
  auto found = find_route(call.method, target->segments);
  if (const auto* none = std::get_if<NoRoute>(&found)) co_return no_route(*none, call);
  auto& routed = std::get<Routed>(found);
  if (auto unknown = unknown_member(*routed.route, target->query)) co_return std::move(*unknown);
  RoutedCall ready;
  ready.call = std::move(call);
  ready.target = std::move(*target);
  ready.parameters = std::move(routed.parameters);
  const auto id = routed.route->id;
  co_return co_await dispatch(context, id, std::move(ready));
}

}  // namespace

Control::Control(ControlDoors doors, ControlFolders folders, ControlHooks hooks)
    : context_(new ControlContext{std::move(doors), std::move(folders), std::move(hooks)}) {}

Control::~Control() = default;

Task<Reply> Control::answer(Call call) {
  std::exception_ptr failure;
  try {
    co_return co_await route(*context_, std::move(call));
  } catch (...) {
    failure = std::current_exception();
  }
  co_return failure_reply(context_->doors.log, failure);
}

void Control::intake_settled() {
  for (auto* bell : context_->uploads_waiting) bell->notify();
}

}  // namespace offpeak
