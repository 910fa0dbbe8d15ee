// Feeds request bodies as JSON, YAML and protobuf: whatever the bytes, an answer; and an object
// that is taken is in the form that the codec promises, so that taking it again changes nothing.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/json.h"
#include "kube/codec.h"

namespace {

void Feed(std::string_view media, std::string_view body, const weir::kube::Resource& resource) {
  const auto decoded = weir::kube::DecodeBody(media, body, resource);
  if (!decoded) {
    WEIR_CHECK(!decoded.error().message.empty());
    return;
  }
  weir::Json object = decoded->object;
  weir::kube::Complete(resource, object);
  weir::Json again = object;
  weir::kube::Complete(resource, again);
  WEIR_CHECK(again == object);
  const auto strict = weir::kube::CheckFields(resource, again);
  WEIR_CHECK(strict.has_value() && strict->empty());
  WEIR_CHECK(weir::DumpJson(again) == weir::DumpJson(object));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const weir::kube::Registry registry(true);
  static const weir::kube::Resource* const resources[] = {
      registry.Find("", "v1", "pods"), registry.Find("", "v1", "secrets"),
      registry.Find("apps", "v1", "deployments"),
      registry.Find("autoscaling", "v2", "horizontalpodautoscalers"),
      registry.Find("apiextensions.k8s.io", "v1", "customresourcedefinitions")};
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  const weir::kube::Resource& resource = *resources[data[0] % std::size(resources)];
  for (std::string_view media : {"", "application/yaml", "application/vnd.kubernetes.protobuf"}) {
    Feed(media, body, resource);
  }
  return 0;
}
