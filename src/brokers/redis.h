// A Redis client: one connection, made when it is first needed and again after it broke, on which
// the commands of several tasks take turns. Owned by its user. Loop thread only.
//
// Errors name the server and the reason: `redis redis-master:6379: connect ...: Connection
// refused`. Codes: kUnavailable and kTimeout where the server is away or says LOADING and the like,
// kForbidden for refused credentials, kInvalid for what Redis calls an error of the command.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "brokers/resp.h"
#include "net/loop.h"

namespace weir::brokers {

struct RedisOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 6379;
  std::string user;  // empty: Redis' default user
  std::string password;
  int database = 0;
  Duration connect_timeout = std::chrono::seconds(5);
  Duration command_timeout = std::chrono::seconds(5);
};

// `redis://[user:password@]host[:port][/database]`, `host:port` or `host`. rediss:// is refused:
// there is no TLS here.
Result<RedisOptions> ParseRedisAddress(std::string_view text);

using RedisCommand = std::vector<std::string>;

class Redis {
 public:
  Redis(net::Loop& loop, RedisOptions options);
  ~Redis();
  Redis(const Redis&) = delete;
  Redis& operator=(const Redis&) = delete;

  // One reply for each command, error replies among them; the commands go out together, and no
  // other task's between them. `extra_wait` is added to the timeout for commands that block.
  net::Task<Result<std::vector<RespValue>>> Pipeline(std::vector<RedisCommand> commands,
                                                     Duration extra_wait = Duration::zero());
  // The same, and `replies`, which outlives the task, keeps those that came before an error: their
  // commands were carried out, the others perhaps.
  net::Task<Status> Exchange(std::vector<RedisCommand> commands, std::vector<RespValue>* replies,
                             Duration extra_wait = Duration::zero());

  // One command; an error reply is an Error.
  net::Task<Result<RespValue>> Do(RedisCommand command, Duration extra_wait = Duration::zero());
  // The same where the reply is known to be an integer, a text or null, or a list of texts.
  net::Task<Result<std::int64_t>> Integer(RedisCommand command);
  net::Task<Result<std::optional<std::string>>> Text(RedisCommand command,
                                                     Duration extra_wait = Duration::zero());
  // All keys that match the glob, each once, in order (SCAN to its end); kInvalid beyond `limit`.
  net::Task<Result<std::vector<std::string>>> Keys(std::string pattern, std::size_t limit);

  // Closes the connection; the next command makes a new one.
  void Close();

  const RedisOptions& options() const;
  // `host:port`.
  std::string where() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace weir::brokers
