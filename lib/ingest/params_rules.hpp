// What must hold for the params of a request before the provider sees them, and for the defaults merged under
// them: the members that every request needs, and no member twice. What the provider alone can know is not
// checked. Pure.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "ingest/fault.hpp"

namespace offpeak {

// Keeps its memory from one object to the next. One thread.
class ParamsRules {
 public:
  // Which of the members that every request needs were there.
  struct Found {
    bool model = false;
    bool max_tokens = false;
    bool messages = false;
    bool empty = true;    // no member at all
    std::size_t end = 0;  // behind the last member's value
  };

  // Checks the members of `object`, which is valid JSON and an object. A fault's offset is `base` plus its
  // place in `object`; `what` names the object in messages.
  Found check(std::string_view object, std::size_t base, std::string_view what, std::vector<Fault>& faults);

  // The decoded keys of the object checked last; they point into it, or into memory of ours.
  const std::vector<std::string_view>& keys() const { return keys_; }

 private:
  std::string_view decoded(std::string_view raw_key);
  void check_twice(std::string_view object, std::size_t base, std::string_view what, std::vector<Fault>& faults);

  std::vector<std::string_view> keys_;
  std::vector<std::string_view> raw_keys_;
  std::deque<std::string> decoded_;  // only keys with escapes
};

}  // namespace offpeak
