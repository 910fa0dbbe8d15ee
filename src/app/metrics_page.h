// Weir's own /metrics: counts that the components return as plain values, as Prometheus families.
#pragma once

#include <prometheus/metric_family.h>

#include <string>
#include <vector>

#include "apiserver/metrics.h"

namespace weir::app {

// Families under construction: one call a sample, same name same family.
class MetricsPage {
 public:
  using Labels = std::vector<std::pair<std::string, std::string>>;

  void Counter(const std::string& name, const std::string& help, double value, Labels labels = {});
  void Gauge(const std::string& name, const std::string& help, double value, Labels labels = {});
  void Add(std::vector<prometheus::MetricFamily> families);
  // apiserver_request_total, apiserver_request_duration_seconds and the watches.
  void AddApi(const apiserver::Metrics& metrics);

  std::string ToText() const;

 private:
  prometheus::ClientMetric& Metric(const std::string& name, const std::string& help,
                                   prometheus::MetricType type, Labels labels);

  std::vector<prometheus::MetricFamily> families_;
};

}  // namespace weir::app
