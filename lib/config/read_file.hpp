// Reads the small files a person or the service manager puts in place. Unlike Files::open it follows links,
// because /etc is full of them. May block; called at start and at a reload.
#pragma once

#include <string>

#include "base/result.hpp"

namespace offpeak {

// ErrorKind::not_found where there is none, ErrorKind::invalid where it is longer than `most_bytes`. Throws
// std::system_error where the machine, not the file, is at fault (EIO, no file descriptors): another try may find it
// well.
Result<std::string> read_text_file(const std::string& path, std::size_t most_bytes);

}  // namespace offpeak
