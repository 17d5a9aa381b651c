// What an audit reads of a job's files, a slice a call on the file worker; what is wrong is added to the report. Inside
// lib/control only.
#pragma once

#include <memory>
#include <string>

#include "base/digest.hpp"
#include "control/control.hpp"
#include "queue/result_lines.hpp"

namespace offpeak {

// The bytes of requests and results against their checksums, and the claimed file against the job's digest.
class AuditFiles {
 public:
  AuditFiles(Files& files, const ControlFolders& folders, const Job& job);

  // Goes through a window, slice by slice; true while there is more of it.
  bool check_some_results(const ResultWindow& window, AuditReport& report);
  bool check_some_of_the_digest(AuditReport& report);

 private:
  void problem(AuditReport& report, const Error& error) const;

  Files& files_;
  std::string claimed_path_;
  Job job_;
  ResultLines lines_;
  LinePlace at_;  // in the window
  std::string block_;
  std::unique_ptr<File> claimed_;
  std::uint64_t offset_ = 0;
  DigestStream digest_;
};

// The results files of a finished job: all three there, with a line for every request.
class ResultFilesCheck {
 public:
  ResultFilesCheck(Files& files, const ControlFolders& folders, const Job& job);

  // True while there is more to count.
  bool count_some(AuditReport& report);

 private:
  bool next_file();

  Files& files_;
  std::string folder_;
  Job job_;
  std::size_t which_ = 0;  // of the files
  std::unique_ptr<File> file_;
  std::uint64_t offset_ = 0;
  std::int64_t lines_ = 0;
  bool ended_ = true;  // the last byte was a line break
  std::string block_;
};

}  // namespace offpeak
