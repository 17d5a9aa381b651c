// One line of a job file against the rules told once more, on the reference reader: the same lines are good, and what
// the line index says of them is what is sent. The input is the line; an input of several lines begins with the
// defaults that are merged under its params.
#include <algorithm>
#include <optional>

#include "fuzz.hpp"
#include "ingest/line_check.hpp"
#include "ingest/options.hpp"
#include "model/limits.hpp"
#include "model/params.hpp"
#include "reference_json.hpp"

namespace offpeak::fuzz {
namespace {

constexpr std::uint64_t small_body_bytes_max = 300;

bool is_good_max_tokens(const ReferenceValue& value) {
  return value.kind == ReferenceKind::number && value.raw.find_first_not_of("0123456789") == std::string_view::npos &&
         value.raw != "0";
}

bool is_good_params(const ReferenceValue& params, const ReferenceValue* defaults) {
  if (!params.is_object() || params.has_twin_keys()) return false;
  for (const auto* needed : {"model", "max_tokens", "messages"}) {
    if (params.first(needed) == nullptr && (defaults == nullptr || defaults->first(needed) == nullptr)) return false;
  }
  const auto* model = params.first("model");
  const auto* max_tokens = params.first("max_tokens");
  const auto* messages = params.first("messages");
  const auto* stream = params.first("stream");
  return (model == nullptr || (model->is_string() && !model->text.empty())) &&
         (max_tokens == nullptr || is_good_max_tokens(*max_tokens)) &&
         (messages == nullptr || (messages->kind == ReferenceKind::array && !messages->members.empty())) &&
         (stream == nullptr || stream->raw != "true");
}

bool is_good_line(const ReferenceValue& line, const ReferenceValue* defaults) {
  if (!line.is_object() || line.keys.size() != 2 || line.has_twin_keys()) return false;
  const auto* id = line.first("custom_id");
  const auto* params = line.first("params");
  return id != nullptr && params != nullptr && id->is_string() && !id->text.empty() &&
         id->text.size() <= custom_id_bytes_max && is_good_params(*params, defaults);
}

void check_merged(const ReferenceValue& params, const ReferenceValue* defaults, const std::string& merged) {
  const auto document = read_reference(merged);
  require(document && document->root.is_object(), "merged params are a JSON object", merged);
  const auto& root = document->root;
  require(!root.has_twin_keys(), "merged params hold no member twice", merged);
  require(merged.starts_with(params.raw.substr(0, params.raw.size() - 1)), "params stay as they were written", merged);
  for (std::size_t i = 0; i < params.keys.size(); ++i) {
    require(root.keys[i] == params.keys[i] && root.members[i].raw == params.members[i].raw,
            "the line's own members come first and win", merged);
  }
  auto at = params.keys.size();
  for (std::size_t i = 0; defaults != nullptr && i < defaults->keys.size(); ++i) {
    if (params.first(defaults->keys[i]) != nullptr) continue;
    require(
        at < root.keys.size() && root.keys[at] == defaults->keys[i] && root.members[at].raw == defaults->members[i].raw,
        "the defaults that the line lacks follow in order", merged);
    ++at;
  }
  require(at == root.keys.size(), "nothing else is merged in", merged);
}

void check_good(std::string_view text, const ReferenceValue& line, std::string_view raw_defaults,
                const ReferenceValue* defaults, const CheckedLine& checked) {
  const auto& entry = checked.entry;
  const auto& id = *line.first("custom_id");
  const auto& params = *line.first("params");
  require(entry.bytes == text.size(), "the entry has the line's size", text);
  require(std::uint64_t{entry.id_offset} + entry.id_bytes <= text.size() &&
              std::uint64_t{entry.params_offset} + entry.params_bytes <= text.size(),
          "the slices lie inside the line", text);
  require(text.data() + entry.id_offset == id.raw.data() && entry.id_bytes == id.raw.size(),
          "the id's slice is the value of custom_id", text);
  require(text.data() + entry.params_offset == params.raw.data() && entry.params_bytes == params.raw.size(),
          "the params' slice is the value of params", text);
  require(checked.has_id && checked.id_digest == digest128(id.text), "the digest is of the decoded custom_id", text);
  require(entry.checksum == checksum32(params.raw), "the checksum is of the raw params", text);
  const auto merged = merge_defaults(params.raw, raw_defaults);
  require(entry.sent_params_bytes == merged.size(), "sent_params_bytes is the size of what is sent", text);
  check_merged(params, defaults, merged);
}

void check_bad(std::string_view text, const std::vector<Fault>& faults, const CheckedLine& checked) {
  const auto& entry = checked.entry;
  require(entry.params_bytes == 0 && entry.params_offset == 0 && entry.sent_params_bytes == 0 && entry.checksum == 0,
          "a bad line has no params", text);
  require(std::uint64_t{entry.id_offset} + entry.id_bytes <= text.size(), "a bad line's id lies inside it", text);
  for (const auto& fault : faults) {
    require(fault.offset <= text.size(), "a fault lies inside the line", text);
    require(!fault.message.empty() && is_displayable(fault.message), "a fault's message can be shown", fault.message);
    require(is_displayable(fault.hint), "a fault's hint can be shown", fault.hint);
    require(fault.message.size() <= 1024, "a fault's message is short", fault.message);
  }
}

// What passes as the options' defaults; empty otherwise.
std::string usable_defaults(JsonChecker& json, std::string_view raw) {
  const auto options_text = "{\"defaults\":" + std::string(raw) + "}";
  JobOptions options;
  if (raw.empty() || json.check(raw) || json.check(options_text)) return "";
  return parse_options(options_text, options).empty() ? options.defaults : "";
}

}  // namespace
}  // namespace offpeak::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace offpeak;
  using namespace offpeak::fuzz;
  auto text = as_text(data, size);
  static JsonChecker json;
  const auto raw_defaults = text.find('\n') == text.npos ? "" : usable_defaults(json, take_line(text));
  const auto defaults_document = read_reference(raw_defaults);
  const auto* defaults = defaults_document ? &defaults_document->root : nullptr;

  LineChecker checker(json, batch_bytes_max);
  checker.use(Defaults(raw_defaults));
  CheckedLine checked;
  const auto faults = checker.check(text, checked);
  const auto document = read_reference(text);
  if (document && document->has_huge_exponent) return 0;
  const bool is_json = document && document->depth <= json_depth_max && !document->has_lone_surrogate;
  require(checker.was_not_json() == !is_json, "was_not_json", text);
  const bool expected = is_json && is_good_line(document->root, defaults);
  require(faults.empty() == expected, expected ? "a good line is accepted" : "a bad line is refused", text);
  if (!expected) {
    check_bad(text, faults, checked);
    std::vector<Fault> option_faults;
    const auto options = checker.options_of(text, option_faults);
    if (options) require(lies_in(*options, text), "the options lie inside the line", text);
    return 0;
  }
  check_good(text, document->root, raw_defaults, defaults, checked);

  // In the other order the line is checked the long way.
  const auto& line = document->root;
  const auto turned = "{\"params\":" + std::string(line.first("params")->raw) +
                      ",\"custom_id\":" + std::string(line.first("custom_id")->raw) + "}";
  CheckedLine checked_turned;
  require(checker.check(turned, checked_turned).empty(), "the order of the members does not matter", turned);
  require(checked_turned.entry.sent_params_bytes == checked.entry.sent_params_bytes &&
              checked_turned.entry.checksum == checked.entry.checksum && checked_turned.id_digest == checked.id_digest,
          "the order of the members changes nothing of what is sent", turned);

  LineChecker small(json, small_body_bytes_max);
  small.use(Defaults(raw_defaults));
  const auto body_bytes = body_open.size() + request_bytes(0, checked.entry.sent_params_bytes) + body_close.size();
  require(small.check(text, checked).empty() == (body_bytes <= small_body_bytes_max),
          "a request that fits no body is refused, any other accepted", text);
  return 0;
}
