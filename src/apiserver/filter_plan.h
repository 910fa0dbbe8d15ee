// Which objects and events a list or watch is about: label and field selectors of one resource.
// Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apiserver/options_plan.h"
#include "kube/resource.h"
#include "kube/selector.h"
#include "kubestore/store.h"

namespace weir::apiserver {

class Filter {
 public:
  Filter() = default;  // everything
  // A 400 where a field is not one that the resource can be selected by.
  static Answer<Filter> Make(const kube::Resource& resource, kube::LabelSelector labels,
                             std::vector<kube::FieldRequirement> fields);

  // REQUIRES: `resource` is the one of Make.
  bool Matches(const kube::Resource& resource, const Json& object) const;
  bool everything() const { return labels_.empty() && fields_.empty(); }
  // The one name that can match, where `metadata.name=` is required.
  std::optional<std::string> name() const;

 private:
  kube::LabelSelector labels_;
  std::vector<kube::FieldRequirement> fields_;
};

// What a watch with a selector tells of an event: an object that enters the selection is added, one
// that leaves it is deleted (in its last selected state, with the event's resourceVersion).
struct Selected {
  kubestore::EventType type;
  kubestore::ObjectPtr object;
};
std::optional<Selected> Select(const Filter& filter, const kube::Resource& resource,
                               const kubestore::Event& event);

}  // namespace weir::apiserver
