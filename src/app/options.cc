#include "app/options.h"

#include "platform/system.h"

namespace weir::app {

std::string DefaultDataDir() {
  if (std::string xdg = platform::GetEnv("XDG_DATA_HOME"); !xdg.empty()) return xdg + "/weir";
  if (std::string home = platform::GetEnv("HOME"); !home.empty()) {
    return home + "/.local/share/weir";
  }
  return "/var/tmp/weir";
}

}  // namespace weir::app
