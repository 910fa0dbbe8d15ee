// Weir's own version; the Kubernetes version that it answers as is apiserver's.
#pragma once

#include <string_view>

namespace weir::app {

inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace weir::app
