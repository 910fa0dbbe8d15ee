#include "client/transport.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <exception>
#include <utility>

#include "net/deadline.h"

namespace weir::client {
namespace {

constexpr std::size_t kBodyBytesMax = 64U << 20U;
// A stream that never has to wait still lets others run, once in so many pieces.
constexpr int kWritesPerTurn = 64;

void Authorize(net::HttpRequest& request, const std::string& token) {
  if (!token.empty()) request.headers.insert_or_assign("authorization", "Bearer " + token);
}

class HttpTransport final : public Transport {
 public:
  HttpTransport(net::Loop& loop, std::shared_ptr<net::TlsClientContext> tls, net::Endpoint endpoint,
                std::string token)
      : client_(loop, std::move(tls)), endpoint_(std::move(endpoint)), token_(std::move(token)) {}

  net::Task<Result<net::HttpResponse>> Do(net::HttpRequest request, Duration timeout) override {
    Authorize(request, token_);
    return client_.Do(endpoint_, std::move(request), timeout, kBodyBytesMax);
  }

  net::Task<Status> Stream(net::HttpRequest request, Duration timeout, net::HttpClient::HeadFn head,
                           net::HttpClient::ChunkFn chunk) override {
    Authorize(request, token_);
    return client_.Stream(endpoint_, std::move(request), timeout, std::move(head),
                          std::move(chunk));
  }

 private:
  net::HttpClient client_;
  net::Endpoint endpoint_;
  std::string token_;
};

// The answer of a handler in memory: hands head and pieces on as they come. Nothing is buffered
// here, so a handler is never ahead of its reader.
class MemoryWriter final : public net::ResponseWriter {
 public:
  MemoryWriter(net::HttpClient::HeadFn head, net::HttpClient::ChunkFn chunk,
               net::Deadline* deadline)
      : head_(std::move(head)), chunk_(std::move(chunk)), deadline_(deadline) {}

  net::Task<Status> Send(net::HttpResponse response) override {
    if (begun_) co_return Fail(Code::kInternal, "answered already");
    std::string body = std::move(response.body);
    response.body.clear();
    Deliver(response);
    if (!closed_ && !body.empty() && !chunk_(body)) Close();
    ended_ = true;
    co_return Status();
  }

  net::Task<Status> Begin(net::HttpResponse head) override {
    if (begun_) co_return Fail(Code::kInternal, "answered already");
    head.body.clear();
    Deliver(head);
    co_return closed_ ? Gone() : Status();
  }

  net::Task<Status> Write(std::string chunk) override {
    if (!begun_ || ended_) co_return Fail(Code::kInternal, "no stream is under way");
    if (const bool cancelled = co_await net::IsCancelled(); cancelled) {
      Close();
      co_return Fail(Code::kCancelled, "the reader stops");
    }
    if (closed_) co_return Gone();
    if (!chunk.empty() && !chunk_(chunk)) Close();
    if (closed_) co_return Gone();
    if (++writes_ % kWritesPerTurn == 0) co_await net::Yield();
    co_return Status();
  }

  net::Task<Status> End() override {
    ended_ = true;
    co_return Status();
  }

  bool closed() const override { return closed_; }

  void OnClose(std::function<void()> callback) override {
    on_close_ = std::move(callback);
    if (closed_ && on_close_) std::exchange(on_close_, nullptr)();
  }

  bool begun() const { return begun_; }
  bool ended() const { return ended_; }

 private:
  static Status Gone() { return Fail(Code::kUnavailable, "the reader has gone"); }

  void Deliver(const net::HttpResponse& head) {
    begun_ = true;
    deadline_->Lift();  // a timeout bounds the time to the head
    if (!head_(head)) Close();
  }

  void Close() {
    closed_ = true;
    if (on_close_) std::exchange(on_close_, nullptr)();
  }

