// Any text is read as an adapter configuration or refused; what is read names metrics of a series,
// lists them and makes queries without a crash.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "metricsapi/answer.h"
#include "metricsapi/testing.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir;
  using namespace weir::metricsapi;
  if (size > 4096) return 0;
  auto config = ParseConfig({reinterpret_cast<const char*>(data), size}, ResolveForTest);
  if (!config) return 0;
  Catalog catalog(std::move(*config), ResolveForTest);
  std::map<std::string, std::vector<model::Labels>> listing;
  const model::Labels series(
      {{"__name__", "hits_total"}, {"namespace", "a"}, {"pod", "b"}, {"service", "c"}});
  for (const std::string& query : catalog.SeriesQueries()) listing[query] = {series};
  catalog.Rebuild(listing);
  static_cast<void>(catalog.ResourceList(true, "v1beta1"));
  for (const MetricRef& ref : catalog.MetricsOfSeries("hits_total")) {
    MetricRequest request;
    request.external = ref.external;
    request.ns = "a";
    request.resource = ref.resource.substr(0, ref.resource.find('.'));
    request.name = "b";
    request.metric = ref.metric;
    static_cast<void>(MakePlan(request, {"b"}, catalog, ResolveForTest));
  }
  return 0;
}
