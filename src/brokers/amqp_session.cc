#include "brokers/amqp_session.h"

#include <amqp.h>
#include <amqp_framing.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/check.h"

namespace weir::brokers {
namespace {

constexpr std::string_view kGreeting("AMQP\0\0\x09\x01", 8);
constexpr std::string_view kConsumerTag = "weir";

// rabbitmq-c takes bytes without const, and only reads what is to be encoded.
amqp_bytes_t Bytes(std::string_view text) { return {text.size(), const_cast<char*>(text.data())}; }

std::string_view Text(amqp_bytes_t bytes) {
  return {static_cast<const char*>(bytes.bytes), bytes.len};
}

amqp_table_entry_t BoolEntry(std::string_view key, bool value) {
  amqp_table_entry_t entry{};
  entry.key = Bytes(key);
  entry.value.kind = AMQP_FIELD_KIND_BOOLEAN;
  entry.value.value.boolean = value ? 1 : 0;
  return entry;
}

amqp_table_entry_t IntegerEntry(std::string_view key, std::int64_t value) {
  amqp_table_entry_t entry{};
  entry.key = Bytes(key);
  entry.value.kind = AMQP_FIELD_KIND_I64;
  entry.value.value.i64 = value;
  return entry;
}

amqp_table_entry_t TextEntry(std::string_view key, std::string_view value) {
  amqp_table_entry_t entry{};
  entry.key = Bytes(key);
  entry.value.kind = AMQP_FIELD_KIND_UTF8;
  entry.value.value.bytes = Bytes(value);
  return entry;
}

amqp_table_entry_t TableEntry(std::string_view key, amqp_table_t value) {
  amqp_table_entry_t entry{};
  entry.key = Bytes(key);
  entry.value.kind = AMQP_FIELD_KIND_TABLE;
  entry.value.value.table = value;
  return entry;
}

amqp_table_t Table(std::vector<amqp_table_entry_t>& entries) {
  return {static_cast<int>(entries.size()), entries.data()};
}

std::optional<std::int64_t> Integer(const amqp_field_value_t& field) {
  switch (field.kind) {
    case AMQP_FIELD_KIND_I8:
      return field.value.i8;
    case AMQP_FIELD_KIND_U8:
      return field.value.u8;
    case AMQP_FIELD_KIND_I16:
      return field.value.i16;
    case AMQP_FIELD_KIND_U16:
      return field.value.u16;
    case AMQP_FIELD_KIND_I32:
      return field.value.i32;
    case AMQP_FIELD_KIND_U32:
      return field.value.u32;
    case AMQP_FIELD_KIND_I64:
      return field.value.i64;
    default:
      return std::nullopt;  // the kind is a byte of the peer's
  }
}

std::uint64_t ReadNumber(std::string_view bytes) {
  std::uint64_t number = 0;
  for (const char c : bytes) number = number << 8U | static_cast<unsigned char>(c);
  return number;
}

void AppendNumber(std::string& out, std::uint64_t number, unsigned bytes) {
  while (bytes-- > 0) out += static_cast<char>(number >> (8U * bytes) & 0xFFU);
}

// The error for a reply code with which the broker closes a connection.
Error ClosedBy(std::uint16_t code, std::string_view text) {
  const bool refused = code == AMQP_ACCESS_REFUSED || code == AMQP_NOT_ALLOWED;
  return {refused ? Code::kForbidden : Code::kUnavailable, fmt::format("{} (code {})", text, code)};
}

}  // namespace

struct AmqpSession::State {
  // A message whose header and body frames are still to come.
  struct Content {
    AmqpEvent event;
    std::optional<std::uint64_t> missing_bytes;  // none before the header
  };

