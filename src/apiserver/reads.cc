// get and list.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "apiserver/api.h"
#include "apiserver/list_plan.h"
#include "base/strings.h"
#include "kube/status.h"
#include "kube/typed_text.h"

namespace weir::apiserver {
namespace {

constexpr std::string_view kExpiredToken =
    "The provided continue parameter is too old to display a consistent list result. You can start "
    "a new list without the continue parameter.";

Json TooLargeVersion(std::int64_t wanted, std::int64_t current) {
  return kube::StatusFailure(
      504, "Timeout",
      fmt::format("Timeout: Too large resource version: {}, current: {}", wanted, current),
      {{"causes", Json::array({{{"reason", "ResourceVersionTooLarge"},
                                {"message", "Too large resource version"}}})},
       {"retryAfterSeconds", 1}});
}

// The state of a list: which version, and where its page begins.
struct ListState {
  std::int64_t version = 0;
  bool exact = false;
  std::optional<PageStart> after;
};

Answer<ListState> ChooseState(const ListOptions& options, std::int64_t current) {
  ListState state;
  state.version = current;
  if (!options.continue_token.empty()) {
    if (!options.resource_version.empty() && options.resource_version != "0") {
      return std::unexpected(
          kube::StatusBadRequest("specifying resource version is not allowed when using continue"));
    }
    auto start = DecodeContinue(options.continue_token);
    if (!start) return std::unexpected(start.error());
    state.version = start->version;
    state.exact = true;
    state.after = std::move(*start);
    return state;
  }
  if (options.resource_version.empty()) return state;
  const auto wanted = ParseResourceVersion(options.resource_version);
  if (!wanted) {
    return std::unexpected(kube::StatusBadRequest(
        fmt::format("invalid resource version: resourceVersion: Invalid value: {}: {}",
                    Quote(options.resource_version), wanted.error().message)));
  }
  if (*wanted > current) return std::unexpected(TooLargeVersion(*wanted, current));
  if (options.resource_version_match == "Exact") {
    state.version = *wanted;
    state.exact = true;
  }
  return state;
}

// Merges objects that only memory has into stored ones, which win, in key order.
void AddInMemory(std::vector<kubestore::ObjectPtr> added, std::vector<kubestore::ObjectPtr>& all) {
  const auto key = [](const kubestore::ObjectPtr& object) {
    return std::pair(GetString(object->value, {"metadata", "namespace"}),
                     GetString(object->value, {"metadata", "name"}));
  };
  for (kubestore::ObjectPtr& object : added) {
    const auto place = std::ranges::lower_bound(all, key(object), {}, key);
    if (place == all.end() || key(*place) != key(object)) all.insert(place, std::move(object));
  }
}

}  // namespace

bool Server::Impl::IsOwn(const Call& call) const {
  return call.resource != nullptr && own_resources.contains(call.stored->GroupResource()) &&
         !call.user.InGroup(kWeirGroup);
}

std::vector<kubestore::ObjectPtr> Server::Impl::InMemory(const Call& call,
                                                         std::string_view name) const {
  std::vector<kubestore::ObjectPtr> objects;
  if (!IsOwn(call)) return objects;
  for (Json& value : own_resources.at(call.stored->GroupResource())(call.info.ns, name)) {
    value["metadata"]["resourceVersion"] = std::to_string(store.version());
    std::string body = kube::DumpObject(value);
    objects.push_back(std::make_shared<const kubestore::Object>(std::move(value), std::move(body)));
  }
  return objects;
}

kubestore::Key Server::Impl::KeyOf(const Call& call, std::string_view name) const {
  return {call.stored->GroupResource(), call.resource->namespaced ? call.info.ns : std::string(),
          std::string(name)};
}

Reply Server::Impl::ValueReply(const Call& call, int code, Json value) const {
  const Accepted& accepted = call.accepted;
  switch (accepted.form) {
    case Form::kObject:
      return Reply::Document(code, std::move(value));
    case Form::kPartialMetadata:
      return Reply::Document(code, PartialMetadata(value, accepted.meta_version));
    case Form::kPartialMetadataList:
      return Reply::Error(kube::StatusFailure(
          406, "NotAcceptable",
          fmt::format("you requested PartialObjectMetadataList, but the requested object is not a "
                      "list (*{}.{})",
                      call.resource->group.empty() ? "core" : Split(call.resource->group, '.')[0],
                      GetString(value, "kind"))));
    case Form::kTable:
      break;
  }
  const auto include = ParseIncludeObject(QueryValue(call.query, "includeObject"));
  if (!include) return Reply::Error(kube::StatusBadRequest(include.error().message));
  const std::string version = GetString(value, {"metadata", "resourceVersion"});
  std::vector<Json> rows;
  rows.push_back(std::move(value));
  return Reply::Document(code, TableOf(*call.resource, rows, version, *include, true, clock.Now(),
                                       accepted.meta_version));
}

Reply Server::Impl::ObjectReply(const Call& call, int code, const kubestore::Object& object) const {
  if (call.accepted.form == Form::kObject) {
    return Reply::JsonText(code, ObjectText(object, *call.stored, *call.resource));
  }
  return ValueReply(call, code, ObjectValue(object, *call.stored, *call.resource));
}

Reply Server::Impl::Get(Call& call) {
  const std::string version = QueryValue(call.query, "resourceVersion");
  if (!version.empty()) {
    const auto wanted = ParseResourceVersion(version);
    if (!wanted) {
      return Reply::Error(kube::StatusFailure(500, "",
                                              fmt::format("resourceVersion: Invalid value: {}: {}",
                                                          Quote(version), wanted.error().message)));
    }
    if (*wanted > store.version()) return Reply::Error(TooLargeVersion(*wanted, store.version()));
  }
  auto object = store.Get(KeyOf(call, call.info.name));
  if (object == nullptr) {
    const auto in_memory = InMemory(call, call.info.name);
    if (!in_memory.empty()) object = in_memory.front();
  }
  if (object == nullptr) {
    return Reply::Error(kube::StatusNotFound(*call.resource, call.info.name));
  }
  return ObjectReply(call, 200, *object);
}

Reply Server::Impl::List(Call& call) {
  auto parsed = ParseListOptions(call.query, /*watch=*/false);
  if (!parsed) return Reply::Error(parsed.error());
  auto filter = Filter::Make(*call.resource, parsed->labels, parsed->fields);
  if (!filter) return Reply::Error(filter.error());
  const auto state = ChooseState(*parsed, store.version());
  if (!state) return Reply::Error(state.error());

  const std::string resource = call.stored->GroupResource();
  const std::string ns = call.resource->namespaced ? call.info.ns : std::string();
  std::vector<kubestore::ObjectPtr> all;
  const auto name = filter->name();
  if (!state->exact && name && (!ns.empty() || !call.resource->namespaced)) {
    if (auto object = store.Get({resource, ns, *name})) all.push_back(std::move(object));
  } else if (state->exact) {
    auto earlier = store.ListAt(resource, ns, state->version);
    if (!earlier) {
      return Reply::Error(
          ExpiredStatus(state->after ? std::string(kExpiredToken) : earlier.error().message));
    }
    all = std::move(*earlier);
  } else {
    all = store.List(resource, ns);
  }
  AddInMemory(InMemory(call, name.value_or("")), all);
  // A list from the cache, which resourceVersion=0 asks for, is never cut.
  const std::int64_t limit = parsed->resource_version == "0" ? 0 : parsed->limit;
  const bool one_namespace = !call.resource->namespaced || !ns.empty();
  const auto& after = state->after;
  const Page page = CutPage(all, *call.resource, *filter, limit, after ? &*after : nullptr,
                            state->version, one_namespace);
  const Accepted& accepted = call.accepted;
  switch (accepted.form) {
    case Form::kObject:
      return Reply::JsonText(200, ListText(page, state->version, *call.stored, *call.resource));
    case Form::kPartialMetadataList:
      return Reply::Document(200,
                             PartialMetadataListOf(page, state->version, accepted.meta_version));
    case Form::kPartialMetadata:
      return Reply::Error(kube::StatusFailure(
          406, "NotAcceptable",
          fmt::format("you requested PartialObjectMetadata, but the requested object is a list "
                      "(*{}.{})",
                      call.resource->group.empty() ? "core" : Split(call.resource->group, '.')[0],
                      call.resource->list_kind)));
    case Form::kTable:
      break;
  }
  const auto include = ParseIncludeObject(QueryValue(call.query, "includeObject"));
  if (!include) return Reply::Error(kube::StatusBadRequest(include.error().message));
  std::vector<Json> rows;
  rows.reserve(page.objects.size());
  for (const auto& object : page.objects) {
    rows.push_back(ObjectValue(*object, *call.stored, *call.resource));
  }
  Json table = TableOf(*call.resource, rows, std::to_string(state->version), *include, true,
                       clock.Now(), accepted.meta_version);
  if (!page.continue_token.empty()) table["metadata"]["continue"] = page.continue_token;
  if (page.remaining > 0) table["metadata"]["remainingItemCount"] = page.remaining;
  return Reply::Document(200, std::move(table));
}

}  // namespace weir::apiserver
