// What the tests of http::Client share: origins, bodies, calls.
#pragma once

#include <functional>

#include "http/http.hpp"
#include "unit/http/scripted_server.hpp"

namespace offpeak::test {

inline http::Origin origin_at(const ScriptedServer& server) {
  auto origin = http::parse_origin("http://127.0.0.1:" + server.port());
  return origin.value();
}

inline http::Request get(std::string target = "/v1/messages/batches") {
  http::Request request;
  request.method = "GET";
  request.target = std::move(target);
  request.headers.emplace_back("x-api-key", "sk-secret");
  return request;
}

inline http::Request post() {
  auto request = get();
  request.method = "POST";
  return request;
}

// A body in memory, in blocks; consents as told.
class FakeBody : public http::BodyReader {
 public:
  explicit FakeBody(std::string text, std::size_t block = 1 << 20) : text_(std::move(text)), block_(block) {}
  std::uint64_t size() const override { return announced.value_or(text_.size()); }
  Task<Result<std::string_view>> next_block() override {
    ++blocks;
    if (on_block) co_await on_block(at_);
    if (fail_at && at_ >= *fail_at) co_return make_error(ErrorKind::io, "the claimed file changed");
    const auto bytes = std::string_view(text_).substr(at_, block_);
    at_ += bytes.size();
    co_return bytes;
  }
  Task<Result<void>> before_last_byte() override {
    ++asked;
    if (on_consent) co_await on_consent();
    if (!consent) co_return make_error(ErrorKind::io, "the intent could not be stored");
    co_return Result<void>();
  }

  std::optional<std::uint64_t> announced;
  std::optional<std::size_t> fail_at;
  bool consent = true;
  std::function<Task<>(std::size_t)> on_block;  // holds no coroutine lambda: a plain function's task
  std::function<Task<>()> on_consent;
  int asked = 0;
  int blocks = 0;

 private:
  std::string text_;
  std::size_t block_;
  std::size_t at_ = 0;
};

// Keeps what it takes.
class FakeWriter : public http::BodyWriter {
 public:
  Task<Result<void>> take(std::string_view block) override {
    ++blocks;
    if (taken.size() + block.size() > most) co_return make_error(ErrorKind::disk_full, "the disk is full");
    taken.append(block);
    co_return Result<void>();
  }
  std::string taken;
  std::size_t most = std::size_t(-1);
  int blocks = 0;
};

inline const http::Response& response_of(const http::Got<http::Response>& got) {
  if (const auto* failed = std::get_if<http::HttpFailure>(&got)) {
    ADD_FAILURE() << failed->message;
    static const http::Response none;
    return none;
  }
  return std::get<http::Response>(got);
}

inline std::string failure_of(const http::Got<http::Response>& got) {
  if (const auto* failed = std::get_if<http::HttpFailure>(&got)) return failed->message;
  ADD_FAILURE() << "not a failure but HTTP " << std::get<http::Response>(got).status;
  return "";
}

}  // namespace offpeak::test
