// A server that plays a script on each connection, over real loopback sockets; for tests of http and
// provider. Runs in the test's own io_context; every script ends when the client closes.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/task.hpp"
#include "base/task_group.hpp"

namespace offpeak::test {

namespace asio = boost::asio;
using asio::ip::tcp;
inline constexpr auto as_values = asio::as_tuple(asio::use_awaitable);

struct Step {
  enum class Kind : unsigned char { read_head, read_body, send, wait, close, reset, stall, tls, new_keys };
  Kind kind = Kind::stall;
  std::string text;       // send
  std::size_t bytes = 0;  // read_body: until so many bytes of it have come; wait: milliseconds
};

// Until the empty line of a request has come.
inline Step read_head() { return {Step::Kind::read_head, "", 0}; }
inline Step read_body(std::size_t bytes) { return {Step::Kind::read_body, "", bytes}; }
inline Step send(std::string text) { return {Step::Kind::send, std::move(text), 0}; }
// Reads and says nothing for some milliseconds.
inline Step wait_for(std::size_t millis) { return {Step::Kind::wait, "", millis}; }
inline Step close_now() { return {Step::Kind::close, "", 0}; }
// Closes with a RST.
inline Step reset_now() { return {Step::Kind::reset, "", 0}; }
// Reads nothing and says nothing until the client closes.
inline Step stall() { return {Step::Kind::stall, "", 0}; }
// Shakes hands; what came before (a CONNECT) is forgotten from `request` and kept in `before_tls`.
inline Step start_tls() { return {Step::Kind::tls, "", 0}; }
// TLS 1.3: changes its keys before the next bytes it sends, and asks the client to do the same.
inline Step new_keys() { return {Step::Kind::new_keys, "", 0}; }
using Script = std::vector<Step>;

inline std::string answer(const std::string& status, const std::string& body, const std::string& headers = "") {
  return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + headers + "\r\n" + body;
}

struct Conversation {
  explicit Conversation(tcp::socket accepted) : socket(std::move(accepted)) {}
  tcp::socket socket;
  std::optional<asio::ssl::stream<tcp::socket&>> tls;
  std::string request;      // everything received, head and body
  std::string before_tls;   // the CONNECT
  std::string server_name;  // SNI
  bool tls_failed = false;
  bool ended = false;  // the client closed, or the script did
  bool reset = false;  // the client dropped the connection, and what it had not sent yet

  std::size_t body_bytes() const {
    const auto head = request.find("\r\n\r\n");
    return head == std::string::npos ? 0 : request.size() - head - 4;
  }
  std::string body() const { return request.substr(request.size() - body_bytes()); }
};

inline Task<> pause(std::chrono::milliseconds duration) {
  asio::steady_timer timer(co_await asio::this_coro::executor, duration);
  co_await timer.async_wait(asio::use_awaitable);
}

class ScriptedServer {
 public:
  // The n-th connection plays the n-th script, the last one is played again.
  ScriptedServer(asio::io_context& io, std::vector<Script> scripts, asio::ssl::context* tls = nullptr,
                 const char* address = "127.0.0.1")
      : scripts_(std::move(scripts)),
        tls_(tls),
        acceptor_(io, tcp::endpoint(asio::ip::make_address(address), 0)),
        tasks_(io.get_executor()) {
    tasks_.spawn("accept", accept());
  }
  ScriptedServer(asio::io_context& io, Script script) : ScriptedServer(io, std::vector<Script>{std::move(script)}) {}

  std::string port() const { return std::to_string(acceptor_.local_endpoint().port()); }
  std::size_t connections() const { return conversations.size(); }
  const Conversation& at(std::size_t index) const { return *conversations.at(index); }
  const Conversation& only() const {
    EXPECT_EQ(connections(), 1U);
    return at(0);
  }
  Task<> stop() {
    tasks_.cancel();
    co_await tasks_.join();
  }

  std::vector<std::unique_ptr<Conversation>> conversations;

 private:
  Task<> accept() {
    for (;;) {
      auto [ec, socket] = co_await acceptor_.async_accept(as_values);
      if (ec) co_return;
      conversations.push_back(std::make_unique<Conversation>(std::move(socket)));
      const auto index = std::min(conversations.size(), scripts_.size()) - 1;
      tasks_.spawn("play", play(*conversations.back(), index));
    }
  }

