// A spool, a real queue on a file, and the ingest stage in virtual time on one thread. A Life is one run of
// the process: it may crash, and the next one goes on with what is on the disk.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <exception>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/task_group.hpp"
#include "ingest/ingester.hpp"
#include "support/virtual_clock.hpp"
#include "tests/unit/base/temporary_folder.hpp"
#include "tests/unit/ingest/faulty_files.hpp"

namespace offpeak {

// Keeps what was logged.
class KeptLog final : public Log {
 public:
  std::vector<std::string> lines;
  std::size_t count(std::string_view part) const {
    std::size_t found = 0;
    for (const auto& line : lines) found += line.find(part) != std::string::npos ? 1 : 0;
    return found;
  }

 protected:
  void emit(LogLevel, std::string_view event, LogFields fields) override { lines.push_back(log_line(event, fields)); }
};

class IngestFixture : public ::testing::Test {
 protected:
  struct Life {
    explicit Life(IngestFixture& test)
        : queue(test.config.paths.database()),
          ingester({clock, test.files, worker, worker, database, test.log}, context.get_executor(), test.config, bell,
                   {[this] { return std::exchange(moved_in, {}); }, [this](JobId id) { accepted.push_back(id); },
                    [this](JobId id) { rejected.push_back(id); },
                    [this](const std::string& name) {
                      const auto found = by_events.find(name);
                      return found == by_events.end() ? Writers::none : found->second;
                    }}) {
      queue.recover(clock.now());
      group.spawn("ingest", ingester.run());
    }
    ~Life() { stop(); }
    Life(const Life&) = delete;
    Life& operator=(const Life&) = delete;

    void advance(Duration duration) { clock.advance(duration); }
    void stop() {
      group.cancel();
      clock.run_until_idle();
    }
    bool crashed() const { return !group.failed_task().empty(); }

    boost::asio::io_context context;
    testing::VirtualClock clock{context};
    Worker worker{context.get_executor()};
    Queue queue;
    Database database{queue, worker, clock};
    Wakeup bell{clock, context.get_executor()};
    std::set<std::string> moved_in;
    std::map<std::string, Writers> by_events;  // others: none
    std::vector<JobId> accepted, rejected;
    Ingester ingester;
    TaskGroup group{context.get_executor()};
  };

  IngestFixture() {
    config.paths.spool = folder / "spool";
    config.paths.state = folder / "state";
    for (const auto& path :
         {config.paths.incoming(), config.paths.claimed(), config.paths.rejected(), config.paths.state}) {
      std::filesystem::create_directories(path);
    }
  }

  void write(const std::string& name, std::string_view content) { folder.write("spool/incoming/" + name, content); }
  // As a rename into the folder.
  void drop(Life& life, const std::string& name, std::string_view content) {
    write(name, content);
    life.moved_in.insert(name);
    life.bell.notify();
  }
  std::set<std::string> names(const std::string& place) {
    std::set<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(folder / ("spool/" + place))) {
      found.insert(entry.path().filename().string());
    }
    return found;
  }
  std::string rejected_document(const std::string& name) {
    return folder.read("spool/rejected/" + name + ".error.json");
  }

  TemporaryFolder folder;
  Config config;
  FaultyFiles files;
  KeptLog log;
};

using Names = std::set<std::string>;
constexpr Duration a_moment = std::chrono::milliseconds(100);
constexpr Duration long_enough = std::chrono::minutes(5);

}  // namespace offpeak
