// The results of one batch on their way from the provider to the disk, as one file of whole lines after the other, so
// that the first lines are recorded while the last ones arrive. A file is given out when it is synced and has its name;
// whoever reads it need not know whether more will come.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/task_group.hpp"
#include "base/wakeup.hpp"
#include "base/worker.hpp"
#include "provider/provider.hpp"
#include "queue/queue.hpp"
#include "results/collect_decisions.hpp"
#include "results/download_sink.hpp"

namespace offpeak {

// A file ends behind the first line that makes it so long; the last one where the transfer does.
inline constexpr std::uint64_t download_file_bytes = 32 * 1024 * 1024;

// All must outlive the transfer.
struct TransferDoors {
  Database& database;
  Provider& provider;
  Files& files;
  Worker& file_worker;
  Clock& clock;
};

struct DownloadFile {
  std::uint32_t number = 0;
  std::string path;
  bool complete = true;  // false: its last line may be half a line
};

class ResultsTransfer final : public ResultsSink {
 public:
  // A file is called so until it is synced.
  static constexpr std::string_view unfinished_suffix = ".part";

  struct Settings {
    std::string folder;
    std::uint64_t file_bytes = download_file_bytes;
  };

  ResultsTransfer(boost::asio::any_io_executor executor, TransferDoors doors, Settings settings, const Batch& batch);

  // Asks the provider and takes what it sends. One task beside the one that reads.
  Task<> run();
  // The next file, in order; nothing where the transfer is over and all were given.
  Task<std::optional<DownloadFile>> next();
  // Outcomes may refer to this one: it is no longer the transfer's.
  void refer_to(const DownloadFile& file);
  // After run() has ended: removes what no outcome refers to.
  Task<> drop_rest();

  // How it went, once next() gave nothing.
  TransferEnd end() const { return end_; }
  const std::string& problem() const { return problem_; }  // empty where complete
  std::optional<Duration> retry_after() const { return retry_after_; }

  Task<Result<void>> take(std::string_view block) override;

 private:
  Task<> receive();
  std::size_t first_end(std::size_t block_bytes) const;
  Task<> begin_file();
  Task<> end_file(bool complete);
  Task<> close(std::unique_ptr<DownloadSink> sink, DownloadFile file);
  Task<Result<void>> keep(DownloadFile file);
  Task<> settle();
  void conclude(const std::optional<CallFailure>& refused);

  boost::asio::any_io_executor executor_;
  TransferDoors doors_;
  Settings settings_;
  BatchId batch_;
  std::string provider_id_;

  DownloadFile file_;  // the one that is written
  std::unique_ptr<DownloadSink> sink_;
  std::optional<Error> failure_;  // why a file could not be kept

  std::deque<DownloadFile> kept_;  // what outcomes may refer to is taken out
  std::size_t given_ = 0;          // so many of them were given by next()
  bool over_ = false;
  Wakeup changed_;

  TransferEnd end_ = TransferEnd::complete;
  std::string problem_;
  std::optional<Duration> retry_after_;

  TaskGroup behind_;  // at most one file that is closed
};

}  // namespace offpeak
