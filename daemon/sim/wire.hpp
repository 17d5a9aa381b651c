// One accepted connection, plain or TLS, behind one interface, so that the rest of the server is compiled
// once. I/O thread only. An operation that is canceled or fails ends like a connection that the peer closed.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "base/task.hpp"

namespace boost::asio::ssl {
class context;
}

namespace offpeak::sim {

enum class Ending : std::uint8_t { fin, rst };

class Wire {
 public:
  virtual ~Wire() = default;
  // The TLS handshake, where there is one.
  virtual Task<bool> open() = 0;
  // How many bytes came; 0 where none will come any more.
  virtual Task<std::size_t> read_some(char* data, std::size_t size) = 0;
  virtual Task<bool> write(std::string_view bytes) = 0;
  // The peer sees the end of what we send; it may still send.
  virtual Task<> finish_sending() = 0;
  virtual void close(Ending ending) = 0;
};

// The server's certificate and key, loaded; throws boost::system::system_error where they cannot be.
std::shared_ptr<boost::asio::ssl::context> load_tls(const std::string& certificate_file, const std::string& key_file);

// `tls` may be null: a plain connection.
std::unique_ptr<Wire> make_wire(boost::asio::ip::tcp::socket socket, std::shared_ptr<boost::asio::ssl::context> tls);

}  // namespace offpeak::sim
