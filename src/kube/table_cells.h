// The cells of a Table's rows, kind by kind: pkg/printers/internalversion of Kubernetes. Internal
// to kube. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "base/time.h"
#include "kube/resource.h"

namespace weir::kube {

// `5m`, or `<unknown>` for an absent time.
std::string AgeCell(const Json* timestamp, Time now);
std::string CreationAge(const Json& object, Time now);
// `a=b,c=d`, or `<none>`.
std::string LabelsCell(const Json& labels);
// The names and images of a pod spec's containers.
std::string ContainerNames(const Json& pod_spec);
std::string ContainerImages(const Json& pod_spec);
// The first three of the texts, and ` + 2 more...`; `none` where there are none.
std::string FirstThree(const std::vector<std::string>& texts, std::string_view none);

Json PodCells(const Json& pod, Time now);
Json HpaCells(const Json& hpa_v2, Time now);
Json ServiceCells(const Json& service, Time now);
Json NodeCells(const Json& node, Time now);
Json EventCells(const Json& event, Time now);
// Of the groups apps (and the ReplicationController) and batch.
Json AppsCells(const std::string& kind, const Json& object, Time now);
Json BatchCells(const std::string& kind, const Json& object, Time now);
// Of all other kinds that have more than a name and an age; null for the rest.
Json ObjectCells(const std::string& kind, const Json& object, Time now);
Json CustomCells(const Resource& resource, const Json& object, Time now);

// The value that a simple JSONPath of a printer column finds first (`.spec.a`, `.status.c[0].d`,
// `.status.conditions[?(@.type=="Ready")].status`), or null.
const Json* FindByJsonPath(const Json& object, std::string_view path);

}  // namespace weir::kube
