// Which autoscalers a change of a scale target concerns, and the targets themselves. It holds the
// cache of each resource that some autoscaler scales, whatever its kind, for as long as one does.
// Owned by HpaController. Loop thread only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "client/client.h"
#include "client/shared_informers.h"

namespace weir::controllers {

class HpaTargets {
 public:
  using ChangedFn = std::function<void(const std::string& hpa)>;
  // Whether a pass over a target may now come to another result.
  using DiffersFn = std::function<bool(const Json& before, const Json& after)>;

  // `changed` is called for each follower of a target that came, went or `differs`, also
  // for those that are there when a resource is first looked at. It may call Follow and Forget
  // later, not at once. `informers` outlives this.
  HpaTargets(client::SharedInformers& informers, ChangedFn changed, DiffersFn differs);
  ~HpaTargets();
  HpaTargets(const HpaTargets&) = delete;
  HpaTargets& operator=(const HpaTargets&) = delete;

  // The autoscaler `hpa` (namespace/name) scales `target` (namespace/name) of the resource, and no
  // other any more.
  void Follow(const std::string& hpa, const client::ResourceRef& resource,
              const std::string& target);
  void Forget(const std::string& hpa);

  // The target as the cache has it; null where no autoscaler follows its resource, where the cache
  // has not come that far, or where there is no such object.
  client::ObjectPtr Find(const client::ResourceRef& resource, const std::string& target) const;

 private:
  struct Watched {
    std::shared_ptr<client::Informer> informer;
    client::Informer::Registration listening;
    std::map<std::string, std::set<std::string>> followers;  // target -> autoscalers
  };
  struct Place {
    client::ResourceRef resource;
    std::string target;
    bool operator==(const Place&) const = default;
  };

  void OnChange(const client::ResourceRef& resource, const client::ObjectPtr& before,
                const client::ObjectPtr& after);

  client::SharedInformers& informers_;
  ChangedFn changed_;
  DiffersFn differs_;
  std::map<client::ResourceRef, Watched> watched_;
  std::map<std::string, Place> places_;  // autoscaler -> what it scales
};

}  // namespace weir::controllers
