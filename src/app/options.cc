#include "app/options.h"

#include <fmt/format.h>

#include "base/strings.h"
#include "platform/system.h"

namespace weir::app {
namespace {

// 127.64.0.0/16 to 127.95.0.0/16 are for pods, 127.96.0.0/16 to 127.127.0.0/16 for Services.
constexpr unsigned kNetworks = 32;
constexpr unsigned kFirstPodNetwork = 64;
constexpr unsigned kFirstServiceNetwork = 96;

std::string Network(unsigned first, const std::string& data_dir) {
  return fmt::format("127.{}.0.0/16", first + Fnv1a32(data_dir) % kNetworks);
}

}  // namespace

std::string PodNetwork(const std::string& data_dir) { return Network(kFirstPodNetwork, data_dir); }

std::string ServiceNetwork(const std::string& data_dir) {
  return Network(kFirstServiceNetwork, data_dir);
}

std::string DefaultDataDir() {
  if (std::string xdg = platform::GetEnv("XDG_DATA_HOME"); !xdg.empty()) return xdg + "/weir";
  if (std::string home = platform::GetEnv("HOME"); !home.empty()) {
    return home + "/.local/share/weir";
  }
  return "/var/tmp/weir";
}

}  // namespace weir::app
