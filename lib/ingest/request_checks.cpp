#include "ingest/request_checks.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <system_error>
#include <thread>

namespace offpeak {

namespace {

void check_each(LineChecker& checker, std::span<FoundRequest> requests) {
  for (auto& request : requests) {
    request.faults = checker.check(request.text, request.checked);
    request.was_not_json = checker.was_not_json();
  }
}

std::uint64_t bytes_of(std::span<const FoundRequest> requests) {
  std::uint64_t bytes = 0;
  for (const auto& request : requests) bytes += request.text.size();
  return bytes;
}

// Takes a few of the requests at a time until none is left; two threads may do so at once.
void check_from(LineChecker& checker, std::span<FoundRequest> requests, std::atomic<std::size_t>& next) {
  constexpr std::size_t at_once = 16;
  for (;;) {
    const auto first = next.fetch_add(at_once);
    if (first >= requests.size()) return;
    check_each(checker, requests.subspan(first, std::min(at_once, requests.size() - first)));
  }
}

}  // namespace

// What the second thread works with.
struct RequestChecks::Beside {
  explicit Beside(std::uint64_t body_bytes_max) : checker(json, body_bytes_max) {}
  JsonChecker json;
  LineChecker checker;
};

RequestChecks::RequestChecks(JsonChecker& json, std::uint64_t body_bytes_max, std::uint64_t together_bytes_min)
    : body_bytes_max_(body_bytes_max), together_bytes_min_(together_bytes_min), here_(json, body_bytes_max) {}

RequestChecks::~RequestChecks() = default;

void RequestChecks::use(const Defaults& defaults) {
  defaults_ = defaults;
  here_.use(defaults);
  if (beside_) beside_->checker.use(defaults);
}

void RequestChecks::make_beside() {
  beside_ = std::make_unique<Beside>(body_bytes_max_);
  beside_->checker.use(defaults_);
}

void RequestChecks::check(std::span<FoundRequest> requests, const std::function<void()>& meanwhile) {
  std::atomic<std::size_t> next = 0;
  std::exception_ptr failure;
  std::thread second;
  if (requests.size() > 1 && bytes_of(requests) >= together_bytes_min_) {
    if (!beside_) make_beside();
    try {
      second = std::thread([&] {
        try {
          check_from(beside_->checker, requests, next);
        } catch (...) {
          failure = std::current_exception();
        }
      });
    } catch (const std::system_error&) {
      // The system has no thread to give: then one has to do.
    }
  }
  try {
    if (meanwhile) meanwhile();
    check_from(here_, requests, next);
  } catch (...) {
    if (second.joinable()) second.join();
    throw;
  }
  if (second.joinable()) second.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace offpeak
