// Which metrics there are: what the rules make of the series that exist. Rebuilt as a whole from a
// listing of series; answers look-ups and discovery. One thread at a time.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "metricsapi/config.h"
#include "model/labels.h"

namespace weir::metricsapi {

// A metric as those know it who read it.
struct MetricRef {
  bool external = false;
  std::string resource;  // `services`, `deployments.apps`; empty for external metrics
  std::string metric;
  auto operator<=>(const MetricRef&) const = default;
};

// Where a metric's values come from.
struct Source {
  std::string series;
  const Rule* rule = nullptr;  // of the catalog's configuration
};

class Catalog {
 public:
  // Without metrics until the first Rebuild.
  Catalog(Config config, Resolver resolve);

  const Config& config() const { return config_; }
  // The seriesQuery texts of all rules, each once: what a listing must answer.
  std::vector<std::string> SeriesQueries() const;

  // Takes the series of every seriesQuery. True where the set of metrics has changed.
  bool Rebuild(const std::map<std::string, std::vector<model::Labels>>& series_by_query);

  // `namespaced`: whether the request named a namespace. Namespaces, nodes and persistent volumes
  // are found without, all else with one, as upstream.
  std::optional<Source> FindCustom(const GroupResource& resource, bool namespaced,
                                   std::string_view metric) const;
  std::optional<Source> FindExternal(std::string_view metric) const;

  // The metrics that a series feeds: by its name, or because a rule's query names it.
  std::vector<MetricRef> MetricsOfSeries(std::string_view series_name) const;

  // The APIResourceList of a group version (`custom.metrics.k8s.io`, `v1beta1`), as text.
  std::string ResourceList(bool external, std::string_view version) const;

 private:
  struct Entry {
    GroupResource resource;
    std::string series;
    std::size_t rule = 0;
    bool operator==(const Entry&) const = default;
  };
  using CustomKey = std::pair<std::string, std::string>;  // resource, metric

  Config config_;
  Resolver resolve_;
  std::map<CustomKey, Entry> custom_;
  std::map<std::string, Entry, std::less<>> external_;
  std::map<std::string, std::set<MetricRef>, std::less<>> by_series_;
};

// Whether a resource's metrics are asked for without a namespace.
bool IsRootScoped(const GroupResource& resource);

}  // namespace weir::metricsapi
