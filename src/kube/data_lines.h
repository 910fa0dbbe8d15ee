// The line forms that the module's data files share: words between blanks, `#` comments.
// Pure functions over text that outlives the call.
#pragma once

#include <string_view>

namespace weir::kube {

// Takes the next line off the text; false at its end.
inline bool TakeLine(std::string_view& text, std::string_view& line) {
  if (text.empty()) return false;
  std::size_t end = text.find('\n');
  line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return true;
}

// Takes the next word off the line; empty at its end.
inline std::string_view TakeWord(std::string_view& line) {
  std::size_t begin = line.find_first_not_of(' ');
  if (begin == std::string_view::npos) {
    line = {};
    return {};
  }
  std::size_t end = line.find(' ', begin);
  std::string_view word = line.substr(begin, end == std::string_view::npos ? end : end - begin);
  line.remove_prefix(end == std::string_view::npos ? line.size() : end);
  return word;
}

// Whether text begins with `name=`; then takes that off.
inline bool TakeOption(std::string_view& text, std::string_view name) {
  if (!text.starts_with(name) || !text.substr(name.size()).starts_with('=')) return false;
  text.remove_prefix(name.size() + 1);
  return true;
}

// Takes the piece before the separator off the text, and the separator.
inline std::string_view TakePiece(std::string_view& text, char separator) {
  std::size_t end = text.find(separator);
  std::string_view piece = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return piece;
}

}  // namespace weir::kube
