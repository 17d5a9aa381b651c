#include "support/sim_provider.hpp"

#include "base/digest.hpp"
#include "provider/calls.hpp"
#include "provider/failure.hpp"
#include "provider/retry_after.hpp"
#include "provider/wire.hpp"
#include "sim/exchange.hpp"

namespace offpeak::testing {

namespace {

std::optional<Duration> retry_after(const sim::Answer& answer) {
  const auto text = sim::find_header(answer.headers, "retry-after");
  if (text.empty()) return std::nullopt;
  return Duration(std::stoll(std::string(text)) * 1000);
}

http::Response to_response(const sim::Answer& answer, std::string body) {
  http::Response response;
  response.status = answer.status;
  response.body = std::move(body);
  return response;
}

sim::Call to_call(const http::Request& request) {
  sim::Call call;
  call.method = request.method;
  call.target = request.target;
  call.headers = request.headers;
  call.headers.emplace_back("host", "sim.test");
  return call;
}

HeaderGroup plain_headers() { return {"2023-06-01", {}}; }

template <class T>
Called<T> unreachable(const char* what) {
  http::HttpFailure failure;
  failure.message = std::string(what) + ": the connection ended without an answer";
  return {failure_of_transport(what, failure, std::nullopt), std::nullopt};
}

template <class T, class Parse>
Called<T> read(const char* what, const sim::Answer& answer, const std::string& body, Parse parse) {
  const auto wait = retry_after(answer);
  if (answer.status < 200 || answer.status > 299)
    return {failure_of_answer(what, to_response(answer, body), wait), wait};
  Result<T> value = parse(body);
  if (!value) return {failure_of_unreadable(what, answer.status, value.error().message), wait};
  return {std::move(*value), wait};
}

// The body's bytes are held back by one, as the client does on the wire.
class HeldBack {
 public:
  explicit HeldBack(sim::Exchange& exchange) : exchange_(exchange) {}
  void take(std::string_view block) {
    if (block.empty()) return;
    if (held_) exchange_.take(*held_);
    if (block.size() > 1) exchange_.take(block.substr(0, block.size() - 1));
    held_ = std::string(block.substr(block.size() - 1));
    taken_ += block.size();
  }
  void release() {
    if (held_) exchange_.take(*held_);
    held_.reset();
  }
  std::uint64_t taken() const { return taken_; }

