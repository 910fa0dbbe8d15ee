// The web server: publishes one message to a RabbitMQ queue for each request. Loop thread only.
//
//   GET /generate          one message; ?body=TEXT says what is in it
//   GET /metrics, /healthz
//
// The answer comes when the broker has confirmed the message; 503 with the reason where it has not.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "brokers/amqp.h"
#include "env/random.h"
#include "net/http.h"
#include "net/loop.h"

namespace weir::web_server {

struct Options {
  net::ListenAddress listen;
  brokers::AmqpOptions rabbit;  // `queues` is the server's own business
  std::string queue = "Orders";
};

class WebServer {
 public:
  WebServer(net::Loop& loop, env::Random& random, Options options);
  ~WebServer();
  WebServer(const WebServer&) = delete;
  WebServer& operator=(const WebServer&) = delete;

  // Listens; errors as net::HttpServer::Start. RabbitMQ need not be there.
  Status Start();
  std::uint16_t port() const;
  // Lets requests under way finish for at most `grace`.
  net::Task<void> Stop(Duration grace);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace weir::web_server
