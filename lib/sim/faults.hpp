// Faults as rules: on which calls, how often, and what then happens. The rules decide; Exchange carries out
// what belongs to the API, the transport what belongs to the wire. Read from JSON by script.hpp, which
// documents every word.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "sim/batch.hpp"
#include "sim/call.hpp"
#include "sim/results.hpp"

namespace offpeak::sim {

enum class Verb : std::uint8_t { create, list, retrieve, results, cancel, remove, none };

// When the call is cut short.
enum class When : std::uint8_t {
  early,    // before its body is read; nothing is done
  instead,  // after its body was read; nothing is done
  after,    // after it was done
};

enum class Shape : std::uint8_t { api, html, text, json, empty };

// Answers a status other than the call's own.
struct AnswerWith {
  When when = When::instead;
  Shape shape = Shape::api;
  int status = 500;
  std::string type;          // empty: the status' own
  std::string message;       // empty: the type's own
  std::string error_code;    // details.error_code
  std::string retry_after;   // the header's text
  std::string should_retry;  // x-should-retry's text
  std::string location;      // a redirect's
};

// Answers nothing.
struct Drop {
  When when = When::instead;
  Delivery how = Delivery::close;
  std::uint64_t after_body_bytes = 0;  // early: so many body bytes are read first
};

struct Delay {
  When when = When::after;
  Duration duration{0};
};

struct Trickle {
  std::uint64_t bytes = 1024;
  Duration pause{100};
};

// The body ends too soon, although the framing promised more; or the head does.
struct Cut {
  bool in_head = false;  // `bytes` counts from the first byte of the status line
  std::optional<std::uint64_t> bytes;
  double fraction = 0.5;
  bool reset = false;
};

// The call is done and answered with its own status, but the body cannot be used. The transfer is complete.
struct Garble {
  enum class As : std::uint8_t { truncated, text, html, empty, no_id, wrong_type };
  As as = As::truncated;
  std::optional<std::uint64_t> bytes;  // truncated: what is left
  double fraction = 0.5;
};

struct Frame {
  Framing as = Framing::until_close;
};

// The batch made by this create is hidden at first.
struct Lag {
  Duration duration{0};
  bool retrieve = true;  // from retrieve, results and cancel too, not from lists only
};

// The batch of this create is made later than the call was answered.
struct Late {
  Duration duration{0};
};

// Answers what was true so long ago.
struct Stale {
  Duration by{0};
};

struct NeverEnd {};

struct WrongCounts {
  Counts more;  // added to the truth
};

// A stranger's batch appears: before the call is done, or behind it for one of equal size.
struct Foreign {
  std::uint32_t requests = 1;
  bool same_size = false;  // as many requests as this create has
  Maker maker = Maker::program;
};

// Something between sends this create's body twice, and the provider makes two batches of it.
struct Repeat {
  Duration after{0};           // how much later the second one is made
  bool answer_second = false;  // the client is told the second one's id
};

// The counts of the batch that this create makes are all zero at first.
struct Untallied {
  Duration duration{0};
};

// The list is not whole.
struct ShortList {
  enum class As : std::uint8_t {
    empty,      // no entries, has_more
    no_cursor,  // has_more, no ids to go on from
    ends,       // `entries` are left of the page, no has_more
  };
  As as = As::empty;
  std::uint64_t entries = 0;
};

// One entry of the list cannot be read as it should be.
struct OddEntry {
  enum class As : std::uint8_t { status, null_counts, zero_counts, one_short, no_created_at };
  As as = As::status;
  std::uint64_t index = 0;  // of the page; counted on from its end where there are fewer
};

// One row of the batch that this create makes, or all, are errored.
struct RowError {
  std::optional<std::uint32_t> index;  // nothing: all
  std::string type = "api_error";
  std::string message;
};

using Action = std::variant<AnswerWith, Drop, Delay, Trickle, Cut, Garble, Frame, Lag, Late, Stale, NeverEnd,
                            WrongCounts, Foreign, LineFaults, RowError, Repeat, Untallied, ShortList, OddEntry>;

struct FaultRule {
  std::string text;        // as it was written, for GET /_sim/faults
  std::optional<Verb> on;  // nothing: any call of the API
  std::uint64_t from = 1,
                to = UINT64_MAX;  // of the calls that it is about, counted from 1 since the rule exists
  std::uint64_t every = 1;
  double probability = 1;
  std::optional<std::uint64_t> batch;  // retrieve, results, cancel, delete: only of the n-th batch made
  Action action;

  std::uint64_t seen = 0, fired = 0;
};

// What the rules that fired want of one call: all their actions, in the order of the rules.
class Plan {
 public:
  std::vector<Action> actions;

  // The first action of that kind, or nullptr.
  template <class T>
  const T* find() const {
    for (const auto& action : actions) {
      if (const auto* found = std::get_if<T>(&action)) return found;
    }
    return nullptr;
  }
};

class FaultBook {
 public:
  void add(FaultRule rule) { rules_.push_back(std::move(rule)); }
  void clear() { rules_.clear(); }
  const std::vector<FaultRule>& rules() const { return rules_; }
  std::uint64_t fired() const { return fired_; }

  // Counts the call and says what must go wrong with it. `batch_number`: of the batch it is about, or 0.
  Plan plan(Verb verb, std::uint64_t batch_number, std::uint64_t seed);

 private:
  std::vector<FaultRule> rules_;
  std::uint64_t fired_ = 0;
};

std::optional<Verb> parse_verb(std::string_view name);

}  // namespace offpeak::sim
