#include <fmt/format.h>

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>

#include "config/config.hpp"
#include "control/handlers.hpp"
#include "control/problem.hpp"
#include "control/upload_wish.hpp"

namespace offpeak {

namespace {

constexpr Duration first_look{50};
constexpr Duration slowest_look{500};
constexpr std::size_t magic_bytes = 4;

std::string claimed_path(const ControlContext& context, JobId id) {
  return join_path(context.folders.claimed, std::to_string(id.value));
}

Problem make_problem(int status, std::string_view type, std::string_view title, const Error& error) {
  Problem problem;
  problem.status = status;
  problem.type = type;
  problem.title = title;
  problem.detail = error.message;
  problem.hint = error.hint;
  return problem;
}

Reply refused_upload(const Error& error) {
  switch (error.kind) {
    case ErrorKind::refused:
      return to_reply(make_problem(413, "too-long", "Body too long", error));
    case ErrorKind::disk_full:
      return to_reply(make_problem(507, "disk-full", "Disk full", error));
    case ErrorKind::invalid:
    case ErrorKind::unavailable:
      return to_reply(make_problem(400, "bad-request", "Bad request", error));
    case ErrorKind::not_found:
    case ErrorKind::io:
    case ErrorKind::canceled:
    case ErrorKind::internal:
      break;
  }
  return to_reply(make_problem(500, "internal", "Internal error", error));
}

Reply intake_is_paused() {
  const auto error = make_error(ErrorKind::refused, "the intake of new jobs is paused",
                                "offpeak resume intake; until then, files can wait in incoming/");
  return to_reply(make_problem(503, "intake-paused", "Intake paused", error));
}

// The error document's members stand in the problem as they are: file, error_count, errors.
Reply rejected_file(const Intake& intake) {
  const auto error =
      make_error(ErrorKind::invalid, fmt::format("{} was rejected; nothing of it is queued", intake.name),
                 "correct what \"errors\" names and send the file again");
  auto problem = make_problem(422, "file-rejected", "Job file rejected", error);
  std::string_view document = intake.document;
  const auto open = document.find('{');
  const auto close = document.rfind('}');
  if (open != std::string_view::npos && close != std::string_view::npos && close > open) {
    problem.members = document.substr(open + 1, close - open - 1);
  }
  return to_reply(problem);
}

// At least as many bytes as a magic number has, or all there are.
Task<Result<std::string>> read_head(CallBody& body) {
  std::string head;
  while (head.size() < magic_bytes) {
    const auto block = co_await body.next_block();
    if (!block) co_return block.error();
    if (block->empty()) break;
    head += *block;
  }
  co_return head;
}

// File worker. With `reserve` bytes left alone, is there room for so many more?
Result<void> make_sure_of_room(Files& files, const std::string& folder, std::uint64_t reserve, std::size_t more) {
  const auto space = files.space(folder);
  if (!space) return space.error();
  const auto kept = left_alone(reserve, space->total);
  if (space->free >= kept + more) return {};
  return make_error(
      ErrorKind::disk_full,
      fmt::format("{} bytes are free for job files, and {} of them are left alone (intake.reserve)", space->free, kept),
      "make room on the file system of the spool, then send the file again");
}

Task<Result<void>> write_file(ControlContext& context, std::string path, std::string head, CallBody& body) {
  const auto reserve = context.hooks.reserve ? context.hooks.reserve() : 0;
  auto& worker = context.doors.file_worker;
  auto& files = context.doors.files;
  const auto open = [&files, path] { return files.open(path, OpenFor::writing_new); };
  auto file = co_await worker.run(open);
  if (!file) co_return file.error();
  File* const target = file->get();
  std::string_view block = head;
  while (!block.empty()) {
    const auto append = [&files, &path, reserve, target, block]() -> Result<void> {
      if (auto room = make_sure_of_room(files, folder_of(path), reserve, block.size()); !room) return room;
      return target->append(block);
    };
    auto written = co_await worker.run(append);
    if (!written) co_return written.error();
    auto next = co_await body.next_block();
    if (!next) co_return next.error();
    block = *next;
  }
  const auto sync = [&files, target, folder = folder_of(path)]() -> Result<void> {
    if (auto synced = target->sync(); !synced) return synced.error();
    return files.sync_folder(folder);
  };
  co_return co_await worker.run(sync);
}

// Takes back what an upload that did not complete has left.
Task<> drop(ControlContext& context, JobId id) {
  auto& files = context.doors.files;
  const auto remove = [&files, path = claimed_path(context, id)]() -> Result<void> {
    if (auto removed = files.remove(path); !removed) return removed;
    return files.sync_folder(folder_of(path));  // before somebody else gets its id
  };
  const auto removed = co_await context.doors.file_worker.run(remove);
  if (!removed) {
    // The row says that the file is not whole: the next start removes both.
    context.doors.log.warning("upload.leftover", {{"job", id}, {"error", removed.error().message}});
    co_return;
  }
  const auto forget = [id](Queue& queue) { queue.forget_intake(id); };
  co_await context.doors.database.write(forget);
}

// The whole body in claimed/<id>, or nothing of it.
Task<Result<void>> store(ControlContext& context, JobId id, std::string head, CallBody& body) {
  Result<void> stored;
  std::exception_ptr failure;
  try {
    stored = co_await write_file(context, claimed_path(context, id), std::move(head), body);
  } catch (...) {
    failure = std::current_exception();
  }
  if (stored && !failure) co_return stored;
  // Also where the server stops: the clean-up is short.
  if (failure) co_await boost::asio::this_coro::reset_cancellation_state(boost::asio::disable_cancellation());
  co_await drop(context, id);
  if (failure) std::rethrow_exception(failure);
  co_return stored;
}

class WaitingUpload {
 public:
  explicit WaitingUpload(ControlContext& context)
      : context_(context), bell_(context.doors.clock, context.doors.executor) {
    context_.uploads_waiting.insert(&bell_);
  }
  ~WaitingUpload() { context_.uploads_waiting.erase(&bell_); }
  WaitingUpload(const WaitingUpload&) = delete;
  WaitingUpload& operator=(const WaitingUpload&) = delete;
  Task<bool> wait_for(Duration duration) { return bell_.wait_for(duration); }

