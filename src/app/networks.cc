#include "app/networks.h"

#include <fmt/format.h>

#include <utility>

#include "base/strings.h"

namespace weir::app {
namespace {

// 127.64.0.0/16 to 127.95.0.0/16 are for pods, 127.96.0.0/16 to 127.127.0.0/16 for Services.
constexpr unsigned kNetworks = 32;
constexpr unsigned kFirstPodNetwork = 64;
constexpr unsigned kFirstServiceNetwork = 96;

Result<Networks> Hold(unsigned number) {
  auto lock = platform::NameLock::Acquire(fmt::format("weir-network-{}", number));
  if (!lock) return std::unexpected(lock.error());
  return Networks{std::move(*lock), fmt::format("127.{}.0.0/16", kFirstPodNetwork + number),
                  fmt::format("127.{}.0.0/16", kFirstServiceNetwork + number)};
}

}  // namespace

Result<Networks> Networks::Claim(env::FileSystem& files, const std::string& data_dir) {
  const std::string path = data_dir + "/network";
  if (const auto kept = files.Read(path)) {
    const auto number = ParseInt(Trim(*kept));
    if (!number || *number < 0 || *number >= kNetworks) {
      return Fail(Code::kInvalid, fmt::format("{}: expected a number from 0 to {}, found \"{}\"",
                                              path, kNetworks - 1, Trim(*kept)));
    }
    auto held = Hold(static_cast<unsigned>(*number));
    if (held || held.error().code != Code::kConflict) return held;
    return Fail(Code::kConflict,
                fmt::format("{} names loopback addresses that another cluster on this machine "
                            "uses: stop that one, or start with another --data-dir",
                            path));
  }
  const unsigned first = Fnv1a32(data_dir) % kNetworks;
  for (unsigned i = 0; i < kNetworks; ++i) {
    const unsigned number = (first + i) % kNetworks;
    auto held = Hold(number);
    if (!held && held.error().code == Code::kConflict) continue;
    if (!held) return held;
    if (auto s = files.Write(path, fmt::format("{}\n", number)); !s) {
      return std::unexpected(s.error());
    }
    return held;
  }
  return Fail(Code::kUnavailable,
              fmt::format("{} clusters run on this machine: there are no loopback networks for "
                          "another one",
                          kNetworks));
}

}  // namespace weir::app
