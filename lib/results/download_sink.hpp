// Takes a results download to its file in blocks, on the file worker: constant memory, however long it is. One block is
// written while the next one arrives.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/files.hpp"
#include "base/task_group.hpp"
#include "base/worker.hpp"
#include "provider/provider.hpp"

namespace offpeak {

class DownloadSink final : public ResultsSink {
 public:
  // On `executor` it waits for the worker: the one of the frame that owns it.
  DownloadSink(boost::asio::any_io_executor executor, Files& files, Worker& worker, std::string path);

  Task<Result<void>> take(std::string_view block) override;
  // Writes what is left and syncs; the file exists afterwards, even if it is empty. The error of whatever failed first:
  // a write that fails is known at the next block, and here.
  Task<Result<void>> finish();
  // No write is under way any more. To be awaited before the sink dies, whatever happened.
  Task<> settle() { return behind_.join(); }
  std::uint64_t bytes() const { return bytes_; }

 private:
  Task<Result<void>> flush();
  Task<> write(std::string block);

  Files& files_;
  Worker& worker_;
  std::string path_;
  std::shared_ptr<File> file_;  // shared with the function that is on the worker when the frame is canceled
  std::string pending_;
  std::string spare_;  // memory of a block that is written
  std::uint64_t bytes_ = 0;
  std::optional<Error> failure_;
  TaskGroup behind_;  // at most one write
};

// How a download to a file went.
struct Transfer {
  std::optional<CallFailure> refused;  // what the provider, or the way to it, said
  std::uint64_t bytes = 0;             // in the file
  std::optional<Error> failure;        // why the file could not be written or synced
};

// Streams the results of a batch to `path` and syncs the file. All but the id and the path must outlive the call.
Task<Transfer> download_results(Provider& provider, Files& files, Worker& worker, std::string provider_id,
                                std::string path);

}  // namespace offpeak
