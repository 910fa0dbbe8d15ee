#include <algorithm>

#include "base/strings.h"
#include "net/http.h"
#include "net/tcp.h"

namespace weir::net {
namespace {

std::string FindHeader(const Headers& headers, std::string_view name) {
  const auto it = headers.find(name);
  return it == headers.end() ? std::string() : it->second;
}

HttpResponse WithType(int status, std::string body, std::string type) {
  HttpResponse response;
  response.status = status;
  response.headers.emplace("content-type", std::move(type));
  response.body = std::move(body);
  return response;
}

std::string DecodeOrKeep(std::string_view text) {
  return PercentDecode(text, /*plus_is_blank=*/true).value_or(std::string(text));
}

}  // namespace

std::string HttpRequest::Header(std::string_view lower_case_name) const {
  return FindHeader(headers, lower_case_name);
}

std::string_view HttpRequest::Path() const {
  return std::string_view(target).substr(0, target.find('?'));
}

std::string_view HttpRequest::Query() const {
  const std::size_t mark = target.find('?');
  return mark == std::string::npos ? std::string_view() : std::string_view(target).substr(mark + 1);
}

std::string HttpResponse::Header(std::string_view lower_case_name) const {
  return FindHeader(headers, lower_case_name);
}

HttpResponse HttpResponse::Text(int status, std::string body) {
  return WithType(status, std::move(body), "text/plain; charset=utf-8");
}

HttpResponse HttpResponse::JsonText(int status, std::string body) {
  return WithType(status, std::move(body), "application/json");
}

std::vector<std::pair<std::string, std::string>> ParseQuery(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> parameters;
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view piece = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (piece.empty()) continue;
    const std::size_t equals = piece.find('=');
    if (equals == std::string_view::npos) {
      parameters.emplace_back(DecodeOrKeep(piece), "");
    } else {
      parameters.emplace_back(DecodeOrKeep(piece.substr(0, equals)),
                              DecodeOrKeep(piece.substr(equals + 1)));
    }
  }
  return parameters;
}

std::string BuildQuery(const std::vector<std::pair<std::string, std::string>>& parameters) {
  std::string query;
  for (const auto& [name, value] : parameters) {
    if (!query.empty()) query += '&';
    query += PercentEncode(name);
    query += '=';
    query += PercentEncode(value);
  }
  return query;
}

Task<Result<std::unique_ptr<TcpStream>>> ResponseWriter::Upgrade(Headers) {
  co_return Fail(Code::kInvalid, "this connection cannot be upgraded");
}

}  // namespace weir::net
