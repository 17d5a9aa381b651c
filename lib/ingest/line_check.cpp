#include "ingest/line_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "ingest/json_fault.hpp"
#include "model/limits.hpp"
#include "model/params.hpp"

namespace offpeak {

namespace {

constexpr std::string_view line_shape =
    R"({"custom_id": "...", "params": {"model": ..., "max_tokens": ..., "messages": [...]}})";

bool is_other_vendors(std::string_view key) {
  static constexpr std::array<std::string_view, 8> keys{"method",     "url",  "body",    "recordId",
                                                        "modelInput", "path", "request", "key"};
  return std::ranges::find(keys, key) != keys.end();
}

bool is_params_member(std::string_view key) {
  static constexpr std::array<std::string_view, 8> keys{"model", "messages",    "max_tokens", "system",
                                                        "tools", "temperature", "stream",     "metadata"};
  return std::ranges::find(keys, key) != keys.end();
}

// Where the params of a line begin, if they are the member behind `before`; npos otherwise.
std::size_t params_behind(std::string_view line, std::size_t before) {
  static constexpr std::string_view key = "\"params\"";
  auto at = line.find_first_not_of(" \t\r\n,", before);
  if (at == std::string_view::npos || !line.substr(at).starts_with(key)) return std::string_view::npos;
  at = line.find_first_not_of(" \t\r\n:", at + key.size());
  return at != std::string_view::npos && line[at] == '{' ? at : std::string_view::npos;
}

}  // namespace

Defaults::Defaults(std::string_view raw) {
  if (raw.empty()) return;
  JsonMembers members(raw);
  for (JsonMember member; members.next(member);) {
    auto key = json_decode_key(member.key);
    has_model = has_model || key == "model";
    has_max_tokens = has_max_tokens || key == "max_tokens";
    has_messages = has_messages || key == "messages";
    members_.push_back(Member{std::move(key), member.key.size() + member.value.size() + 4});
  }
}

std::uint64_t Defaults::merged_bytes(std::size_t params_bytes, const std::vector<std::string_view>& params_keys) const {
  std::uint64_t added = 0;
  for (const auto& member : members_) {
    const bool own = std::ranges::find(params_keys, std::string_view(member.key)) != params_keys.end();
    if (!own) added += member.bytes;
  }
  if (added > 0 && params_keys.empty()) --added;  // no comma before the first member
  return params_bytes + added;
}

Fault LineChecker::too_long(std::uint64_t line_bytes) const {
  return Fault{0, fmt::format("the request has {} bytes; a batch holds at most {}", line_bytes, batch_bytes_max_),
               "make it smaller: large documents and images can be uploaded once and referred to"};
}

std::optional<Fault> LineChecker::json_fault(std::string_view text) {
  const auto fault = json_.check(text);
  if (!fault) return std::nullopt;
  return explain_json_fault(text, *fault);
}

const std::vector<Fault>& LineChecker::check(std::string_view line, CheckedLine& checked) {
  faults_.clear();
  checked = CheckedLine{};
  checked.entry.bytes = static_cast<std::uint32_t>(line.size());
  other_shape_ = false;
  auto fault = json_fault(line);
  was_not_json_ = fault.has_value();
  if (fault) {
    faults_.push_back(std::move(*fault));
  } else {
    check_value(line, checked);
  }
  if (!faults_.empty()) {
    checked.entry.params_offset = checked.entry.params_bytes = 0;
    checked.entry.sent_params_bytes = checked.entry.checksum = 0;
  }
  return faults_;
}

void LineChecker::check_value(std::string_view line, CheckedLine& checked) {
  if (json_kind(line) != JsonKind::object) {
    add(0, "a request must be an object with \"custom_id\" and \"params\"", fmt::format("write {}", line_shape));
  } else if (!check_usual_form(line, checked)) {
    check_members(line, checked);
  }
}

const std::vector<Fault>& LineChecker::check_long(const LongRequest& line, std::uint64_t bytes, std::string_view head,
                                                  std::string_view rest, CheckedLine& checked) {
  faults_.clear();
  checked = CheckedLine{};
  checked.entry.bytes = static_cast<std::uint32_t>(bytes);
  other_shape_ = false;
  was_not_json_ = line.fault().has_value();
  if (was_not_json_) {
    faults_.push_back(explain_json_fault(*line.fault(), head, rest));
  } else if (line.is_too_much()) {
    add(0, "the request has too many members to be checked", "params is the body of a Messages request");
  } else {
    long_ = &line;
    check_value(line.outline(), checked);
    long_ = nullptr;
    put_back(line, checked);
  }
  if (!faults_.empty()) {
    checked.entry.params_offset = checked.entry.params_bytes = checked.entry.sent_params_bytes = 0;
  }
  checked.entry.checksum = 0;
  return faults_;
}

// From places in the outline to places in the line. How many bytes there are is right already.
void LineChecker::put_back(const LongRequest& line, CheckedLine& checked) {
  for (auto& fault : faults_) fault.offset = static_cast<std::size_t>(line.original(fault.offset));
  auto& entry = checked.entry;
  entry.id_offset = static_cast<std::uint32_t>(line.original(entry.id_offset));
  entry.params_offset = static_cast<std::uint32_t>(line.original(entry.params_offset));
}

// A line as nearly all are: custom_id, then params, and nothing else. It is sliced in one pass instead of two: the
// params are taken to end before the line's last brace, and walking their members must end just there. False where the
// line is of any other form; it is then checked the long way.
bool LineChecker::check_usual_form(std::string_view line, CheckedLine& checked) {
  JsonMember member;
  if (!JsonMembers(line).next(member) || member.key != "custom_id") return false;
  const auto begin = params_behind(line, offset_in(line, member.value) + member.value.size());
  const auto last = line.find_last_of('}');
  if (begin == std::string_view::npos || last <= begin + 1) return false;
  const auto end = line.find_last_not_of(" \t\r\n", last - 1);
  if (end == std::string_view::npos || end <= begin || line[end] != '}') return false;
  const auto params = line.substr(begin, end - begin + 1);
  const auto found = rules_.check(params, begin, "params", faults_);
  const auto walked = found.empty ? 1 : found.end;
  if (params.find_first_not_of(" \t\r\n", walked) != params.size() - 1) {
    faults_.clear();
    return false;
  }
  check_id(line, member.value, checked);
  finish_params(begin, params, found, checked);
  return true;
}

void LineChecker::check_members(std::string_view line, CheckedLine& checked) {
  int ids = 0;
  int params = 0;
  std::string escaped_key;
  JsonMembers members(line);
  for (JsonMember member; members.next(member);) {
    auto key = member.key;
    if (key.find('\\') != std::string_view::npos) key = escaped_key = json_decode_key(member.key);
    int count = 0;
    if (key == "custom_id") {
      count = ++ids;
      if (count == 1) check_id(line, member.value, checked);
    } else if (key == "params") {
      count = ++params;
      if (count == 1) check_params(line, member.value, checked);
    } else {
      unknown_member(line, member, key);
    }
    if (count > 1) add(offset_in(line, member.key), fmt::format("the member {} is given twice", quoted(key)));
  }
  if (ids == 0 && !other_shape_) add(0, "\"custom_id\" is missing", fmt::format("write {}", line_shape));
  if (params == 0 && !other_shape_) add(0, "\"params\" is missing", fmt::format("write {}", line_shape));
}

void LineChecker::unknown_member(std::string_view line, const JsonMember& member, std::string_view key) {
  if (other_shape_) return;
  const auto offset = offset_in(line, member.key);
  if (key == "offpeak") {
    add(offset, "options may stand only in a line of their own, the first of the file",
        R"(write {"offpeak": {...}} as the first line)");
  } else if (is_other_vendors(key)) {
    other_shape_ = true;
    add(offset, fmt::format("unknown member {}: this looks like another vendor's batch format", quoted(key)),
        fmt::format("write {}; params is the body of a Messages request", line_shape));
  } else if (is_params_member(key)) {
    other_shape_ = true;
    add(offset, fmt::format("unknown member {}: it belongs into \"params\"", quoted(key)),
        fmt::format("write {}", line_shape));
  } else if (key == "requests") {
    other_shape_ = true;
    add(offset, "this is a whole create body, not a line", "name the file *.json");
  } else {
    static constexpr std::array<std::string_view, 2> known{"custom_id", "params"};
    const auto nearest = nearest_word(key, known);
    add(offset, fmt::format("unknown member {}: a request has exactly \"custom_id\" and \"params\"", quoted(key)),
        nearest ? fmt::format("did you mean \"{}\"?", *nearest) : "");
  }
}

void LineChecker::check_id(std::string_view line, std::string_view value, CheckedLine& checked) {
  const auto offset = offset_in(line, value);
  if (json_kind(value) != JsonKind::string) return add(offset, "\"custom_id\" must be a string");
  auto id = value.substr(1, value.size() - 2);
  if (id.find('\\') != std::string_view::npos) id = decoded_id_ = json_decode_key(id);
  checked.has_id = true;
  checked.id_digest = digest128(id);
  checked.entry.id_offset = static_cast<std::uint32_t>(offset);
  checked.entry.id_bytes = static_cast<std::uint32_t>(value.size());
  if (id.empty() || id.size() > custom_id_bytes_max) {
    add(offset, fmt::format("\"custom_id\" has {} bytes; it must have 1 to {}", id.size(), custom_id_bytes_max));
  }
}

void LineChecker::check_params(std::string_view line, std::string_view value, CheckedLine& checked) {
  const auto offset = offset_in(line, value);
  if (json_kind(value) != JsonKind::object) {
    return add(offset, "\"params\" must be an object: the body of a Messages request");
  }
  finish_params(offset, value, rules_.check(value, offset, "params", faults_), checked);
}

void LineChecker::finish_params(std::size_t offset, std::string_view value, const ParamsRules::Found& found,
                                CheckedLine& checked) {
  const auto missing = [&](bool there, std::string_view member) {
    if (!there) add(offset, fmt::format("params.{} is missing", member));
  };
  missing(found.model || defaults_.has_model, "model");
  missing(found.max_tokens || defaults_.has_max_tokens, "max_tokens");
  missing(found.messages || defaults_.has_messages, "messages");
  const auto end = offset + value.size() - 1;  // its last brace
  const auto bytes = long_ != nullptr ? long_->original(end) - long_->original(offset) + 1 : value.size();
  const auto sent = defaults_.merged_bytes(bytes, rules_.keys());
  const auto body = body_open.size() + request_bytes(0, sent) + body_close.size();
  if (body > batch_bytes_max_) faults_.push_back(too_long(body));
  checked.entry.params_offset = static_cast<std::uint32_t>(offset);
  checked.entry.params_bytes = static_cast<std::uint32_t>(bytes);
  checked.entry.sent_params_bytes = static_cast<std::uint32_t>(sent);
  checked.entry.checksum = checksum32(value);
}

std::optional<std::string_view> LineChecker::options_of(std::string_view line, std::vector<Fault>& faults) {
  if (line.find("offpeak") == std::string_view::npos || json_.check(line)) return std::nullopt;
  const auto value = json_member(line, "offpeak");
  if (!value) return std::nullopt;
  int members = 0;
  JsonMembers walk(line);
  for (JsonMember member; walk.next(member);) ++members;
  if (members > 1) {
    faults.push_back(Fault{0, "options must stand in a line of their own: nothing but \"offpeak\" beside them",
                           R"(write {"offpeak": {...}} as the first line)"});
  }
  return value;
}

void LineChecker::add(std::size_t offset, std::string message, std::string hint) {
  faults_.push_back(Fault{offset, std::move(message), std::move(hint)});
}

}  // namespace offpeak
