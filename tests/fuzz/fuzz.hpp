// What every fuzz target uses: the input as text, and the facts that must hold for each input. A fact that does not
// hold ends the program, which both runners (corpus_main.cpp and libFuzzer) record with its input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace offpeak::fuzz {

std::string_view as_text(const std::uint8_t* data, std::size_t size);

// Ends the program where `holds` is false.
void require(bool holds, std::string_view fact, std::string_view about = {});

// Cuts the first line off `rest`, without its line feed; everything where there is none.
std::string_view take_line(std::string_view& rest);

// UTF-8 without control characters: what may stand in a log line, a message or on a terminal.
bool is_displayable(std::string_view text);

// Is `slice` a part of `whole`, in place?
bool lies_in(std::string_view slice, std::string_view whole);

// The same for the same bytes in every run; for choices that the input does not make itself.
std::uint64_t hash_of(std::string_view text);

}  // namespace offpeak::fuzz
