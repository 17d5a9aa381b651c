// The floor of an upload over TLS: a file through SSL_write in blocks of 64 KiB, and nothing else.
//
//   bench_tls_upload PORT FILE CA-FILE
//
// Prints the seconds from the first byte written to the answer.
#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

int connect_to(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  at.sin_port = htons(static_cast<std::uint16_t>(port));
  if (fd < 0 || ::connect(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0) fail("connect");
  return fd;
}

void put(SSL* ssl, const char* bytes, std::size_t count) {
  while (count > 0) {
    const int done = SSL_write(ssl, bytes, static_cast<int>(count));
    if (done <= 0) fail("SSL_write");
    bytes += done;
    count -= static_cast<std::size_t>(done);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    fmt::print(stderr, "usage: bench_tls_upload PORT FILE CA-FILE\n");
    return 2;
  }
  const int file = ::open(argv[2], O_RDONLY | O_CLOEXEC);
  struct stat info{};
  if (file < 0 || ::fstat(file, &info) != 0) fail(argv[2]);
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  if (SSL_CTX_load_verify_locations(context, argv[3], nullptr) != 1) fail(argv[3]);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL* ssl = SSL_new(context);
  SSL_set_fd(ssl, connect_to(std::atoi(argv[1])));
  if (SSL_connect(ssl) != 1) fail("SSL_connect");
  const auto begun = std::chrono::steady_clock::now();
  const auto head =
      fmt::format("POST /_bench/raw HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", info.st_size);
  put(ssl, head.data(), head.size());
  std::vector<char> block(64 * 1024);
  for (;;) {
    const auto got = ::read(file, block.data(), block.size());
    if (got < 0) fail("read");
    if (got == 0) break;
    put(ssl, block.data(), static_cast<std::size_t>(got));
  }
  std::array<char, 1024> answer{};
  if (SSL_read(ssl, answer.data(), static_cast<int>(answer.size())) <= 0) fail("SSL_read");
  fmt::print("{:.6f}\n", std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count());
}
