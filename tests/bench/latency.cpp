// How long one small GET takes over a Unix socket that is kept open: COUNT of them, one after the other.
//
//   bench_latency SOCKET TARGET COUNT [PAUSE-US]
//
// Prints {"count":n,"p50_us":...,"p99_us":...,"max_us":...,"took_us":[each, sorted]}. For offpeakd and for the server that it is compared with.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace {

int connect_to(const char* path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  std::strncpy(at.sun_path, path, sizeof at.sun_path - 1);
  if (fd < 0 || ::connect(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0) {
    std::perror(path);
    std::exit(1);
  }
  return fd;
}

std::size_t content_length(const std::string& head) {
  const char* at = ::strcasestr(head.c_str(), "\r\ncontent-length:");
  return at == nullptr ? 0 : std::strtoull(at + 17, nullptr, 10);
}

void read_answer(int fd, std::string& buffer) {
  buffer.clear();
  std::size_t wanted = std::string::npos;
  char block[64 * 1024];
  for (;;) {
    const auto got = ::recv(fd, block, sizeof block, 0);
    if (got <= 0) {
      fmt::print(stderr, "bench_latency: the connection was closed\n");
      std::exit(1);
    }
    buffer.append(block, static_cast<std::size_t>(got));
    if (wanted == std::string::npos) {
      const auto end = buffer.find("\r\n\r\n");
      if (end == std::string::npos) continue;
      if (buffer.compare(0, 12, "HTTP/1.1 200") != 0) {
        fmt::print(stderr, "bench_latency: {}\n", buffer.substr(0, 12));
        std::exit(1);
      }
      wanted = end + 4 + content_length(buffer.substr(0, end + 2));
    }
    if (buffer.size() >= wanted) return;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    fmt::print(stderr, "usage: bench_latency SOCKET TARGET COUNT [PAUSE-US]\n");
    return 2;
  }
  const int fd = connect_to(argv[1]);
  const auto request = fmt::format("GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n", argv[2]);
  const auto count = std::strtoul(argv[3], nullptr, 10);
  const auto pause = std::chrono::microseconds(argc > 4 ? std::atol(argv[4]) : 0);
  std::vector<double> took;
  took.reserve(count);
  std::string buffer;
  for (unsigned long i = 0; i < count; ++i) {
    const auto begun = std::chrono::steady_clock::now();
    if (::send(fd, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) return 1;
    read_answer(fd, buffer);
    took.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begun).count());
    if (pause.count() > 0) std::this_thread::sleep_for(pause);
  }
  ::close(fd);
  std::ranges::sort(took);
  const auto at = [&](double part) {
    return took[std::min(took.size() - 1, static_cast<std::size_t>(part * static_cast<double>(took.size())))];
  };
  fmt::print(R"({{"count":{},"p50_us":{:.1f},"p99_us":{:.1f},"max_us":{:.1f},"took_us":[{:.1f}]}})"
             "\n",
             took.size(), at(0.5), at(0.99), took.back(), fmt::join(took, ","));
}
