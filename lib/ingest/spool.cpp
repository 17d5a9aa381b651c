#include "ingest/spool.hpp"

#include <fmt/format.h>

#include <cerrno>

#include "base/text.hpp"

namespace offpeak {

namespace {

constexpr std::size_t copy_bytes = 1024 * 1024;
constexpr std::string_view error_suffix = ".error.json";
constexpr std::size_t rejected_name_bytes_max = 200;
constexpr std::size_t kept_tail_bytes = 24;  // of a name that is too long: its suffixes
constexpr int numbered_names_max = 100;      // then the intake's id is taken, which nobody else has

std::size_t character_start(std::string_view text, std::size_t at) {
  while (at > 0 && at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  return at;
}

Result<bool> exists(Files& files, const std::string& path) {
  const auto info = files.info(path);
  if (info) return true;
  if (info.error().kind == ErrorKind::not_found) return false;
  return info.error();
}

Result<void> write_document(Files& files, const std::string& path, std::string_view document) {
  auto file = files.open(path, OpenFor::writing_new);
  if (!file) return file.error();
  auto written = (*file)->append(document);
  if (written) written = (*file)->sync();
  if (!written) [[maybe_unused]]
    const auto removed = files.remove(path);
  return written;
}

// False where the name is taken.
Result<bool> move_as(Files& files, const std::string& from, const std::string& to, std::string_view document) {
  const auto document_path = to + std::string(error_suffix);
  const auto taken = exists(files, to);
  if (!taken) return taken;
  if (*taken) return false;
  const auto written = write_document(files, document_path, document);
  if (!written && written.error().os_error == EEXIST) return false;
  if (!written) return written.error();
  const auto moved = files.move_new(from, to);
  if (moved || moved.error().kind == ErrorKind::not_found) return true;
  // Moved, and a folder could not be synced: the document stays with its file, and the next try only syncs.
  if (const auto left = exists(files, from); left && !*left) return moved.error();
  [[maybe_unused]] const auto removed = files.remove(document_path);
  if (moved.error().os_error == EEXIST) return false;
  return moved.error();
}

// Of the n-th name that is tried.
std::string suffix_of(int number, JobId id) {
  if (number == 0) return "";
  return number == numbered_names_max ? fmt::format(".id{}", id.value) : fmt::format(".{}", number);
}

}  // namespace

std::string claimed_name(JobId id) { return fmt::format("{}", id.value); }
std::string data_name(JobId id) { return claimed_name(id).append(data_suffix); }
std::string claimed_path(const std::string& claimed, JobId id) { return join_path(claimed, claimed_name(id)); }
std::string data_path(const std::string& claimed, JobId id) { return join_path(claimed, data_name(id)); }
std::string ids_path(const std::string& claimed, JobId id) { return claimed_path(claimed, id).append(ids_suffix); }

Result<void> sync_claims(Files& files, const std::string& claimed, const std::string& incoming) {
  if (auto synced = files.sync_folder(claimed); !synced) return synced;
  return files.sync_folder(incoming);
}

std::string rejected_name(std::string_view name) {
  auto shown = escape_for_display(name, 4 * name.size() + 1);
  for (char& c : shown) {
    if (c == '/') c = '_';
  }
  if (shown.empty() || shown == "." || shown == "..") return "_";
  if (shown.size() <= rejected_name_bytes_max) return shown;
  const auto head = character_start(shown, rejected_name_bytes_max - kept_tail_bytes - 3);
  const auto tail = character_start(shown, shown.size() - kept_tail_bytes);
  return shown.substr(0, head) + "..." + shown.substr(tail);
}

Result<std::string> move_to_rejected(Files& files, const std::string& from, const std::string& rejected,
                                     std::string_view name, JobId id, std::string_view document) {
  const auto base = rejected_name(name);
  const auto waiting = exists(files, from);
  if (!waiting) return waiting.error();
  if (const auto there = exists(files, join_path(rejected, base)); !*waiting && there && *there) {
    if (auto synced = files.sync_folder(rejected); !synced) return synced.error();
    if (auto synced = files.sync_folder(folder_of(from)); !synced) return synced.error();
    return base;
  }
  for (int number = 0; number <= numbered_names_max; ++number) {
    const auto taken = base + suffix_of(number, id);
    const auto moved = move_as(files, from, join_path(rejected, taken), document);
    if (!moved) return moved.error();
    if (*moved) return taken;
  }
  return make_error(ErrorKind::io, fmt::format("no free name for {} in {}", base, rejected), "empty the folder");
}

std::string find_rejected(Files& files, const std::string& rejected, std::string_view name, JobId id,
                          std::string_view document) {
  const auto base = rejected_name(name);
  for (int number = 0; number <= numbered_names_max; ++number) {
    const auto taken = base + suffix_of(number, id);
    const auto path = join_path(rejected, taken);
    const auto written = read_small_file(files, path + std::string(error_suffix), document.size());
    if (written && *written == document && files.info(path)) return taken;
  }
  return "";
}

Result<void> write_anew(Files& files, const std::string& path) {
  auto from = files.open(path, OpenFor::reading);
  if (!from) return from.error();
  const auto anew = path + std::string(anew_suffix);
  auto to = files.open(anew, OpenFor::rewriting);
  if (!to) return to.error();
  std::string block(copy_bytes, '\0');
  for (std::uint64_t offset = 0;;) {
    const auto got = (*from)->read_at(block, offset);
    if (!got) return got.error();
    if (*got == 0) break;
    if (auto put = (*to)->append(std::string_view(block).substr(0, *got)); !put) return put;
    offset += *got;
  }
  if (auto synced = (*to)->sync(); !synced) return synced;
  return files.move(anew, path);
}

}  // namespace offpeak
