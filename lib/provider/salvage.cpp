#include "provider/salvage.hpp"

#include <boost/json/basic_parser_impl.hpp>

namespace offpeak {

namespace {

// Sees the events of a parse that may end in an error; keeps the strings that stand directly in the outermost
// object.
struct Collector {
  static constexpr std::size_t max_object_size = std::size_t(-1);
  static constexpr std::size_t max_array_size = std::size_t(-1);
  static constexpr std::size_t max_key_size = std::size_t(-1);
  static constexpr std::size_t max_string_size = std::size_t(-1);
  using error_code = boost::json::error_code;
  using text = boost::json::string_view;

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code&) { return enter(); }
  bool on_object_end(std::size_t, error_code&) { return leave(); }
  // What stands in an outermost array is not at the place that is looked for.
  bool on_array_begin(error_code&) {
    ++depth;
    return enter();
  }
  bool on_array_end(std::size_t, error_code&) {
    --depth;
    return leave();
  }
  bool on_key_part(text part, std::size_t, error_code&) { return append(part); }
  bool on_key(text part, std::size_t, error_code&) {
    append(part);
    key = std::move(word);
    word.clear();
    return true;
  }
  bool on_string_part(text part, std::size_t, error_code&) { return append(part); }
  bool on_string(text part, std::size_t, error_code&) {
    append(part);
    if (depth == 1) keep();
    word.clear();
    return true;
  }
  bool on_number_part(text, error_code&) { return true; }
  bool on_int64(std::int64_t, text, error_code&) { return true; }
  bool on_uint64(std::uint64_t, text, error_code&) { return true; }
  bool on_double(double, text, error_code&) { return true; }
  bool on_bool(bool, error_code&) { return true; }
  bool on_null(error_code&) { return true; }
  bool on_comment_part(text, error_code&) { return true; }
  bool on_comment(text, error_code&) { return true; }

  bool enter() {
    ++depth;
    return true;
  }
  bool leave() {
    --depth;
    return true;
  }
  bool append(text part) {
    word.append(part.data(), part.size());
    return true;
  }
  void keep() {
    if (key == "id" && !found.id) found.id = word;
    if (key == "type" && !found.type) found.type = word;
  }

  int depth = 0;
  std::string key, word;
  SalvagedStrings found;
};

}  // namespace

SalvagedStrings salvage_strings(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = 256;
  boost::json::basic_parser<Collector> parser(options);
  boost::json::error_code ec;
  // "More to come": a text that ends early is no error here, and neither matters what follows a fault.
  parser.write_some(true, text.data(), text.size(), ec);
  return std::move(parser.handler().found);
}

}  // namespace offpeak
