#include "app/metrics_page.h"

#include <fmt/format.h>
#include <prometheus/text_serializer.h>

#include <iterator>
#include <utility>

namespace weir::app {

prometheus::ClientMetric& MetricsPage::Metric(const std::string& name, const std::string& help,
                                              prometheus::MetricType type, Labels labels) {
  if (families_.empty() || families_.back().name != name) {
    families_.push_back({name, help, type, {}});
  }
  prometheus::ClientMetric& metric = families_.back().metric.emplace_back();
  for (auto& [key, value] : labels) metric.label.push_back({key, value});
  return metric;
}

void MetricsPage::Counter(const std::string& name, const std::string& help, double value,
                          Labels labels) {
  Metric(name, help, prometheus::MetricType::Counter, std::move(labels)).counter.value = value;
}

void MetricsPage::Gauge(const std::string& name, const std::string& help, double value,
                        Labels labels) {
  Metric(name, help, prometheus::MetricType::Gauge, std::move(labels)).gauge.value = value;
}

void MetricsPage::Add(std::vector<prometheus::MetricFamily> families) {
  families_.insert(families_.end(), std::make_move_iterator(families.begin()),
                   std::make_move_iterator(families.end()));
}

void MetricsPage::AddApi(const apiserver::Metrics& metrics) {
  for (const auto& [key, count] : metrics.requests) {
    Counter("apiserver_request_total", "Requests that the API server answered.",
            static_cast<double>(count),
            {{"verb", key.verb}, {"resource", key.resource}, {"code", fmt::to_string(key.code)}});
  }
  for (const auto& [verb, histogram] : metrics.latency) {
    prometheus::ClientMetric& metric =
        Metric("apiserver_request_duration_seconds", "Time to answer, watches aside.",
               prometheus::MetricType::Histogram, {{"verb", verb}});
    metric.histogram.sample_count = histogram.count;
    metric.histogram.sample_sum = histogram.sum_seconds;
    std::uint64_t cumulative = 0;
    for (std::size_t i = 0; i < apiserver::kLatencyBuckets.size(); ++i) {
      cumulative += histogram.counts[i];
      metric.histogram.bucket.push_back({cumulative, apiserver::kLatencyBuckets[i]});
    }
  }
  Gauge("apiserver_longrunning_requests", "Watches that are open.",
        static_cast<double>(metrics.watches_open));
  Counter("apiserver_watch_events_total", "Events sent to watches.",
          static_cast<double>(metrics.watch_events_sent));
  Counter("weir_apiserver_watches_overrun_total",
          "Watches ended with 410 because their reader was too slow.",
          static_cast<double>(metrics.watches_overrun));
}

std::string MetricsPage::ToText() const {
  return prometheus::TextSerializer().Serialize(families_);
}

}  // namespace weir::app
