#include "exporters/redis_page_plan.h"

#include <map>

#include "base/strings.h"
#include "exposition/writer.h"
#include "model/labels.h"

namespace weir::exporters {

using exposition::MetricType;
using model::Labels;

std::optional<brokers::RedisCommand> LengthCommand(std::string_view type, const std::string& key) {
  if (type == "list") return brokers::RedisCommand{"LLEN", key};
  if (type == "set") return brokers::RedisCommand{"SCARD", key};
  if (type == "zset") return brokers::RedisCommand{"ZCARD", key};
  if (type == "hash") return brokers::RedisCommand{"HLEN", key};
  if (type == "stream") return brokers::RedisCommand{"XLEN", key};
  if (type == "string") return brokers::RedisCommand{"STRLEN", key};
  return std::nullopt;
}

std::string RedisPage(const RedisFindings& findings, const RedisExporterOptions& options,
                      std::uint64_t scrapes) {
  exposition::Writer page;
  page.Family("redis_up", "Whether Redis answered this scrape.", MetricType::kGauge);
  page.Sample(Labels(), findings.error ? 0 : 1);
  page.Family("redis_exporter_last_scrape_error", "1 and the reason where this scrape failed.",
              MetricType::kGauge);
  if (findings.error) {
    page.Sample(Labels({{"err", findings.error->message}}), 1);
  } else {
    page.Sample(Labels(), 0);
  }
  page.Family("redis_exporter_scrapes_total", "Scrapes since the start.", MetricType::kCounter);
  page.Sample(Labels(), static_cast<double>(scrapes));
  if (findings.error) return page.Take();

  std::map<RedisKey, std::int64_t> sizes;
  if (options.zero_when_absent) {
    for (const RedisKey& key : options.single_keys) sizes[key] = 0;
  }
  for (const KeySize& found : findings.sizes) {
    if (found.size > 0 && IsUtf8(found.key.name)) sizes[found.key] = found.size;
  }
  if (sizes.empty()) return page.Take();
  page.Family("redis_key_size", "Length of the key.", MetricType::kGauge);
  for (const auto& [key, size] : sizes) {
    page.Sample(Labels({{"db", "db" + std::to_string(key.database)}, {"key", key.name}}),
                static_cast<double>(size));
  }
  return page.Take();
}

}  // namespace weir::exporters
