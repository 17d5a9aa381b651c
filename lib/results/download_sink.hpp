// Takes a results download to its file in blocks, on the file worker: constant memory, however long it is.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/files.hpp"
#include "base/worker.hpp"
#include "provider/provider.hpp"

namespace offpeak {

class DownloadSink final : public ResultsSink {
 public:
  DownloadSink(Files& files, Worker& worker, std::string path);

  Task<Result<void>> take(std::string_view block) override;
  // Writes what is left and syncs; the file exists afterwards, even if it is empty.
  Task<Result<void>> finish();
  std::uint64_t bytes() const { return bytes_; }
  // Why a take or finish failed.
  const std::optional<Error>& failure() const { return failure_; }

 private:
  Task<Result<void>> flush();

  Files& files_;
  Worker& worker_;
  std::string path_;
  std::shared_ptr<File> file_;  // shared with the function that is on the worker when the frame is canceled
  std::string pending_;
  std::uint64_t bytes_ = 0;
  std::optional<Error> failure_;
};

}  // namespace offpeak