  net::HttpClient::HeadFn head_;
  net::HttpClient::ChunkFn chunk_;
  net::Deadline* deadline_;
  std::function<void()> on_close_;
  int writes_ = 0;
  bool begun_ = false, ended_ = false, closed_ = false;
};

class InProcessTransport final : public Transport {
 public:
  InProcessTransport(net::HttpHandler handler, std::string token)
      : handler_(std::move(handler)), token_(std::move(token)) {}

  net::Task<Result<net::HttpResponse>> Do(net::HttpRequest request, Duration timeout) override {
    net::HttpResponse response;
    bool too_large = false;
    auto head = [&response](const net::HttpResponse& got) {
      response = got;
      return true;
    };
    auto chunk = [&response, &too_large](std::string_view piece) {
      too_large = response.body.size() + piece.size() > kBodyBytesMax;
      if (!too_large) response.body += piece;
      return !too_large;
    };
    const Status status = co_await Call(std::move(request), timeout, head, chunk);
    if (!status) co_return std::unexpected(status.error());
    if (too_large) co_return Fail(Code::kInvalid, "response body above the limit");
    co_return response;
  }

  net::Task<Status> Stream(net::HttpRequest request, Duration timeout, net::HttpClient::HeadFn head,
                           net::HttpClient::ChunkFn chunk) override {
    return Call(std::move(request), timeout, std::move(head), std::move(chunk));
  }

 private:
  net::Task<Status> Call(net::HttpRequest request, Duration timeout, net::HttpClient::HeadFn head,
                         net::HttpClient::ChunkFn chunk) {
    const std::string where = request.method + " " + std::string(request.Path());
    Authorize(request, token_);
    request.headers.try_emplace("host", "in-process");
    net::Deadline deadline = co_await net::Deadline::In(timeout);
    if (deadline.cancelled()) co_return Fail(Code::kCancelled, where + ": cancelled");
    MemoryWriter writer(std::move(head), std::move(chunk), &deadline);
    auto executor = co_await boost::asio::this_coro::executor;
    auto token = deadline.token();
    // A coroutine of its own, so that the deadline can cancel the handler alone.
    const auto [failure] =
        co_await boost::asio::co_spawn(executor, Handle(std::move(request), &writer), token);
    if (failure) co_return Fail(Code::kInternal, where + ": the handler ended with an exception");
    if (writer.ended() || (writer.closed() && !deadline.cancelled())) co_return Status();
    const Code code = deadline.code(Code::kUnavailable);
    if (code == Code::kTimeout) co_return Fail(code, where + ": timed out");
    if (code == Code::kCancelled) co_return Fail(code, where + ": cancelled");
    co_return Fail(code, where + (writer.begun() ? ": the handler broke off its answer"
                                                 : ": the handler gave no answer"));
  }

  net::Task<void> Handle(net::HttpRequest request, MemoryWriter* writer) {
    co_await boost::asio::this_coro::throw_if_cancelled(false);
    net::Peer peer;
    peer.address = "in-process";
    try {
      co_await handler_(std::move(request), std::move(peer), *writer);
    } catch (const std::exception& e) {
      spdlog::error("an in-process request's handler ended with an exception: {}", e.what());
      throw;
    }
  }

  net::HttpHandler handler_;
  std::string token_;
};

}  // namespace

Result<std::unique_ptr<Transport>> MakeHttpTransport(net::Loop& loop, const ClusterAccess& access) {
  std::shared_ptr<net::TlsClientContext> tls;
  if (access.endpoint.tls) {
    auto made = net::TlsClientContext::Make(access.ca_pem, access.certificate, access.insecure);
    if (!made) return std::unexpected(made.error());
    tls = std::move(*made);
  }
  return std::make_unique<HttpTransport>(loop, std::move(tls), access.endpoint, access.token);
}

std::unique_ptr<Transport> MakeInProcessTransport(net::Loop& /*loop*/, net::HttpHandler handler,
                                                  std::string token) {
  return std::make_unique<InProcessTransport>(std::move(handler), std::move(token));
}

}  // namespace weir::client
