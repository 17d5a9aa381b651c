#include "daemon/cli/json_view.hpp"

#include <charconv>

#include "base/json.hpp"

namespace offpeak::cli {

namespace {

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") + 1 - first);
}

}  // namespace

std::optional<std::string_view> JsonView::member(std::string_view key) const { return json_member(raw_, key); }

std::string JsonView::text(std::string_view key) const {
  const auto value = member(key);
  return value && json_kind(*value) == JsonKind::string ? json_decode_string(*value) : "";
}

std::int64_t JsonView::integer(std::string_view key) const {
  const auto value = member(key);
  return value ? json_integer(*value).value_or(0) : 0;
}

double JsonView::number(std::string_view key) const {
  double number = 0;
  if (const auto value = member(key)) std::from_chars(value->data(), value->data() + value->size(), number);
  return number;
}

bool JsonView::flag(std::string_view key) const { return member(key) == "true"; }

JsonView JsonView::object(std::string_view key) const {
  const auto value = member(key);
  return value && json_kind(*value) == JsonKind::object ? JsonView(*value) : JsonView();
}

std::vector<JsonView> JsonView::array(std::string_view key) const {
  std::vector<JsonView> found;
  const auto value = member(key);
  if (!value || json_kind(*value) != JsonKind::array) return found;
  JsonElements elements(*value);
  for (std::string_view element; elements.next(element);) {
    if (json_kind(element) == JsonKind::object) found.emplace_back(element);
  }
  return found;
}

std::vector<std::string> JsonView::texts(std::string_view key) const {
  std::vector<std::string> found;
  const auto value = member(key);
  if (!value || json_kind(*value) != JsonKind::array) return found;
  JsonElements elements(*value);
  for (std::string_view element; elements.next(element);) {
    if (json_kind(element) == JsonKind::string) found.push_back(json_decode_string(element));
  }
  return found;
}

bool is_json_object(std::string_view text) {
  const auto value = trimmed(text);
  return !value.empty() && value.front() == '{' && !JsonChecker().check(value);
}

}  // namespace offpeak::cli
