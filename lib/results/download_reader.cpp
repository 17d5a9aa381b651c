#include "results/download_reader.hpp"

#include <algorithm>
#include <tuple>

#include "base/digest.hpp"
#include "model/params.hpp"
#include "results/long_line.hpp"

namespace offpeak {

namespace {

// One slice reads at most about this much, so that nobody else waits long for the file worker.
constexpr std::uint64_t slice_bytes = 24 * 1024 * 1024;
constexpr std::size_t copy_block_bytes = 256 * 1024;

}  // namespace

DownloadReader::DownloadReader(Files& files, ReadPlan plan)
    : files_(files), plan_(std::move(plan)), seen_(plan_.requests), checksums_(plan_.requests) {
  tally_.took_unreadable = plan_.take_unreadable;
}

DownloadReader::~DownloadReader() = default;

void DownloadReader::begin(std::unique_ptr<File> raw, bool complete) {
  lines_.reset();
  raw_ = std::move(raw);
  lines_.emplace(*raw_, held_line_bytes_max);
  complete_ = complete;
  at_end_ = false;
}

Result<std::vector<ResultRow>> DownloadReader::next(std::size_t most_rows) {
  std::vector<ResultRow> rows;
  rows.reserve(std::min<std::size_t>(most_rows, plan_.requests));
  const auto begin = lines_->offset();
  while (rows.size() < most_rows && lines_->offset() - begin < slice_bytes) {
    FileLine line;
    auto found = lines_->next(line);
    if (!found) return found.error();
    at_end_ = !*found;
    if (at_end_) break;
    if (auto taken = take(line, rows); !taken) return taken.error();
  }
  if (at_end_ && aside_) {
    if (auto synced = aside_->sync(); !synced) return synced.error();
  }
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.request < b.request; });
  return rows;
}

Result<void> DownloadReader::take(const FileLine& line, std::vector<ResultRow>& rows) {
  if (auto read = read_result_line(*raw_, line, checker_, parsed_); !read) return read;
  // Half a line at the end of a cut transfer is no line.
  if (!parsed_.readable() && !line.terminated && !complete_) return {};
  ++tally_.lines;
  const auto id = parse_wire_id(parsed_.custom_id);
  return parsed_.readable() ? take_readable(line, id, rows) : take_unreadable(line, id, rows);
}

bool DownloadReader::is_ours(const std::optional<WireId>& id) const {
  return id && id->nonce == plan_.nonce && id->place < plan_.requests;
}

Result<void> DownloadReader::take_readable(const FileLine& line, const std::optional<WireId>& id,
                                           std::vector<ResultRow>& rows) {
  if (!is_ours(id)) {
    count_foreign(id);
    return keep_aside(line);
  }
  const auto hash = hash_of_line(*raw_, line, parsed_.result_offset, parsed_.result_bytes);
  if (!hash) return hash.error();
  const auto checksum = static_cast<std::uint32_t>(*hash);
  bool same = false;
  const auto* assignment = assignment_of(id->place);
  if (first_of_its_request(id->place, checksum, same)) {
    ++tally_.by_type[static_cast<std::size_t>(parsed_.type)];
    if (assignment != nullptr) {
      add_row(line, *assignment, id->place, checksum, rows);
      return {};
    }
  }
  if (assignment == nullptr) {
    count_foreign(id);
    return keep_aside(line);
  }
  if (same) {
    ++tally_.identical;
    return {};
  }
  ++tally_.different;
  return keep_aside(line);
}

// Where all of them carry the nonce of one other intent, the batch may be that one's.
void DownloadReader::count_foreign(const std::optional<WireId>& id) {
  const bool named = id && id->nonce != plan_.nonce;
  if (tally_.foreign++ == 0 && named) tally_.other_nonce = id->nonce;
  if (named && id->nonce == tally_.other_nonce) return;
  tally_.other_nonce.clear();  // and no later one is taken for that of all
}

Result<void> DownloadReader::take_unreadable(const FileLine& line, const std::optional<WireId>& id,
                                             std::vector<ResultRow>& rows) {
  if (tally_.unreadable++ == 0) tally_.oddity = parsed_.oddity;
  // Half a line at the end of a file that looks whole: more of it may come.
  if (!line.terminated && !parsed_.is_json) return keep_aside(line);
  if (!is_ours(id) || line.bytes > UINT32_MAX) {
    ++tally_.nameless;
    return keep_aside(line);
  }
  auto& seen = seen_[id->place];
  if (seen != Place::no_line) return keep_aside(line);
  seen = Place::unreadable_line;
  ++tally_.unreadable_own;
  const auto* assignment = assignment_of(id->place);
  if (!plan_.take_unreadable || assignment == nullptr) return keep_aside(line);
  return add_unreadable_row(line, *assignment, id->place, rows);
}

