// A provider that is never the bottleneck: it takes create bodies at the speed of recv(), remembering only the
// custom_ids, answers list, retrieve and results in the API's shapes, and counts. One blocking thread a connection, on
// loopback only. What it does not do (refuse, lose, bill) is offpeak-sim's work.
//
//   bench_fake_provider [--processing-ms N] [--tls-cert FILE --tls-key FILE]
//
// Its first line is "listening on PORT [TLS-PORT]". Beside the API:
//   GET  /_bench                    what was counted; ids that came twice
//   POST /_bench/reset              forgets everything
//   POST /_bench/processing?ms=N    how long batches take from now on
//   POST /_bench/raw                discards the body: the floor of an upload
//   GET  /_bench/raw?lines=N        N result lines: the floor of a download
#include <arpa/inet.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "text.hpp"

namespace offpeak::bench {

namespace {

using Clock = std::chrono::system_clock;

constexpr std::size_t read_bytes = 256 * 1024;
constexpr std::size_t chunk_bytes = 128 * 1024;
constexpr std::size_t header_bytes_max = 64 * 1024;
constexpr std::size_t result_line_bytes = 1700;
constexpr std::string_view before_id = "\"custom_id\":\"";
// An id is at most 64 bytes at the real API; more is kept whole as long as it fits.
constexpr std::size_t id_bytes_max = 256;

struct Batch {
  std::string id;
  std::uint64_t number = 0;
  std::string ids;                     // one behind the other
  std::vector<std::uint32_t> id_ends;  // of each in `ids`
  std::uint64_t body_bytes = 0;
  double upload_seconds = 0;
  Clock::time_point created, ends;

  std::size_t requests() const { return id_ends.size(); }
  std::string_view id_of(std::size_t place) const {
    const std::size_t begin = place == 0 ? 0 : id_ends[place - 1];
    return std::string_view(ids).substr(begin, id_ends[place] - begin);
  }
};

struct Calls {
  std::uint64_t create = 0, list = 0, retrieve = 0, results = 0, other = 0;
};

struct State {
  std::mutex mutex;
  std::vector<std::shared_ptr<Batch>> batches;  // oldest first
  Calls calls;
  std::uint64_t last_number = 0;
  std::chrono::milliseconds processing{0};
};

// The bytes of a connection, plain or TLS.
class Wire {
 public:
  Wire(int fd, SSL_CTX* tls) : fd_(fd) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (tls == nullptr) return;
    ssl_ = SSL_new(tls);
    SSL_set_fd(ssl_, fd);
    good_ = SSL_accept(ssl_) == 1;
  }
  ~Wire() {
    if (ssl_ != nullptr) {
      if (good_) SSL_shutdown(ssl_);
      SSL_free(ssl_);
    }
    ::close(fd_);
  }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  bool good() const { return good_; }
  // 0 at the end and at a failure.
  std::size_t read(char* into, std::size_t bytes) {
    if (ssl_ != nullptr) {
      const int got = SSL_read(ssl_, into, static_cast<int>(bytes));
      return got > 0 ? static_cast<std::size_t>(got) : 0;
    }
    const auto got = ::recv(fd_, into, bytes, 0);
    return got > 0 ? static_cast<std::size_t>(got) : 0;
  }
  bool write(std::string_view bytes) {
    while (!bytes.empty()) {
      std::size_t put = 0;
      if (ssl_ != nullptr) {
        const int done = SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()));
        if (done <= 0) return false;
        put = static_cast<std::size_t>(done);
      } else {
        const auto done = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (done <= 0) return false;
        put = static_cast<std::size_t>(done);
      }
      bytes.remove_prefix(put);
    }
    return true;
  }

 private:
  int fd_;
  SSL* ssl_ = nullptr;
  bool good_ = true;
};

// Finds the custom_ids in a body that comes in pieces. A quote inside a string is escaped, so the words with their quotes
// stand only where a member is.
class IdFinder {
 public:
  explicit IdFinder(Batch& batch) : batch_(batch) {}

