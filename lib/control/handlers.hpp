// One coroutine a route, by family: job_routes.cpp, batch_routes.cpp, rejected_routes.cpp, reconcile_routes.cpp,
// service_routes.cpp, upload.cpp, results_stream.cpp, audit_routes.cpp, backup_stream.cpp. Inside lib/control only. The
// context outlives every call.
#pragma once

#include "control/context.hpp"

namespace offpeak {

Task<Reply> list_jobs(ControlContext& context, RoutedCall call);
Task<Reply> get_job(ControlContext& context, RoutedCall call);
Task<Reply> cancel_job(ControlContext& context, RoutedCall call);
Task<Reply> hold_job(ControlContext& context, RoutedCall call);
Task<Reply> release_job(ControlContext& context, RoutedCall call);

// Streams the body to claimed/<id>, hands it to ingest and waits for its verdict.
Task<Reply> post_job(ControlContext& context, RoutedCall call);
Task<Reply> job_results(ControlContext& context, RoutedCall call);

Task<Reply> list_batches(ControlContext& context, RoutedCall call);
Task<Reply> get_batch(ControlContext& context, RoutedCall call);
Task<Reply> list_rejected(ControlContext& context, RoutedCall call);
Task<Reply> see_rejected(ControlContext& context, RoutedCall call);
Task<Reply> list_reconcile(ControlContext& context, RoutedCall call);
Task<Reply> settle_reconcile(ControlContext& context, RoutedCall call);

Task<Reply> get_audit(ControlContext& context, RoutedCall call);
Task<Reply> get_job_audit(ControlContext& context, RoutedCall call);
Task<Reply> get_backup(ControlContext& context);

Reply get_health();
Task<Reply> get_status(ControlContext& context);
Task<Reply> set_pause(ControlContext& context, RoutedCall call, bool paused);

// Jobs as they are shown, one JSON object each: an open one says what it waits for.
Task<std::vector<std::string>> show_jobs(ControlContext& context, std::vector<Job> jobs);

// The job that a path names, or nothing: an id that is no number names no job.
JobId job_id_of(const RoutedCall& call);
Reply no_such_job(const RoutedCall& call);

}  // namespace offpeak
