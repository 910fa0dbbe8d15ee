// An answer on its way: the document, the form it is sent in, and the writes that must be durable
// before it is sent. Internal to apiserver; loop thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "apiserver/accept_plan.h"
#include "base/json.h"
#include "net/http.h"
#include "net/loop.h"

namespace weir::apiserver {

// Waits until the journal has every write that it was told of.
class Durable : public std::enable_shared_from_this<Durable> {
 public:
  explicit Durable(net::Loop& loop) : done_(loop) {}
  // A store's `done` for one write.
  std::function<void(Status)> Expect();
  // The first failure, or OK. kCancelled where the task was cancelled.
  net::Task<Status> Wait();

 private:
  net::Signal done_;
  int outstanding_ = 0;
  Status result_;
};

// The content_type of an answer that has none.
inline constexpr std::string_view kNoContentType = "-";

struct Reply {
  int code = 200;
  Json json;                 // null where `text` is the body
  std::string text;          // JSON, or what content_type says
  std::string content_type;  // empty: by negotiation, `text` is JSON
  std::vector<std::string> warnings;
  net::Headers headers;
  std::shared_ptr<Durable> durable;  // may be null

  static Reply Document(int code, Json json);
  static Reply JsonText(int code, std::string text);
  static Reply PlainText(int code, std::string text);
  // A Status; its code is the answer's.
  static Reply Error(Json status);
};

// `404 page not found`, as Go's mux says it for paths that nobody serves.
Reply PageNotFound();
// The Status for API paths that nobody serves.
Json UnknownResource();
// 501, for what upstream serves and this server does not: `what` names it.
Json NotServed(std::string_view what);

net::HttpResponse Render(Reply reply, Format format, bool pretty);

}  // namespace weir::apiserver
