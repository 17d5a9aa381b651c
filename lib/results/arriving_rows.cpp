#include "results/arriving_rows.hpp"

#include <exception>
#include <utility>

namespace offpeak {

namespace {

// Rows of one transaction: large enough to be fast, small enough that the status socket does not wait long
// behind it.
constexpr std::size_t slice_rows = 8192;
// Read, and waiting to be recorded.
constexpr std::size_t slices_ahead = 2;

}  // namespace

ArrivingRows::ArrivingRows(boost::asio::any_io_executor executor, ArrivingDoors doors, ResultsTransfer& transfer,
                           IntentId intent, ReadPlan plan)
    : doors_(doors),
      transfer_(transfer),
      intent_(intent),
      plan_(std::move(plan)),
      arrived_(doors.clock, executor),
      room_(doors.clock, executor) {}

Task<> ArrivingRows::run() {
  std::exception_ptr thrown;
  try {
    co_await read_all();
  } catch (...) {
    thrown = std::current_exception();
  }
  over_ = true;
  arrived_.notify();
  if (thrown) std::rethrow_exception(thrown);
}

Task<std::optional<ArrivingRows::Slice>> ArrivingRows::next() {
  while (ready_.empty() && !over_) co_await arrived_.wait();
  if (ready_.empty()) co_return std::nullopt;
  auto slice = std::move(ready_.front());
  ready_.pop_front();
  room_.notify();
  co_return slice;
}

Task<> ArrivingRows::read_all() {
  while (const auto file = co_await transfer_.next()) {
    co_await ask_for_jobs();
    if (auto opened = co_await open(*file); !opened) {
      co_await give({*file, {}, false, opened.error()});
      co_return;
    }
    for (bool ends = false; !ends;) {
      auto slice = co_await read(*file);
      ends = slice.ends_file;
      const bool failed = !slice.problem.message.empty();
      co_await give(std::move(slice));
      if (failed) co_return;
    }
  }
}

// What became of the jobs counts from the file's first line on. With the first file it is asked which jobs they are.
Task<> ArrivingRows::ask_for_jobs() {
  if (!reader_) {
    auto read = [this, intent = intent_](const Queue& queue) {
      plan_.assignments = queue.assignments(intent);
      for (const auto& assignment : plan_.assignments) {
        jobs_[assignment.range.job].account_tries.merge(queue.account_tries(assignment.range));
      }
    };
    co_await doors_.database.read(std::move(read));
    reader_ = std::make_shared<DownloadReader>(doors_.files, std::move(plan_));
  }
  auto ask = [jobs = jobs_](const Queue& queue) mutable {
    for (auto& [id, rule] : jobs) {
      const auto job = queue.job(id);
      if (!job) continue;
      rule.max_attempts = job->max_attempts;
      rule.canceling = job->state == JobState::canceling || job->state == JobState::canceled;
    }
    return std::move(jobs);
  };
  jobs_ = co_await doors_.database.read(std::move(ask));
}

Task<Result<void>> ArrivingRows::open(DownloadFile file) {
  auto open = [files = &doors_.files, file = std::move(file), reader = reader_,
               jobs = jobs_]() mutable -> Result<void> {
    auto raw = files->open(file.path, OpenFor::reading);
    if (!raw) return raw.error();
    reader->use(std::move(jobs));
    reader->begin(std::move(*raw), file.complete);
    return {};
  };
  co_return co_await doors_.worker.run(std::move(open));
}

Task<ArrivingRows::Slice> ArrivingRows::read(DownloadFile file) {
  auto read = [reader = reader_, file = std::move(file)]() mutable {
    Slice slice;
    slice.file = std::move(file);
    if (auto rows = reader->next(slice_rows)) {
      slice.rows = std::move(*rows);
    } else {
      slice.problem = rows.error();
    }
    slice.ends_file = reader->at_end();
    return slice;
  };
  co_return co_await doors_.worker.run(std::move(read));
}

Task<> ArrivingRows::give(Slice slice) {
  while (ready_.size() >= slices_ahead) co_await room_.wait();
  ready_.push_back(std::move(slice));
  arrived_.notify();
}

}  // namespace offpeak
