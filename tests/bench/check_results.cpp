// Compares a job file of bench_make_job with its results.jsonl: every custom_id once, as it was spelled, in input order, and
// with the answer of its own request. Fast, so that a million lines are no wait.
//
//   bench_check_results JOB RESULTS REQUESTS-A-BATCH...
//
// The fake provider writes batch and place into the id of each answer; the numbers say how many requests each batch had.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::string_view head = "{\"custom_id\":\"";
constexpr std::string_view answer = ",\"result\":{\"type\":\"succeeded\",\"message\":{\"id\":\"msg_";

std::string_view id_of(std::string_view line) {
  if (!line.starts_with(head)) return {};
  return line.substr(head.size(), line.find('"', head.size()) - head.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  std::ifstream job(argv[1]), results(argv[2]);
  std::vector<std::uint64_t> batches;
  for (int i = 3; i < argc; ++i) batches.push_back(std::strtoull(argv[i], nullptr, 10));
  std::string asked, answered;
  std::uint64_t lines = 0, wrong = 0, place = 0;
  std::size_t batch = 0;
  while (std::getline(job, asked)) {
    ++lines;
    if (!std::getline(results, answered)) {
      fmt::print("{} lines are missing from line {} on\n", argv[2], lines);
      return 1;
    }
    const auto id = id_of(asked);
    const auto rest = std::string_view(answered).substr(std::min(answered.size(), head.size() + id.size() + 1));
    const auto number = rest.starts_with(answer) ? rest.substr(answer.size(), 14) : std::string_view();
    if (batch < batches.size() && place == batches[batch]) {
      ++batch;
      place = 0;
    }
    // Batches are numbered over the life of the provider, so only the place is compared.
    const bool good = !id.empty() && id_of(answered) == id && number.size() == 14 && answered.back() == '}' &&
                      std::strtoull(std::string(number.substr(6)).c_str(), nullptr, 10) == place;
    if (!good && wrong++ < 3) fmt::print("line {}: {}\n", lines, answered.substr(0, 160));
    ++place;
  }
  if (std::getline(results, answered)) ++wrong;
  fmt::print("{} lines, {} wrong\n", lines, wrong);
  return wrong == 0 && lines > 0 ? 0 : 1;
}
