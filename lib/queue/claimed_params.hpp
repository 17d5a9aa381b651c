// Reads what requests carry from the claimed files of their jobs: for the claim of a batch and for what a decision may
// cost. On the file worker.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/files.hpp"
#include "queue/rows.hpp"

namespace offpeak {

class ClaimedParams {
 public:
  ClaimedParams(Files& files, std::string claimed) : files_(files), claimed_(std::move(claimed)) {}

  // The raw params of one line, valid until the next call; cheap for neighbours. ErrorKind::not_found: the file is
  // gone. ErrorKind::invalid: these are not the bytes that were accepted.
  Result<std::string_view> read(const JobBytes& job, const LineEntry& line);

 private:
  Result<void> fill(std::uint64_t offset, std::size_t bytes);

  Files& files_;
  std::string claimed_;
  JobId job_;
  std::unique_ptr<File> file_;
  std::string buffer_;
  std::uint64_t begin_ = 0;
  std::size_t filled_ = 0;
};

}  // namespace offpeak
