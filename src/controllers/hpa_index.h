// Who finds whom, without asking every pod or every autoscaler of a namespace: the autoscalers that
// read a metric, the pods that a selector matches, and the autoscalers whose selectors match a pod.
// The latter two look up one label that a selector demands and check only what has it; a selector
// that demands none is checked against all. Owned by HpaController. Loop thread only.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "autoscale/observations.h"
#include "client/informer.h"
#include "controllers/hpa_plan.h"
#include "kube/selector.h"

namespace weir::controllers {

class MetricReaders {
 public:
  struct Reads {
    std::vector<MetricRef> metrics;
    bool pods = false;
  };

  // What the autoscaler ("namespace/name") reads, in place of what it read before.
  void Set(const std::string& hpa, Reads reads);
  void Remove(const std::string& hpa);

  bool ReadsPods(const std::string& hpa) const;
  // Those that a change of the metric concerns, in order.
  std::vector<std::string> Of(const MetricRef& changed) const;

 private:
  std::map<std::string, Reads> reads_;
  std::map<std::pair<autoscale::MetricsApi, std::string>, std::set<std::string>> by_metric_;
};

class PodIndex {
 public:
  // One change as an informer tells it.
  void Apply(const client::ObjectPtr& before, const client::ObjectPtr& after);
  // In order of their names.
  std::vector<autoscale::PodPtr> Find(std::string_view ns,
                                      const kube::LabelSelector& selector) const;
  // Another number after each change of the namespace's pods.
  std::uint64_t Version(std::string_view ns) const;

 private:
  struct Entry {
    client::ObjectPtr object;
    mutable autoscale::PodPtr read;  // once somebody has asked
  };
  struct Namespace {
    std::map<std::string, Entry, std::less<>> pods;
    std::map<std::pair<std::string, std::string>, std::set<std::string>> by_label;
    std::uint64_t version = 0;
  };

  static const autoscale::PodPtr& Read(const Entry& entry);

  std::map<std::string, Namespace, std::less<>> namespaces_;
  std::uint64_t changes_ = 0;
};

class SelectorIndex {
 public:
  // The selector of the autoscaler's pods ("namespace/name"), in place of the one before. One that
  // matches nothing is kept nowhere.
  void Set(const std::string& hpa, const kube::LabelSelector& selector);
  void Remove(const std::string& hpa);

  const kube::LabelSelector* Find(const std::string& hpa) const;
  // The autoscalers of a namespace whose selectors match a pod with these labels.
  std::set<std::string> Matching(std::string_view ns, const Json& labels) const;
  // Another number after each change.
  std::uint64_t version() const { return version_; }

 private:
  struct Namespace {
    std::map<std::pair<std::string, std::string>, std::set<std::string>> by_label;
    std::set<std::string> others;
  };

  std::uint64_t version_ = 0;
  std::map<std::string, kube::LabelSelector> selectors_;
  std::map<std::string, Namespace, std::less<>> namespaces_;
};

// The pods that a selector matches, and who else's selector matches one of them.
struct PodsSeen {
  std::vector<autoscale::PodPtr> pods;
  std::vector<autoscale::Neighbour> neighbours;
  // What they were found with: they are good for as long as none of this changes.
  std::string text;
  kube::LabelSelector selector = kube::LabelSelector::Nothing();
  std::uint64_t pods_version = 0;
  std::uint64_t selectors_version = 0;
};

// Brings `known` up to date for the autoscaler `hpa`, whose target's selector is `selector`.
void Look(const PodIndex& pods, const SelectorIndex& selectors, const std::string& hpa,
          const std::string& selector, PodsSeen& known);

}  // namespace weir::controllers
