#include "daemon/cli/unix_http.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/buffer_traits.hpp>
#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <memory>
#include <vector>

#include "base/text.hpp"

namespace offpeak::cli {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using ErrorCode = boost::system::error_code;

constexpr std::size_t reply_bytes_max = 64 * 1024 * 1024;
constexpr std::size_t block_bytes = 256 * 1024;
// The daemon answers within milliseconds; a stream may search long for its next line, a job file be checked long.
constexpr int answer_millis = 60'000;
constexpr int stream_millis = 900'000;
constexpr int forever = -1;

// A connected socket as Beast's synchronous stream, with a time-out for every step.
class Connection {
 public:
  Connection() = default;
  ~Connection() {
    if (fd_ >= 0) ::close(fd_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Result<void> connect(const std::string& path);
  void set_timeout(int millis) { timeout_millis_ = millis; }

  template <class Buffers>
  std::size_t read_some(const Buffers& buffers, ErrorCode& ec) {
    for (const auto buffer : beast::buffers_range_ref(buffers)) {
      if (buffer.size() != 0) return receive(buffer.data(), buffer.size(), ec);
    }
    ec = {};
    return 0;
  }
  template <class Buffers>
  std::size_t write_some(const Buffers& buffers, ErrorCode& ec) {
    for (const auto buffer : beast::buffers_range_ref(buffers)) {
      if (buffer.size() != 0) return send(buffer.data(), buffer.size(), ec);
    }
    ec = {};
    return 0;
  }
  // The throwing forms that the concept asks for.
  template <class Buffers>
  std::size_t read_some(const Buffers& buffers) {
    ErrorCode ec;
    const auto n = read_some(buffers, ec);
    if (ec) throw boost::system::system_error(ec);
    return n;
  }
  template <class Buffers>
  std::size_t write_some(const Buffers& buffers) {
    ErrorCode ec;
    const auto n = write_some(buffers, ec);
    if (ec) throw boost::system::system_error(ec);
    return n;
  }

 private:
  std::size_t receive(void* data, std::size_t size, ErrorCode& ec);
  std::size_t send(const void* data, std::size_t size, ErrorCode& ec);
  bool wait(short events, ErrorCode& ec) const;

  int fd_ = -1;
  int timeout_millis_ = answer_millis;
};

ErrorCode system_code(int number) { return {number, boost::system::system_category()}; }

bool Connection::wait(short events, ErrorCode& ec) const {
  pollfd poll_fd{fd_, events, 0};
  for (;;) {
    const int ready = ::poll(&poll_fd, 1, timeout_millis_);
    if (ready > 0) return true;
    if (ready < 0 && errno == EINTR) continue;
    ec = system_code(ready == 0 ? ETIMEDOUT : errno);
    return false;
  }
}

std::size_t Connection::receive(void* data, std::size_t size, ErrorCode& ec) {
  ec = {};
  if (!wait(POLLIN, ec)) return 0;
  const auto n = ::recv(fd_, data, size, 0);
  if (n < 0) ec = system_code(errno);
  if (n == 0) ec = asio::error::eof;
  return n < 0 ? 0 : static_cast<std::size_t>(n);
}

std::size_t Connection::send(const void* data, std::size_t size, ErrorCode& ec) {
  ec = {};
  if (!wait(POLLOUT, ec)) return 0;
  const auto n = ::send(fd_, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (n >= 0) return static_cast<std::size_t>(n);
  if (errno == EAGAIN || errno == EINTR) return send(data, size, ec);
  ec = system_code(errno);
  return 0;
}

Error unreachable(const std::string& path, int number) {
  const auto shown = escape_for_display(path, 200);
  auto message = fmt::format("the daemon cannot be reached at {}: {}", shown, std::strerror(number));
  if (number == EACCES) {
    return make_error(ErrorKind::unavailable, std::move(message),
                      "join the group offpeak (adduser $USER offpeak, then log in again), or use sudo");
  }
  return make_error(ErrorKind::unavailable, std::move(message),
                    "start it (systemctl start offpeakd), or name its socket with --socket PATH or OFFPEAK_SOCKET");
}

Result<void> Connection::connect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return make_error(ErrorKind::unavailable,
                      fmt::format("the socket path {} is {} bytes long; the system takes 1 to {}",
                                  escape_for_display(path, 200), path.size(), sizeof(address.sun_path) - 1),
                      "use a shorter path");
  }
  path.copy(address.sun_path, path.size());
  fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return unreachable(path, errno);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    return unreachable(path, errno);
  return {};
}

Error broken(const ErrorCode& ec) {
  return make_error(ErrorKind::unavailable, fmt::format("the connection to the daemon broke: {}", ec.message()),
                    "see whether it runs: systemctl status offpeakd");
}

template <class Body>
http::request<Body> make_request(http::verb verb, const std::string& target) {
  http::request<Body> request(verb, target, 11);
  request.set(http::field::host, "offpeak");
  request.set(http::field::user_agent, "offpeak/" OFFPEAK_VERSION);
  request.keep_alive(false);
  return request;
}

template <class Message>
HttpReply take_reply(Message& message) {
  HttpReply reply;
  reply.status = static_cast<int>(message.result_int());
  reply.content_type = std::string(message[http::field::content_type]);
  return reply;
}

Result<HttpReply> read_reply(Connection& connection, beast::flat_buffer& buffer) {
  http::response_parser<http::string_body> parser;
  parser.body_limit(reply_bytes_max);
  ErrorCode ec;
  http::read(connection, buffer, parser, ec);
  if (ec) return broken(ec);
  auto reply = take_reply(parser.get());
  reply.body = std::move(parser.get().body());
  return reply;
}

// The final answer where it came instead of the consent.
Result<std::optional<HttpReply>> await_consent(Connection& connection, beast::flat_buffer& buffer) {
  http::response_parser<http::string_body> parser;
  parser.body_limit(reply_bytes_max);
  ErrorCode ec;
  http::read_header(connection, buffer, parser, ec);
  if (!ec && parser.get().result() == http::status::continue_) return std::optional<HttpReply>();
  if (!ec) http::read(connection, buffer, parser, ec);
  if (ec) return broken(ec);
  auto reply = take_reply(parser.get());
  reply.body = std::move(parser.get().body());
  return std::optional<HttpReply>(std::move(reply));
}

using BodySerializer = http::request_serializer<http::buffer_body>;

// Nothing where all was sent or the daemon stopped reading: its answer says why.
Result<void> send_body(Connection& connection, BodySerializer& serializer, http::request<http::buffer_body>& request,
                       const BodySource& source) {
  for (bool more = true; more;) {
    auto block = source();
    if (!block) return block.error();
    more = !block->empty();
    auto& body = request.body();
    body.data = more ? const_cast<char*>(block->data()) : nullptr;
    body.size = block->size();
    body.more = more;
    ErrorCode ec;
    http::write(connection, serializer, ec);
    if (ec && ec != http::error::need_buffer) return {};
  }
  return {};
}

Result<void> stream_body(Connection& connection, beast::flat_buffer& buffer,
                         http::response_parser<http::buffer_body>& parser, const BodySink& sink) {
  std::vector<char> block(block_bytes);
  while (!parser.is_done()) {
    auto& body = parser.get().body();
    body.data = block.data();
    body.size = block.size();
    ErrorCode ec;
    http::read_some(connection, buffer, parser, ec);
    sink(std::string_view(block.data(), block.size() - body.size));
    if (ec && ec != http::error::need_buffer) {
      return make_error(ErrorKind::io, fmt::format("the results end too early: {}", ec.message()),
                        "see the daemon's log: journalctl -u offpeakd");
    }
  }
  return {};
}

}  // namespace

Result<HttpReply> UnixHttp::call(std::string_view method, const std::string& target, std::string_view body) {
  Connection connection;
  if (auto connected = connection.connect(path_); !connected) return connected.error();
  auto request = make_request<http::string_body>(http::string_to_verb(method), target);
  request.body() = body;
  if (!body.empty()) request.set(http::field::content_type, "application/json");
  request.prepare_payload();
  ErrorCode ec;
  http::write(connection, request, ec);
  if (ec) return broken(ec);
  beast::flat_buffer buffer;
  return read_reply(connection, buffer);
}

Result<HttpReply> UnixHttp::upload(const std::string& target, const BodySource& source) {
  Connection connection;
  if (auto connected = connection.connect(path_); !connected) return connected.error();
  auto request = make_request<http::buffer_body>(http::verb::post, target);
  request.set(http::field::expect, "100-continue");
  request.chunked(true);
  request.body().more = true;
  BodySerializer serializer(request);
  ErrorCode ec;
  http::write_header(connection, serializer, ec);
  if (ec) return broken(ec);
  beast::flat_buffer buffer;
  auto early = await_consent(connection, buffer);
  if (!early) return early.error();
  if (*early) return std::move(**early);
  if (auto sent = send_body(connection, serializer, request, source); !sent) return sent.error();
  connection.set_timeout(forever);
  return read_reply(connection, buffer);
}

Result<HttpReply> UnixHttp::download(const std::string& target, const BodySink& sink) {
  Connection connection;
  if (auto connected = connection.connect(path_); !connected) return connected.error();
  connection.set_timeout(stream_millis);
  auto request = make_request<http::empty_body>(http::verb::get, target);
  ErrorCode ec;
  http::write(connection, request, ec);
  if (ec) return broken(ec);
  beast::flat_buffer buffer;
  buffer.reserve(block_bytes);
  http::response_parser<http::buffer_body> parser;
  parser.body_limit(boost::none);
  http::read_header(connection, buffer, parser, ec);
  if (ec) return broken(ec);
  auto reply = take_reply(parser.get());
  const BodySink keep = [&reply](std::string_view block) { reply.body += block; };
  if (auto streamed = stream_body(connection, buffer, parser, reply.status == 200 ? sink : keep); !streamed) {
    return streamed.error();
  }
  return reply;
}

std::string percent_encode(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    encoded += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return encoded;
}

}  // namespace offpeak::cli
