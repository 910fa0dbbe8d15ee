#include "app/hpa_command.h"

#include <fmt/core.h>

#include <iostream>
#include <iterator>

#include "autoscale/replay.h"
#include "platform/system.h"

namespace weir::app {

int RunHpaReplay(const std::string& path, bool upstream_exact) {
  std::string text;
  if (path == "-") {
    text.assign(std::istreambuf_iterator<char>(std::cin), {});
  } else {
    auto read = platform::SystemFileSystem().Read(path);
    if (!read) {
      fmt::print(stderr, "weir hpa replay: {}\n", read.error().message);
      return 1;
    }
    text = *std::move(read);
  }
  const bool fine = autoscale::ReplayAll(text, upstream_exact, [&](const auto& answer) {
    if (answer) {
      fmt::print("{}\n", *answer);
    } else {
      fmt::print(stderr, "weir hpa replay: {}: {}\n", path == "-" ? "standard input" : path,
                 answer.error().message);
    }
  });
  return fine ? 0 : 1;
}

}  // namespace weir::app
