#include "ingest/request_checks.hpp"

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

// How many of the requests hold about half of their bytes; never all of two or more.
std::size_t first_half(std::span<const FoundRequest> requests) {
  const auto all = bytes_of(requests);
  std::uint64_t bytes = 0;
  std::size_t count = 0;
  while (count + 1 < requests.size() && 2 * bytes < all) bytes += requests[count++].text.size();
  return count;
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

void RequestChecks::check(std::span<FoundRequest> requests) {
  if (requests.size() < 2 || bytes_of(requests) < together_bytes_min_) return check_each(here_, requests);
  if (!beside_) make_beside();
  const auto half = first_half(requests);
  std::exception_ptr failure;
  std::thread second;
  try {
    second = std::thread([&] {
      try {
        check_each(beside_->checker, requests.subspan(half));
      } catch (...) {
        failure = std::current_exception();
      }
    });
  } catch (const std::system_error&) {
    // The system has no thread to give: then one has to do.
    return check_each(here_, requests);
  }
  try {
    check_each(here_, requests.first(half));
  } catch (...) {
    second.join();
    throw;
  }
  second.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace offpeak
