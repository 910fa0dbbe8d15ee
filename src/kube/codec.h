// From bytes to objects: media types, strict decoding against the kind's type, protobuf bodies.
// Pure functions. The types (fields, protobuf numbers, merge keys) are data/types.txt, a file in
// the project's own form that people read too.
//
// Objects come out in the form in which Go prints the kind's struct: quantities canonical, times in
// UTC, empty values gone where the type says omitempty and there (`{}`, `""`, `0`, null) where it
// does not. Empty lists and maps that the text has stay until Complete, so that defaults do not
// fill them. Equal objects are then equal Json whichever way they came.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "kube/resource.h"

namespace weir::kube {

struct Decoded {
  Json object;  // with apiVersion and kind, without unknown fields
  // What strict validation refuses and Warn tells: `unknown field "spec.a"`, `duplicate field
  // "spec.b"`, in the order of the body.
  std::vector<std::string> strict_errors;
  // The same of keys that a YAML body repeats: `line 7: key "a" already set in map`.
  std::vector<std::string> repeated_keys{};
};

// A request body by its Content-Type: application/json, application/yaml,
// application/vnd.kubernetes.protobuf; empty is JSON. kInvalid is 400 BadRequest, its message whole
// and worded as kube-apiserver does (`Deployment in version "v1" cannot be handled as a Deployment:
// ...`, `the object provided is unrecognized (must be of type Deployment): ...`); kNotFound is 415
// UnsupportedMediaType. For a subresource that takes another kind pass Resource::OfSubresource.
Result<Decoded> DecodeBody(std::string_view content_type, std::string_view body,
                           const Resource& resource);

// The options that come as a body (DELETE): JSON or protobuf of "meta/v1.DeleteOptions"; an empty
// body is {}.
Result<Json> DecodeOptions(std::string_view content_type, std::string_view body,
                           std::string_view type);

// Who checks decides the words: the JSON decoder (`json: cannot unmarshal string into Go struct
// field DeploymentSpec.spec.replicas of type int32`) for JSON and merge patches, the unstructured
// converter (`unrecognized type: int32`) for strategic merge patches.
enum class Wording { kJson, kConverter };

// Checks a patched object against its type and brings it into the form above. Wrong types are the
// error; strict errors are returned as in Decoded. Custom resources: unknown fields pruned by the
// CRD's schema, wrong types are Validate's business.
Result<std::vector<std::string>> CheckFields(const Resource& resource, Json& object,
                                             Wording wording = Wording::kJson);

// What Go keeps of a field that is there and empty: its decoder tells an empty list from none, so
// that defaults do not fill it; its encoder leaves both out.
enum class Stage { kDecoding, kEncoding };

// Brings an object that the server itself has changed (defaults, conversion, PrepareFor...) into
// the form above. Fields that the type does not know are kept.
void Complete(const Resource& resource, Json& object, Stage stage = Stage::kEncoding);

// `strict decoding error: unknown field "a", duplicate field "b"`; empty where there are none.
std::string StrictError(const std::vector<std::string>& strict_errors);
// The same of a whole body: what its YAML repeats stands before the rest.
std::string StrictErrorOf(const Decoded& decoded);

// `Deployment in version "v1" cannot be handled as a Deployment: why`: what a 400 says where the
// body's kind is the resource's.
std::string CannotHandle(const Resource& resource, std::string_view why);

// The object inside a `k8s\0` frame, with apiVersion and kind. Empty strings and messages, which Go
// writes out, are absent.
Result<Json> DecodeProtobuf(std::string_view body);

}  // namespace weir::kube
