// Connection: one TCP connection to the origin, through the proxy and under TLS where so configured; used for
// one call and closed. Every step has a deadline. I/O thread only; at most one write and one read at a time.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "http/http.hpp"
#include "http/tls.hpp"

namespace offpeak::http {

// Shared, because a deadline's handler may still be queued when the call is over.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // `origin` and `tls` outlive the connection. An https origin has a context.
  Connection(boost::asio::any_io_executor executor, const Origin& origin,
             std::optional<boost::asio::ssl::context>& tls);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Resolves, connects (trying the addresses in their order), asks the proxy for a tunnel, shakes hands.
  Task<Result<void>> open();
  // All of it, each slice within the progress timeout.
  Task<Result<void>> write(std::string_view bytes);
  // Hands these few bytes to the kernel in one step. False: not one of them was, because `until` was over first. A
  // failure: nobody knows.
  Task<Result<bool>> write_until(std::string_view few_bytes, SteadyTime until);
  // What was written and has not been sent yet, since the peer takes no more for now; nothing where the connection is
  // gone.
  std::optional<std::size_t> unsent_bytes();
  // Whether close() drops what was written and did not arrive (the peer sees a reset), or lets the kernel go on
  // sending it. So does the end of the process.
  void drop_on_close(bool drop);
  // Some bytes; 0 at the orderly end.
  Task<Result<std::size_t>> read_some(std::span<char> buffer);
  // From now on, until called again: what is read must arrive within `timeout`, or the connection is closed.
  void limit_reading(Duration timeout);
  void close();

 private:
  // Closes the connection when time is up.
  struct Deadline {
    explicit Deadline(const boost::asio::any_io_executor& executor) : timer(executor) {}
    void arm(Duration duration, const std::shared_ptr<Connection>& of);
    void disarm() { timer.cancel(); }
    boost::asio::steady_timer timer;
    Duration limit{0};
    bool expired = false;
  };

  Task<Result<void>> connect_to(std::string host, std::string port);
  Task<Result<void>> ask_proxy();
  Task<Result<void>> shake_hands();
  // Encrypts all of it into records_.
  Task<boost::system::error_code> encrypt(std::string_view bytes);
  Error failure(std::string_view doing, const Deadline& deadline, boost::system::error_code ec) const;

  boost::asio::any_io_executor executor_;
  const Origin& origin_;
  std::optional<boost::asio::ssl::context>& tls_context_;
  boost::asio::ip::tcp::socket socket_;
  OutgoingRecords records_;
  std::optional<boost::asio::ssl::stream<boost::asio::ip::tcp::socket&>> tls_;
  CertificateCheck check_;
  Deadline writing_, reading_;
};

}  // namespace offpeak::http