  State(AmqpLogin l, AmqpLimits m) : login(std::move(l)), limits(m), output(kGreeting) {
    init_amqp_pool(&pool, 4096);
    scratch.resize(kAmqpFrameBytesMax - kAmqpFrameOverhead);
  }
  ~State() { empty_amqp_pool(&pool); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void Send(std::uint16_t channel, amqp_method_number_t method, void* fields);
  Status Take(const AmqpFrame& frame);
  Status TakeMethod(std::uint16_t channel, amqp_method_number_t method, void* fields);
  Status TakeConnectionMethod(amqp_method_number_t method, void* fields);
  Status TakeStart(const amqp_connection_start_t& start);
  void TakeTune(const amqp_connection_tune_t& tune);
  Status TakeHeader(const AmqpFrame& frame);
  Status TakeBody(const AmqpFrame& frame);
  void Finish(std::uint16_t channel);
  AmqpEvent& Add(AmqpEvent::Type type, std::uint16_t channel) {
    AmqpEvent event;
    event.type = type;
    event.channel = channel;
    return events.emplace_back(std::move(event));
  }
  static std::unexpected<Error> Unexpected(std::string_view what) {
    return Fail(Code::kInvalid, fmt::format("unexpected AMQP {}", what));
  }

  AmqpLogin login;
  AmqpLimits limits;
  AmqpFrameReader reader;
  std::string output;
  std::string scratch;
  std::deque<AmqpEvent> events;
  std::map<std::uint16_t, Content> contents;  // by channel
  amqp_pool_t pool{};
  Duration heartbeat{};
  bool open = false;
};

void AmqpSession::State::Send(std::uint16_t channel, amqp_method_number_t method, void* fields) {
  const int size = amqp_encode_method(method, fields, {scratch.size() - 4, scratch.data() + 4});
  // Names and texts longer than AMQP's 255 bytes do not fit: callers check them.
  WEIR_CHECK(size >= 0);
  std::string id;
  AppendNumber(id, method, 4);
  id.copy(scratch.data(), 4);
  AppendAmqpFrame(output, AmqpFrameType::kMethod, channel,
                  std::string_view(scratch).substr(0, static_cast<std::size_t>(size) + 4));
}

Status AmqpSession::State::Take(const AmqpFrame& frame) {
  if (frame.type == AmqpFrameType::kHeartbeat) return {};
  if (frame.type == AmqpFrameType::kHeader) return TakeHeader(frame);
  if (frame.type == AmqpFrameType::kBody) return TakeBody(frame);
  const auto method =
      static_cast<amqp_method_number_t>(ReadNumber(std::string_view(frame.payload).substr(0, 4)));
  void* fields = nullptr;
  const std::string_view encoded = std::string_view(frame.payload).substr(4);
  if (amqp_decode_method(method, &pool, Bytes(encoded), &fields) != AMQP_STATUS_OK) {
    return Fail(Code::kInvalid, fmt::format("malformed AMQP method {:#x}", method));
  }
  return frame.channel == 0 ? TakeConnectionMethod(method, fields)
                            : TakeMethod(frame.channel, method, fields);
}

Status AmqpSession::State::TakeConnectionMethod(amqp_method_number_t method, void* fields) {
  switch (method) {
    case AMQP_CONNECTION_START_METHOD:
      return TakeStart(*static_cast<amqp_connection_start_t*>(fields));
    case AMQP_CONNECTION_TUNE_METHOD:
      TakeTune(*static_cast<amqp_connection_tune_t*>(fields));
      return {};
    case AMQP_CONNECTION_OPEN_OK_METHOD:
      open = true;
      Add(AmqpEvent::Type::kOpened, 0);
      return {};
    case AMQP_CONNECTION_BLOCKED_METHOD:
      Add(AmqpEvent::Type::kBlocked, 0).text =
          Text(static_cast<amqp_connection_blocked_t*>(fields)->reason);
      return {};
    case AMQP_CONNECTION_UNBLOCKED_METHOD:
      Add(AmqpEvent::Type::kUnblocked, 0);
      return {};
    case AMQP_CONNECTION_CLOSE_METHOD: {
      const auto& close = *static_cast<amqp_connection_close_t*>(fields);
      amqp_connection_close_ok_t ok{};
      Send(0, AMQP_CONNECTION_CLOSE_OK_METHOD, &ok);
      open = false;
      return std::unexpected(ClosedBy(close.reply_code, Text(close.reply_text)));
    }
    case AMQP_CONNECTION_CLOSE_OK_METHOD:
      open = false;
      Add(AmqpEvent::Type::kClosed, 0);
      return {};
    default:
      return Unexpected(fmt::format("method {:#x} on channel 0", method));
  }
}

Status AmqpSession::State::TakeStart(const amqp_connection_start_t& start) {
  if (start.version_major != 0 || start.version_minor != 9) {
    return Fail(Code::kInvalid, fmt::format("the broker speaks AMQP {}.{}: expected 0.9",
                                            start.version_major, start.version_minor));
  }
  if (Text(start.mechanisms).find("PLAIN") == std::string_view::npos) {
    return Fail(Code::kForbidden, "the broker does not take user and password (SASL PLAIN)");
  }
  std::vector<amqp_table_entry_t> can = {
      BoolEntry("authentication_failure_close", true), BoolEntry("publisher_confirms", true),
      BoolEntry("basic.nack", true), BoolEntry("consumer_cancel_notify", true),
      BoolEntry("connection.blocked", true)};
  std::vector<amqp_table_entry_t> about = {TextEntry("product", "weir"),
                                           TextEntry("connection_name", login.connection_name),
                                           TableEntry("capabilities", Table(can))};
  std::string response(1, '\0');
  response += login.user;
  response += '\0';
  response += login.password;
  amqp_connection_start_ok_t ok{};
  ok.client_properties = Table(about);
  ok.mechanism = Bytes("PLAIN");
  ok.response = Bytes(response);
  ok.locale = Bytes("en_US");
  Send(0, AMQP_CONNECTION_START_OK_METHOD, &ok);
  return {};
}

void AmqpSession::State::TakeTune(const amqp_connection_tune_t& tune) {
  const auto wanted = static_cast<std::uint16_t>(std::clamp<std::int64_t>(
      std::chrono::ceil<std::chrono::seconds>(login.heartbeat).count(), 0, 0xFFFF));
  amqp_connection_tune_ok_t ok{};
  ok.channel_max = tune.channel_max;
  ok.frame_max = tune.frame_max == 0
                     ? static_cast<std::uint32_t>(kAmqpFrameBytesMax)
                     : std::min(tune.frame_max, static_cast<std::uint32_t>(kAmqpFrameBytesMax));
  ok.heartbeat = tune.heartbeat == 0 || wanted == 0 ? std::max(tune.heartbeat, wanted)
                                                    : std::min(tune.heartbeat, wanted);
  // A broker that takes less than 4 KiB breaks the protocol (and is let fail on what we send).
  scratch.resize(std::max<std::size_t>(ok.frame_max, 4096) - kAmqpFrameOverhead);
  heartbeat = std::chrono::seconds(ok.heartbeat);
  Send(0, AMQP_CONNECTION_TUNE_OK_METHOD, &ok);
  amqp_connection_open_t request{};
  request.virtual_host = Bytes(login.vhost);
  Send(0, AMQP_CONNECTION_OPEN_METHOD, &request);
}

Status AmqpSession::State::TakeMethod(std::uint16_t channel, amqp_method_number_t method,
                                      void* fields) {
  if (contents.contains(channel)) return Unexpected("method within a message");
  switch (method) {
    case AMQP_CHANNEL_OPEN_OK_METHOD:
    case AMQP_CONFIRM_SELECT_OK_METHOD:
    case AMQP_BASIC_QOS_OK_METHOD:
    case AMQP_BASIC_CONSUME_OK_METHOD:
      return {};
    case AMQP_CHANNEL_CLOSE_METHOD: {
      const auto& close = *static_cast<amqp_channel_close_t*>(fields);
      AmqpEvent& event = Add(AmqpEvent::Type::kChannelClosed, channel);
      event.code = close.reply_code;
      event.text = Text(close.reply_text);
      amqp_channel_close_ok_t ok{};
      Send(channel, AMQP_CHANNEL_CLOSE_OK_METHOD, &ok);
      return {};
    }
    case AMQP_QUEUE_DECLARE_OK_METHOD: {
      const auto& declared = *static_cast<amqp_queue_declare_ok_t*>(fields);
      AmqpEvent& event = Add(AmqpEvent::Type::kDeclared, channel);
      event.text = Text(declared.queue);
      event.messages = declared.message_count;
      event.consumers = declared.consumer_count;
      return {};
    }
    case AMQP_BASIC_ACK_METHOD: {
      const auto& ack = *static_cast<amqp_basic_ack_t*>(fields);
      AmqpEvent& event = Add(AmqpEvent::Type::kConfirmed, channel);
      event.tag = ack.delivery_tag;
      event.multiple = ack.multiple != 0;
      event.positive = true;
      return {};
    }
    case AMQP_BASIC_NACK_METHOD: {
      const auto& nack = *static_cast<amqp_basic_nack_t*>(fields);
      AmqpEvent& event = Add(AmqpEvent::Type::kConfirmed, channel);
      event.tag = nack.delivery_tag;
      event.multiple = nack.multiple != 0;
      return {};
    }
    case AMQP_BASIC_CANCEL_METHOD:
      Add(AmqpEvent::Type::kCancelled, channel);
      return {};
    case AMQP_BASIC_DELIVER_METHOD: {
      const auto& deliver = *static_cast<amqp_basic_deliver_t*>(fields);
      AmqpEvent& event = contents[channel].event;
      event.type = AmqpEvent::Type::kDelivered;
      event.channel = channel;
      event.tag = deliver.delivery_tag;
      event.redelivered = deliver.redelivered != 0;
      return {};
    }
    case AMQP_BASIC_RETURN_METHOD: {
      const auto& returned = *static_cast<amqp_basic_return_t*>(fields);
      AmqpEvent& event = contents[channel].event;
      event.type = AmqpEvent::Type::kReturned;
      event.channel = channel;
      event.code = returned.reply_code;
      event.text = Text(returned.reply_text);
      return {};
    }
    default:
      return Unexpected(fmt::format("method {:#x}", method));
  }
}

Status AmqpSession::State::TakeHeader(const AmqpFrame& frame) {
  const auto it = contents.find(frame.channel);
  if (it == contents.end() || it->second.missing_bytes) return Unexpected("header frame");
  const std::string_view payload = frame.payload;
  const std::uint64_t size = ReadNumber(payload.substr(4, 8));
  if (size > limits.max_message_bytes) {
    return Fail(Code::kInvalid, fmt::format("message of {} bytes: the limit is {}", size,
                                            limits.max_message_bytes));
  }
  void* fields = nullptr;
  const auto kind = static_cast<std::uint16_t>(ReadNumber(payload.substr(0, 2)));
  if (kind != AMQP_BASIC_CLASS ||
      amqp_decode_properties(kind, &pool, Bytes(payload.substr(12)), &fields) != AMQP_STATUS_OK) {
    return Fail(Code::kInvalid, "malformed AMQP message properties");
  }
  const auto& properties = *static_cast<amqp_basic_properties_t*>(fields);
  AmqpMessage& message = it->second.event.message;
  if ((properties._flags & AMQP_BASIC_MESSAGE_ID_FLAG) != 0) {
    message.id = Text(properties.message_id);
  }
  if ((properties._flags & AMQP_BASIC_HEADERS_FLAG) != 0) {
    for (int i = 0; i < properties.headers.num_entries; ++i) {
      const amqp_table_entry_t& entry = properties.headers.entries[i];
      const std::optional<std::int64_t> number = Integer(entry.value);
      if (number) message.headers[std::string(Text(entry.key))] = *number;
    }
  }
  it->second.missing_bytes = size;
  if (size == 0) Finish(frame.channel);
  return {};
}

Status AmqpSession::State::TakeBody(const AmqpFrame& frame) {
  const auto it = contents.find(frame.channel);
  if (it == contents.end()) return Unexpected("body frame");
  auto& missing = it->second.missing_bytes;
  if (!missing || *missing < frame.payload.size()) return Unexpected("body frame");
  it->second.event.message.body += frame.payload;
  *missing -= frame.payload.size();
  if (*missing == 0) Finish(frame.channel);
  return {};
}

void AmqpSession::State::Finish(std::uint16_t channel) {
  events.push_back(std::move(contents[channel].event));
  contents.erase(channel);
}

AmqpSession::AmqpSession(AmqpLogin login, AmqpLimits limits)
    : state_(std::make_unique<State>(std::move(login), limits)) {}

AmqpSession::~AmqpSession() = default;

std::string AmqpSession::TakeOutput() { return std::exchange(state_->output, {}); }
bool AmqpSession::has_output() const { return !state_->output.empty(); }
bool AmqpSession::open() const { return state_->open; }
Duration AmqpSession::heartbeat() const { return state_->heartbeat; }

Status AmqpSession::Feed(std::string_view bytes) {
  state_->reader.Feed(bytes);
  while (true) {
    const Result<std::optional<AmqpFrame>> frame = state_->reader.Next();
    if (!frame) return std::unexpected(frame.error());
    const std::optional<AmqpFrame>& found = *frame;
    if (!found) return {};
    const Status taken = state_->Take(*found);
    recycle_amqp_pool(&state_->pool);
    if (!taken) return taken;
  }
}

std::optional<AmqpEvent> AmqpSession::Next() {
  if (state_->events.empty()) return std::nullopt;
  AmqpEvent event = std::move(state_->events.front());
  state_->events.pop_front();
  return event;
}

void AmqpSession::OpenChannel(std::uint16_t channel) {
  amqp_channel_open_t request{};
  state_->Send(channel, AMQP_CHANNEL_OPEN_METHOD, &request);
}

void AmqpSession::Declare(std::uint16_t channel, const AmqpQueueSpec& queue) {
  std::vector<amqp_table_entry_t> arguments;
  if (!queue.dead_letter_queue.empty()) {
    arguments.push_back(TextEntry("x-dead-letter-exchange", ""));
    arguments.push_back(TextEntry("x-dead-letter-routing-key", queue.dead_letter_queue));
  }
  if (queue.max_length > 0) arguments.push_back(IntegerEntry("x-max-length", queue.max_length));
  amqp_queue_declare_t request{};
  request.queue = Bytes(queue.name);
  request.durable = queue.durable ? 1 : 0;
  request.arguments = Table(arguments);
  state_->Send(channel, AMQP_QUEUE_DECLARE_METHOD, &request);
}

void AmqpSession::Inspect(std::uint16_t channel, std::string_view queue) {
  amqp_queue_declare_t request{};
  request.queue = Bytes(queue);
  request.passive = 1;
  state_->Send(channel, AMQP_QUEUE_DECLARE_METHOD, &request);
}

void AmqpSession::SelectConfirms(std::uint16_t channel) {
  amqp_confirm_select_t request{};
  state_->Send(channel, AMQP_CONFIRM_SELECT_METHOD, &request);
}

void AmqpSession::Publish(std::uint16_t channel, std::string_view queue,
                          const AmqpMessage& message) {
  amqp_basic_publish_t request{};
  request.routing_key = Bytes(queue);
  request.mandatory = 1;
  state_->Send(channel, AMQP_BASIC_PUBLISH_METHOD, &request);

  std::vector<amqp_table_entry_t> headers;
  headers.reserve(message.headers.size());
  for (const auto& [name, value] : message.headers) headers.push_back(IntegerEntry(name, value));
  constexpr std::uint8_t kPersistent = 2;
  amqp_basic_properties_t properties{};
  properties._flags = AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG;
  properties.delivery_mode = kPersistent;
  properties.message_id = Bytes(message.id);
  if (!headers.empty()) properties._flags |= AMQP_BASIC_HEADERS_FLAG;
  properties.headers = Table(headers);
  std::string expiration;
  if (message.expiration) {
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(*message.expiration).count();
    expiration = std::to_string(std::max<std::int64_t>(ms, 0));
    properties._flags |= AMQP_BASIC_EXPIRATION_FLAG;
    properties.expiration = Bytes(expiration);
  }
  std::string& scratch = state_->scratch;
  const int size =
      amqp_encode_properties(AMQP_BASIC_CLASS, &properties, {scratch.size(), scratch.data()});
  WEIR_CHECK(size >= 0);
  std::string header;
  AppendNumber(header, AMQP_BASIC_CLASS, 2);
  AppendNumber(header, 0, 2);  // weight
  AppendNumber(header, message.body.size(), 8);
  header.append(scratch, 0, static_cast<std::size_t>(size));
  AppendAmqpFrame(state_->output, AmqpFrameType::kHeader, channel, header);
  for (std::string_view rest = message.body; !rest.empty();) {
    const std::string_view piece = rest.substr(0, scratch.size());
    AppendAmqpFrame(state_->output, AmqpFrameType::kBody, channel, piece);
    rest.remove_prefix(piece.size());
  }
}

void AmqpSession::Consume(std::uint16_t channel, std::string_view queue, std::uint16_t prefetch) {
  amqp_basic_qos_t qos{};
  qos.prefetch_count = prefetch;
  state_->Send(channel, AMQP_BASIC_QOS_METHOD, &qos);
  amqp_basic_consume_t request{};
  request.queue = Bytes(queue);
  request.consumer_tag = Bytes(kConsumerTag);
  state_->Send(channel, AMQP_BASIC_CONSUME_METHOD, &request);
}

void AmqpSession::Acknowledge(std::uint16_t channel, std::uint64_t tag) {
  amqp_basic_ack_t request{};
  request.delivery_tag = tag;
  state_->Send(channel, AMQP_BASIC_ACK_METHOD, &request);
}

void AmqpSession::Heartbeat() { AppendAmqpFrame(state_->output, AmqpFrameType::kHeartbeat, 0, ""); }

void AmqpSession::Close() {
  amqp_connection_close_t request{};
  request.reply_code = AMQP_REPLY_SUCCESS;
  state_->Send(0, AMQP_CONNECTION_CLOSE_METHOD, &request);
}

}  // namespace weir::brokers
