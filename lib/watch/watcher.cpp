#include "watch/watcher.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

namespace offpeak {

namespace {

// A file may be ready.
constexpr std::uint32_t ringing = IN_CLOSE_WRITE | IN_MOVED_TO | IN_Q_OVERFLOW;
// Who has it open. Whoever looks at a file makes such events too, so they ring no bell.
constexpr std::uint32_t noted = IN_CREATE | IN_OPEN | IN_CLOSE_NOWRITE | IN_MOVED_FROM | IN_DELETE;
// The folder itself is going.
constexpr std::uint32_t lost = IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED;
constexpr std::uint32_t watched =
    (ringing & ~std::uint32_t{IN_Q_OVERFLOW}) | noted | IN_ONLYDIR | IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT;
constexpr std::size_t buffer_bytes = 16 * 1024;

}  // namespace

// An inotify descriptor with one watch.
class Watcher::Inotify {
 public:
  explicit Inotify(boost::asio::any_io_executor executor) : stream_(std::move(executor)) {}

  Result<void> watch(const std::string& folder) {
    const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd < 0) return os_error("watch", folder, errno);
    stream_.assign(fd);
    if (::inotify_add_watch(fd, folder.c_str(), watched) < 0) return os_error("watch", folder, errno);
    return {};
  }

  boost::asio::posix::stream_descriptor& stream() { return stream_; }
  std::array<char, buffer_bytes>& buffer() { return buffer_; }

 private:
  boost::asio::posix::stream_descriptor stream_;
  alignas(inotify_event) std::array<char, buffer_bytes> buffer_{};
};

Watcher::Watcher(Clock& clock, Log& log, Wakeup& bell, std::string folder, Duration retry)
    : clock_(clock), log_(log), bell_(bell), folder_(std::move(folder)), retry_(retry) {}

Task<> Watcher::run() {
  for (;;) {
    co_await watch_once();
    // What happened before the watch was lost, or while there was none, only a scan finds.
    bell_.notify();
    co_await sleep_for(clock_, retry_);
  }
}

// Returns when the watch is lost or cannot be had.
Task<> Watcher::watch_once() {
  const auto executor = co_await boost::asio::this_coro::executor;
  Inotify inotify(executor);
  const auto watching = inotify.watch(folder_);
  if (!watching) {
    if (!std::exchange(complained_, true)) {
      log_.warning("watch.failed", {{"folder", folder_},
                                    {"error", watching.error().message},
                                    {"instead", "scanning at intervals, and trying to watch again"}});
    }
    co_return;
  }
  complained_ = false;
  bell_.notify();
  while (co_await listen(inotify)) {
  }
  log_.warning("watch.lost", {{"folder", folder_}, {"next", "trying to watch it again"}});
}

// False where the watch is lost.
Task<bool> Watcher::listen(Inotify& inotify) {
  const auto room = boost::asio::buffer(inotify.buffer());
  const auto [ec, n] =
      co_await inotify.stream().async_read_some(room, boost::asio::as_tuple(boost::asio::use_awaitable));
  if (ec == boost::asio::error::operation_aborted) throw boost::system::system_error(ec);
  if (ec) co_return false;
  const auto heard = take_events(std::string_view(inotify.buffer().data(), n));
  if (heard.ring || heard.lost) bell_.notify();
  co_return !heard.lost;
}

Watcher::Heard Watcher::take_events(std::string_view records) {
  Heard heard;
  while (records.size() >= sizeof(inotify_event)) {
    inotify_event event{};
    std::memcpy(&event, records.data(), sizeof event);
    if (records.size() - sizeof event < event.len) break;
    // The name is padded with NULs.
    const auto padded = records.substr(sizeof event, event.len);
    take_event(event.mask, padded.substr(0, padded.find('\0')));
    heard.lost = heard.lost || (event.mask & lost) != 0;
    heard.ring = heard.ring || (event.mask & ringing) != 0;
    records.remove_prefix(sizeof event + event.len);
  }
  if (heard.lost) open_names_.forget_all();
  return heard;
}

void Watcher::take_event(std::uint32_t mask, std::string_view name) {
  if ((mask & IN_Q_OVERFLOW) != 0) open_names_.forget_all();
  if (name.empty()) return;
  if ((mask & IN_MOVED_TO) != 0 && moved_in_.size() < names_max) moved_in_.emplace(name);
  if ((mask & (IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE)) != 0) open_names_.gone(name);
  if ((mask & IN_CREATE) != 0) open_names_.created(name);
  if ((mask & IN_OPEN) != 0) open_names_.opened(name);
  if ((mask & IN_CLOSE_WRITE) != 0) open_names_.closed_by_writer(name);
  if ((mask & IN_CLOSE_NOWRITE) != 0) open_names_.closed_by_reader(name);
}

std::set<std::string> Watcher::take_moved_in() { return std::exchange(moved_in_, {}); }

}  // namespace offpeak