 private:
  sim::Exchange& exchange_;
  std::optional<std::string> held_;
  std::uint64_t taken_ = 0;
};

}  // namespace

ProviderIdentity SimProvider::identity(std::string_view salt) const {
  return {origin, workspace, digest128(key + "\n" + std::string(salt)).hex(), organization};
}

Task<CreateAnswer> SimProvider::create(HeaderGroup headers, BodySource& body, CreateCommit& commit) {
  ++creates;
  CreateAnswer out;
  auto call = to_call(create_request(headers, AuthScheme::x_api_key, "sk-test"));
  call.headers.emplace_back("content-length", std::to_string(body.size()));
  auto exchange = service_.begin(call, clock_.now());
  const auto wanted = exchange->body_bytes_wanted();
  HeldBack wire(*exchange);
  bool early = false;
  while (!early) {
    auto block = co_await body.next_block();
    if (!block) {
      out.source_failed = true;
      out.failure = block.error().message;
      co_return out;
    }
    if (block->empty()) break;
    wire.take(*block);
    early = wanted && wire.taken() >= *wanted && *wanted < body.size();
  }
  if (!early) {
    auto consent = co_await commit.commit(of_generation);
    if (!consent) {
      out.source_failed = true;
      out.failure = consent.error().message;
      co_return out;
    }
    out.last_byte_left = true;
    wire.release();
  }
  auto answer = exchange->finish(clock_.now());
  if (answer.delivery == sim::Delivery::hang) co_await sleep_for(clock_, std::chrono::minutes(10));
  if (answer.delay.count() > 0) co_await sleep_for(clock_, answer.delay);
  if (answer.delivery != sim::Delivery::answer || answer.cut_in_head) {
    out.failure = "the connection ended without an answer";
    co_return out;
  }
  auto& got = out.answer.emplace();
  got.status = answer.status;
  got.retry_after = retry_after(answer);
  got.body = sim::whole_body(answer);
  if (answer.cut_after_bytes && *answer.cut_after_bytes < got.body.size()) {
    got.body.resize(*answer.cut_after_bytes);
    got.body_complete = false;
    out.failure = "the answer was cut";
  }
  co_return out;
}

Task<SimProvider::Reply> SimProvider::call(std::string method, std::string target) {
  http::Request request{std::move(method), std::move(target), {}};
  request.headers = list_request({}, plain_headers(), AuthScheme::x_api_key, "sk-test").headers;
  auto whole = to_call(request);
  Reply reply;
  reply.answer = service_.handle(whole, clock_.now());
  if (reply.answer.delivery == sim::Delivery::hang) co_await sleep_for(clock_, std::chrono::minutes(10));
  if (reply.answer.delay.count() > 0) co_await sleep_for(clock_, reply.answer.delay);
  if (reply.answer.delivery != sim::Delivery::answer || reply.answer.cut_in_head) co_return reply;
  reply.body = sim::whole_body(reply.answer);
  reply.arrived = !reply.answer.cut_after_bytes || *reply.answer.cut_after_bytes >= reply.body.size();
  if (!reply.arrived) reply.body.resize(*reply.answer.cut_after_bytes);
  co_return reply;
}

Task<Called<ListPage>> SimProvider::list(ListQuery query) {
  ++lists;
  const auto request = list_request(query, plain_headers(), AuthScheme::x_api_key, "sk-test");
  auto reply = co_await call(request.method, request.target);
  if (!reply.arrived) co_return unreachable<ListPage>("list");
  auto called = read<ListPage>("list", reply.answer, reply.body, parse_list_page);
  if (called.ok()) called.value().date = parse_http_date(sim::find_header(reply.answer.headers, "date"));
  co_return called;
}

Task<Called<ProviderBatch>> SimProvider::retrieve(std::string id) {
  ++retrieves;
  auto reply = co_await call("GET", "/v1/messages/batches/" + id);
  if (!reply.arrived) co_return unreachable<ProviderBatch>("retrieve");
  co_return read<ProviderBatch>("retrieve", reply.answer, reply.body, parse_batch);
}

Task<Called<ProviderBatch>> SimProvider::cancel(std::string id) {
  auto reply = co_await call("POST", "/v1/messages/batches/" + id + "/cancel");
  if (!reply.arrived) co_return unreachable<ProviderBatch>("cancel");
  co_return read<ProviderBatch>("cancel", reply.answer, reply.body, parse_batch);
}

Task<Called<std::uint64_t>> SimProvider::results(std::string id, ResultsSink& sink) {
  auto reply = co_await call("GET", "/v1/messages/batches/" + id + "/results");
  if (reply.answer.delivery != sim::Delivery::answer || reply.answer.cut_in_head)
    co_return unreachable<std::uint64_t>("results");
  if (reply.answer.status != 200) {
    co_return read<std::uint64_t>("results", reply.answer, reply.body,
                                  [](const std::string&) { return Result<std::uint64_t>(std::uint64_t{0}); });
  }
  auto taken = co_await sink.take(reply.body);
  if (!taken) {
    CallFailure failure;
    failure.kind = CallFailureKind::stopped;
    failure.message = taken.error().message;
    co_return Called<std::uint64_t>{failure, std::nullopt};
  }
  if (!reply.arrived) co_return unreachable<std::uint64_t>("results");
  co_return Called<std::uint64_t>{std::uint64_t{reply.body.size()}, std::nullopt};
}

}  // namespace offpeak::testing
