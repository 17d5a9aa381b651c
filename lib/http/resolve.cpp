#include "http/resolve.hpp"

#include <netdb.h>
#include <signal.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <charconv>
#include <cstring>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>

#include "base/text.hpp"
#include "base/wakeup.hpp"

namespace offpeak::http {

namespace {

using Endpoint = boost::asio::ip::tcp::endpoint;
using Endpoints = std::vector<Endpoint>;

// Shared by the asking coroutine and the thread, either of which may be gone first.
struct Lookup {
  std::mutex mutex;
  Wakeup* asker = nullptr;  // under the mutex; null once nobody waits
  boost::asio::any_io_executor executor;
  bool done = false;
  Result<Endpoints> answer = Endpoints();
};

// Takes the asker out of the lookup, however the coroutine ends.
struct Asking {
  explicit Asking(std::shared_ptr<Lookup> of) : lookup(std::move(of)) {}
  ~Asking() {
    const std::lock_guard lock(lookup->mutex);
    lookup->asker = nullptr;
  }
  Asking(const Asking&) = delete;
  Asking& operator=(const Asking&) = delete;
  std::shared_ptr<Lookup> lookup;
};

Result<Endpoints> ask_system(const std::string& host, const std::string& port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (const int failed = getaddrinfo(host.c_str(), port.c_str(), &hints, &found); failed != 0) {
    return make_error(ErrorKind::unavailable, "cannot resolve " + host + ": " + gai_strerror(failed),
                      "check the name, and this machine's DNS");
  }
  Endpoints out;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    Endpoint endpoint;
    if (at->ai_addrlen > endpoint.capacity()) continue;
    std::memcpy(endpoint.data(), at->ai_addr, at->ai_addrlen);
    endpoint.resize(at->ai_addrlen);
    if (std::find(out.begin(), out.end(), endpoint) == out.end()) out.push_back(endpoint);
  }
  freeaddrinfo(found);
  if (out.empty()) return make_error(ErrorKind::unavailable, "cannot resolve " + host + ": no address");
  return out;
}

// The coroutine that waits is alive as long as `asker` is set, so its executor and bell are too.
void ring(const std::shared_ptr<Lookup>& lookup) {
  boost::asio::post(lookup->executor, [lookup] {
    const std::lock_guard lock(lookup->mutex);
    if (lookup->asker != nullptr) lookup->asker->notify();
  });
}

void look_up(const std::shared_ptr<Lookup>& lookup, const std::string& host, const std::string& port) {
  auto answer = ask_system(host, port);
  const std::lock_guard lock(lookup->mutex);
  lookup->answer = std::move(answer);
  lookup->done = true;
  if (lookup->asker != nullptr) ring(lookup);
}

// The new thread takes no signals: they are the main thread's.
void start_thread(std::shared_ptr<Lookup> lookup, std::string host, std::string port) {
  sigset_t all{}, before{};
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    std::thread(look_up, std::move(lookup), std::move(host), std::move(port)).detach();
  } catch (...) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

std::optional<Endpoints> as_address(const std::string& host, const std::string& port) {
  boost::system::error_code ec;
  const auto address = boost::asio::ip::make_address(host, ec);
  if (ec) return std::nullopt;
  unsigned short number = 0;
  std::from_chars(port.data(), port.data() + port.size(), number);
  return Endpoints(1, Endpoint(address, number));
}

}  // namespace

Task<Result<Endpoints>> resolve(boost::asio::any_io_executor executor, std::string host, std::string port,
                                Duration timeout) {
  if (auto address = as_address(host, port)) co_return std::move(*address);
  SystemClock clock;
  Wakeup answered(clock, executor);
  const auto lookup = std::make_shared<Lookup>();
  lookup->asker = &answered;
  lookup->executor = executor;
  const Asking asking(lookup);
  bool started = true;
  try {
    start_thread(lookup, host, port);
  } catch (const std::system_error&) {
    started = false;
  }
  if (!started) co_return make_error(ErrorKind::unavailable, "cannot resolve " + host + ": no thread to spare");
  co_await answered.wait_for(timeout);
  const std::lock_guard lock(lookup->mutex);
  if (lookup->done) co_return std::move(lookup->answer);
  co_return make_error(ErrorKind::unavailable, "cannot resolve " + host + ": timed out after " + to_text(timeout),
                       "check this machine's DNS");
}

}  // namespace offpeak::http
