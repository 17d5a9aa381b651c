#include "results/download_sink.hpp"

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

DownloadSink::DownloadSink(Files& files, Worker& worker, std::string path)
    : files_(files), worker_(worker), path_(std::move(path)) {}

Task<Result<void>> DownloadSink::take(std::string_view block) {
  pending_ += block;
  bytes_ += block.size();
  if (pending_.size() < flush_bytes) co_return Result<void>();
  co_return co_await flush();
}

Task<Result<void>> DownloadSink::flush() {
  auto write = [files = &files_, path = path_, file = file_, block = std::move(pending_)]() mutable {
    return write_block(*files, path, std::move(file), std::move(block));
  };
  auto written = co_await worker_.run(std::move(write));
  if (!written) {
    failure_ = written.error();
    co_return *failure_;
  }
  file_ = std::move(written->file);
  pending_ = std::move(written->memory);
  pending_.clear();
  co_return Result<void>();
}

Task<Result<void>> DownloadSink::finish() {
  if (failure_) co_return *failure_;
  if (auto flushed = co_await flush(); !flushed) co_return flushed;
  auto sync = [file = file_] { return file->sync(); };
  auto synced = co_await worker_.run(std::move(sync));
  if (!synced) failure_ = synced.error();
  co_return synced;
}

}  // namespace offpeak
