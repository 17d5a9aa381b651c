// A small Message Batches API over real sockets, for the conformance of HttpProvider alone. No faults, no
// limits: the real simulator is offpeak-sim.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "unit/http/scripted_server.hpp"

namespace offpeak::test {

class SmallApi {
 public:
  explicit SmallApi(asio::io_context& io)
      : acceptor_(io, tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0)), tasks_(io.get_executor()) {
    tasks_.spawn("accept", accept());
  }
  std::string port() const { return std::to_string(acceptor_.local_endpoint().port()); }
  Task<> stop() {
    tasks_.cancel();
    co_await tasks_.join();
  }
  void end_all() {
    for (auto& batch : batches_) batch.status = "ended";
  }

 private:
  struct Batch {
    std::string id, status, canceled_at;
    int requests;
  };

  Task<> accept() {
    for (;;) {
      auto [ec, socket] = co_await acceptor_.async_accept(as_values);
      if (ec) co_return;
      tasks_.spawn("serve", serve(std::move(socket)));
    }
  }

  Task<> serve(tcp::socket socket) {
    std::string request;
    char block[4096];
    while (!complete(request)) {
      const auto [ec, bytes] = co_await socket.async_read_some(asio::buffer(block), as_values);
      if (ec) co_return;
      request.append(block, bytes);
    }
    const auto answered = respond(request);
    co_await asio::async_write(socket, asio::buffer(answered), as_values);
  }

  static bool complete(const std::string& request) {
    const auto head = request.find("\r\n\r\n");
    if (head == std::string::npos) return false;
    const auto at = request.find("Content-Length: ");
    std::size_t length = 0;
    if (at < head) std::from_chars(request.data() + at + 16, request.data() + head, length);
    return request.size() >= head + 4 + length;
  }

  std::string respond(const std::string& request) {
    const auto method = request.substr(0, request.find(' '));
    auto target = request.substr(method.size() + 1);
    target.resize(target.find(' '));
    const std::string root = "/v1/messages/batches";
    if (!target.starts_with(root)) return not_found();
    target.erase(0, root.size());
    if (method == "POST" && target.empty()) return create(request);
    if (target.empty() || target[0] == '?') return list(target);
    const auto slash = target.find('/', 1);
    const auto found = find(target.substr(1, slash - 1));
    const auto verb = slash == std::string::npos ? "" : target.substr(slash);
    if (found == batches_.end()) return not_found();
    if (verb == "/results") return results(*found);
    if (verb == "/cancel") {
      found->status = "canceling";
      found->canceled_at = "\"2026-01-01T00:01:00Z\"";
    }
    return answer("200 OK", to_json(*found));
  }

  std::string create(const std::string& request) {
    int count = 0;
    for (auto at = request.find("custom_id"); at != std::string::npos; at = request.find("custom_id", at + 1)) ++count;
    batches_.insert(batches_.begin(),
                    Batch{"msgbatch_" + std::to_string(batches_.size()), "in_progress", "null", count});
    return answer("200 OK", to_json(batches_.front()));
  }

  std::string list(const std::string& query) {
    const auto value = [&](const std::string& name) {
      const auto at = query.find(name + "=");
      return at == std::string::npos ? ""
                                     : query.substr(at + name.size() + 1, query.find('&', at) - at - name.size() - 1);
    };
    const auto limit = std::stol(value("limit"));
    auto from = batches_.begin(), to = batches_.end();
    if (const auto id = value("after_id"); !id.empty()) from = find(id) + 1;
    if (const auto id = value("before_id"); !id.empty()) to = find(id);
    const bool has_more = to - from > limit;
    if (has_more) to = from + limit;
    std::string data;
    for (auto at = from; at != to; ++at) data += (at == from ? "" : ",") + to_json(*at);
    const auto id_or_null = [&](bool first) {
      return from == to ? std::string("null") : "\"" + (first ? from->id : (to - 1)->id) + "\"";
    };
    return answer("200 OK", fmt::format(R"({{"data":[{}],"has_more":{},"first_id":{},"last_id":{}}})", data, has_more,
                                        id_or_null(true), id_or_null(false)));
  }

  static std::string results(const Batch& batch) {
    if (batch.status != "ended") return not_found();
    std::string lines;
    for (int i = 0; i < batch.requests; ++i) {
      lines += R"({"custom_id":"n-)" + std::to_string(i) + R"(","result":{"type":"canceled"}})" + "\n";
    }
    return fmt::format("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{}\r\n0\r\n\r\n", lines.size(),
                       lines);
  }

  static std::string not_found() {
    return answer("404 Not Found", R"({"type":"error","error":{"type":"not_found_error","message":"not found"}})");
  }

  static std::string to_json(const Batch& batch) {
    const bool ended = batch.status == "ended";
    return fmt::format(
        R"({{"id":"{}","type":"message_batch","processing_status":"{}","request_counts":{{"processing":{},)"
        R"("succeeded":{},"errored":0,"canceled":0,"expired":0}},"ended_at":{},"created_at":"2026-01-01T00:00:00Z",)"
        R"("expires_at":"2026-01-02T00:00:00Z","cancel_initiated_at":{},"results_url":null}})",
        batch.id, batch.status, ended ? 0 : batch.requests, ended ? batch.requests : 0,
        ended ? "\"2026-01-01T00:02:00Z\"" : "null", batch.canceled_at);
  }

  std::vector<Batch>::iterator find(const std::string& id) {
    return std::find_if(batches_.begin(), batches_.end(), [&](const Batch& batch) { return batch.id == id; });
  }

  tcp::acceptor acceptor_;
  TaskGroup tasks_;
  std::vector<Batch> batches_;  // newest first
};

}  // namespace offpeak::test
