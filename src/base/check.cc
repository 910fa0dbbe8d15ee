#include "base/check.h"

#include <fmt/core.h>

#include <cstdio>
#include <cstdlib>

namespace weir {

void CheckFailed(std::string_view file, int line, std::string_view what) {
  fmt::print(stderr, "weir: bug at {}:{}: {} does not hold\n", file, line, what);
  std::abort();
}

}  // namespace weir
