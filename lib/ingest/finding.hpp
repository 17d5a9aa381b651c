// What a check has found, once it has ended. It holds all that is needed from then on, so that the check itself can go
// with its buffers, however many files wait for the disk.
#pragma once

#include <cstdint>
#include <string>

#include "ingest/error_report.hpp"
#include "ingest/file_kind.hpp"
#include "ingest/intake_check.hpp"
#include "ingest/options.hpp"
#include "model/job.hpp"

namespace offpeak {

struct Finding {
  bool changed = false;   // somebody still writes to the file, and the rest means nothing
  bool rejected = false;  // and then there is only the report
  ErrorReport report;
  JobOptions options;
  std::string options_line;
  std::uint64_t requests = 0;
  std::uint64_t skipped = 0;
  std::uint64_t bytes = 0;  // decompressed
  Digest128 digest;
  FileKind kind;
  std::string data_name;
  TakenFile taken;  // the file as it came
};

// After its last step.
Finding finding_of(const IntakeCheck& check);

}  // namespace offpeak
