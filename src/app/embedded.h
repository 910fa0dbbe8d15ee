// Files that are part of the program (cmake/WeirModule.cmake, weir_embed).
#pragma once

#include <string_view>

namespace weir::app {

extern const std::string_view k_embedded_monitoring_crds_yaml;  // deploy/monitoring-crds.yaml
extern const std::string_view k_embedded_weir_crds_yaml;        // deploy/weir-crds.yaml

}  // namespace weir::app
