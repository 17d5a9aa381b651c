// The options of a job file: any JSON value. What comes out is within its limits, and every fault has a place.
#include "ingest/options.hpp"

#include "base/json.hpp"
#include "fuzz.hpp"
#include "reference_json.hpp"

namespace offpeak::fuzz {
namespace {

bool is_header_word(std::string_view word) {
  return !word.empty() && word.size() <= 200 &&
         word.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == word.npos;
}

void check_ranges(const JobOptions& options, std::string_view text) {
  if (options.name) {
    require(!options.name->empty() && options.name->size() <= option_name_bytes_max && is_displayable(*options.name),
            "a name is short and can be shown", text);
  }
  if (options.priority) {
    require(*options.priority >= -priority_max && *options.priority <= priority_max, "a priority is in range", text);
  }
  if (options.max_attempts) {
    require(*options.max_attempts >= 1 && *options.max_attempts <= max_attempts_max, "attempts are in range", text);
  }
  if (options.max_cost) {
    require(*options.max_cost >= 0 && *options.max_cost <= 1'000'000'000'000'000'000, "a cost is in range", text);
  }
  if (options.version) require(is_header_word(*options.version), "a version can go into a header", text);
  for (const auto& beta : options.betas.value_or(std::vector<std::string>())) {
    require(is_header_word(beta), "a beta can go into a header", text);
  }
}

void check_defaults(const JobOptions& options, const ReferenceValue& root, std::string_view text) {
  if (options.defaults.empty()) return;
  const auto* defaults = root.first("defaults");
  require(defaults != nullptr && options.defaults == defaults->raw, "the defaults are the member's value", text);
  require(defaults->is_object() && !defaults->has_twin_keys(), "the defaults are an object, no member twice", text);
  const auto* stream = defaults->first("stream");
  require(stream == nullptr || stream->raw != "true", "the defaults do not stream", text);
}

}  // namespace
}  // namespace offpeak::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace offpeak;
  using namespace offpeak::fuzz;
  const auto text = as_text(data, size);
  static JsonChecker json;
  const auto document = read_reference(text);
  if (!document || json.check(text)) return 0;
  const auto value = document->root.raw;
  JobOptions options;
  const auto faults = parse_options(value, options);
  check_ranges(options, value);
  check_defaults(options, document->root, value);
  for (const auto& fault : faults) {
    require(fault.offset <= value.size(), "a fault lies in the options", value);
    require(!fault.message.empty() && is_displayable(fault.message), "a fault's message can be shown", fault.message);
    require(is_displayable(fault.hint), "a fault's hint can be shown", fault.hint);
  }
  if (faults.empty()) {
    require(document->root.is_object() && !document->root.has_twin_keys(), "good options are an object", value);
  }
  JobOptions again;
  require(parse_options(value, again) == faults && again == options, "the same options are read the same way", value);
  return 0;
}