  // Reads once; false at the end.
  Task<bool> read_some(Conversation& with) {
    std::string block(256 * 1024, '\0');
    boost::system::error_code ec;
    std::size_t bytes = 0;
    if (with.tls) {
      std::tie(ec, bytes) = co_await with.tls->async_read_some(asio::buffer(block), as_values);
    } else {
      std::tie(ec, bytes) = co_await with.socket.async_read_some(asio::buffer(block), as_values);
    }
    with.request.append(block, 0, bytes);
    with.reset = with.reset || ec == asio::error::connection_reset;
    co_return !ec;
  }

  Task<bool> send_text(Conversation& with, const std::string& text) {
    boost::system::error_code ec;
    if (with.tls) {
      std::tie(ec, std::ignore) = co_await asio::async_write(*with.tls, asio::buffer(text), as_values);
    } else {
      std::tie(ec, std::ignore) = co_await asio::async_write(with.socket, asio::buffer(text), as_values);
    }
    co_return !ec;
  }

  Task<bool> shake_hands(Conversation& with) {
    with.before_tls = std::move(with.request);
    with.request.clear();
    with.tls.emplace(with.socket, *tls_);
    const auto [ec] = co_await with.tls->async_handshake(asio::ssl::stream_base::server, as_values);
    const char* name = SSL_get_servername(with.tls->native_handle(), TLSEXT_NAMETYPE_host_name);
    if (name != nullptr) with.server_name = name;
    with.tls_failed = bool(ec);
    co_return !ec;
  }

  Task<bool> play_step(Conversation& with, const Step& step) {
    switch (step.kind) {
      case Step::Kind::read_head:
        while (with.request.find("\r\n\r\n") == std::string::npos) {
          if (!co_await read_some(with)) co_return false;
        }
        co_return true;
      case Step::Kind::read_body:
        while (with.body_bytes() < step.bytes) {
          if (!co_await read_some(with)) co_return false;
        }
        co_return true;
      case Step::Kind::send:
        co_return co_await send_text(with, step.text);
      case Step::Kind::wait:
        co_await pause(std::chrono::milliseconds(step.bytes));
        co_return true;
      case Step::Kind::tls:
        co_return co_await shake_hands(with);
      case Step::Kind::new_keys:
        co_return SSL_key_update(with.tls->native_handle(), SSL_KEY_UPDATE_REQUESTED) == 1;
      case Step::Kind::reset:
        with.socket.set_option(asio::socket_base::linger(true, 0));
        co_return false;
      case Step::Kind::stall:
        while (co_await closed_by_peer(with) == false) {
        }
        co_return false;
      case Step::Kind::close:
        co_return false;
    }
    co_return false;
  }

  // Waits without reading, so that the client's writes fill up.
  Task<bool> closed_by_peer(Conversation& with) {
    asio::steady_timer timer(with.socket.get_executor(), std::chrono::milliseconds(5));
    co_await timer.async_wait(as_values);
    char byte = 0;
    boost::system::error_code ec;
    with.socket.non_blocking(true, ec);
    const auto bytes = with.socket.receive(asio::buffer(&byte, 1), asio::socket_base::message_peek, ec);
    co_return bytes == 0 && ec != asio::error::would_block;
  }

  Task<> play(Conversation& with, std::size_t index) {
    const Script& script = scripts_[index];
    for (const auto& step : script) {
      if (!co_await play_step(with, step)) break;
    }
    with.ended = true;
    boost::system::error_code ignored;
    with.socket.close(ignored);
  }

  std::vector<Script> scripts_;
  asio::ssl::context* tls_;
  tcp::acceptor acceptor_;
  TaskGroup tasks_;
};

// Runs one task to its end, with everything that it started.
template <class T>
T run(asio::io_context& io, Task<T> task) {
  std::exception_ptr failure;
  std::optional<T> value;
  asio::co_spawn(io, std::move(task), [&](std::exception_ptr thrown, T result) {
    failure = thrown;
    value.emplace(std::move(result));
  });
  io.restart();
  io.run();
  if (failure) std::rethrow_exception(failure);
  return std::move(*value);
}

// The value of `task`, after which the server is stopped.
template <class T>
Task<T> with_server(ScriptedServer& server, Task<T> task) {
  auto value = co_await std::move(task);
  co_await server.stop();
  co_return value;
}
template <class T>
T run(asio::io_context& io, ScriptedServer& server, Task<T> task) {
  return run(io, with_server(server, std::move(task)));
}

// Waits for something that another task of this context brings about; fails the test after 20 s.
template <class Predicate>
Task<> until(Predicate predicate) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  for (int i = 0; i < 20'000 && !predicate(); ++i) {
    timer.expires_after(std::chrono::milliseconds(1));
    co_await timer.async_wait(asio::use_awaitable);
  }
  EXPECT_TRUE(predicate()) << "waited in vain";
}

}  // namespace offpeak::test
