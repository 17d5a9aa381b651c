#include "results/results_transfer.hpp"

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <exception>
#include <utility>
#include <vector>

#include "base/crash_point.hpp"
#include "queue/result_lines.hpp"

namespace offpeak {

ResultsTransfer::ResultsTransfer(boost::asio::any_io_executor executor, TransferDoors doors, Settings settings,
                                 const Batch& batch)
    : executor_(executor),
      doors_(doors),
      settings_(std::move(settings)),
      batch_(batch.id),
      provider_id_(batch.provider_id),
      changed_(doors.clock, executor),
      behind_(executor) {}

Task<> ResultsTransfer::run() {
  std::exception_ptr thrown;
  try {
    co_await receive();
  } catch (...) {
    thrown = std::current_exception();
  }
  // Canceled or not: writes that are under way refer to this.
  co_await boost::asio::this_coro::throw_if_cancelled(false);
  co_await settle();
  over_ = true;
  changed_.notify();
  if (thrown) std::rethrow_exception(thrown);
  co_await boost::asio::this_coro::throw_if_cancelled(true);
}

Task<> ResultsTransfer::receive() {
  co_await begin_file();
  std::optional<CallFailure> refused;
  const auto answered = co_await doors_.provider.results(provider_id_, *this);
  if (!answered.ok()) refused = answered.failure();
  if (sink_) co_await end_file(!refused);
  co_await behind_.join();
  conclude(refused);
}

Task<> ResultsTransfer::settle() {
  behind_.cancel();
  try {
    co_await behind_.join();
  } catch (const std::exception&) {
    // It is the same trouble that is thrown already, or follows from it.
  }
  if (sink_) co_await sink_->settle();
}

Task<std::optional<DownloadFile>> ResultsTransfer::next() {
  while (given_ == kept_.size() && !over_) co_await changed_.wait();
  if (given_ == kept_.size()) co_return std::nullopt;
  co_return kept_[given_++];
}

void ResultsTransfer::refer_to(const DownloadFile& file) {
  const auto given = kept_.begin() + static_cast<std::ptrdiff_t>(given_);
  const auto found =
      std::find_if(kept_.begin(), given, [&](const DownloadFile& kept) { return kept.number == file.number; });
  if (found == given) return;  // known already
  kept_.erase(found);
  --given_;
}

Task<> ResultsTransfer::drop_rest() {
  std::vector<std::string> paths{file_.path + std::string(unfinished_suffix)};
  for (const auto& file : kept_) paths.push_back(file.path);
  kept_.clear();
  given_ = 0;
  auto remove = [files = &doors_.files, paths = std::move(paths)] {
    for (const auto& path : paths) static_cast<void>(files->remove(path));
  };
  co_await doors_.file_worker.run(std::move(remove));
}

Task<Result<void>> ResultsTransfer::take(std::string_view block) {
  while (!block.empty()) {
    if (failure_) co_return *failure_;
    if (!sink_) co_await begin_file();
    const auto line_feed = block.find('\n', first_end(block.size()));
    const bool ends = line_feed != std::string_view::npos;
    const auto head = ends ? block.substr(0, line_feed + 1) : block;
    if (auto taken = co_await sink_->take(head); !taken) co_return taken;
    if (ends) co_await end_file(true);
    block.remove_prefix(head.size());
  }
  co_return Result<void>();
}

// Where the file may end within a block: at the first byte that makes it long enough, or at none.
std::size_t ResultsTransfer::first_end(std::size_t block_bytes) const {
  if (sink_->bytes() + block_bytes < settings_.file_bytes) return block_bytes;
  const auto missing = settings_.file_bytes - std::min(sink_->bytes(), settings_.file_bytes);
  return static_cast<std::size_t>(std::max<std::uint64_t>(missing, 1)) - 1;
}

Task<> ResultsTransfer::begin_file() {
  auto begin = [id = batch_](Queue& queue) { return queue.begin_download(id); };
  file_.number = co_await doors_.database.write(std::move(begin));
  file_.path = join_path(settings_.folder, download_name(batch_, file_.number));
  crash_point("download_begun");
  sink_ = std::make_unique<DownloadSink>(executor_, doors_.files, doors_.file_worker,
                                         file_.path + std::string(unfinished_suffix));
}

// It is synced while the next one begins to arrive.
Task<> ResultsTransfer::end_file(bool complete) {
  co_await behind_.join();
  file_.complete = complete;
  behind_.spawn("close download", close(std::move(sink_), file_));
}

// What is not known to be on the disk is not kept: an outcome that refers to it could not be read after a power cut.
// A full disk gets its space back.
Task<> ResultsTransfer::close(std::unique_ptr<DownloadSink> sink, DownloadFile file) {
  std::exception_ptr thrown;
  Result<void> written;
  try {
    written = co_await sink->finish();
  } catch (...) {
    thrown = std::current_exception();
  }
  co_await boost::asio::this_coro::throw_if_cancelled(false);
  co_await sink->settle();
  co_await boost::asio::this_coro::throw_if_cancelled(true);
  if (thrown) std::rethrow_exception(thrown);
  if (written && sink->bytes() > 0) written = co_await keep(file);
  if (written && sink->bytes() > 0) {
    crash_point("download_kept");
    kept_.push_back(std::move(file));
    changed_.notify();
    co_return;
  }
  if (!written && !failure_) failure_ = written.error();
  auto remove = [files = &doors_.files, path = file.path + std::string(unfinished_suffix)] {
    return files->remove(path);
  };
  static_cast<void>(co_await doors_.file_worker.run(std::move(remove)));
}

Task<Result<void>> ResultsTransfer::keep(DownloadFile file) {
  auto keep = [files = &doors_.files, folder = settings_.folder, path = std::move(file.path)]() -> Result<void> {
    if (auto moved = files->move_unsynced(path + std::string(unfinished_suffix), path); !moved) return moved;
    return files->sync_folder(folder);
  };
  co_return co_await doors_.file_worker.run(std::move(keep));
}

void ResultsTransfer::conclude(const std::optional<CallFailure>& refused) {
  const bool disk_full = failure_ && failure_->kind == ErrorKind::disk_full;
  if (refused) {
    end_ = end_of(*refused, disk_full);
    problem_ = failure_ ? failure_->message : refused->message;
    retry_after_ = refused->retry_after;
  } else if (failure_) {
    end_ = disk_full ? TransferEnd::disk_full : TransferEnd::cut;
    problem_ = failure_->message;
  }
  if (problem_.empty() && end_ != TransferEnd::complete) problem_ = "the transfer was cut";
}

}  // namespace offpeak
