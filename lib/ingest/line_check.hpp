// Is one request of a job file fit to be sent? Pure; one thread an object. Its speed is the speed of intake:
// one pass that checks the JSON, and one that slices it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.hpp"
#include "base/json.hpp"
#include "ingest/fault.hpp"
#include "ingest/long_request.hpp"
#include "ingest/params_rules.hpp"
#include "model/line_index.hpp"

namespace offpeak {

struct CheckedLine {
  LineEntry entry;      // its `offset` is the caller's to set; no params where the line is bad
  bool has_id = false;  // a custom_id that can be read, good or not
  Digest128 id_digest;  // of the decoded custom_id
};

// The members merged under each line's params, taken apart once a file.
class Defaults {
 public:
  // `raw` is an object that passed ParamsRules, or empty.
  explicit Defaults(std::string_view raw = "");
  // The size of merge_defaults(params, raw), without making it.
  std::uint64_t merged_bytes(std::size_t params_bytes, const std::vector<std::string_view>& params_keys) const;
  bool has_model = false, has_max_tokens = false, has_messages = false;

 private:
  struct Member {
    std::string key;
    std::uint64_t bytes;  // of ,"key":value
  };
  std::vector<Member> members_;
};

class LineChecker {
 public:
  // `json` must outlive this. `body_bytes_max` bounds the HTTP body that one request alone would make.
  LineChecker(JsonChecker& json, std::uint64_t body_bytes_max) : json_(json), batch_bytes_max_(body_bytes_max) {}

  void use(Defaults defaults) { defaults_ = std::move(defaults); }

  // A longer line cannot fit a batch and need not be looked at.
  std::uint64_t line_bytes_max() const { return batch_bytes_max_ + line_bytes_beyond_params; }
  Fault too_long(std::uint64_t line_bytes) const;

  // `line` comes without its line break. No faults: the line is good and `checked` is complete. The list is
  // valid until the next call.
  const std::vector<Fault>& check(std::string_view line, CheckedLine& checked);

  // The same of a line that is too long to be held. Where it is not JSON, `head` are the line's first bytes, and `rest`
  // those from the fault on. The checksum of the params is left to the caller.
  const std::vector<Fault>& check_long(const LongRequest& line, std::uint64_t bytes, std::string_view head,
                                       std::string_view rest, CheckedLine& checked);

  // Not valid JSON at all; such a fault in a *.json file leaves nothing to trust.
  bool was_not_json() const { return was_not_json_; }

  // The value of "offpeak" where `line` is an options line (or means to be one, with other members beside
  // it).
  std::optional<std::string_view> options_of(std::string_view line, std::vector<Fault>& faults);
  std::optional<Fault> json_fault(std::string_view text);

 private:
  // What may stand beside the params: an escaped custom_id, keys and white space.
  static constexpr std::uint64_t line_bytes_beyond_params = 64 * 1024;

  void check_value(std::string_view line, CheckedLine& checked);
  void put_back(const LongRequest& line, CheckedLine& checked);
  bool check_usual_form(std::string_view line, CheckedLine& checked);
  void check_members(std::string_view line, CheckedLine& checked);
  void unknown_member(std::string_view line, const JsonMember& member, std::string_view key);
  void check_id(std::string_view line, std::string_view value, CheckedLine& checked);
  void check_params(std::string_view line, std::string_view value, CheckedLine& checked);
  void finish_params(std::size_t offset, std::string_view value, const ParamsRules::Found& found, CheckedLine& checked);
  void add(std::size_t offset, std::string message, std::string hint = "");

  JsonChecker& json_;
  std::uint64_t batch_bytes_max_;
  Defaults defaults_;
  ParamsRules rules_;
  std::vector<Fault> faults_;
  std::string decoded_id_;
  const LongRequest* long_ = nullptr;  // whose outline is checked
  bool was_not_json_ = false;
  bool other_shape_ = false;  // said already that the line is in another vendor's shape
};

}  // namespace offpeak
