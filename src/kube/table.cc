#include "kube/table.h"

#include <fmt/format.h>

#include "base/strings.h"
#include "kube/strategy.h"
#include "kube/table_cells.h"

namespace weir::kube {
namespace {

Json EndpointSliceCells(const Json& object, Time now) {
  std::vector<std::string> ports, addresses;
  for (const Json& port : GetArray(object, {"ports"})) {
    const Json* number = Find(port, "port");
    ports.push_back(number == nullptr || number->is_null() ? "*" : DumpJson(*number));
  }
  for (const Json& endpoint : GetArray(object, {"endpoints"})) {
    for (const Json& address : GetArray(endpoint, {"addresses"})) {
      if (address.is_string()) addresses.push_back(address.get<std::string>());
    }
  }
  return Json::array({GetString(object, {"metadata", "name"}), GetString(object, "addressType"),
                      FirstThree(ports, "<unset>"), FirstThree(addresses, "<unset>"),
                      CreationAge(object, now)});
}

std::string EndpointsCell(const Json& object) {
  std::vector<std::string> out;
  for (const Json& subset : GetArray(object, {"subsets"})) {
    const Json& ports = GetArray(subset, {"ports"});
    if (ports.empty()) {
      for (const Json& address : GetArray(subset, {"addresses"})) {
        out.push_back(GetString(address, "ip"));
      }
    }
    for (const Json& port : ports) {
      for (const Json& address : GetArray(subset, {"addresses"})) {
        out.push_back(fmt::format("{}:{}", GetString(address, "ip"), GetInt(port, {"port"}, 0)));
      }
    }
  }
  return FirstThree(out, "<none>");
}

Json CoreCells(const std::string& kind, const Json& object, Time now) {
  std::string name = GetString(object, {"metadata", "name"});
  if (kind == "Pod") return PodCells(object, now);
  if (kind == "Service") return ServiceCells(object, now);
  if (kind == "Node") return NodeCells(object, now);
  if (kind == "Event") return EventCells(object, now);
  if (kind == "ConfigMap") {
    std::size_t count =
        GetObject(object, {"data"}).size() + GetObject(object, {"binaryData"}).size();
    return Json::array({name, count, CreationAge(object, now)});
  }
  if (kind == "Secret") {
    return Json::array({name, GetString(object, "type"), GetObject(object, {"data"}).size(),
                        CreationAge(object, now)});
  }
  if (kind == "Namespace") {
    return Json::array({name, GetString(object, {"status", "phase"}), CreationAge(object, now)});
  }
  if (kind == "Endpoints") {
    return Json::array({name, EndpointsCell(object), CreationAge(object, now)});
  }
  if (kind == "ReplicationController") return AppsCells(kind, object, now);
  return ObjectCells(kind, object, now);
}

// Kinds without cells of their own: what their columns' names ask for.
Json PlainCells(const Resource& resource, const Json& object, Time now) {
  Json cells = Json::array();
  for (const Column& column : resource.columns) {
    if (column.name == "Name") {
      cells.push_back(GetString(object, {"metadata", "name"}));
    } else if (column.name == "Age") {
      cells.push_back(CreationAge(object, now));
    } else if (column.name == "Created At") {
      cells.push_back(GetString(object, {"metadata", "creationTimestamp"}));
    } else {
      cells.push_back(nullptr);
    }
  }
  return cells;
}

Json HpaCellsAnyVersion(const Resource& resource, const Json& object, Time now) {
  if (resource.version == "v2") return HpaCells(object, now);
  Resource v2 = resource;
  v2.version = "v2";
  return HpaCells(Convert(object, resource, v2), now);
}

Json Cells(const Resource& resource, const Json& object, Time now) {
  if (!resource.crd_name.empty()) return CustomCells(resource, object, now);
  Json cells;
  if (resource.group.empty()) {
    cells = CoreCells(resource.kind, object, now);
  } else if (resource.group == "apps") {
    cells = AppsCells(resource.kind, object, now);
  } else if (resource.group == "batch") {
    cells = BatchCells(resource.kind, object, now);
  } else if (resource.group == "autoscaling") {
    cells = resource.kind == "Scale" ? ObjectCells(resource.kind, object, now)
                                     : HpaCellsAnyVersion(resource, object, now);
  } else if (resource.group == "discovery.k8s.io") {
    cells = EndpointSliceCells(object, now);
  } else if (resource.group == "events.k8s.io") {
    Resource core = resource;
    core.group.clear();
    cells = EventCells(Convert(object, resource, core), now);
  } else {
    cells = ObjectCells(resource.kind, object, now);
  }
  return cells.is_null() ? PlainCells(resource, object, now) : cells;
}

// A pod that has ended, so that clients can leave it out.
Json RowConditions(const Resource& resource, const Json& object) {
  if (!resource.group.empty() || resource.kind != "Pod") return nullptr;
  std::string phase = GetString(object, {"status", "phase"});
  if (phase != "Succeeded" && phase != "Failed") return nullptr;
  return Json::array({{{"type", "Completed"},
                       {"status", "True"},
                       {"reason", phase},
                       {"message", phase == "Succeeded" ? "The pod has completed successfully."
                                                        : "The pod failed."}}});
}

Json RowObject(const Json& object, IncludeObject include) {
  switch (include) {
    case IncludeObject::kNone:
      return nullptr;
    case IncludeObject::kObject:
      return object;
    case IncludeObject::kMetadata:
      break;
  }
  return {{"apiVersion", "meta.k8s.io/v1"},
          {"kind", "PartialObjectMetadata"},
          {"metadata", GetObject(object, {"metadata"})}};
}

// Custom resources without columns of their own have these two.
void CompleteColumns(Resource& resource) {
  Column name;
  name.name = "Name";
  name.type = "string";
  name.format = "name";
  name.description =
      "Name must be unique within a namespace. Is required when creating resources, although some "
      "resources may allow a client to request the generation of an appropriate name "
      "automatically. Name is primarily intended for creation idempotence and configuration "
      "definition. Cannot be updated. More info: "
      "https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names";
  if (resource.columns.empty()) {
    Column age;
    age.name = "Age";
    age.type = "date";
    age.json_path = ".metadata.creationTimestamp";
    age.description =
        "Custom resource definition column (in JSONPath format): .metadata.creationTimestamp";
    resource.columns.push_back(std::move(age));
  }
  if (resource.columns.front().format != "name") {
    resource.columns.insert(resource.columns.begin(), std::move(name));
  }
}

}  // namespace

Json ToTable(const Resource& resource, const std::vector<const Json*>& objects,
             std::string_view resource_version, IncludeObject include, bool with_columns,
             Time now) {
  Resource shown = resource;
  if (!shown.crd_name.empty()) CompleteColumns(shown);
  Json columns;
  if (with_columns) {
    columns = Json::array();
    for (const Column& column : shown.columns) {
      columns.push_back({{"name", column.name},
                         {"type", column.type},
                         {"format", column.format},
                         {"description", column.description},
                         {"priority", column.priority}});
    }
  }
  Json rows = Json::array();
  for (const Json* object : objects) {
    Json row = {{"cells", Cells(shown, *object, now)}, {"object", RowObject(*object, include)}};
    if (Json conditions = RowConditions(shown, *object); !conditions.is_null()) {
      row["conditions"] = std::move(conditions);
    }
    rows.push_back(std::move(row));
  }
  return {{"apiVersion", "meta.k8s.io/v1"},
          {"kind", "Table"},
          {"metadata", {{"resourceVersion", resource_version}}},
          {"columnDefinitions", std::move(columns)},
          {"rows", std::move(rows)}};
}

}  // namespace weir::kube
