// What intake waits for, by what it is about: each begins once and ends once. Plain values for whoever shows them.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

namespace offpeak {

struct IntakeTrouble {
  std::string what;  // a sentence, safe to show
  Instant since{};
  std::optional<Instant> next_action_at;
  bool operator==(const IntakeTrouble&) const = default;
};

class Troubles {
 public:
  // Of any more nothing is kept.
  static constexpr std::size_t most = 1000;

  // It is there. True once: when it is to be said, at its beginning or once it has lasted for `patience`.
  bool note(const std::string& about, std::string what, Instant now, std::optional<Instant> next_action_at,
            Duration patience = Duration(0));
  // It is over. True where its beginning was said.
  bool end(std::string_view about);
  // Those about something that begins so and is not among these are over: what they were about, where it was said.
  std::vector<std::string> end_others(std::string_view begin, const std::set<std::string>& about);
  // What was said, oldest first.
  std::vector<IntakeTrouble> list() const;

 private:
  struct One {
    IntakeTrouble trouble;
    bool said = false;
  };
  std::map<std::string, One, std::less<>> all_;
};

}  // namespace offpeak
