// IntentBody: the HTTP body of one create call, streamed from the claimed files of its jobs. Constant memory, however
// long a request is: about three blocks. Every params value is compared with the checksum taken when the line was
// checked: a short one before its first byte leaves; a long one is read twice, and compared before it begins and before
// it ends.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/files.hpp"
#include "base/worker.hpp"
#include "provider/provider.hpp"
#include "queue/queue.hpp"

namespace offpeak {

class IntentBody final : public BodySource {
 public:
  // `assignments` in wire order. `claimed` is the folder of the jobs' bytes.
  IntentBody(Intent intent, std::vector<Assignment> assignments, Database& database, Files& files, Worker& file_worker,
             std::string claimed);
  ~IntentBody() override;

  std::uint64_t size() const override { return intent_.bytes; }
  Task<Result<std::string_view>> next_block() override;

  // The job whose bytes are not what was accepted, where that was the failure.
  std::optional<JobId> damaged_job() const { return damaged_job_; }

 private:
  class ClaimedReader;
  // The next run of lines of one job: at most one segment.
  struct Window {
    JobBytes job;
    std::uint64_t seed = 0;  // of its requests' fingerprints
    std::vector<LineEntry> lines;
  };
  struct LongParams;
  Task<> fetch_window();
  Result<void> fill_block();
  Result<void> append_request(const LineEntry& line);
  Result<void> append_params(const LineEntry& line, std::string_view params);
  Result<void> begin_long(const LineEntry& line);
  Result<void> append_long(const LineEntry& line);
  Result<void> open_reader();
  Error damaged(const LineEntry& line, const Error& error);
  Error changed(const LineEntry& line);
  Result<std::string_view> finish_block();
  std::string& block() { return blocks_[filling_]; }

  Intent intent_;
  std::vector<Assignment> assignments_;
  Database& database_;
  Files& files_;
  Worker& file_worker_;
  std::string claimed_;

  std::size_t assignment_ = 0;  // the one being read
  std::uint32_t fetched_ = 0;   // of it
  Window window_;
  std::size_t line_ = 0;  // in the window
  std::uint32_t place_ = 0;
  std::unique_ptr<ClaimedReader> reader_;
  std::unique_ptr<LongParams> long_;   // of the line at line_, while it is on its way
  std::array<std::string, 2> blocks_;  // one is filled while the other may still be on its way
  std::size_t filling_ = 0;
  std::uint64_t sent_bytes_ = 0;
  bool closed_ = false;
  std::optional<JobId> damaged_job_;
};

}  // namespace offpeak
