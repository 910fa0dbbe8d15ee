// Reads HTTP/1.1 messages into our own values, on Beast's parser. Internal to net: only the HTTP
// server and client include it. Pure: bytes in, message out.
#pragma once

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "base/strings.h"
#include "net/http.h"

namespace weir::net {

// Feed() it bytes until is_done(). A body may be taken (TakeBody) piece by piece meanwhile.
template <bool kIsRequest>
class MessageParser final : public boost::beast::http::basic_parser<kIsRequest> {
 public:
  using Base = boost::beast::http::basic_parser<kIsRequest>;
  using Error = boost::beast::error_code;
  using View = boost::beast::string_view;

  MessageParser(std::size_t max_header_bytes, boost::optional<std::uint64_t> max_body_bytes) {
    this->eager(true);
    this->header_limit(static_cast<std::uint32_t>(max_header_bytes));
    this->body_limit(max_body_bytes);
  }

  // Takes what it can of `bytes` and returns how much; the rest belongs in front of the next call.
  // Needing more bytes is no error.
  std::size_t Feed(boost::asio::const_buffer bytes, Error& error) {
    std::size_t taken = 0;
    while (!this->is_done() && taken < bytes.size()) {
      const std::size_t size = this->put(bytes + taken, error);
      taken += size;
      if (error || size == 0) break;
    }
    if (error == boost::beast::http::error::need_more) error = {};
    return taken;
  }

  std::string TakeBody() { return std::exchange(body, {}); }

  std::string method, target;
  int version = 11;  // 10 or 11
  int status = 0;
  Headers headers;
  std::string body;

 private:
  static std::string_view Std(View view) { return {view.data(), view.size()}; }

  void on_request_impl(boost::beast::http::verb, View method_text, View target_text,
                       int http_version, Error&) override {
    method = Std(method_text);
    target = Std(target_text);
    version = http_version;
  }
  void on_response_impl(int code, View, int http_version, Error&) override {
    status = code;
    version = http_version;
  }
  void on_field_impl(boost::beast::http::field, View name, View value, Error&) override {
    const auto [it, added] = headers.try_emplace(ToLower(Std(name)), Std(value));
    if (!added) it->second.append(", ").append(Std(value));
  }
  void on_header_impl(Error&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, Error&) override {
    constexpr std::uint64_t kReserveMax = 1U << 20U;  // a claim is not yet a megabyte received
    if (length) body.reserve(static_cast<std::size_t>(std::min(*length, kReserveMax)));
  }
  std::size_t on_body_impl(View piece, Error&) override {
    body.append(piece.data(), piece.size());
    return piece.size();
  }
  void on_chunk_header_impl(std::uint64_t, View, Error&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, View piece, Error&) override {
    body.append(piece.data(), piece.size());
    return piece.size();
  }
  void on_finish_impl(Error&) override {}
};

}  // namespace weir::net
