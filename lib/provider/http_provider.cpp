#include "provider/http_provider.hpp"

#include <string.h>

#include <stdexcept>

#include "base/text.hpp"
#include "http/address.hpp"
#include "http/keyed_hash.hpp"
#include "provider/calls.hpp"
#include "provider/failure.hpp"
#include "provider/retry_after.hpp"
#include "provider/wire.hpp"

namespace offpeak {

namespace {

constexpr std::size_t small_answer_bytes_max = 1024 * 1024;
// A thousand batches of some 600 bytes, and room to grow.
constexpr std::size_t list_answer_bytes_max = 16 * 1024 * 1024;
constexpr std::size_t organization_bytes_max = 100;  // they have 36

[[noreturn]] void throw_broken(const Error& error) {
  throw std::runtime_error("provider: " + error.message + (error.hint.empty() ? "" : " (" + error.hint + ")"));
}

http::Origin make_origin(const ProviderConfig& config, const Environment& environment) {
  auto origin = http::parse_origin(config.base_url);
  if (!origin) throw_broken(origin.error());
  origin->ca_file = config.ca_file;
  origin->connect_timeout = config.connect_timeout;
  origin->answer_timeout = config.answer_timeout;
  auto proxy = http::proxy_for(*origin, environment);
  if (!proxy) throw_broken(proxy.error());
  origin->proxy = std::move(*proxy);
  return std::move(*origin);
}

std::optional<Duration> retry_after_of(const http::Response& response) {
  return parse_retry_after(response.header("retry-after-ms"), response.header("retry-after"), response.header("date"),
                           SystemClock().now());
}

std::optional<Duration> retry_after_of(const std::optional<http::Response>& response) {
  return response ? retry_after_of(*response) : std::nullopt;
}

bool is_success(int status) { return status >= 200 && status <= 299; }

// Reads the answer of a call whose value is the body parsed by `parse`.
template <class T, class Parse>
Called<T> read_answer(std::string_view what, http::Got<http::Response> got, Parse parse) {
  if (const auto* failed = std::get_if<http::HttpFailure>(&got)) {
    const auto wait = retry_after_of(failed->partial);
    return {failure_of_transport(what, *failed, wait), wait};
  }
  const auto& response = std::get<http::Response>(got);
  const auto wait = retry_after_of(response);
  if (!is_success(response.status)) return {failure_of_answer(what, response, wait), wait};
  // A body under a coding that we did not accept would be read as something else.
  const auto encoded = on_encoding(response.header("content-encoding"));
  if (!encoded.empty()) {
    return {failure_of_unreadable(what, response.status, "it cannot be read" + encoded), wait};
  }
  Result<T> value = parse(response.body);
  if (!value) return {failure_of_unreadable(what, response.status, value.error().message), wait};
  return {std::move(*value), wait};
}

std::optional<Instant> date_of(const http::Got<http::Response>& got) {
  const auto* response = std::get_if<http::Response>(&got);
  return response != nullptr ? parse_http_date(response->header("date")) : std::nullopt;
}

template <class T>
Called<T> refuse_id(std::string_view what) {
  return {failure_of_unreadable(what, 0, "the id is not one that may stand in a path"), std::nullopt};
}

// The two doors of a create call as the body of an upload.
class CreateBody final : public http::BodyReader {
 public:
  CreateBody(BodySource& source, CreateCommit& commit) : source_(source), commit_(commit) {}
  std::uint64_t size() const override { return source_.size(); }
  Task<Result<std::string_view>> next_block() override { return source_.next_block(); }
  Task<Result<void>> before_last_byte() override { return commit_.commit(0); }

 private:
  BodySource& source_;
  CreateCommit& commit_;
};

// Counts what the sink took.
class CountingWriter final : public http::BodyWriter {
 public:
  explicit CountingWriter(ResultsSink& sink) : sink_(sink) {}
  Task<Result<void>> take(std::string_view block) override {
    bytes_ += block.size();
    return sink_.take(block);
  }
  std::uint64_t bytes() const { return bytes_; }

