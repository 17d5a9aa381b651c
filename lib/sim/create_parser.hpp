// Reads the body of a create call block by block and checks it as the API does at once; nothing of the body
// is kept but the element that a block's end cut in two. One parser a call.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.hpp"

namespace offpeak::sim {

class RequestSink {
 public:
  virtual ~RequestSink() = default;
  // One valid request: its decoded custom_id and its params, a valid JSON object, byte for byte. The views
  // end with the call. No longer called once a request broke a rule.
  virtual void take_request(std::string_view custom_id, std::string_view params) = 0;
};

class CreateParser {
 public:
  CreateParser(RequestSink& sink, std::uint64_t most_bytes) : sink_(sink), most_bytes_(most_bytes) {}

  void take(std::string_view block);
  // To be called behind the last block.
  void finish();

  // Said by finish(): the API's message, or nothing where every rule but uniqueness and the list's length
  // holds.
  const std::optional<std::string>& fault() const { return fault_; }
  bool too_large() const { return bytes_ > most_bytes_; }
  std::uint64_t bytes() const { return bytes_; }
  std::uint32_t requests() const { return elements_; }

 private:
  enum class State : std::uint8_t {
    start,
    first_key,
    key,
    colon,
    value,
    first_element,
    element,
    behind_element,
    behind_value,
    end,
    broken
  };
  enum class Part : std::uint8_t { key, value, element };

  // Finds the end of one JSON value that may lie in several blocks.
  class ValueScanner {
   public:
    void reset() { *this = ValueScanner(); }
    // How many bytes of `text` belong to the value; complete() says whether it ended there.
    std::size_t scan(std::string_view text);
    bool complete() const { return complete_; }

   private:
    enum class Kind : std::uint8_t { unknown, string, nested, scalar };
    std::size_t scan_string(std::string_view text, std::size_t at);
    Kind kind_ = Kind::unknown;
    bool complete_ = false, in_string_ = false, escaped_ = false;
    std::uint32_t depth_ = 0;
  };

  void step(char c);
  void begin(Part part);
  std::size_t take_value(std::string_view rest);
  void value_complete(std::string_view text);
  void key_complete(std::string_view text);
  void element_complete(std::string_view text);
  void check_element(std::string_view element);
  void check_custom_id(std::string_view custom_id, std::string_view raw);
  void break_json(std::string message);
  void break_rule(std::string message);

  RequestSink& sink_;
  std::uint64_t most_bytes_;
  std::uint64_t bytes_ = 0;
  std::uint64_t value_at_ = 0;
  std::uint32_t elements_ = 0;
  State state_ = State::start;
  Part part_ = Part::key;
  bool in_value_ = false;
  bool saw_requests_ = false;
  bool value_is_requests_ = false;
  ValueScanner scanner_;
  JsonChecker checker_;
  std::string pending_;  // the beginning of a value that goes on in the next block
  std::optional<std::string> fault_, json_fault_, rule_fault_;
};

}  // namespace offpeak::sim
