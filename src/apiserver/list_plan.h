// Pages of lists, and the documents that lists and watches send. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "apiserver/accept_plan.h"
#include "apiserver/filter_plan.h"
#include "apiserver/options_plan.h"
#include "base/time.h"
#include "kube/resource.h"
#include "kube/table.h"
#include "kubestore/store.h"

namespace weir::apiserver {

// Where the next page begins: after the object with this namespace and name, in the state of
// `version`. The text is upstream's, base64 of {"v":"meta.k8s.io/v1","rv":7,"start":"/name\0"}.
struct PageStart {
  std::int64_t version = 0;
  std::string ns;  // empty where the list is of one namespace, or the resource cluster-scoped
  std::string name;
};
std::string EncodeContinue(const PageStart& start);
Answer<PageStart> DecodeContinue(std::string_view token);

struct Page {
  std::vector<kubestore::ObjectPtr> objects;
  std::string continue_token;
  std::int64_t remaining = 0;  // 0: not told
};
// `all` in key order; `after`: where the page begins, or null. `one_namespace`: see PageStart.
Page CutPage(const std::vector<kubestore::ObjectPtr>& all, const kube::Resource& resource,
             const Filter& filter, std::int64_t limit, const PageStart* after, std::int64_t version,
             bool one_namespace);

// An object in the version of `resource`, serialised. Stored objects are in the storage version
// `stored`; where that is the same, the stored text is used as it is.
std::string ObjectText(const kubestore::Object& object, const kube::Resource& stored,
                       const kube::Resource& resource);
Json ObjectValue(const kubestore::Object& object, const kube::Resource& stored,
                 const kube::Resource& resource);

// `{"kind":"PodList",...}`. Items of built-in kinds carry no kind and apiVersion of their own.
std::string ListText(const Page& page, std::int64_t version, const kube::Resource& stored,
                     const kube::Resource& resource);

// The members of a serialised object without `apiVersion` and `kind`, braces included.
// REQUIRES: `object` is DumpJson's text of an object.
std::string WithoutTypeMeta(std::string_view object);

// {"kind":"PartialObjectMetadata",...} of an object.
Json PartialMetadata(const Json& object, std::string_view meta_version);

// The objects as a meta.k8s.io Table or PartialObjectMetadataList. `version` is the list's.
Json TableOf(const kube::Resource& resource, const std::vector<Json>& objects,
             std::string_view version, kube::IncludeObject include, bool with_columns, Time now,
             std::string_view meta_version);
Json PartialMetadataListOf(const Page& page, std::int64_t version, std::string_view meta_version);

// The includeObject parameter of Tables; the error is upstream's message.
Result<kube::IncludeObject> ParseIncludeObject(std::string_view text);

// `{"type":"ADDED","object":...}` and a line feed.
std::string WatchLine(std::string_view type, std::string_view object);
std::string_view EventTypeName(kubestore::EventType type);
// The object of a BOOKMARK.
Json BookmarkObject(const kube::Resource& resource, std::int64_t version, bool ends_initial_events);
// The Status of an ERROR event or answer: 410, the version is no longer known.
Json ExpiredStatus(std::string_view message);

}  // namespace weir::apiserver
