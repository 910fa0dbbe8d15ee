#include "brokers/redis.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "base/strings.h"
#include "net/http.h"
#include "net/tcp.h"

namespace weir::brokers {
namespace {

constexpr std::size_t kReadBytes = 64U << 10U;

// The code of an error reply, by its first word.
Code CodeOf(std::string_view message) {
  const std::string_view word = message.substr(0, message.find(' '));
  constexpr std::array<std::string_view, 7> kAway{"LOADING",     "BUSY", "MASTERDOWN", "READONLY",
                                                  "CLUSTERDOWN", "OOM",  "MISCONF"};
  if (std::ranges::find(kAway, word) != kAway.end()) return Code::kUnavailable;
  if (word == "NOAUTH" || word == "WRONGPASS" || word == "NOPERM") return Code::kForbidden;
  return Code::kInvalid;
}

std::string HostPort(const RedisOptions& options) {
  const bool v6 = options.host.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", options.host, v6 ? "]" : "", options.port);
}

}  // namespace

Result<RedisOptions> ParseRedisAddress(std::string_view text) {
  const bool has_scheme = text.find("://") != std::string_view::npos;
  const Result<net::Url> url =
      net::ParseUrl(has_scheme ? std::string(text) : "redis://" + std::string(text));
  if (!url) return std::unexpected(url.error());
  const std::string scheme = ToLower(text.substr(0, text.find("://")));
  if (has_scheme && scheme == "rediss") {
    return Fail(Code::kInvalid, "rediss:// (TLS) is not supported; expected redis://");
  }
  if (has_scheme && scheme != "redis") {
    return Fail(Code::kInvalid, fmt::format("scheme {}: expected redis://host:port", scheme));
  }
  RedisOptions options;
  options.host = url->endpoint.host;
  options.port = url->endpoint.port;
  options.user = url->user;
  options.password = url->password;
  const std::string_view path = std::string_view(url->target).substr(1);
  if (path.empty()) return options;
  const std::optional<std::int64_t> database = ParseInt(path);
  if (!database || *database < 0 || *database > 1'000'000) {
    return Fail(Code::kInvalid, fmt::format("redis database {}: expected a number", Quote(path)));
  }
  options.database = static_cast<int>(*database);
  return options;
}

struct Redis::State {
  State(net::Loop& l, RedisOptions o) : options(std::move(o)), freed(l) {}

  // Waits for this task's turn. False when cancelled.
  net::Task<bool> Acquire() {
    while (busy) {
      if (const bool ok = co_await freed.Wait(); !ok) co_return false;
    }
    busy = true;
    co_return true;
  }

  void Release() {
    busy = false;
    freed.Notify();
  }

  void Close() {
    if (stream) stream->Close();
    stream.reset();
    parser = RespParser();
  }

  std::unexpected<Error> FailWith(const Error& error) {
    Close();
    return Fail(error.code, fmt::format("redis {}: {}", HostPort(options), error.message));
  }

  net::Task<Status> Connect() {
    // Nothing is expected now: input means that the server has closed the kept connection.
    if (stream && !stream->HasInput()) co_return Status();
    Close();
    auto connected = co_await net::TcpConnect(options.host, options.port, options.connect_timeout);
    if (!connected) co_return FailWith(connected.error());
    stream = std::move(*connected);
    std::vector<RedisCommand> greeting;
    if (!options.password.empty() && options.user.empty()) {
      greeting.push_back({"AUTH", options.password});
    } else if (!options.password.empty()) {
      greeting.push_back({"AUTH", options.user, options.password});
    }
    if (options.database != 0) greeting.push_back({"SELECT", std::to_string(options.database)});
    std::vector<RespValue> replies;
    const Status exchanged = co_await Exchange(greeting, options.connect_timeout, &replies);
    if (!exchanged) co_return exchanged;
    for (std::size_t i = 0; i < replies.size(); ++i) {
      if (replies[i].type != RespValue::Type::kError) continue;
      const Code code = greeting[i][0] == "AUTH" ? Code::kForbidden : CodeOf(replies[i].text);
      co_return FailWith(Error{code, greeting[i][0] + ": " + replies[i].text});
    }
    co_return Status();
  }

  net::Task<Status> Exchange(std::vector<RedisCommand> commands, Duration timeout,
                             std::vector<RespValue>* replies) {
    if (commands.empty()) co_return Status();
    std::string bytes;
    for (const RedisCommand& command : commands) AppendCommand(bytes, command);
    const Status written = co_await stream->Write(std::move(bytes), timeout);
    if (!written) co_return FailWith(written.error());
    while (replies->size() < commands.size()) {
      Result<std::optional<RespValue>> reply = parser.Next();
      if (!reply) co_return FailWith(reply.error());
      if (std::optional<RespValue>& whole = *reply) {
        replies->push_back(*std::move(whole));
        continue;
      }
      const Result<std::string> piece = co_await stream->Read(kReadBytes, timeout);
      if (!piece) co_return FailWith(piece.error());
      if (piece->empty()) {
        co_return FailWith(Error{Code::kUnavailable, "the server closed the connection"});
      }
      parser.Feed(*piece);
    }
    co_return Status();
  }

