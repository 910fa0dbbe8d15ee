// WEIR_CHECK stops the program, in release too, where one of our own invariants does not hold.
// Never for input: what a user, a file or a peer says is answered with an Error (result.h).
#pragma once

#include <string_view>

namespace weir {

[[noreturn]] void CheckFailed(std::string_view file, int line, std::string_view what);

}  // namespace weir

#define WEIR_CHECK(condition)                              \
  do {                                                     \
    if (!(condition)) [[unlikely]] {                       \
      ::weir::CheckFailed(__FILE__, __LINE__, #condition); \
    }                                                      \
  } while (false)
