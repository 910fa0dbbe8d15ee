// Gives every namespace its ServiceAccount `default` (and the cluster's CA), and empties one that
// is being deleted: one reconcile a namespace (key its name), woken by changes of it and of what
// it holds. Owned by the manager; loop thread only.
#pragma once

#include <string>
#include <vector>

#include "client/controller.h"
#include "controllers/context.h"
#include "controllers/kinds_plan.h"
#include "controllers/namespace_plan.h"

namespace weir::controllers {

class NamespaceController {
 public:
  // `root_ca`: PEM, or empty.
  NamespaceController(Context context, std::string root_ca);
  NamespaceController(const NamespaceController&) = delete;
  NamespaceController& operator=(const NamespaceController&) = delete;

  void Start() { queue_.Start(); }
  net::Task<void> Stop() { return queue_.Stop(); }

 private:
  net::Task<Result<client::ReconcileResult>> Reconcile(std::string name);
  net::Task<Status> Furnish(std::string name);
  net::Task<Status> PutRootCa(std::string name);
  net::Task<Result<client::ReconcileResult>> Empty(client::ObjectPtr ns);
  // Deletes all objects of the kind in the namespace and counts what stays.
  net::Task<Status> EmptyKind(std::string name, ServedKind kind, Remaining* remaining);
  std::vector<ServedKind> Kinds() const;

  Context context_;
  std::string root_ca_;
  client::Informer& namespaces_;
  client::Informer& accounts_;
  client::Informer& config_maps_;
  client::Informer& definitions_;
  client::Controller queue_;
  std::vector<client::Informer::Registration> listening_;
};

}  // namespace weir::controllers
