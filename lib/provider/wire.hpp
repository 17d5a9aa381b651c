// What the provider's answers hold. Pure; any thread. Lenient where documentation and recordings differ
// (unknown members, missing archived_at, Z or +00:00), strict where a wrong reading could cost money: ids,
// counts, states, has_more. Shapes: the provider's OpenAPI document (schemas MessageBatch,
// ListResponse_MessageBatch_, ErrorResponse) and recorded traffic of 2025 and 2026.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "provider/provider.hpp"

namespace offpeak {

inline constexpr std::size_t id_bytes_max = 200;

// Safe in a path and a query: [A-Za-z0-9_-], 1 to 200 bytes. The documented form is msgbatch_..., but "length
// and format may change".
bool is_path_id(std::string_view id);

// A MessageBatch. Refused: an id that is not sane, an unknown state, counts that are negative or absurd.
Result<ProviderBatch> parse_batch(std::string_view body);

// Entries are read one by one: one that is odd spoils nothing but what it says itself (ProcessingStatus::unknown,
// counts_known, created_at_known; of another `type` all three), one without a readable id is counted. Refused: data
// that is not an array, has_more that is not a boolean. A cursor that is not an id is not used; a missing one is the id
// at its end of the page.
Result<ListPage> parse_list_page(std::string_view body);

// The id of a MessageBatch that is otherwise odd or cut off in the middle. Nothing where the body does not say
// "type":"message_batch", or where the id itself is cut.
std::optional<std::string> salvage_batch_id(std::string_view body);

// {"type":"error","error":{"type":...,"message":...,"details":{"error_code":...}},"request_id":...}
struct ApiError {
  std::string type;
  std::string message;     // wording is declared unstable
  std::string error_code;  // stable, mostly empty
  std::string request_id;
};
std::optional<ApiError> parse_api_error(std::string_view body);

// "requests.17.custom_id: Field required" names 17. Whether the batch has so many is the caller's to check.
std::optional<std::uint32_t> named_request(std::string_view message);

}  // namespace offpeak
