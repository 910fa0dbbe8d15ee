// From bytes to objects: media types, strict decoding against the kind's type, protobuf bodies.
// Pure functions. The types (fields, protobuf numbers, merge keys) are data/types.txt, a file in the
// project's own form that people read too.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "kube/resource.h"

namespace weir::kube {

struct Decoded {
  Json object;
  std::vector<std::string> duplicate_fields;  // JSON: paths of keys that came twice
};

// A request body by its Content-Type: application/json, application/yaml,
// application/vnd.kubernetes.protobuf; empty is JSON. kInvalid for a broken body, worded as
// kube-apiserver does ("the object provided is unrecognized (must be of type Deployment): ...",
// goldens in api-negotiation and errors-files); unknown media types are Code::kNotFound (415).
Result<Decoded> DecodeBody(std::string_view content_type, std::string_view body,
                           const Resource& resource);

// Checks an object against its type: wrong types are the error (Go's words: `json: cannot unmarshal
// string into Go struct field DeploymentSpec.spec.replicas of type int32`); unknown fields are
// listed in order (`spec.replicsa`) and removed from the object. Custom resources: against the
// CRD's schema (unknown fields pruned; wrong types are Validate's business).
Result<std::vector<std::string>> CheckFields(const Resource& resource, Json& object);

// `strict decoding error: unknown field "a", duplicate field "b"`; empty where there are none.
std::string StrictError(const std::vector<std::string>& unknown,
                        const std::vector<std::string>& duplicate);

// The object inside a `k8s\0` frame. Empty strings and messages, which Go writes out, are absent.
Result<Json> DecodeProtobuf(std::string_view body);

}  // namespace weir::kube