 private:
  ResultsSink& sink_;
  std::uint64_t bytes_ = 0;
};

CreateAnswer to_create_answer(http::Upload upload) {
  CreateAnswer out;
  out.last_byte_left = upload.last_byte_left;
  out.source_failed = upload.source_failed;
  out.failure = std::move(upload.failure);
  if (!upload.response) return out;
  auto& answer = out.answer.emplace();
  answer.status = upload.response->status;
  answer.retry_after = retry_after_of(*upload.response);
  answer.request_id = escape_for_display(upload.response->header("request-id"), 100);
  answer.content_encoding = upload.response->header("content-encoding");
  answer.body = std::move(upload.response->body);
  answer.body_complete = upload.response_complete;
  return out;
}

}  // namespace

HttpProvider::HttpProvider(boost::asio::any_io_executor executor, const ProviderConfig& config, std::string key,
                           const Environment& environment)
    : HttpProvider(std::move(executor), config, std::move(key), make_origin(config, environment)) {}

HttpProvider::HttpProvider(boost::asio::any_io_executor executor, const ProviderConfig& config, std::string key,
                           http::Origin origin)
    : auth_(config.auth),
      key_(std::move(key)),
      origin_((origin.tls ? "https://" : "http://") + http::authority(origin.host, origin.port)),
      client_(std::move(executor), std::move(origin)) {
  headers_.version = config.version;
  headers_.betas = config.betas;
}

HttpProvider::~HttpProvider() { explicit_bzero(key_.data(), key_.size()); }

ProviderIdentity HttpProvider::identity(std::string_view salt) const {
  return {origin_, "", http::keyed_hash(key_, salt), organization_};
}

void HttpProvider::hear(const http::Response& response) {
  const auto named = response.header("anthropic-organization-id");
  if (!named.empty()) organization_ = escape_for_display(named, organization_bytes_max);
}

void HttpProvider::hear(const http::Got<http::Response>& got) {
  const auto* response = std::get_if<http::Response>(&got);
  if (response != nullptr) return hear(*response);
  const auto& failure = std::get<http::HttpFailure>(got);
  if (failure.partial) hear(*failure.partial);
}

Task<CreateAnswer> HttpProvider::create(HeaderGroup headers, BodySource& body, CreateCommit& commit) {
  CreateBody reader(body, commit);
  auto upload = co_await client_.upload(create_request(headers, auth_, key_), reader);
  if (upload.response) hear(*upload.response);
  co_return to_create_answer(std::move(upload));
}

Task<Called<ListPage>> HttpProvider::list(ListQuery query) {
  const bool sane = is_path_id(query.after_id.value_or("x")) && is_path_id(query.before_id.value_or("x"));
  if (!sane) co_return refuse_id<ListPage>("list");
  auto got = co_await client_.call(list_request(query, headers_, auth_, key_), list_answer_bytes_max);
  hear(got);
  auto date = date_of(got);
  auto called = read_answer<ListPage>("list", std::move(got), parse_list_page);
  if (called.ok()) called.value().date = date;
  co_return called;
}

Task<Called<ProviderBatch>> HttpProvider::retrieve(std::string id) {
  if (!is_path_id(id)) co_return refuse_id<ProviderBatch>("retrieve");
  auto got = co_await client_.call(retrieve_request(id, headers_, auth_, key_), small_answer_bytes_max);
  hear(got);
  co_return read_answer<ProviderBatch>("retrieve " + id, std::move(got), parse_batch);
}

Task<Called<ProviderBatch>> HttpProvider::cancel(std::string id) {
  if (!is_path_id(id)) co_return refuse_id<ProviderBatch>("cancel");
  auto got = co_await client_.call(cancel_request(id, headers_, auth_, key_), small_answer_bytes_max);
  hear(got);
  co_return read_answer<ProviderBatch>("cancel " + id, std::move(got), parse_batch);
}

Task<Called<std::uint64_t>> HttpProvider::results(std::string id, ResultsSink& sink) {
  if (!is_path_id(id)) co_return refuse_id<std::uint64_t>("results");
  const std::string what = "results of " + id;
  CountingWriter writer(sink);
  auto got = co_await client_.download(results_request(id, headers_, auth_, key_), writer);
  hear(got);
  const auto* response = std::get_if<http::Response>(&got);
  // Other statuses than 200 were not streamed.
  if (response != nullptr && response->status != 200 && is_success(response->status)) {
    Called<std::uint64_t> out;
    out.answer = failure_of_unreadable(what, response->status, "an answer without results");
    co_return out;
  }
  const std::uint64_t bytes = writer.bytes();
  co_return read_answer<std::uint64_t>(what, std::move(got),
                                       [bytes](const std::string&) { return Result<std::uint64_t>(bytes); });
}

}  // namespace offpeak
