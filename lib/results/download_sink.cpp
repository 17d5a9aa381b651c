#include "results/download_sink.hpp"

#include <boost/asio/this_coro.hpp>
#include <exception>

namespace offpeak {

namespace {

constexpr std::size_t flush_bytes = 512 * 1024;

struct Written {
  std::shared_ptr<File> file;
  std::string memory;  // used again for the next block
};

Result<Written> write_block(Files& files, const std::string& path, std::shared_ptr<File> file, std::string block) {
  if (!file) {
    auto opened = files.open(path, OpenFor::rewriting);
    if (!opened) return opened.error();
    file = std::move(*opened);
  }
  if (auto put = file->append(block); !put) return put.error();
  return Written{std::move(file), std::move(block)};
}

}  // namespace

DownloadSink::DownloadSink(boost::asio::any_io_executor executor, Files& files, Worker& worker, std::string path)
    : files_(files), worker_(worker), path_(std::move(path)), behind_(std::move(executor)) {}

Task<Result<void>> DownloadSink::take(std::string_view block) {
  pending_ += block;
  bytes_ += block.size();
  if (pending_.size() < flush_bytes) co_return Result<void>();
  co_return co_await flush();
}

// Begins a write once the one before has ended.
Task<Result<void>> DownloadSink::flush() {
  co_await settle();
  if (failure_) co_return *failure_;
  behind_.spawn("write download", write(std::move(pending_)));
  pending_ = std::move(spare_);
  pending_.clear();
  co_return Result<void>();
}

Task<> DownloadSink::write(std::string block) {
  auto write = [files = &files_, path = path_, file = file_, block = std::move(block)]() mutable {
    return write_block(*files, path, std::move(file), std::move(block));
  };
  auto written = co_await worker_.run(std::move(write));
  if (!written) {
    failure_ = written.error();
    co_return;
  }
  file_ = std::move(written->file);
  spare_ = std::move(written->memory);
}

Task<Result<void>> DownloadSink::finish() {
  if (failure_) co_return *failure_;
  if (auto flushed = co_await flush(); !flushed) co_return flushed;
  co_await settle();
  if (failure_) co_return *failure_;
  auto sync = [file = file_] { return file->sync(); };
  auto synced = co_await worker_.run(std::move(sync));
  if (!synced) failure_ = synced.error();
  co_return synced;
}

Task<Transfer> download_results(Provider& provider, Files& files, Worker& worker, std::string provider_id,
                                std::string path) {
  DownloadSink sink(co_await boost::asio::this_coro::executor, files, worker, std::move(path));
  Transfer transfer;
  std::exception_ptr thrown;
  try {
    const auto answered = co_await provider.results(std::move(provider_id), sink);
    if (!answered.ok()) transfer.refused = answered.failure();
    const auto finished = co_await sink.finish();
    if (!finished) transfer.failure = finished.error();
  } catch (...) {
    thrown = std::current_exception();
  }
  // Canceled or not: a write that is under way refers to the sink.
  co_await boost::asio::this_coro::throw_if_cancelled(false);
  co_await sink.settle();
  co_await boost::asio::this_coro::throw_if_cancelled(true);
  if (thrown) std::rethrow_exception(thrown);
  transfer.bytes = sink.bytes();
  co_return transfer;
}

}  // namespace offpeak