 private:
  ControlContext& context_;
  Wakeup bell_;
};

struct Verdict {
  std::optional<Job> job;
  std::optional<Intake> intake;
};

Verdict look(const Queue& queue, JobId id) {
  Verdict verdict;
  verdict.job = queue.job(id);
  if (verdict.job) return verdict;
  verdict.intake = queue.intake(id);
  return verdict;
}

// Until ingest has made the file a job or has rejected it. Goes on where the client is gone: nobody else would take
// the rejected intake's document away.
Task<Verdict> await_verdict(ControlContext& context, JobId id) {
  WaitingUpload waiting(context);
  const auto read = [id](const Queue& queue) { return look(queue, id); };
  for (Duration interval = first_look;; interval = std::min(interval * 2, slowest_look)) {
    auto verdict = co_await context.doors.database.read(read);
    if (verdict.job || !verdict.intake) co_return verdict;
    if (verdict.intake->state == IntakeState::rejected) {
      co_await context.doors.database.write([id](Queue& queue) { queue.forget_intake(id); });
      co_return verdict;
    }
    co_await waiting.wait_for(interval);
  }
}

Task<Reply> verdict_reply(ControlContext& context, Verdict verdict) {
  if (verdict.job) {
    const auto id = verdict.job->id;
    Reply reply = json_reply((co_await show_jobs(context, {*verdict.job})).front());
    reply.status = 201;
    reply.headers.emplace_back("Location", fmt::format("/v1/jobs/{}", id.value));
    co_return reply;
  }
  if (verdict.intake) co_return rejected_file(*verdict.intake);
  const auto error = make_error(ErrorKind::internal, "the file was taken but is neither a job nor rejected",
                                "see the daemon's log, then send the file again");
  co_return to_reply(make_problem(500, "internal", "Internal error", error));
}

}  // namespace

Task<Reply> post_job(ControlContext& context, RoutedCall call) {
  auto wish = parse_upload_wish(call.target.query, call.call.header("content-encoding"));
  if (!wish && wish.error().kind == ErrorKind::refused) {
    co_return to_reply(make_problem(415, "unknown-encoding", "Unknown Content-Encoding", wish.error()));
  }
  if (!wish) co_return to_reply(bad_request(wish.error().message, wish.error().hint));
  const auto paused = [](const Queue& queue) { return queue.intake_paused(); };
  if (co_await context.doors.database.read(paused)) co_return intake_is_paused();
  CallBody& body = *call.call.body;
  auto head = co_await read_head(body);
  if (!head) co_return refused_upload(head.error());

  const auto name = intake_name(*wish, wish->encoding.value_or(sniff_compression(*head)));
  const auto announce = [name, overrides = wish->overrides, now = context.doors.clock.now()](Queue& queue) {
    return queue.announce_intake(IntakeSource::socket, name, overrides, now);
  };
  const auto id = co_await context.doors.database.write(announce);
  auto stored = co_await store(context, id, std::move(*head), body);
  if (!stored) co_return refused_upload(stored.error());
  const auto hand_over = [id](Queue& queue) { queue.intake_in_claimed(id); };
  co_await context.doors.database.write(hand_over);
  auto verdict = co_await await_verdict(context, id);
  co_return co_await verdict_reply(context, std::move(verdict));
}

}  // namespace offpeak