  RedisOptions options;
  std::unique_ptr<net::TcpStream> stream;
  RespParser parser;
  net::Signal freed;
  bool busy = false;
};

Redis::Redis(net::Loop& loop, RedisOptions options)
    : state_(std::make_shared<State>(loop, std::move(options))) {}

Redis::~Redis() { Close(); }

net::Task<Status> Redis::Exchange(std::vector<RedisCommand> commands,
                                  std::vector<RespValue>* replies, Duration extra_wait) {
  const std::shared_ptr<State> state = state_;
  if (const bool ok = co_await state->Acquire(); !ok)
    co_return Fail(Code::kCancelled, "redis: cancelled");
  Status status = co_await state->Connect();
  if (status) {
    const Duration timeout = state->options.command_timeout + extra_wait;
    status = co_await state->Exchange(std::move(commands), timeout, replies);
  }
  state->Release();
  co_return status;
}

net::Task<Result<std::vector<RespValue>>> Redis::Pipeline(std::vector<RedisCommand> commands,
                                                          Duration extra_wait) {
  std::vector<RespValue> replies;
  const Status status = co_await Exchange(std::move(commands), &replies, extra_wait);
  if (!status) co_return std::unexpected(status.error());
  co_return replies;
}

net::Task<Result<RespValue>> Redis::Do(RedisCommand command, Duration extra_wait) {
  const std::string name = command.front();
  std::vector<RedisCommand> commands(1, std::move(command));
  Result<std::vector<RespValue>> replies = co_await Pipeline(std::move(commands), extra_wait);
  if (!replies) co_return std::unexpected(replies.error());
  RespValue& reply = replies->front();
  if (reply.type != RespValue::Type::kError) co_return std::move(reply);
  co_return Fail(CodeOf(reply.text), fmt::format("redis {}: {}: {}", where(), name, reply.text));
}

net::Task<Result<std::int64_t>> Redis::Integer(RedisCommand command) {
  const std::string name = command.front();
  const Result<RespValue> reply = co_await Do(std::move(command));
  if (!reply) co_return std::unexpected(reply.error());
  if (reply->type == RespValue::Type::kInteger) co_return reply->integer;
  co_return Fail(Code::kInternal, fmt::format("redis {}: {}: expected an integer", where(), name));
}

net::Task<Result<std::optional<std::string>>> Redis::Text(RedisCommand command,
                                                          Duration extra_wait) {
  const std::string name = command.front();
  Result<RespValue> reply = co_await Do(std::move(command), extra_wait);
  if (!reply) co_return std::unexpected(reply.error());
  if (reply->type == RespValue::Type::kNull) co_return std::optional<std::string>();
  if (reply->type == RespValue::Type::kText) co_return std::optional(std::move(reply->text));
  co_return Fail(Code::kInternal, fmt::format("redis {}: {}: expected a text", where(), name));
}

net::Task<Result<std::vector<std::string>>> Redis::Keys(std::string pattern, std::size_t limit) {
  std::set<std::string> found;  // SCAN may tell a key more than once
  std::string cursor = "0";
  do {
    RedisCommand scan{"SCAN", cursor, "MATCH", pattern, "COUNT", "1000"};
    Result<RespValue> reply = co_await Do(std::move(scan));
    if (!reply) co_return std::unexpected(reply.error());
    if (reply->elements.size() != 2) {
      co_return Fail(Code::kInternal, fmt::format("redis {}: SCAN: unexpected reply", where()));
    }
    cursor = reply->elements[0].text;
    for (RespValue& key : reply->elements[1].elements) found.insert(std::move(key.text));
    if (found.size() > limit) {
      co_return Fail(Code::kInvalid, fmt::format("redis {}: more than {} keys match {}", where(),
                                                 limit, Quote(pattern)));
    }
  } while (cursor != "0");
  co_return std::vector<std::string>(found.begin(), found.end());
}

void Redis::Close() {
  if (!state_->busy) {
    state_->Close();
  } else if (state_->stream) {
    state_->stream->Close();  // the task whose turn it is fails and tidies up
  }
}

const RedisOptions& Redis::options() const { return state_->options; }
std::string Redis::where() const { return HostPort(state_->options); }

}  // namespace weir::brokers
