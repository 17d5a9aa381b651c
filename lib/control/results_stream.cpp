#include <fmt/format.h>

#include "base/text.hpp"
#include "control/handlers.hpp"
#include "control/problem.hpp"
#include "queue/result_lines.hpp"

namespace offpeak {

namespace {

constexpr std::size_t block_bytes = 256 * 1024;

// The result lines that there are when they are reached, window by window.
class ResultsStream final : public ReplyBody {
 public:
  ResultsStream(ControlContext& context, const Job& job, std::optional<OutcomeType> only)
      : context_(context),
        job_(job.id),
        requests_(static_cast<std::uint64_t>(job.requests)),
        only_(only),
        lines_(context.doors.files, ResultFolders{context.folders.claimed, context.folders.downloads}, job) {}

  Task<Result<std::string_view>> next_block() override {
    block_.clear();
    while (block_.empty() && (at_.at < window_.outcomes.size() || next_ < requests_)) {
      if (at_.at == window_.outcomes.size()) {
        // Nothing is lost by ending a stream; only a broken queue stops the daemon.
        try {
          co_await read_window();
        } catch (const QueueDiskFull& full) {
          co_return make_error(ErrorKind::disk_full, full.what());
        }
        continue;
      }
      const auto append = [this] { return lines_.append_results(window_, at_, block_bytes, only_, block_); };
      const auto next = co_await context_.doors.file_worker.run(append);
      if (!next) {
        context_.doors.log.error("results.unreadable",
                                 {{"job", job_}, {"error", next.error().message}, {"hint", next.error().hint}});
        co_return next.error();
      }
      at_ = *next;
    }
    co_return std::string_view(block_);
  }

 private:
  Task<> read_window() {
    const auto read = [job = job_, first = static_cast<Seq>(next_)](const Queue& queue) {
      return read_result_window(queue, job, first, result_window_requests);
    };
    window_ = co_await context_.doors.database.read(read);
    at_ = {};
    next_ += result_window_requests;
  }

  ControlContext& context_;
  JobId job_;
  std::uint64_t requests_;
  std::optional<OutcomeType> only_;
  ResultLines lines_;
  ResultWindow window_;
  LinePlace at_;            // in the window's outcomes
  std::uint64_t next_ = 0;  // the first request of the next window
  std::string block_;
};

}  // namespace

Task<Reply> job_results(ControlContext& context, RoutedCall call) {
  std::optional<OutcomeType> only;
  if (const auto word = call.query("outcome")) {
    only = parse_outcome_type(*word);
    if (!only) {
      const auto detail = fmt::format("outcome={} is no outcome", escape_for_display(*word, 60));
      co_return to_reply(bad_request(detail, "use succeeded, errored, expired or canceled"));
    }
  }
  const auto read = [id = job_id_of(call)](const Queue& queue) { return queue.job(id); };
  const auto job = co_await context.doors.database.read(read);
  if (!job) co_return no_such_job(call);
  Reply reply;
  reply.content_type = "application/jsonl";
  reply.stream = std::make_unique<ResultsStream>(context, *job, only);
  co_return reply;
}

}  // namespace offpeak
