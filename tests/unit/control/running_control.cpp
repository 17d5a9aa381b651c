#include "unit/control/running_control.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <thread>

#include "base/digest.hpp"
#include "base/json.hpp"
#include "base/task_group.hpp"

namespace offpeak::testing {

namespace {

namespace asio = boost::asio;

std::uint32_t place_in(std::string_view whole, std::string_view part) {
  return static_cast<std::uint32_t>(part.data() - whole.data());
}

// The line index of well-formed lines.
std::vector<LineEntry> index_of(std::string_view text) {
  std::vector<LineEntry> entries;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    const auto line = text.substr(at, end - at);
    const auto id = json_member(line, "custom_id").value();
    const auto params = json_member(line, "params").value();
    LineEntry entry;
    entry.offset = at;
    entry.bytes = static_cast<std::uint32_t>(line.size());
    entry.id_offset = place_in(line, id);
    entry.id_bytes = static_cast<std::uint32_t>(id.size());
    entry.params_offset = place_in(line, params);
    entry.params_bytes = entry.sent_params_bytes = static_cast<std::uint32_t>(params.size());
    entry.checksum = checksum32(params);
    entries.push_back(entry);
    at = end + 1;
  }
  return entries;
}

void accept(Queue& queue, const offpeak::Intake& intake, std::string_view text) {
  const auto entries = index_of(text);
  queue.add_segments(intake.id, 0, {encode_segment(entries)});
  Job job;
  job.id = intake.id;
  job.name = intake.overrides.name.value_or(intake.name.substr(0, intake.name.find('.')));
  job.file = intake.name;
  job.requests = static_cast<std::int64_t>(entries.size());
  job.priority = intake.overrides.priority.value_or(0);
  job.headers.version = "2023-06-01";
  job.digest = digest128(text);
  job.data_name = std::to_string(intake.id.value);
  const auto accepted = queue.accept_job(job, intake.overrides.again, intake.overrides.hold.value_or(false),
                                         Instant(Duration(1'790'000'000'000)));
  if (!accepted.duplicate_of) return;
  while (!queue.discard_index(intake.id)) {
  }
  queue.reject_intake(intake.id, R"({"file":"x","error_count":1,"errors":[{"line":null,"column":null,"offset":null,)"
                                 R"("message":"the same content was a job before","hint":"--again"}]})");
}

}  // namespace

struct RunningControl::Parts {
  Parts(const RunningControl& owner, SessionLimits limits, std::size_t sessions_max, Intake how)
      : claimed(owner.claimed()),
        intake(how),
        queue(owner.folder_ / "offpeak.db"),
        worker(context.get_executor()),
        bells(clock, context.get_executor()),
        database(queue, worker, clock, &bells),
        control(ControlDoors{context.get_executor(), database, files, worker, clock, log},
                ControlFolders{claimed, owner.downloads()}, ControlHooks{}),
        server(context.get_executor(), control, log, ControlServerOptions{{owner.socket()}, limits, sessions_max}),
        group(context.get_executor()) {
    if (intake == Intake::decide) group.spawn("intakes", settle_intakes());
  }

  Task<> settle_intakes() {
    for (;;) {
      co_await bells.of(Stage::ingest).wait_for(longest_idle_wait);
      co_await database.write([this](Queue& used) { settle(used); });
      control.intake_settled();
    }
  }

  void settle(Queue& used) {
    for (const auto& found : used.intakes()) {
      if (found.state != IntakeState::checking) continue;
      const auto path = claimed + "/" + std::to_string(found.id.value);
      const auto text = read_small_file(files, path, 1 << 26).value();
      if (text.find("REJECT") == std::string::npos) {
        accept(used, found, text);
        // A duplicate's file goes, as any other that is rejected.
        if (!used.job(found.id)) std::filesystem::remove(path);
      } else {
        std::filesystem::remove(path);
        used.reject_intake(found.id,
                           R"({"file":"bad.jsonl","error_count":1,"errors":[{"line":3,"column":14,"offset":210,)"
                           R"("message":"bad \u001b line","hint":"mend it"}]})");
      }
    }
  }

  std::string claimed;
  Intake intake;
  asio::io_context context{1};
  SystemClock clock;
  NoLog log;
  SystemFiles files;
  Queue queue;
  Worker worker;
  Bells bells;
  Database database;
  Control control;
  ControlServer server;
  TaskGroup group;
  std::thread thread;
};

RunningControl::RunningControl(SessionLimits limits, std::size_t sessions_max, Intake intake) {
  std::filesystem::create_directories(claimed());
  std::filesystem::create_directories(downloads());
  parts_ = std::make_unique<Parts>(*this, limits, sessions_max, intake);
  const auto listening = parts_->server.listen();
  if (!listening) throw std::runtime_error(listening.error().message);
  parts_->group.spawn("control", parts_->server.run());
  parts_->thread = std::thread([this] { parts_->context.run(); });
}

RunningControl::~RunningControl() { stop(); }

void RunningControl::stop() {
  if (!parts_->thread.joinable()) return;
  asio::post(parts_->context, [this] { parts_->group.cancel(); });
  parts_->thread.join();
}

void RunningControl::with_queue(const std::function<void(Queue&)>& function) {
  auto done = asio::co_spawn(parts_->context, parts_->database.write(function), asio::use_future);
  done.get();
}

JobId RunningControl::add_job(const std::string& lines) {
  JobId id;
  with_queue([&](Queue& queue) {
    id = queue.announce_intake(IntakeSource::folder, "added.jsonl", {}, Instant(Duration(1'790'000'000'000)));
    queue.intake_in_claimed(id);
    folder_.write("claimed/" + std::to_string(id.value), lines);
    accept(queue, queue.intake(id).value(), lines);
  });
  return id;
}

int connect_to(const std::string& socket) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket.copy(address.sun_path, sizeof(address.sun_path) - 1);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    ::close(fd);
    return -1;
  }
  return fd;
}

std::string send_and_read(const std::string& socket, std::string_view bytes, Sending sending) {
  const int fd = connect_to(socket);
  EXPECT_GE(fd, 0);
  while (!bytes.empty()) {
    const auto n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) break;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  if (sending == Sending::ends) ::shutdown(fd, SHUT_WR);
  std::string got;
  char block[65536];
  for (;;) {
    const auto n = ::recv(fd, block, sizeof(block), 0);
    if (n <= 0) break;
    got.append(block, static_cast<std::size_t>(n));
  }
  ::close(fd);
  return got;
}

Response call(const std::string& socket, const std::string& method, const std::string& target, const std::string& body,
              const std::string& headers) {
  const auto length = method == "GET" ? "" : fmt::format("Content-Length: {}\r\n", body.size());
  const auto text = send_and_read(socket, fmt::format("{} {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{}{}\r\n{}",
                                                      method, target, length, headers, body));
  Response response;
  const auto end = text.find("\r\n\r\n");
  if (text.size() > 12) response.status = std::atoi(text.substr(9, 3).c_str());
  response.head = text.substr(0, end);
  if (end != std::string::npos) response.body = text.substr(end + 4);
  return response;
}

}  // namespace offpeak::testing
