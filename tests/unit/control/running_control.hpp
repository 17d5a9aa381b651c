// A status socket that really runs, over a real queue in a temporary folder, with a stand-in for ingest. For the
// tests of control and of the command line.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "control/server.hpp"
#include "unit/base/temporary_folder.hpp"

namespace offpeak::testing {

// What the stand-in for ingest does with an upload.
enum class Intake : std::uint8_t {
  decide,  // takes it, unless it holds the word REJECT
  wait,    // nothing: the upload goes on waiting
};

class RunningControl {
 public:
  explicit RunningControl(SessionLimits limits = {}, std::size_t sessions_max = 256, Intake intake = Intake::decide);
  ~RunningControl();
  RunningControl(const RunningControl&) = delete;
  RunningControl& operator=(const RunningControl&) = delete;

  const TemporaryFolder& folder() const { return folder_; }
  std::string socket() const { return folder_ / "s"; }
  std::string claimed() const { return folder_ / "claimed"; }
  std::string downloads() const { return folder_ / "downloads"; }
  // Runs a function on the server's thread and waits for it.
  void with_queue(const std::function<void(Queue&)>& function);
  // Queues a job of `lines` as ingest would; gives its id.
  JobId add_job(const std::string& lines);
  // Stops the server; the destructor does the same.
  void stop();

 private:
  struct Parts;
  TemporaryFolder folder_;
  std::unique_ptr<Parts> parts_;
};

// Sends the bytes, then reads until the server closes. `ends`: tell the server that nothing more comes.
enum class Sending : std::uint8_t { stays_open, ends };
std::string send_and_read(const std::string& socket, std::string_view bytes, Sending sending = Sending::stays_open);
// A connected Unix socket.
int connect_to(const std::string& socket);

// GET or POST over a connection of its own.
struct Response {
  int status = 0;
  std::string head;
  std::string body;
};
Response call(const std::string& socket, const std::string& method, const std::string& target,
              const std::string& body = "", const std::string& headers = "");

}  // namespace offpeak::testing
