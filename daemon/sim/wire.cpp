#include "daemon/sim/wire.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <utility>

namespace offpeak::sim {

namespace {

using boost::asio::ip::tcp;
constexpr auto use_tuple = boost::asio::as_tuple(boost::asio::use_awaitable);

void close_socket(tcp::socket& socket, Ending ending) {
  boost::system::error_code ignored;
  if (ending == Ending::rst) socket.set_option(tcp::socket::linger(true, 0), ignored);
  socket.close(ignored);
}

class PlainWire final : public Wire {
 public:
  explicit PlainWire(tcp::socket socket) : socket_(std::move(socket)) {}

  Task<bool> open() override { co_return true; }

  Task<std::size_t> read_some(char* data, std::size_t size) override {
    auto [ec, count] = co_await socket_.async_read_some(boost::asio::buffer(data, size), use_tuple);
    co_return ec ? 0 : count;
  }

  Task<bool> write(std::string_view bytes) override {
    auto [ec, count] = co_await boost::asio::async_write(socket_, boost::asio::buffer(bytes), use_tuple);
    co_return !ec;
  }

  Task<> finish_sending() override {
    boost::system::error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
    co_return;
  }

  void close(Ending ending) override { close_socket(socket_, ending); }

 private:
  tcp::socket socket_;
};

class TlsWire final : public Wire {
 public:
  TlsWire(tcp::socket socket, std::shared_ptr<boost::asio::ssl::context> tls)
      : tls_(std::move(tls)), stream_(std::move(socket), *tls_) {}

  Task<bool> open() override {
    auto [ec] = co_await stream_.async_handshake(boost::asio::ssl::stream_base::server, use_tuple);
    co_return !ec;
  }

  Task<std::size_t> read_some(char* data, std::size_t size) override {
    auto [ec, count] = co_await stream_.async_read_some(boost::asio::buffer(data, size), use_tuple);
    co_return ec ? 0 : count;
  }

  Task<bool> write(std::string_view bytes) override {
    auto [ec, count] = co_await boost::asio::async_write(stream_, boost::asio::buffer(bytes), use_tuple);
    co_return !ec;
  }

  // Ends when the peer has answered the close_notify, or has closed.
  Task<> finish_sending() override {
    auto [ec] = co_await stream_.async_shutdown(use_tuple);
    static_cast<void>(ec);
  }

  void close(Ending ending) override { close_socket(stream_.next_layer(), ending); }

 private:
  std::shared_ptr<boost::asio::ssl::context> tls_;  // shared by all connections of the server
  boost::asio::ssl::stream<tcp::socket> stream_;
};

}  // namespace

std::shared_ptr<boost::asio::ssl::context> load_tls(const std::string& certificate_file, const std::string& key_file) {
  auto tls = std::make_shared<boost::asio::ssl::context>(boost::asio::ssl::context::tls_server);
  tls->use_certificate_chain_file(certificate_file);
  tls->use_private_key_file(key_file, boost::asio::ssl::context::pem);
  return tls;
}

std::unique_ptr<Wire> make_wire(tcp::socket socket, std::shared_ptr<boost::asio::ssl::context> tls) {
  if (tls) return std::make_unique<TlsWire>(std::move(socket), std::move(tls));
  return std::make_unique<PlainWire>(std::move(socket));
}

}  // namespace offpeak::sim
