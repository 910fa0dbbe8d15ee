// Any text as an image catalogue: read or refused, and what is read can be looked up in.
#include <cstdint>
#include <string_view>

#include "kubelet/catalogue_plan.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto catalogue = weir::kubelet::Catalogue::Parse(text, "images.yaml");
  if (!catalogue) return 0;
  for (const char* image : {"redis:7", "docker.io/library/busybox", "a.b:5000/x/y@sha256:0"}) {
    (void)weir::kubelet::BuildCommand(*catalogue, image, {}, {"redis-server", "x"}, {});
  }
  return 0;
}
