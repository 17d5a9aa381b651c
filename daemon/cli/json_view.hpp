// JsonView: members of an object by name, with a plain default where one is missing. Over text that JsonChecker
// found valid; a view, so the text must stay.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace offpeak::cli {

class JsonView {
 public:
  JsonView() = default;
  explicit JsonView(std::string_view raw) : raw_(raw) {}

  std::string_view raw() const { return raw_; }
  std::string text(std::string_view key) const;                // "" where missing, null or no string
  std::int64_t integer(std::string_view key) const;            // 0
  double number(std::string_view key) const;                   // 0
  bool flag(std::string_view key) const;                       // false
  JsonView object(std::string_view key) const;                 // an empty object
  std::vector<JsonView> array(std::string_view key) const;     // its objects
  std::vector<std::string> texts(std::string_view key) const;  // its strings

 private:
  std::optional<std::string_view> member(std::string_view key) const;
  std::string_view raw_ = "{}";
};

// Valid JSON with an object outside.
bool is_json_object(std::string_view text);

}  // namespace offpeak::cli
