// Feeds two documents in one, {"document", "patch"}, to every patch format: whatever they are, an
// answer, and the document itself is left alone. An empty patch changes nothing.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/json.h"
#include "kube/patch.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using weir::Json;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto both = weir::ParseJson(text);
  if (!both) return 0;
  const Json* document = weir::Find(*both, "document");
  const Json* patch = weir::Find(*both, "patch");
  if (document == nullptr || patch == nullptr || !document->is_object()) return 0;
  if (patch->is_array()) {
    const auto patched = weir::kube::JsonPatch(*document, *patch);
    WEIR_CHECK(patched.has_value() || !patched.error().message.empty());
    return 0;
  }
  if (!patch->is_object()) return 0;
  const Json merged = weir::kube::MergePatch(*document, *patch);
  WEIR_CHECK(weir::kube::MergePatch(merged, *patch) == merged);
  for (std::string_view type : {"core/v1.Pod", "apps/v1.Deployment", "core/v1.Service", "none"}) {
    const auto patched = weir::kube::StrategicMergePatch(*document, *patch, type);
    WEIR_CHECK(patched.has_value() || !patched.error().message.empty());
    const auto same = weir::kube::StrategicMergePatch(*document, Json::object(), type);
    WEIR_CHECK(same.has_value() && same.value() == *document);
  }
  return 0;
}
