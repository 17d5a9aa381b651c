// What an answer to a create call means. Pure: the heart of "submitting once". Closed: there is no other
// verdict.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "provider/provider.hpp"

namespace offpeak {

enum class CreateVerdictKind : std::uint8_t {
  created,  // 200 with the id of a message_batch
  // Proven not created, by what must happen next:
  not_sent,          // the last byte never left and nobody answered: the network, or our own body
  too_large,         // 413 of whatever shape: halve
  request_at_fault,  // 400 naming one request: requests.17...
  batch_at_fault,    // any other 400 naming nobody: halve
  account_fault,     // 401, 402, 403, other proven 4xx, credit or usage limits, 429 with a spend-limit code
  throttled,         // 429 in the API's shape; or 5xx/529/429 of any shape before the last byte
  // The truth is not known; nothing may send these requests again until it is settled:
  unknown,
};

struct CreateVerdict {
  CreateVerdictKind kind = CreateVerdictKind::unknown;
  std::optional<ProviderBatch> batch;          // created
  std::optional<std::uint32_t> request_index;  // request_at_fault: the place in the batch
  std::string error_type;                      // the provider's error.type, where it answered in the API's shape
  std::string error_document;                  // the provider's error body, verbatim, where it has the API's shape
  std::string message;                         // for the log and the reason; never prompts
  std::optional<Duration> retry_after;
};

// Where the last byte had not left, an answer of any kind is a proven no. Where it had: 200 with an id and
// "type":"message_batch" is created; a 413, or a 4xx in the API's error shape but not 408 or 409, is a proven no;
// everything else is unknown (product contract 6.4).
CreateVerdict verdict_on_create(const CreateAnswer& answer);

// Does this error speak of credit or usage limits? Texts recorded in public traffic; wording may change, so
// this is only ever used to pause instead of failing requests.
bool speaks_of_account_limits(std::string_view error_type, std::string_view message, std::string_view error_code);

}  // namespace offpeak
