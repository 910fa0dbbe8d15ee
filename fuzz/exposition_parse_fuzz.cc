// Feeds both page formats: whatever the bytes, an answer. What was read and written again reads as
// the same series.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "exposition/parser.h"
#include "exposition/writer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace exposition = weir::exposition;
  const std::string_view page(reinterpret_cast<const char*>(data), size);
  const weir::Result<exposition::Page> open_metrics =
      exposition::Parse(page, "application/openmetrics-text");
  WEIR_CHECK(open_metrics.has_value() || !open_metrics.error().message.empty());
  const auto parsed = exposition::Parse(page, "text/plain");
  if (!parsed) return 0;
  for (const exposition::ParsedSample& sample : parsed->samples) {
    weir::model::Labels labels;
    labels.Set("v", sample.labels.MetricName());
    exposition::Writer writer;
    writer.Family("m", "", exposition::MetricType::kGauge);
    writer.Sample(labels, sample.value);
    const auto again = exposition::Parse(writer.Take(), "text/plain");
    WEIR_CHECK(again.has_value());
    WEIR_CHECK(again->samples.at(0).labels.Get("v") == sample.labels.MetricName());
  }
  return 0;
}
