#include "app/hpa_command.h"

#include <fmt/core.h>

#include <iostream>

#include "autoscale/scenario.h"
#include "platform/system.h"

namespace weir::app {
namespace {

// Prints the answer to one line; false after an error was told.
bool ReplayLine(const std::string& line, std::size_t number, const std::string& path,
                bool upstream_exact) {
  if (line.empty()) return true;
  auto answer = autoscale::Replay(line, upstream_exact);
  if (!answer) {
    fmt::print(stderr, "weir hpa replay: {} line {}: {}\n", path, number, answer.error().message);
    return false;
  }
  fmt::print("{}\n", *answer);
  return true;
}

}  // namespace

int RunHpaReplay(const std::string& path, bool upstream_exact) {
  std::string line;
  std::size_t number = 0;
  if (path == "-") {
    while (std::getline(std::cin, line)) {
      if (!ReplayLine(line, ++number, "standard input", upstream_exact)) return 1;
    }
    return 0;
  }
  auto text = platform::SystemFileSystem().Read(path);
  if (!text) {
    fmt::print(stderr, "weir hpa replay: {}\n", text.error().message);
    return 1;
  }
  std::size_t begin = 0;
  while (begin < text->size()) {
    std::size_t end = text->find('\n', begin);
    if (end == std::string::npos) end = text->size();
    line = text->substr(begin, end - begin);
    if (!ReplayLine(line, ++number, path, upstream_exact)) return 1;
    begin = end + 1;
  }
  return 0;
}

}  // namespace weir::app
