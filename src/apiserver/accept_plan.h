// Content negotiation of answers: what the Accept header asks for and we can give. Follows
// k8s.io/apiserver endpoints/handlers/negotiation, whose choices are recorded in the tests. Pure
// functions.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace weir::apiserver {

enum class Format { kJson, kYaml };
// The object as it is, or turned into one of meta.k8s.io's forms.
enum class Form { kObject, kTable, kPartialMetadata, kPartialMetadataList };

struct Accepted {
  Format format = Format::kJson;
  Form form = Form::kObject;
  std::string meta_version = "v1";  // of meta.k8s.io, where form is not kObject
  bool pretty = false;              // asked for in the media type
};

// The best of what the header lists. The error's message is the Status message of a 406; kNotFound
// where none of the media types is known (its Status has empty details), kInvalid where their
// parameters ask for what is not served. `watch`: YAML cannot be streamed.
Result<Accepted> NegotiateAnswer(std::string_view accept, bool watch);

// The Status of a 406 for NegotiateAnswer's error, and the format it is sent in.
Json NotAcceptable(const Error& error);
Format FormatOfError(std::string_view accept);

// Whether /api and /apis are asked for in the aggregated form, before (or instead of) the plain
// one. kInvalid where only unknown versions of it are accepted.
Result<bool> WantsAggregatedDiscovery(std::string_view accept);

std::string_view ContentType(Format format);

// Whether JSON is indented: by `pretty` in the query (a boolean), else for browsers, curl and wget.
bool IsPretty(std::string_view pretty_query, std::string_view user_agent);

}  // namespace weir::apiserver
