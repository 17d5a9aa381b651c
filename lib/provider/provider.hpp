// Purpose   the Message Batches verbs: create, list, retrieve, results, cancel
// Gets      what the stages ask; a body that streams from claimed files
// Gives     what the provider said, as values; never an exception for an answer or a broken connection
// Promises  no call is ever repeated by this room; a create is one POST on a fresh connection, whose last byte leaves
//           only after `commit` said so; the key goes to the configured origin only; redirects are not followed
// When it fails  every failure is a CallFailure, or a CreateAnswer that says whether the last byte had left
//
// One real implementation (HttpProvider) and one in process over lib/sim (tests/support); one conformance suite. Facts
// about the wire: the provider's OpenAPI document and recorded traffic, cited at each function of wire.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "model/header_group.hpp"
#include "model/provider_batch.hpp"
#include "model/provider_identity.hpp"

namespace offpeak {

// Why a call other than create brought no answer that can be used.
enum class CallFailureKind : std::uint8_t {
  unreachable,  // DNS, connect, TLS, reset, time-out, cut in the middle
  throttled,    // 429, 529, 5xx
  account,      // 401, 402, 403, or a 400 that speaks of credit or usage limits
  not_found,    // 404: never proof that a batch is lost
  refused,      // any other 4xx, a redirect
  unreadable,   // 2xx whose body is not what the API promises
  stopped,      // our own sink asked to stop (disk full, say)
  unproven,     // not asked at all: the key has not shown that it sees the workspace of what was sent
};

struct CallFailure {
  CallFailureKind kind = CallFailureKind::unreachable;
  int http_status = 0;     // 0 where there was no answer
  std::string error_type;  // the provider's error.type, or empty
  std::string message;     // what, where, and what to do next; safe to log
  std::optional<Duration> retry_after;
};

template <class T>
struct Called {
  std::variant<T, CallFailure> answer;
  std::optional<Duration> retry_after;  // a hint, also on success

  bool ok() const { return answer.index() == 0; }
  T& value() { return std::get<0>(answer); }
  const T& value() const { return std::get<0>(answer); }
  const CallFailure& failure() const { return std::get<1>(answer); }
};

struct ListQuery {
  std::uint32_t limit = 100;             // 1..1000
  std::optional<std::string> after_id;   // older than
  std::optional<std::string> before_id;  // newer than
};

struct ListPage {
  std::vector<ProviderBatch> batches;    // most recently created first
  std::uint64_t unreadable_entries = 0;  // not in `batches`: without an id that can be read
  bool has_more = false;
  std::optional<std::string> first_id, last_id;
  std::optional<Instant> date;  // when the provider answered, by its own clock (the header Date: whole seconds)
};

// The body of a create call, block by block. The caller knows its exact size beforehand.
class BodySource {
 public:
  virtual ~BodySource() = default;
  virtual std::uint64_t size() const = 0;
  // The next bytes, valid until the call after the next one (one is read while one is sent); empty at the end. A
  // failure aborts the upload.
  virtual Task<Result<std::string_view>> next_block() = 0;
};

struct HttpAnswer {
  int status = 0;
  std::optional<Duration> retry_after;
  std::string request_id;  // header request-id, for the log
  std::string content_encoding;
  std::string body;  // at most 1 MiB of it
  bool body_complete = true;
};

// What became of a create call. Nothing but `answer` after `last_byte_left` may be read as "created".
struct CreateAnswer {
  bool last_byte_left = false;       // from commit's consent on, true whatever happened then
  std::optional<HttpAnswer> answer;  // where the header of an answer arrived, early or after the last byte
  std::string failure;               // why there is no complete answer; safe to log
  bool source_failed = false;        // our own body could not be read, or commit refused: not the network's fault
};

class CreateCommit {
 public:
  virtual ~CreateCommit() = default;
  // Called once, when all but the last byte have left. The last byte leaves only if this succeeds. `generation` is that
  // of the provider which sends.
  virtual Task<Result<void>> commit(std::uint64_t generation) = 0;
};

// Takes the bytes of a results download in order, in blocks of any size.
class ResultsSink {
 public:
  virtual ~ResultsSink() = default;
  // A failure stops the download: CallFailureKind::stopped with its message.
  virtual Task<Result<void>> take(std::string_view block) = 0;
};

class Provider {
 public:
  virtual ~Provider() = default;
  // POST /v1/messages/batches
  virtual Task<CreateAnswer> create(HeaderGroup headers, BodySource& body, CreateCommit& commit) = 0;
  // GET /v1/messages/batches
  virtual Task<Called<ListPage>> list(ListQuery query) = 0;
  // GET /v1/messages/batches/{id}
  virtual Task<Called<ProviderBatch>> retrieve(std::string id) = 0;
  // GET /v1/messages/batches/{id}/results. The value is the number of bytes taken; success means the transfer
  // was complete (for a chunked answer: the last chunk came), not that every line is there.
  virtual Task<Called<std::uint64_t>> results(std::string id, ResultsSink& sink) = 0;
  // POST /v1/messages/batches/{id}/cancel
  virtual Task<Called<ProviderBatch>> cancel(std::string id) = 0;

  // Whom the next call asks, and as whom; the key stands in it only as a hash under `salt`.
  virtual ProviderIdentity identity(std::string_view salt) const = 0;
  // Changes whenever another origin, key or header may be used from now on. Counts within this process only.
  virtual std::uint64_t generation() const { return 0; }
};

}  // namespace offpeak
