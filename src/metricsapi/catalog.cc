#include "metricsapi/catalog.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/json.h"

namespace weir::metricsapi {

bool IsRootScoped(const GroupResource& resource) {
  return resource.group.empty() &&
         (resource.resource == "namespaces" || resource.resource == "nodes" ||
          resource.resource == "persistentvolumes");
}

Catalog::Catalog(Config config, Resolver resolve)
    : config_(std::move(config)), resolve_(std::move(resolve)) {}

std::vector<std::string> Catalog::SeriesQueries() const {
  std::set<std::string> queries;
  for (const Rule& rule : config_.rules) queries.insert(rule.series_query);
  for (const Rule& rule : config_.external_rules) queries.insert(rule.series_query);
  return {queries.begin(), queries.end()};
}

bool Catalog::Rebuild(const std::map<std::string, std::vector<model::Labels>>& series_by_query) {
  std::map<CustomKey, Entry> custom;
  std::map<std::string, Entry, std::less<>> external;
  static const std::vector<model::Labels> kNone;
  const auto series_of = [&](const Rule& rule) -> const std::vector<model::Labels>& {
    const auto found = series_by_query.find(rule.series_query);
    return found == series_by_query.end() ? kNone : found->second;
  };
  for (std::size_t i = 0; i < config_.rules.size(); ++i) {
    const Rule& rule = config_.rules[i];
    // Series of one name mostly have the same label names: each pair is looked at once.
    std::set<std::pair<std::string, std::string>> seen;
    for (const model::Labels& labels : series_of(rule)) {
      const std::string series(labels.MetricName());
      std::optional<std::string> metric;
      for (const model::Label& label : labels) {
        if (label.name == model::kMetricName || !seen.emplace(series, label.name).second) continue;
        const auto resource = rule.resources.ResourceOfLabel(label.name, resolve_);
        if (!resource) continue;
        if (!metric) metric = rule.MetricName(series);
        if (!metric) break;
        custom[{resource->ToString(), *metric}] = {*resource, series, i};
      }
    }
  }
  for (std::size_t i = 0; i < config_.external_rules.size(); ++i) {
    const Rule& rule = config_.external_rules[i];
    std::set<std::string> seen;
    for (const model::Labels& labels : series_of(rule)) {
      const std::string series(labels.MetricName());
      if (!seen.insert(series).second) continue;
      if (const auto metric = rule.MetricName(series)) external[*metric] = {{}, series, i};
    }
  }
  if (custom == custom_ && external == external_) return false;
  custom_ = std::move(custom);
  external_ = std::move(external);

  by_series_.clear();
  const auto feed = [this](const Entry& entry, const Rule& rule, const MetricRef& metric) {
    by_series_[entry.series].insert(metric);
    if (!rule.query) return;
    for (const std::string& word : rule.query->LiteralWords()) by_series_[word].insert(metric);
  };
  for (const auto& [key, entry] : custom_) {
    feed(entry, config_.rules[entry.rule], {false, key.first, key.second});
  }
  for (const auto& [metric, entry] : external_) {
    feed(entry, config_.external_rules[entry.rule], {true, "", metric});
  }
  return true;
}

std::optional<Source> Catalog::FindCustom(const GroupResource& resource, bool namespaced,
                                          std::string_view metric) const {
  if (namespaced == IsRootScoped(resource)) return std::nullopt;
  const auto found = custom_.find({resource.ToString(), std::string(metric)});
  if (found == custom_.end()) return std::nullopt;
  return Source{found->second.series, &config_.rules[found->second.rule]};
}

std::optional<Source> Catalog::FindExternal(std::string_view metric) const {
  const auto found = external_.find(metric);
  if (found == external_.end()) return std::nullopt;
  return Source{found->second.series, &config_.external_rules[found->second.rule]};
}

std::vector<MetricRef> Catalog::MetricsOfSeries(std::string_view series_name) const {
  const auto found = by_series_.find(series_name);
  if (found == by_series_.end()) return {};
  return {found->second.begin(), found->second.end()};
}

std::string Catalog::ResourceList(bool external, std::string_view version) const {
  std::string items;
  const auto add = [&items](const std::string& name, bool namespaced, std::string_view kind) {
    items += fmt::format(
        R"({}{{"name":{},"singularName":"","namespaced":{},"kind":"{}","verbs":["get"]}})",
        items.empty() ? "" : ",", DumpJson(Json(name)), namespaced, kind);
  };
  if (external) {
    for (const auto& [metric, entry] : external_) add(metric, true, "ExternalMetricValueList");
  } else {
    for (const auto& [key, entry] : custom_) {
      add(key.first + "/" + key.second, !IsRootScoped(entry.resource), "MetricValueList");
    }
  }
  return fmt::format(
      R"({{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"{}.metrics.k8s.io/{}","resources":[{}]}})"
      "\n",
      external ? "external" : "custom", version, items);
}

}  // namespace weir::metricsapi
