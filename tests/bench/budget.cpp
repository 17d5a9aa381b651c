// One piece, so many times: budget.py counts its instructions under valgrind. And the memory of whole files.
//
//   bench_budget list FOLDER             the pieces: name, units a repetition
//   bench_budget run FOLDER PIECE COUNT  a piece COUNT times; `none` does nothing but what all have in common
//   bench_budget make FOLDER             a job file of 100 MB and a download of 60 MB
//   bench_budget memory FOLDER           reads both as the stages do; prints the peak of this process in KiB
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <string>

#include "base/files.hpp"
#include "base/json.hpp"
#include "hot.hpp"
#include "ingest/file_check.hpp"
#include "job_lines.hpp"
#include "model/limits.hpp"
#include "model/params.hpp"
#include "results/download_reader.hpp"

namespace offpeak::bench {

namespace {

constexpr std::uint64_t job_lines = 37'000;
constexpr std::uint32_t download_lines = 36'000;
const std::string nonce(wire_nonce_bytes, 'b');

void make_files(const std::string& folder) {
  std::ofstream job(folder + "/job.jsonl"), download(folder + "/download.jsonl");
  JobLines lines(2);
  std::string line;
  for (std::uint64_t i = 0; i < job_lines; ++i) {
    line.clear();
    lines.append_long(i, line);
    job << line;
  }
  for (std::uint32_t i = 0; i < download_lines; ++i) download << result_line(wire_id(WireId{nonce, i, i}), i) << '\n';
  if (!job.flush() || !download.flush()) throw std::runtime_error("cannot write to " + folder);
}

void check_job(const std::string& folder) {
  SystemFiles files;
  auto file = files.open(folder + "/job.jsonl", OpenFor::reading);
  if (!file) throw std::runtime_error(file.error().message);
  JsonChecker json;
  FileCheck check(**file, files, json, JobFormat::lines, CheckSettings(), folder + "/spill");
  for (bool finished = false; !finished;) {
    const auto slice = check.step(4 * 1024 * 1024);
    if (!slice) throw std::runtime_error(slice.error().message);
    finished = slice->finished;
  }
  if (check.rejected() || check.requests() != job_lines) throw std::runtime_error("the job was not taken");
}

void read_download(const std::string& folder) {
  SystemFiles files;
  auto file = files.open(folder + "/download.jsonl", OpenFor::reading);
  if (!file) throw std::runtime_error(file.error().message);
  ReadPlan plan;
  plan.nonce = nonce;
  plan.requests = download_lines;
  Assignment assignment;
  assignment.range = {JobId{1}, 0, download_lines};
  plan.assignments.push_back(assignment);
  plan.jobs[JobId{1}] = {};
  DownloadReader reader(files, std::move(plan));
  reader.begin(std::move(*file), true);
  std::uint64_t rows = 0;
  while (!reader.at_end()) {
    const auto some = reader.next(8192);
    if (!some) throw std::runtime_error(some.error().message);
    rows += some->size();
  }
  if (rows != download_lines) throw std::runtime_error("not every line was read");
}

std::string peak_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word == "VmHWM:" && status >> word) return word;
  }
  throw std::runtime_error("/proc/self/status has no VmHWM");
}

int run(int argc, char** argv) {
  const std::string what = argc > 2 ? argv[1] : "";
  const std::string folder = argc > 2 ? argv[2] : "";
  if (what == "make") {
    make_files(folder);
  } else if (what == "memory") {
    check_job(folder);
    read_download(folder);
    fmt::print("{}\n", peak_kib());
  } else if (what == "list") {
    for (const auto& piece : hot_pieces(folder)) fmt::print("{} {} {}\n", piece.name, piece.units, piece.unit);
  } else if (what == "run" && argc == 5) {
    for (const auto& piece : hot_pieces(folder)) {
      if (piece.name != argv[3]) continue;
      for (long i = std::atol(argv[4]); i > 0; --i) piece.run();
    }
  } else {
    fmt::print(stderr, "usage: bench_budget list|make|memory FOLDER, or run FOLDER PIECE COUNT\n");
    return 2;
  }
  return 0;
}

}  // namespace

}  // namespace offpeak::bench

int main(int argc, char** argv) {
  try {
    return offpeak::bench::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_budget: {}\n", error.what());
    return 1;
  }
}
