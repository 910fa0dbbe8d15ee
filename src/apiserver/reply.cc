#include "apiserver/reply.h"

#include <fmt/format.h>

#include <utility>

#include "base/strings.h"
#include "base/yaml_writer.h"
#include "kube/status.h"
#include "kube/typed_text.h"

namespace weir::apiserver {

std::function<void(Status)> Durable::Expect() {
  ++outstanding_;
  return [self = shared_from_this()](Status status) {
    --self->outstanding_;
    if (!status && self->result_) self->result_ = std::move(status);
    self->done_.Notify();
  };
}

net::Task<Status> Durable::Wait() {
  while (outstanding_ > 0) {
    const bool notified = co_await done_.Wait();
    if (!notified) co_return Fail(Code::kCancelled, "the server is stopping");
  }
  co_return result_;
}

Reply Reply::Document(int code, Json json) {
  Reply reply;
  reply.code = code;
  reply.json = std::move(json);
  return reply;
}

Reply Reply::JsonText(int code, std::string text) {
  Reply reply;
  reply.code = code;
  reply.text = std::move(text);
  return reply;
}

Reply Reply::PlainText(int code, std::string text) {
  Reply reply;
  reply.code = code;
  reply.text = std::move(text);
  reply.content_type = "text/plain; charset=utf-8";
  return reply;
}

Reply Reply::Error(Json status) {
  const int code = static_cast<int>(GetInt(status, {"code"}, 500));
  return Document(code, std::move(status));
}

Reply PageNotFound() {
  Reply reply = Reply::PlainText(404, "404 page not found\n");
  reply.headers["x-content-type-options"] = "nosniff";
  return reply;
}

Json UnknownResource() {
  return kube::StatusFailure(404, "NotFound", "the server could not find the requested resource",
                             Json::object());
}

Json NotServed(std::string_view what) {
  return kube::StatusFailure(501, "NotImplemented",
                             fmt::format("{}: not served by this version of Weir", what));
}

net::HttpResponse Render(Reply reply, Format format, bool pretty) {
  net::HttpResponse response;
  response.status = reply.code;
  response.headers = std::move(reply.headers);
  if (reply.content_type == kNoContentType) {
    response.body = std::move(reply.text);
  } else if (!reply.content_type.empty()) {
    response.headers["content-type"] = reply.content_type;
    response.body = std::move(reply.text);
  } else {
    response.headers["content-type"] = ContentType(format);
    // Text is made of our own JSON, so that it always parses.
    if (reply.json.is_null() && (format == Format::kYaml || pretty)) {
      reply.json = ParseJson(reply.text).value_or(Json());
    }
    if (format == Format::kYaml) {
      response.body = ToYaml(reply.json);
    } else {
      response.body = reply.json.is_null() ? std::move(reply.text)
                                           : kube::DumpObject(reply.json, pretty ? 2 : 0);
      if (!pretty) response.body += '\n';  // as Go's encoder ends a line
    }
  }
  if (!reply.warnings.empty()) {
    std::vector<std::string> values;
    values.reserve(reply.warnings.size());
    for (const std::string& warning : reply.warnings) {
      values.push_back("299 - " + Quote(warning));
    }
    response.headers["warning"] = Join(values, "\n");  // a header line each
  }
  return response;
}

}  // namespace weir::apiserver
