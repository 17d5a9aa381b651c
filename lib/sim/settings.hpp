// The rules of the simulated API that can be set: by the command line, by a script, at run time. Plain
// values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "model/limits.hpp"

namespace offpeak::sim {

// One name of a weighted mix.
struct Weighted {
  std::string name;
  double weight = 0;
};

struct Settings {
  std::uint64_t seed = 1;
  // "succeeded", "expired", "canceled", "errored:<type>"; what a type's message is stands in outcome.hpp.
  std::vector<Weighted> outcomes{{"succeeded", 1}};
  std::vector<Weighted> stop_reasons{{"end_turn", 1}};

  Duration processing_time{2000};                                      // from creation to the end
  Duration cancel_time{200};                                           // from a cancel call to the end
  Duration expire_after = std::chrono::hours(24);                      // what is unprocessed then has expired
  Duration results_kept = std::chrono::hours(24 * results_kept_days);  // from creation
  Duration list_lag{0};  // every new batch is hidden from list and retrieve for so long

  std::uint64_t answer_bytes = 300;  // of text in a succeeded message
  std::uint64_t max_requests = batch_requests_max;
  std::uint64_t max_bytes = batch_bytes_max;
  std::uint64_t queue_limit = 0;  // requests in unfinished batches; more are answered 429. 0: none
  bool progress = false;          // request_counts move before the batch has ended
  bool html_413 = true;           // Cloudflare's page instead of the API's error shape
  std::uint64_t page_limit = 0;   // a page of the list has no more entries, whatever was asked for. 0: as asked for
  int poll_retry_after = 10;      // seconds, on a 200 for an unfinished batch; 0: no header

  std::string api_key;  // empty: any key
  std::string workspace = "wrkspc_01SimulatedWorkspace";
  std::string organization = "5157a7e0-0000-4000-8000-000000000000";
  std::string scheme = "http";   // of the URLs made from the call's Host
  std::string results_url_base;  // instead of scheme and Host
};

}  // namespace offpeak::sim
