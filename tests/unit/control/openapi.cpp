#include "unit/control/openapi.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <fstream>
#include <iterator>

namespace offpeak::testing {

namespace {

namespace json = boost::json;

std::string lower(std::string text) {
  for (auto& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

bool is_of(std::string_view type, const json::value& value) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_bool();
  if (type == "null") return value.is_null();
  if (type == "integer") return value.is_int64() || value.is_uint64();
  return type == "number" && value.is_number();
}

bool type_fits(const json::value& type, const json::value& value) {
  if (type.is_string()) return is_of(type.get_string(), value);
  return std::ranges::any_of(type.get_array(), [&](const auto& one) { return is_of(one.get_string(), value); });
}

}  // namespace

OpenApi::OpenApi() {
  std::ifstream file(OFFPEAK_SOURCE_DIR "/schema/openapi.json");
  document_ = json::parse(std::string{std::istreambuf_iterator<char>(file), {}});
}

std::set<std::string> OpenApi::operations() const {
  std::set<std::string> found;
  for (const auto& path : document_.at("paths").as_object()) {
    for (const auto& method : path.value().as_object()) {
      std::string name(method.key());
      for (auto& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
      found.insert(name + " " + std::string(path.key()));
    }
  }
  return found;
}

std::string OpenApi::query_of(const std::string& method, const std::string& path) const {
  const auto& operation = document_.at("paths").at(path).at(lower(method)).as_object();
  std::string names;
  const auto* parameters = operation.if_contains("parameters");
  if (parameters == nullptr) return names;
  for (const auto& parameter : parameters->as_array()) {
    if (parameter.at("in").as_string() != "query") continue;
    if (!names.empty()) names += ',';
    names += std::string_view(parameter.at("name").as_string());
  }
  return names;
}

const json::value& OpenApi::resolve(const json::value& node) const {
  const auto* object = node.if_object();
  const auto* reference = object == nullptr ? nullptr : object->if_contains("$ref");
  if (reference == nullptr) return node;
  return document_.at_pointer(std::string_view(reference->as_string()).substr(1));
}

std::string OpenApi::check(const std::string& method, const std::string& path, int status,
                           const std::string& body) const {
  const auto& responses = document_.at("paths").at(path).at(lower(method)).at("responses").as_object();
  const auto* response = responses.if_contains(std::to_string(status));
  if (response == nullptr) return "status " + std::to_string(status) + " is not described";
  const auto& content = resolve(*response).at("content").as_object();
  if (content.begin()->key() == "application/jsonl") return "";
  json::error_code ec;
  const auto value = json::parse(body, ec);
  if (ec) return "not JSON: " + body;
  return check_value(content.begin()->value().at("schema"), value, "$");
}

std::string OpenApi::check_value(const json::value& node, const json::value& value, std::string place) const {
  const auto& schema = resolve(node).as_object();
  if (const auto* all = schema.if_contains("allOf")) {
    for (const auto& one : all->as_array()) {
      if (auto wrong = check_value(one, value, place); !wrong.empty()) return wrong;
    }
  }
  if (const auto* any = schema.if_contains("anyOf")) {
    const auto fits = [&](const auto& one) { return check_value(one, value, place).empty(); };
    if (std::ranges::none_of(any->as_array(), fits)) return place + " fits nothing: " + json::serialize(value);
  }
  if (const auto* type = schema.if_contains("type"); type != nullptr && !type_fits(*type, value)) {
    return place + " has another type: " + json::serialize(value);
  }
  if (const auto* words = schema.if_contains("enum"); words != nullptr && value.is_string()) {
    const auto& known = words->as_array();
    if (std::find(known.begin(), known.end(), value) == known.end()) return place + " is " + json::serialize(value);
  }
  if (const auto* items = schema.if_contains("items"); items != nullptr && value.is_array()) {
    for (const auto& item : value.get_array()) {
      if (auto wrong = check_value(*items, item, place + "[]"); !wrong.empty()) return wrong;
    }
  }
  if (const auto* required = schema.if_contains("required")) {
    for (const auto& name : required->as_array()) {
      if (!value.as_object().contains(name.as_string())) {
        return place + " lacks " + std::string(std::string_view(name.as_string()));
      }
    }
  }
  if (const auto* properties = schema.if_contains("properties"); properties != nullptr && value.is_object()) {
    for (const auto& property : properties->as_object()) {
      const auto* member = value.get_object().if_contains(property.key());
      if (member == nullptr) continue;
      if (auto wrong = check_value(property.value(), *member, place + "." + std::string(property.key()));
          !wrong.empty()) {
        return wrong;
      }
    }
  }
  return "";
}

}  // namespace offpeak::testing
