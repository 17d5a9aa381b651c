// lib/base/json against the reference reader: the same texts are JSON, and every member, element and decoded string is
// the same, in place; whole or in pieces, of any depth.
#include "base/json.hpp"

#include <algorithm>

#include "base/json_walk.hpp"
#include "fuzz.hpp"
#include "reference_json.hpp"

namespace offpeak::fuzz {
namespace {

JsonKind kind_of(ReferenceKind kind) {
  switch (kind) {
    case ReferenceKind::object:
      return JsonKind::object;
    case ReferenceKind::array:
      return JsonKind::array;
    case ReferenceKind::string:
      return JsonKind::string;
    case ReferenceKind::number:
      return JsonKind::number;
    case ReferenceKind::boolean:
      return JsonKind::boolean;
    case ReferenceKind::null:
      return JsonKind::null;
  }
  return JsonKind::null;
}

bool same_place(std::string_view a, std::string_view b) { return a.data() == b.data() && a.size() == b.size(); }

void compare(std::string_view text, const ReferenceValue& value);

void compare_object(std::string_view text, const ReferenceValue& value) {
  JsonMembers members(text);
  JsonMember member;
  for (std::size_t i = 0; i < value.members.size(); ++i) {
    require(members.next(member), "JsonMembers walks every member", text);
    require(same_place(member.key, value.raw_keys[i]), "JsonMembers slices the key", text);
    require(same_place(member.value, value.members[i].raw), "JsonMembers slices the value", text);
    require(json_decode_key(member.key) == value.keys[i], "json_decode_key decodes as the grammar says", member.key);
    const auto found = json_member(text, value.keys[i]);
    require(found && same_place(*found, value.first(value.keys[i])->raw), "json_member finds the first of a key", text);
    compare(member.value, value.members[i]);
  }
  require(!members.next(member), "JsonMembers ends with the object", text);
}

void compare_array(std::string_view text, const ReferenceValue& value) {
  JsonElements elements(text);
  std::string_view element;
  for (const auto& expected : value.members) {
    require(elements.next(element), "JsonElements walks every element", text);
    require(same_place(element, expected.raw), "JsonElements slices the element", text);
    compare(element, expected);
  }
  require(!elements.next(element), "JsonElements ends with the array", text);
}

void compare(std::string_view text, const ReferenceValue& value) {
  require(json_kind(text) == kind_of(value.kind), "json_kind", text);
  if (value.is_object()) compare_object(text, value);
  if (value.kind == ReferenceKind::array) compare_array(text, value);
  if (value.is_string()) require(json_decode_string(text) == value.text, "json_decode_string", text);
  if (value.kind == ReferenceKind::number) {
    const auto integer = json_integer(text);
    if (integer && text != "-0") require(std::to_string(*integer) == text, "json_integer", text);
  }
}

void compare_verdicts(JsonChecker& checker, std::string_view text, const std::optional<ReferenceDocument>& reference) {
  const auto openers = std::ranges::count_if(text, [](char c) { return c == '[' || c == '{'; });
  const bool beyond_reference = !reference && openers > 600;  // more levels than it reads
  for (const auto taken : {JsonTaken::strictly, JsonTaken::as_it_came}) {
    if (beyond_reference && taken == JsonTaken::as_it_came) break;
    const auto fault = checker.check(text, taken);
    if (fault) require(fault->offset <= text.size(), "a fault lies in the text", text);
    const bool strictly = reference && reference->depth <= json_depth_max && !reference->has_lone_surrogate;
    const bool expected = taken == JsonTaken::strictly ? strictly : reference.has_value();
    if (!fault) require(expected, "what the grammar refuses is refused", text);
    if (expected) require(!fault, "what the grammar allows is allowed", text);
    JsonWalk walk(taken);
    bool good = true;
    for (std::size_t at = 0; at < text.size() && good; at += 3) good = walk.feed(text.substr(at, 3));
    require((good && walk.finish()) == expected, "in pieces it is the same text", text);
  }
}

// Members put together again from their slices are the same object.
void rejoin(JsonChecker& checker, const ReferenceValue& object) {
  std::string joined = "{";
  JsonMembers members(object.raw);
  for (JsonMember member; members.next(member);) {
    if (joined.size() > 1) joined += ',';
    joined.append("\"").append(member.key).append("\":").append(member.value);
  }
  joined += '}';
  require(!checker.check(joined, JsonTaken::as_it_came), "joined slices are JSON", joined);
  JsonMembers again(joined);
  JsonMember member;
  for (std::size_t i = 0; i < object.members.size(); ++i) {
    require(again.next(member) && member.key == object.raw_keys[i] && member.value == object.members[i].raw,
            "joined slices hold the same members", joined);
  }
  require(!again.next(member), "joined slices hold no more members", joined);
}

void check_quote(JsonChecker& checker, std::string_view text) {
  const auto quote = json_quote(text);
  require(!checker.check(quote), "json_quote makes JSON of any bytes", quote);
  const auto is_control = [](char c) { return (c >= 0 && c < 0x20) || c == 0x7F; };
  require(std::ranges::none_of(quote, is_control), "json_quote leaves no control characters, ESC included", quote);
  auto rest = text;
  while (!rest.empty() && take_utf8(rest)) continue;
  if (rest.empty()) require(json_decode_string(quote) == text, "json_quote keeps UTF-8", text);
}

}  // namespace
}  // namespace offpeak::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace offpeak;
  using namespace offpeak::fuzz;
  const auto text = as_text(data, size);
  static JsonChecker checker;  // as in the daemon, one for many texts
  const auto reference = read_reference(text);
  compare_verdicts(checker, text, reference);
  // Long texts are read by another parser: the same text with white space behind it.
  if (hash_of(text) % 16 == 0) compare_verdicts(checker, std::string(text) + std::string(600'000, ' '), reference);
  check_quote(checker, text);
  if (!reference || checker.check(text, JsonTaken::as_it_came)) return 0;
  compare(reference->root.raw, reference->root);
  if (reference->root.is_object()) rejoin(checker, reference->root);
  const auto line = json_on_one_line(text);
  require(line.find_first_of("\r\n") == std::string::npos, "json_on_one_line makes one line", line);
  require(!checker.check(line, JsonTaken::as_it_came), "json_on_one_line keeps JSON", line);
  return 0;
}
