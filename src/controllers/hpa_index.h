// Who finds whom, without asking every pod or every autoscaler of a namespace: the pods that a
// selector matches, and the autoscalers whose selectors match a pod. Both look up one label that a
// selector demands and check only what has it; a selector that demands none is checked against all.
// Owned by HpaController. Loop thread only.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "autoscale/observations.h"
#include "client/informer.h"
#include "kube/selector.h"

namespace weir::controllers {

class PodIndex {
 public:
  using PodPtr = std::shared_ptr<const autoscale::Pod>;

  // One change as an informer tells it.
  void Apply(const client::ObjectPtr& before, const client::ObjectPtr& after);
  // In order of their names.
  std::vector<PodPtr> Find(std::string_view ns, const kube::LabelSelector& selector) const;

 private:
  struct Entry {
    client::ObjectPtr object;
    mutable PodPtr read;  // once somebody has asked
  };
  struct Namespace {
    std::map<std::string, Entry, std::less<>> pods;
    std::map<std::pair<std::string, std::string>, std::set<std::string>> by_label;
  };

  static const PodPtr& Read(const Entry& entry);

  std::map<std::string, Namespace, std::less<>> namespaces_;
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

 private:
  struct Namespace {
    std::map<std::pair<std::string, std::string>, std::set<std::string>> by_label;
    std::set<std::string> others;
  };

  std::map<std::string, kube::LabelSelector> selectors_;
  std::map<std::string, Namespace, std::less<>> namespaces_;
};

}  // namespace weir::controllers
