// A ServiceMonitor as read from its object: what to find and how to scrape it. Pure functions.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "exposition/parser.h"
#include "kube/selector.h"
#include "scrape/relabel_plan.h"

namespace weir::scrape {

// How the samples of a page become series.
struct ScrapeSettings {
  Duration interval = std::chrono::seconds(30);  // the operator's default
  Duration timeout = std::chrono::seconds(10);
  bool honor_labels = false;
  bool honor_timestamps = true;
  std::vector<RelabelRule> metric_relabelings;
  std::size_t sample_limit = 0;  // after relabelling; 0: none beyond that of a page
  std::size_t body_limit = 64U << 20U;
  std::optional<exposition::Format> fallback;  // for pages without a known Content-Type
  exposition::Limits limits;
  // The text that these were read from: equal texts are equal settings.
  std::string source;
};

// One of spec.endpoints.
struct MonitorEndpoint {
  std::string port;                        // name of a Service port
  std::optional<std::string> target_port;  // name or number of a container port
  std::string path = "/metrics";
  std::string scheme = "http";
  std::vector<std::pair<std::string, std::vector<std::string>>> params;
  bool filter_running = true;  // leaves out pods that have ended
  std::vector<RelabelRule> relabelings;
  std::shared_ptr<const ScrapeSettings> settings;
};

struct Monitor {
  std::string ns;
  std::string name;
  kube::LabelSelector selector;
  bool any_namespace = false;
  std::vector<std::string> namespaces;
  std::string job_label;
  std::vector<std::string> target_labels;
  std::vector<std::string> pod_target_labels;
  std::size_t target_limit = 0;  // 0: none
  std::vector<MonitorEndpoint> endpoints;
};

// kInvalid names the field that is unknown, not supported or wrong: half a monitor is never
// scraped.
Result<Monitor> ParseMonitor(const Json& object);

// A number of bytes as the operator writes it: `512`, `10KB`, `1MiB`; powers of 1024 as upstream.
std::optional<std::size_t> ParseByteSize(std::string_view text);

}  // namespace weir::scrape