bool DownloadReader::first_of_its_request(std::uint32_t place, std::uint32_t checksum, bool& same) {
  auto& seen = seen_[place];
  if (seen == Place::readable_line) {
    same = checksums_[place] == checksum;
    return false;
  }
  if (seen == Place::unreadable_line) --tally_.unreadable_own;
  seen = Place::readable_line;
  checksums_[place] = checksum;
  return true;
}

const Assignment* DownloadReader::assignment_of(std::uint32_t place) const {
  if (place >= plan_.requests) return nullptr;
  const auto behind = std::upper_bound(plan_.assignments.begin(), plan_.assignments.end(), place,
                                       [](std::uint32_t p, const Assignment& a) { return p < a.first_place; });
  if (behind == plan_.assignments.begin()) return nullptr;
  const auto& found = *(behind - 1);
  return place - found.first_place < found.range.count ? &found : nullptr;
}

void DownloadReader::add_row(const FileLine& line, const Assignment& assignment, std::uint32_t place,
                             std::uint32_t checksum, std::vector<ResultRow>& rows) {
  auto& row = rows.emplace_back();
  row.request = {assignment.range.job, assignment.range.first + (place - assignment.first_place), 1};
  row.action = classify_result(parsed_, context_of(assignment, row.request.first));
  row.type = parsed_.type;
  row.offset = line.offset + parsed_.result_offset;
  row.bytes = static_cast<std::uint32_t>(parsed_.result_bytes);
  row.checksum = checksum;
  row.error_type = parsed_.error_type;
  row.stop_reason = parsed_.stop_reason;
  row.usage = parsed_.usage;
  if (parsed_.says_succeeded) price(row);
  ++tally_.own;
  if (row.action != ResultAction::account_again) return;
  if (tally_.account_faults++ == 0) tally_.account_reason = parsed_.error_type;
}

// The whole line is kept as what came; and what it says that was paid for counts.
Result<void> DownloadReader::add_unreadable_row(const FileLine& line, const Assignment& assignment, std::uint32_t place,
                                                std::vector<ResultRow>& rows) {
  const auto hash = hash_of_line(*raw_, line, 0, line.bytes);
  if (!hash) return hash.error();
  auto& row = rows.emplace_back();
  row.request = {assignment.range.job, assignment.range.first + (place - assignment.first_place), 1};
  row.type = OutcomeType::errored;
  row.offset = line.offset;
  row.bytes = static_cast<std::uint32_t>(line.bytes);
  row.checksum = static_cast<std::uint32_t>(*hash);
  row.error_type = unreadable_error_type;
  row.unreadable = Unreadable{std::string(parsed_.oddity), parsed_.is_json};
  row.usage = parsed_.usage;
  if (parsed_.says_succeeded) price(row);
  return {};
}

ResultContext DownloadReader::context_of(const Assignment& assignment, Seq seq) const {
  ResultContext context;
  context.attempts = assignment.attempts;
  context.others_succeeded = plan_.others_succeeded;
  const auto rule = plan_.jobs.find(assignment.range.job);
  if (rule == plan_.jobs.end()) return context;
  context.max_attempts = rule->second.max_attempts;
  context.canceling = rule->second.canceling;
  const auto tries = rule->second.account_tries.find(seq);
  if (tries != rule->second.account_tries.end()) context.account_tries = tries->second;
  return context;
}

// Unknown models are counted, never guessed.
void DownloadReader::price(ResultRow& row) const {
  if (const auto cost = batch_cost(plan_.prices, parsed_.model, row.usage)) {
    row.cost = *cost;
  } else {
    row.model = parsed_.model.empty() ? "unknown" : parsed_.model;
  }
}

Result<void> DownloadReader::keep_aside(const FileLine& line) {
  if (plan_.aside_path.empty()) return {};
  if (!aside_) {
    auto opened = files_.open(plan_.aside_path, OpenFor::appending);
    if (!opened) return opened.error();
    aside_ = std::move(*opened);
    auto info = aside_->info();
    if (!info) return info.error();
    aside_bytes_ = info->bytes;
  }
  if (aside_bytes_ + line.bytes > aside_bytes_max) return {};
  aside_bytes_ += line.bytes + 1;
  if (line.too_long) return copy_aside(line);
  return aside_->append(std::string(line.text) + '\n');
}

// A line that is too long to be held is copied block by block.
Result<void> DownloadReader::copy_aside(const FileLine& line) {
  std::string block(copy_block_bytes, '\0');
  for (std::uint64_t done = 0; done < line.bytes;) {
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(line.bytes - done, block.size()));
    if (auto read = read_exactly(*raw_, std::span(block).first(size), line.offset + done); !read) return read;
    if (auto put = aside_->append(std::string_view(block).substr(0, size)); !put) return put;
    done += size;
  }
  return aside_->append("\n");
}

}  // namespace offpeak
