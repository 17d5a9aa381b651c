#include "http/connection.hpp"

#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <tuple>

#include "base/text.hpp"
#include "http/address.hpp"
#include "http/answer_parser.hpp"
#include "http/request_head.hpp"
#include "http/resolve.hpp"
#include "model/limits.hpp"

namespace offpeak::http {

namespace {

namespace asio = boost::asio;
constexpr auto as_values = asio::as_tuple(asio::use_awaitable);

constexpr std::size_t write_slice_bytes = 256 * 1024;
constexpr std::size_t addresses_max = 8;

// How long the kernel goes on sending what nobody acknowledges: tcp(7), TCP_USER_TIMEOUT, in milliseconds.
using UserTimeout = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_USER_TIMEOUT>;

boost::system::error_code tls_failure() {
  const auto reason = ERR_get_error();
  if (reason == 0) return asio::ssl::error::unspecified_system_error;
  return boost::system::error_code(static_cast<int>(reason), asio::error::get_ssl_category());
}

}  // namespace

Connection::Connection(asio::any_io_executor executor, const Origin& origin, std::optional<asio::ssl::context>& tls)
    : executor_(std::move(executor)),
      origin_(origin),
      tls_context_(tls),
      socket_(executor_),
      check_(origin.host),
      writing_(executor_),
      reading_(executor_) {}

void Connection::Deadline::arm(Duration duration, const std::shared_ptr<Connection>& of) {
  limit = duration;
  timer.expires_after(duration);
  timer.async_wait([this, weak = std::weak_ptr(of)](boost::system::error_code ec) {
    const auto living = weak.lock();
    // A timer that was armed again after it had fired, but before we ran, is not due.
    if (ec || !living || timer.expiry() > std::chrono::steady_clock::now()) return;
    expired = true;
    living->close();
  });
}

void Connection::limit_reading(Duration timeout) { reading_.arm(timeout, shared_from_this()); }

void Connection::close() {
  writing_.disarm();
  reading_.disarm();
  boost::system::error_code ignored;
  socket_.close(ignored);
}

Error Connection::failure(std::string_view doing, const Deadline& deadline, boost::system::error_code ec) const {
  std::string message = std::string(doing) + ": ";
  message += deadline.expired ? "timed out after " + to_text(deadline.limit) : ec.message();
  return make_error(ErrorKind::unavailable, std::move(message));
}

Task<Result<void>> Connection::open() {
  const bool by_proxy = origin_.proxy.has_value();
  const auto host = by_proxy ? origin_.proxy->host : origin_.host;
  const auto port = by_proxy ? origin_.proxy->port : origin_.port;
  const std::string whom = by_proxy ? "the proxy " + authority(host, port) : origin_url(origin_);
  auto connected = co_await connect_to(host, port);
  if (!connected) co_return in_context(whom, connected.error());
  if (by_proxy) {
    auto tunnel = co_await ask_proxy();
    if (!tunnel) co_return in_context(whom, tunnel.error());
  }
  if (origin_.tls) {
    auto shaken = co_await shake_hands();
    if (!shaken) co_return in_context(origin_url(origin_), shaken.error());
  }
  writing_.disarm();
  co_return Result<void>();
}

Task<Result<void>> Connection::connect_to(std::string host, std::string port) {
  auto found = co_await resolve(executor_, host, port, origin_.connect_timeout);
  if (!found) co_return found.error();
  auto& endpoints = found.value();
  // Plain HTTP never leaves this machine, whatever a name resolves to.
  if (!origin_.tls) std::erase_if(endpoints, [](const auto& at) { return !at.address().is_loopback(); });
  if (endpoints.size() > addresses_max) endpoints.resize(addresses_max);
  Error last = make_error(ErrorKind::unavailable, "cannot connect: " + host + " is not this machine");
  for (const auto& endpoint : endpoints) {
    boost::system::error_code ignored;
    socket_.close(ignored);
    writing_.expired = false;
    writing_.arm(origin_.connect_timeout, shared_from_this());
    const auto [ec] = co_await socket_.async_connect(endpoint, as_values);
    if (!ec && !writing_.expired) {
      socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
      socket_.set_option(UserTimeout(static_cast<int>(kernel_delivery_max.count())), ignored);
      co_return Result<void>();
    }
    last = failure("cannot connect to " + authority(endpoint.address().to_string(), port), writing_, ec);
  }
  co_return last;
}

Task<Result<void>> Connection::ask_proxy() {
  writing_.arm(origin_.connect_timeout, shared_from_this());
  const std::string head = connect_head(origin_);
  const auto [sent_ec, sent] = co_await asio::async_write(socket_, asio::buffer(head), as_values);
  if (sent_ec) co_return failure("asking for a tunnel", writing_, sent_ec);
  AnswerParser parser(AnswerBody::none);
  std::array<char, 4096> buffer{};
  while (!parser.done()) {
    const auto [ec, bytes] = co_await socket_.async_read_some(asio::buffer(buffer), as_values);
    if (ec && ec != asio::error::eof) co_return failure("asking for a tunnel", writing_, ec);
    auto parsed = ec ? parser.feed_end() : parser.feed(std::string_view(buffer.data(), bytes));
    if (!parsed) co_return parsed.error();
  }
  const int status = parser.response().status;
  if (status < 200 || status > 299) {
    const char* hint = status == 407 ? "put user:password into https_proxy" : "ask who runs the proxy, or set no_proxy";
    co_return make_error(
        ErrorKind::unavailable,
        "it refused a tunnel to " + authority(origin_.host, origin_.port) + " with HTTP " + std::to_string(status),
        hint);
  }
  // What comes before the handshake cannot be the origin's.
  if (!parser.left_over().empty()) {
    co_return make_error(ErrorKind::unavailable, "it sent bytes of its own into the tunnel");
  }
  co_return Result<void>();
}

Task<Result<void>> Connection::shake_hands() {
  writing_.arm(origin_.connect_timeout, shared_from_this());
  tls_.emplace(socket_, tls_context_.value());
  // A name tells the server which certificate to show; an address may not stand there (RFC 6066, 3).
  if (!is_ip_address(origin_.host)) SSL_set_tlsext_host_name(tls_->native_handle(), origin_.host.c_str());
  tls_->set_verify_mode(asio::ssl::verify_peer);
  tls_->set_verify_callback(
      [this](bool chain_is_good, asio::ssl::verify_context& context) { return check_(chain_is_good, context); });
  const auto [ec] = co_await tls_->async_handshake(asio::ssl::stream_base::client, as_values);
  if (!check_.refusal().empty()) co_return make_error(ErrorKind::unavailable, check_.refusal());
  if (ec) co_return failure("TLS handshake", writing_, ec);
  records_.take_over(tls_->native_handle());
  co_return Result<void>();
}

Task<boost::system::error_code> Connection::encrypt(std::string_view bytes) {
  SSL* ssl = tls_->native_handle();
  boost::system::error_code ec;
  while (!bytes.empty() && !ec) {
    std::size_t done = 0;
    ERR_clear_error();
    if (SSL_write_ex(ssl, bytes.data(), bytes.size(), &done) != 1) {
      if (SSL_get_error(ssl, 0) != SSL_ERROR_WANT_READ) {
        co_return tls_failure();
      }
      // The read beside this write holds the first part of a message about keys. Asio waits for the rest.
      std::tie(ec, done) = co_await tls_->async_write_some(asio::buffer(bytes), as_values);
    }
    bytes.remove_prefix(done);
  }
  co_return ec;
}

Task<Result<void>> Connection::write(std::string_view bytes) {
  boost::system::error_code ec;
  while (!bytes.empty() && !ec) {
    const auto slice = bytes.substr(0, write_slice_bytes);
    bytes.remove_prefix(slice.size());
    writing_.arm(origin_.progress_timeout, shared_from_this());
    if (tls_) ec = co_await encrypt(slice);
    std::string_view outgoing = tls_ ? records_.take() : slice;
    while (!outgoing.empty() && !ec) {
      std::size_t sent = 0;
      std::tie(ec, sent) = co_await socket_.async_write_some(asio::buffer(outgoing), as_values);
      outgoing.remove_prefix(sent);
      // Whoever takes some of it is alive.
      writing_.arm(origin_.progress_timeout, shared_from_this());
    }
    writing_.disarm();
  }
  if (ec) co_return failure("sending", writing_, ec);
  co_return Result<void>();
}

Task<Result<bool>> Connection::write_until(std::string_view few_bytes, SteadyTime until) {
  const SystemClock clock;
  const auto left = std::chrono::ceil<Duration>(until - clock.steady_now());
  writing_.arm(std::clamp(left, Duration(0), origin_.progress_timeout), shared_from_this());
  auto [ec] = co_await socket_.async_wait(asio::ip::tcp::socket::wait_write, as_values);
  writing_.disarm();
  // The timer stands still while the machine is suspended: only this comparison decides.
  if (clock.steady_now() > until) co_return false;
  if (ec) co_return failure("sending", writing_, ec);
  if (tls_) ec = co_await encrypt(few_bytes);
  // Encrypting waits where the peer is changing keys. The bytes count as sent, though they stay.
  if (!ec && clock.steady_now() > until) ec = asio::error::timed_out;
  if (ec) co_return failure("sending", writing_, ec);
  const auto outgoing = tls_ ? records_.take() : few_bytes;
  writing_.arm(origin_.progress_timeout, shared_from_this());
  const auto [sent_ec, sent] = co_await asio::async_write(socket_, asio::buffer(outgoing), as_values);
  writing_.disarm();
  if (sent_ec) co_return failure("sending", writing_, sent_ec);
  co_return true;
}

std::optional<std::size_t> Connection::unsent_bytes() {
  int bytes = 0;
  if (!socket_.is_open() || ::ioctl(socket_.native_handle(), SIOCOUTQNSD, &bytes) != 0) return std::nullopt;
  return static_cast<std::size_t>(std::max(bytes, 0));
}

void Connection::drop_on_close(bool drop) {
  boost::system::error_code ignored;
  if (socket_.is_open()) socket_.set_option(asio::socket_base::linger(drop, 0), ignored);
}

Task<Result<std::size_t>> Connection::read_some(std::span<char> buffer) {
  boost::system::error_code ec;
  std::size_t bytes = 0;
  const asio::mutable_buffer target(buffer.data(), buffer.size());
  if (tls_) {
    std::tie(ec, bytes) = co_await tls_->async_read_some(target, as_values);
  } else {
    std::tie(ec, bytes) = co_await socket_.async_read_some(target, as_values);
  }
  if (bytes > 0) co_return bytes;
  if (ec == asio::error::eof) co_return std::size_t{0};
  co_return failure("reading the answer", reading_, ec);
}

}  // namespace offpeak::http
