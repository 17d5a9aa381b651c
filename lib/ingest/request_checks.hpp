// Checks many requests of one file together, on two threads where they are enough to be worth it. What is found does
// not depend on that. File worker; the second thread lives within check() only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "ingest/fault.hpp"
#include "ingest/line_check.hpp"
#include "ingest/splitter.hpp"

namespace offpeak {

// A request as it was found in the file, and what check() says of it.
struct FoundRequest {
  Piece piece;
  std::string_view text;  // of a line that is too long to be held, its outline
  CheckedLine checked;
  std::vector<Fault> faults;  // none: it is good
  bool was_not_json = false;

  bool is_held() const { return text.size() == piece.bytes; }
};

class RequestChecks {
 public:
  // `json` must outlive this. `body_bytes_max` as in LineChecker; fewer bytes than `together_bytes_min` are checked
  // by the caller's thread alone.
  RequestChecks(JsonChecker& json, std::uint64_t body_bytes_max, std::uint64_t together_bytes_min);
  ~RequestChecks();
  RequestChecks(const RequestChecks&) = delete;
  RequestChecks& operator=(const RequestChecks&) = delete;

  void use(const Defaults& defaults);
  // Fills in what is not `piece` or `text`. `meanwhile` runs on the caller's thread once the other one has begun.
  void check(std::span<FoundRequest> requests, const std::function<void()>& meanwhile = {});

  // For what is checked alone.
  LineChecker& one() { return here_; }

 private:
  struct Beside;

  void make_beside();

  std::uint64_t body_bytes_max_;
  std::uint64_t together_bytes_min_;
  Defaults defaults_;
  LineChecker here_;
  std::unique_ptr<Beside> beside_;  // made when it is first needed
};

}  // namespace offpeak
