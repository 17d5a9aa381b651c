// Checks a job file without a daemon and without queuing anything: `offpeak check`, `submit --dry-run`. Any
// thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/files.hpp"
#include "ingest/file_check.hpp"

namespace offpeak {

struct CheckReport {
  std::uint64_t requests = 0;
  std::uint64_t skipped = 0;  // of them, with on_invalid "skip"
  std::uint64_t bytes = 0;    // of the file, decompressed
  std::uint64_t error_count = 0;
  std::vector<FileError> errors;  // the first 100
  bool rejected = false;          // the daemon would refuse the file
  JobOptions options;
};

// `name` says format and compression by its suffixes. Scratch files (the unpacked bytes, many custom_ids) are
// made in `scratch_folder` and removed. `visitor` sees every good request, in order; it may be empty. An
// Error means that the file could not be read at all.
Result<CheckReport> check_file(Files& files, const std::string& path, const std::string& name,
                               const std::string& scratch_folder, const CheckSettings& settings,
                               RequestVisitor visitor = {});

}  // namespace offpeak
