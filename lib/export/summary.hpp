// summary.json of a finished job, and the names of its folder. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "queue/result_lines.hpp"
#include "queue/rows.hpp"

namespace offpeak {

// `job` as it is when it is finished: with its final state and done_at. One JSON object and a line break.
std::string summary_json(const Job& job, const JobTallies& tallies, const std::vector<Batch>& batches);

// A job whose every request has its outcome, as it will be once it is finished.
Job as_finished(Job job, Instant now);

// The name that the folder of results (results_folder_name) has until it is complete.
std::string unfinished_folder_name(const Job& job);
bool is_unfinished_folder_name(std::string_view name);

// What an existing summary.json says: whose it is and when it was done. Nothing where it is none of ours.
struct SummaryFacts {
  JobId job;
  Instant done_at{};
};
std::optional<SummaryFacts> read_summary(std::string_view text);

}  // namespace offpeak
