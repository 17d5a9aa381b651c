// Purpose   HTTP/1.1 calls to one configured origin: TLS with host check, timeouts, proxy, the commit byte
// Gets      an Origin (from the configuration), calls
// Gives     status, headers of interest, body; or why not
// Promises  one connection a call, never reused, no retry, no redirect followed; the key leaves for the origin only
// When it fails  HttpFailure: a sentence that names host and step, safe to log
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "model/limits.hpp"

namespace offpeak::http {

struct Proxy {
  std::string host;
  std::string port;
  std::string authorization;  // Proxy-Authorization's value, or empty
};

struct Origin {
  bool tls = true;
  std::string host;  // without brackets
  std::string port;
  std::string prefix;   // path before /v1, without a slash at its end
  std::string ca_file;  // empty: the system's
  std::optional<Proxy> proxy;
  Duration connect_timeout{10'000};                    // resolve + connect + proxy + TLS handshake, each step
  Duration progress_timeout{60'000};                   // every block sent or received
  Duration answer_timeout{600'000};                    // from the last byte sent to the answer's header
  Duration last_byte_limit = commit_to_last_byte_max;  // from asking for the consent; tests make it short
};

// "https://host[:port][/prefix]"; plain http only to loopback (127.0.0.0/8, ::1, localhost).
Result<Origin> parse_origin(std::string_view base_url);

// From https_proxy / HTTPS_PROXY and no_proxy / NO_PROXY, for an https origin that is not loopback. `get_env`
// returns nullptr for what is not set.
Result<std::optional<Proxy>> proxy_for(const Origin& origin, const std::function<const char*(const char*)>& get_env);

struct Request {
  std::string method;
  std::string target;  // from /v1 on; the origin's prefix is put before it
  std::vector<std::pair<std::string, std::string>> headers;
};

struct Response {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;
  // Empty where missing.
  std::string_view header(std::string_view lower_case_name) const {
    for (const auto& [name, value] : headers) {
      if (name == lower_case_name) return value;
    }
    return {};
  }
};

// A call that brought no complete response.
struct HttpFailure {
  std::string message;
  bool stopped_by_caller = false;
  std::optional<Response> partial;  // header arrived, body did not complete
};

template <class T>
using Got = std::variant<T, HttpFailure>;

class BodyReader {  // the caller's body, block by block
 public:
  virtual ~BodyReader() = default;
  virtual std::uint64_t size() const = 0;
  // Asked for while the last block is being sent: a block is valid until the call after the next one.
  virtual Task<Result<std::string_view>> next_block() = 0;
  // All but the last byte have left. The last byte leaves only if this succeeds, and within last_byte_limit of the
  // moment it was asked.
  virtual Task<Result<void>> before_last_byte() = 0;
};

class BodyWriter {
 public:
  virtual ~BodyWriter() = default;
  virtual Task<Result<void>> take(std::string_view block) = 0;
};

// What became of an upload.
struct Upload {
  bool last_byte_left = false;       // true from the consent on, whatever happened then; but not where it came too late
  bool source_failed = false;        // next_block or before_last_byte failed
  std::optional<Response> response;  // header and as much body as came (1 MiB at most)
  bool response_complete = false;
  std::string failure;  // empty where response_complete
};

class Client {
 public:
  // Throws std::runtime_error where the CA file cannot be loaded (broken configuration).
  Client(boost::asio::any_io_executor executor, Origin origin);
  ~Client();

  // A small exchange: the response body is limited to `most_bytes`.
  Task<Got<Response>> call(Request request, std::size_t most_bytes);
  // Streams a 200 body to `writer` (other statuses are returned with their body, at most 1 MiB). The
  // response's body is empty where it was streamed.
  Task<Got<Response>> download(Request request, BodyWriter& writer);
  // Content-Length is reader.size(). The answer is read from the start on, so that an early one is seen.
  Task<Upload> upload(Request request, BodyReader& reader);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace offpeak::http
