// What ingest does to the folders of the spool: names in claimed/, moves to rejected/. File worker only.
#pragma once

#include <string>
#include <string_view>

#include "base/files.hpp"
#include "model/ids.hpp"

namespace offpeak {

// Beside the file of job 7, "7", there may be in claimed/:
inline constexpr std::string_view data_suffix = ".data";  // what it was unpacked to
inline constexpr std::string_view ids_suffix = ".ids";    // while it is checked
inline constexpr std::string_view anew_suffix = ".anew";  // while it is written once more

// The files of one intake or job in claimed/: as it came, decompressed, and custom_ids that did not fit
// memory.
std::string claimed_name(JobId id);
std::string data_name(JobId id);
std::string claimed_path(const std::string& claimed, JobId id);
std::string data_path(const std::string& claimed, JobId id);
std::string ids_path(const std::string& claimed, JobId id);

// Makes moves from incoming/ to claimed/ durable: first where the files are now, so that none is ever nowhere.
Result<void> sync_claims(Files& files, const std::string& claimed, const std::string& incoming);

// A name for rejected/: odd bytes escaped, at most 200 bytes with the suffix kept. The result may be taken
// already.
std::string rejected_name(std::string_view name);

// Writes `document` beside it, then moves the file: NAME, or NAME.1, NAME.2 ... where that is taken. Both are
// durable when it returns. Nothing is ever overwritten. Returns the name taken; a file that is gone already
// is no failure.
Result<std::string> move_to_rejected(Files& files, const std::string& from, const std::string& rejected,
                                     std::string_view name, JobId id, std::string_view document);

// The name that move_to_rejected has given, as the document beside it tells; empty where it is not there.
std::string find_rejected(Files& files, const std::string& rejected, std::string_view name, JobId id,
                          std::string_view document);

// Writes the file once more under its name, durably. For a file whose sync failed: another sync would report success
// without writing what the first one lost (Linux drops it), so the bytes that can still be read go to new pages.
Result<void> write_anew(Files& files, const std::string& path);

}  // namespace offpeak