  // `window` begins with what the last call left; returns how many bytes at its end the next call must begin with.
  std::size_t take(std::string_view window) {
    for (;;) {
      const void* found = ::memmem(window.data(), window.size(), before_id.data(), before_id.size());
      if (found == nullptr) return std::min(window.size(), before_id.size() - 1);
      const auto at = static_cast<std::size_t>(static_cast<const char*>(found) - window.data());
      const auto rest = window.substr(at + before_id.size());
      const auto end = rest.substr(0, id_bytes_max).find('"');
      if (end == std::string_view::npos && rest.size() < id_bytes_max) return window.size() - at;
      const auto id = rest.substr(0, end == std::string_view::npos ? id_bytes_max : end);
      batch_.ids += id;
      batch_.id_ends.push_back(static_cast<std::uint32_t>(batch_.ids.size()));
      window = rest.substr(id.size());
    }
  }

 private:
  Batch& batch_;
};

struct Head {
  std::string method, path, query, host;
  std::uint64_t content_length = 0;
  bool chunked = false, wants_continue = false, close = false;
};

std::string lower(std::string_view text) {
  std::string out(text);
  for (auto& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

std::optional<Head> parse_head(std::string_view text) {
  Head head;
  const auto line_end = text.find("\r\n");
  const auto line = text.substr(0, line_end);
  const auto space = line.find(' ');
  const auto second = line.rfind(' ');
  if (space == std::string_view::npos || second <= space) return std::nullopt;
  head.method = line.substr(0, space);
  auto target = line.substr(space + 1, second - space - 1);
  const auto question = target.find('?');
  if (question != std::string_view::npos) {
    head.query = target.substr(question + 1);
    target = target.substr(0, question);
  }
  head.path = target;
  for (auto rest = text.substr(line_end + 2); !rest.empty();) {
    const auto end = rest.find("\r\n");
    const auto field = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 2);
    const auto colon = field.find(':');
    if (colon == std::string_view::npos) continue;
    const auto name = lower(field.substr(0, colon));
    auto value = field.substr(colon + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    if (name == "content-length") head.content_length = std::strtoull(std::string(value).c_str(), nullptr, 10);
    if (name == "transfer-encoding") head.chunked = true;
    if (name == "expect") head.wants_continue = true;
    if (name == "connection") head.close = lower(value) == "close";
    if (name == "host") head.host = value;
  }
  return head;
}

std::uint64_t parameter(const Head& head, std::string_view name, std::uint64_t otherwise) {
  const auto wanted = std::string(name) + "=";
  const auto at = ("&" + head.query).find("&" + wanted);
  if (at == std::string::npos) return otherwise;
  return std::strtoull(head.query.c_str() + at + wanted.size(), nullptr, 10);
}

std::string text_parameter(const Head& head, std::string_view name) {
  const auto wanted = std::string(name) + "=";
  const auto at = ("&" + head.query).find("&" + wanted);
  if (at == std::string::npos) return "";
  const auto begin = at + wanted.size();
  return head.query.substr(begin, head.query.find('&', begin) - begin);
}

std::string date(Clock::time_point at) {
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count();
  return fmt::format("\"{:%Y-%m-%dT%H:%M:%S}.{:03}Z\"", fmt::gmtime(Clock::to_time_t(at)), millis % 1000);
}

std::string render(const Batch& batch, const std::string& origin) {
  const auto now = Clock::now();
  const bool ended = now >= batch.ends;
  const auto count = batch.requests();
  return fmt::format(
      R"({{"id":"{}","type":"message_batch","processing_status":"{}","request_counts":{{"processing":{},"succeeded":{},)"
      R"("errored":0,"canceled":0,"expired":0}},"ended_at":{},"created_at":{},"expires_at":{},"archived_at":null,)"
      R"("cancel_initiated_at":null,"results_url":{}}})",
      batch.id, ended ? "ended" : "in_progress", ended ? 0 : count, ended ? count : 0,
      ended ? date(batch.ends) : "null", date(batch.created), date(batch.created + std::chrono::hours(24)),
      ended ? fmt::format("\"{}/v1/messages/batches/{}/results\"", origin, batch.id) : "null");
}

std::string api_error(std::string_view type, std::string_view message) {
  return fmt::format(R"({{"type":"error","error":{{"type":"{}","message":"{}"}},"request_id":"req_bench"}})", type,
                     message);
}

// What stands behind the id in a result line: an answer of Messages, of several forms, one length.
class Answers {
 public:
  Answers() {
    const TextPool pool(99, 256 * 1024);
    for (std::uint64_t i = 0; i < forms; ++i) {
      const auto usage = fmt::format(
          R"("}}],"stop_reason":"{}","stop_sequence":null,"usage":{{"input_tokens":{},"cache_creation_input_tokens":0,)"
          R"("cache_read_input_tokens":{},"cache_creation":{{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0}})"
          R"(,"output_tokens":{},"service_tier":"batch"}}}}}}}})"
          "\n",
          i % 16 == 5 ? "max_tokens" : "end_turn", 700 + i, i % 3 == 0 ? 512 : 0, 300 + i);
      std::string text =
          R"(","type":"message","role":"assistant","model":"claude-haiku-4-5","content":[{"type":"text","text":")";
      const auto fixed = text.size() + usage.size() + head_bytes;
      text += pool.slice(i * 1237, result_line_bytes - fixed);
      text.append(result_line_bytes - head_bytes - usage.size() - text.size(), '.');
      tails_[i] = text + usage;
    }
  }

  void append(std::string_view id, std::uint64_t batch, std::uint64_t place, std::string& out) const {
    out += R"({"custom_id":")";
    out += id;
    fmt::format_to(std::back_inserter(out), R"(","result":{{"type":"succeeded","message":{{"id":"msg_{:06}{:08})",
                   batch, place);
    out += tails_[place % forms];
  }

 private:
  static constexpr std::uint64_t forms = 64;
  static constexpr std::size_t head_bytes = 130;  // with an id of some 40 bytes
  std::array<std::string, forms> tails_;
};

// Results come a little out of order, as those of a real batch do.
std::size_t shuffled(std::size_t index, std::size_t count) {
  constexpr std::size_t block = 64;
  const auto begin = index / block * block;
  if (begin + block > count) return index;
  return begin + (index - begin) * 37 % block;
}

class Connection {
 public:
  Connection(Wire& wire, State& state, const Answers& answers, std::string scheme)
      : wire_(wire), state_(state), answers_(answers), scheme_(std::move(scheme)) {
    buffer_.resize(read_bytes + header_bytes_max);
  }

  void serve() {
    while (serve_one()) {
    }
  }

 private:
  bool serve_one() {
    std::size_t head_end = std::string::npos;
    for (;;) {
      head_end = std::string_view(buffer_).substr(0, filled_).find("\r\n\r\n");
      if (head_end != std::string::npos) break;
      if (filled_ >= header_bytes_max || !fill()) return false;
    }
    const auto head = parse_head(std::string_view(buffer_).substr(0, head_end));
    if (!head || head->chunked) return false;
    drop(head_end + 4);
    if (head->wants_continue && !wire_.write("HTTP/1.1 100 Continue\r\n\r\n")) return false;
    if (!dispatch(*head)) return false;
    return !head->close;
  }

  bool dispatch(const Head& head) {
    constexpr std::string_view batches = "/v1/messages/batches";
    const bool post = head.method == "POST";
    if (post && head.path == batches) return create(head);
    if (post && head.path == "/_bench/raw") return discard(head) && answer(200, "{}");
    if (!discard(head)) return false;
    if (head.path == batches) return list(head);
    if (head.path.starts_with("/_bench")) return control(head);
    if (!head.path.starts_with(std::string(batches) + "/")) return not_found();
    auto id = head.path.substr(batches.size() + 1);
    const bool results = id.ends_with("/results");
    if (results) id.resize(id.size() - std::string_view("/results").size());
    std::shared_ptr<Batch> batch;
    {
      const std::lock_guard lock(state_.mutex);
      ++(results ? state_.calls.results : state_.calls.retrieve);
      for (const auto& one : state_.batches) {
        if (one->id == id) batch = one;
      }
    }
    if (!batch) return not_found();
    return results ? send_results(*batch) : answer(200, render(*batch, origin(head)));
  }

  bool create(const Head& head) {
    const auto begun = std::chrono::steady_clock::now();
    auto batch = std::make_shared<Batch>();
    batch->body_bytes = head.content_length;
    IdFinder finder(*batch);
    std::size_t carried = 0;
    std::uint64_t left = head.content_length;
    for (bool first = true; left > 0; first = false) {
      // What follows the carried bytes: at first what came with the head, then what is read.
      if (!first || filled_ == 0) {
        const auto room = buffer_.size() - carried;
        const auto got = wire_.read(buffer_.data() + carried, std::min<std::uint64_t>(room, left));
        if (got == 0) return false;
        filled_ = carried + got;
      }
      left -= filled_ - carried;
      const auto kept = finder.take(std::string_view(buffer_).substr(0, filled_));
      std::memmove(buffer_.data(), buffer_.data() + filled_ - kept, kept);
      carried = kept;
    }
    filled_ = 0;
    batch->upload_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
    {
      const std::lock_guard lock(state_.mutex);
      ++state_.calls.create;
      batch->number = ++state_.last_number;
      batch->created = Clock::now();
      batch->ends = batch->created + state_.processing;
      batch->id = fmt::format("msgbatch_01Bench{:016}", batch->number);
      state_.batches.push_back(batch);
    }
    return answer(200, render(*batch, origin(head)));
  }

  bool list(const Head& head) {
    const auto limit = parameter(head, "limit", 20);
    const auto after = text_parameter(head, "after_id"), before = text_parameter(head, "before_id");
    std::vector<std::shared_ptr<Batch>> page;
    bool more = false;
    {
      const std::lock_guard lock(state_.mutex);
      ++state_.calls.list;
      const auto& all = state_.batches;
      const auto place_of = [&](const std::string& id) {
        return std::find_if(all.begin(), all.end(), [&](const auto& one) { return one->id == id; }) - all.begin();
      };
      const auto count = static_cast<std::ptrdiff_t>(all.size());
      const auto most = static_cast<std::ptrdiff_t>(limit);
      // Newest first: [low, high) counted from the oldest.
      std::ptrdiff_t high = after.empty() ? count : place_of(after), low = std::max<std::ptrdiff_t>(0, high - most);
      more = low > 0;
      if (!before.empty()) {
        low = place_of(before) + 1;
        high = std::min(count, low + most);
        more = high < count;
      }
      for (auto i = high; i > low; --i) page.push_back(all[static_cast<std::size_t>(i - 1)]);
    }
    std::string body = "{\"data\":[";
    for (const auto& batch : page) {
      if (batch != page.front()) body += ',';
      body += render(*batch, origin(head));
    }
    const auto id = [](const auto& batch) { return "\"" + batch->id + "\""; };
    body += fmt::format("],\"has_more\":{},\"first_id\":{},\"last_id\":{}}}", more,
                        page.empty() ? "null" : id(page.front()), page.empty() ? "null" : id(page.back()));
    return answer(200, body);
  }

  bool send_results(const Batch& batch) {
    return send_lines(batch.requests(), [&](std::size_t index) {
      const auto place = shuffled(index, batch.requests());
      answers_.append(batch.id_of(place), batch.number, place, block_);
    });
  }

  bool send_raw(std::uint64_t lines) {
    return send_lines(lines, [&](std::size_t index) {
      answers_.append(fmt::format("0123456789abcdef0123456789abcdef-{}", index), 0, index, block_);
    });
  }

  template <class Append>
  bool send_lines(std::size_t count, Append append) {
    if (!wire_.write("HTTP/1.1 200 OK\r\ncontent-type: application/x-jsonl\r\ntransfer-encoding: chunked\r\n\r\n")) {
      return false;
    }
    constexpr std::string_view room = "00000000\r\n";
    for (std::size_t index = 0; index < count;) {
      block_.assign(room);
      for (; index < count && block_.size() < chunk_bytes; ++index) append(index);
      const auto size = fmt::format("{:08x}", block_.size() - room.size());
      block_.replace(0, size.size(), size);
      block_ += "\r\n";
      if (!wire_.write(block_)) return false;
    }
    return wire_.write("0\r\n\r\n");
  }

  bool control(const Head& head) {
    if (head.path == "/_bench/raw") return send_raw(parameter(head, "lines", 1000));
    std::unique_lock lock(state_.mutex);
    if (head.path == "/_bench/processing") {
      state_.processing = std::chrono::milliseconds(parameter(head, "ms", 0));
    } else if (head.path == "/_bench/reset") {
      state_.batches.clear();
      state_.calls = {};
    }
    auto batches = state_.batches;
    const auto calls = state_.calls;
    lock.unlock();
    return answer(200, counted(batches, calls));
  }

  static std::string counted(const std::vector<std::shared_ptr<Batch>>& batches, const Calls& calls) {
    std::vector<std::string_view> ids;
    std::uint64_t bytes = 0;
    std::string uploads;
    for (const auto& batch : batches) {
      for (std::size_t i = 0; i < batch->requests(); ++i) ids.push_back(batch->id_of(i));
      bytes += batch->body_bytes;
      uploads += fmt::format(R"({}{{"requests":{},"bytes":{},"seconds":{:.6f}}})", uploads.empty() ? "" : ",",
                             batch->requests(), batch->body_bytes, batch->upload_seconds);
    }
    std::ranges::sort(ids);
    const auto twice = ids.end() - std::unique(ids.begin(), ids.end());
    return fmt::format(
        R"({{"batches":{},"requests":{},"ids_twice":{},"body_bytes":{},"calls":{{"create":{},"list":{},"retrieve":{},)"
        R"("results":{},"other":{}}},"uploads":[{}]}})",
        batches.size(), ids.size(), twice, bytes, calls.create, calls.list, calls.retrieve, calls.results, calls.other,
        uploads);
  }

  bool not_found() {
    {
      const std::lock_guard lock(state_.mutex);
      ++state_.calls.other;
    }
    return answer(404, api_error("not_found_error", "Not found"));
  }

  bool answer(int status, std::string_view body) {
    return wire_.write(
        fmt::format("HTTP/1.1 {}\r\ncontent-type: application/json\r\nrequest-id: req_bench\r\n"
                    "content-length: {}\r\n\r\n{}",
                    status == 200 ? "200 OK" : "404 Not Found", body.size(), body));
  }

  bool discard(const Head& head) {
    std::uint64_t left = head.content_length;
    for (;;) {
      const auto now = std::min<std::uint64_t>(left, filled_);
      drop(now);
      left -= now;
      if (left == 0) return true;
      if (!fill()) return false;
    }
  }

  void drop(std::size_t bytes) {
    std::memmove(buffer_.data(), buffer_.data() + bytes, filled_ - bytes);
    filled_ -= bytes;
  }

  bool fill() {
    const auto got = wire_.read(buffer_.data() + filled_, buffer_.size() - filled_);
    filled_ += got;
    return got > 0;
  }

  std::string origin(const Head& head) const { return scheme_ + "://" + head.host; }

  Wire& wire_;
  State& state_;
  const Answers& answers_;
  std::string scheme_;
  std::string buffer_;
  std::size_t filled_ = 0;
  std::string block_;
};

int listen_on_loopback(int& port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t bytes = sizeof at;
  if (fd < 0 || ::bind(fd, reinterpret_cast<sockaddr*>(&at), bytes) != 0 || ::listen(fd, 128) != 0 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &bytes) != 0) {
    std::perror("bench_fake_provider");
    std::exit(1);
  }
  port = ntohs(at.sin_port);
  return fd;
}

void accept_all(int listening, State& state, const Answers& answers, SSL_CTX* tls) {
  for (;;) {
    const int fd = ::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    // The process is ended by its parent; until then state and answers live.
    std::thread([fd, &state, &answers, tls] {
      Wire wire(fd, tls);
      if (wire.good()) Connection(wire, state, answers, tls != nullptr ? "https" : "http").serve();
    }).detach();
  }
}

SSL_CTX* tls_context(const char* certificate, const char* key) {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1 ||
      SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) {
    fmt::print(stderr, "bench_fake_provider: {} and {} are no certificate and key\n", certificate, key);
    std::exit(1);
  }
  return context;
}

}  // namespace

}  // namespace offpeak::bench

int main(int argc, char** argv) {
  using namespace offpeak::bench;
  std::signal(SIGPIPE, SIG_IGN);
  static State state;
  static const Answers answers;
  const char* certificate = nullptr;
  const char* key = nullptr;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view word = argv[i];
    if (word == "--processing-ms") state.processing = std::chrono::milliseconds(std::atoll(argv[i + 1]));
    if (word == "--tls-cert") certificate = argv[i + 1];
    if (word == "--tls-key") key = argv[i + 1];
  }
  int port = 0, tls_port = 0;
  const int plain = listen_on_loopback(port);
  if (certificate != nullptr && key != nullptr) {
    const int secure = listen_on_loopback(tls_port);
    SSL_CTX* context = tls_context(certificate, key);
    std::thread(accept_all, secure, std::ref(state), std::cref(answers), context).detach();
  }
  fmt::print("listening on {} {}\n", port, tls_port);
  std::fflush(stdout);
  accept_all(plain, state, answers, nullptr);
}
