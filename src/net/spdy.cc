#include "net/spdy.h"

#include <fmt/format.h>
#include <zlib.h>

#include <array>
#include <utility>

#include "base/check.h"

namespace weir::net {
namespace {

constexpr std::size_t kHeadBytes = 8;
constexpr std::uint16_t kVersion = 3;
enum Type : std::uint16_t {
  kSynStream = 1,
  kSynReply = 2,
  kRstStream = 3,
  kSettings = 4,
  kPing = 6,
  kGoAway = 7,
  kHeaders = 8,
  kWindowUpdate = 9,
};
constexpr std::uint8_t kFin = 1;
constexpr std::uint32_t kCancel = 5;  // of a reset

std::uint32_t Number(std::string_view bytes) {
  std::uint32_t number = 0;
  for (const char c : bytes) number = number << 8U | static_cast<unsigned char>(c);
  return number;
}

void Append(std::string& out, std::uint32_t number, unsigned bytes) {
  while (bytes-- > 0) out += static_cast<char>(number >> (8U * bytes) & 0xFFU);
}

// The dictionary that both sides' compressors begin with (draft-mbelshe-httpbis-spdy-00, 2.6.10.1):
// words with their lengths, then texts.
std::string MakeDictionary() {
  constexpr std::string_view kWords[] = {"options",
                                         "head",
                                         "post",
                                         "put",
                                         "delete",
                                         "trace",
                                         "accept",
                                         "accept-charset",
                                         "accept-encoding",
                                         "accept-language",
                                         "accept-ranges",
                                         "age",
                                         "allow",
                                         "authorization",
                                         "cache-control",
                                         "connection",
                                         "content-base",
                                         "content-encoding",
                                         "content-language",
                                         "content-length",
                                         "content-location",
                                         "content-md5",
                                         "content-range",
                                         "content-type",
                                         "date",
                                         "etag",
                                         "expect",
                                         "expires",
                                         "from",
                                         "host",
                                         "if-match",
                                         "if-modified-since",
                                         "if-none-match",
                                         "if-range",
                                         "if-unmodified-since",
                                         "last-modified",
                                         "location",
                                         "max-forwards",
                                         "pragma",
                                         "proxy-authenticate",
                                         "proxy-authorization",
                                         "range",
                                         "referer",
                                         "retry-after",
                                         "server",
                                         "te",
                                         "trailer",
                                         "transfer-encoding",
                                         "upgrade",
                                         "user-agent",
                                         "vary",
                                         "via",
                                         "warning",
                                         "www-authenticate",
                                         "method",
                                         "get",
                                         "status",
                                         "200 OK",
                                         "version",
                                         "HTTP/1.1",
                                         "url",
                                         "public",
                                         "set-cookie",
                                         "keep-alive",
                                         "origin"};
  std::string dictionary;
  for (const std::string_view word : kWords) {
    Append(dictionary, static_cast<std::uint32_t>(word.size()), 4);
    dictionary += word;
  }
  dictionary +=
      "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
      "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request"
      "401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented"
      "503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 "
      "Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,"
      "application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age="
      "gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.";
  return dictionary;
}

// zlib takes bytes without const, and only reads its input.
Bytef* Input(std::string_view text) {
  return reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
}

}  // namespace

struct SpdySession::State {
  explicit State(SpdyLimits l) : limits(l), dictionary(MakeDictionary()) {
    WEIR_CHECK(inflateInit(&inflater) == Z_OK);
    WEIR_CHECK(deflateInit(&deflater, Z_BEST_SPEED) == Z_OK);
    WEIR_CHECK(deflateSetDictionary(&deflater, Input(dictionary),
                                    static_cast<uInt>(dictionary.size())) == Z_OK);
  }
  ~State() {
    inflateEnd(&inflater);
    deflateEnd(&deflater);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  Status TakeFrame(std::uint32_t first, std::uint8_t flags, std::string_view payload);
  Status TakeControl(std::uint16_t type, std::uint8_t flags, std::string_view payload);
  Status TakeSynStream(std::uint8_t flags, std::string_view payload);
  Result<std::string> Inflate(std::string_view block);
  Result<Headers> ReadHeaders(std::string_view block);
  void Control(Type type, std::string_view payload) {
    Append(output, 0x80000000U | std::uint32_t{kVersion} << 16U | type, 4);
    Append(output, static_cast<std::uint32_t>(payload.size()), 4);  // flags are 0
    output += payload;
  }

  SpdyLimits limits;
  std::string dictionary;
  z_stream inflater{};
  z_stream deflater{};
  std::string input;
  std::string output;
  std::deque<SpdyEvent> events;
};

// The block is a piece of one stream of zlib that lasts as long as the connection.
Result<std::string> SpdySession::State::Inflate(std::string_view block) {
  std::string text;
  std::array<Bytef, 4096> piece;
  inflater.next_in = Input(block);
  inflater.avail_in = static_cast<uInt>(block.size());
  while (true) {
    inflater.next_out = piece.data();
    inflater.avail_out = piece.size();
    int code = inflate(&inflater, Z_SYNC_FLUSH);
    if (code == Z_NEED_DICT) {
      code =
          inflateSetDictionary(&inflater, Input(dictionary), static_cast<uInt>(dictionary.size()));
      if (code == Z_OK) continue;
    }
    text.append(reinterpret_cast<const char*>(piece.data()), piece.size() - inflater.avail_out);
    if (text.size() > limits.max_header_bytes) {
      return Fail(Code::kInvalid,
                  fmt::format("SPDY headers above the limit of {} bytes", limits.max_header_bytes));
    }
    // No progress is possible: all was read.
    if (code == Z_BUF_ERROR || (code == Z_OK && inflater.avail_out > 0)) break;
    if (code != Z_OK) return Fail(Code::kInvalid, "SPDY headers: broken compression");
  }
  return text;
}

Result<Headers> SpdySession::State::ReadHeaders(std::string_view block) {
  const Result<std::string> text = Inflate(block);
  if (!text) return std::unexpected(text.error());
  std::string_view rest = *text;
  const auto fail = [] { return Fail(Code::kInvalid, "SPDY headers: broken off"); };
  const auto take = [&rest](std::size_t size) -> std::optional<std::string_view> {
    if (rest.size() < size) return std::nullopt;
    const std::string_view taken = rest.substr(0, size);
    rest.remove_prefix(size);
    return taken;
  };
  const auto take_text = [&take]() -> std::optional<std::string_view> {
    const auto size = take(4);
    return size ? take(Number(*size)) : std::nullopt;
  };
  const auto count = take(4);
  if (!count) return fail();
  Headers headers;
  for (std::uint32_t left = Number(*count); left > 0; --left) {
    const auto name = take_text();
    const auto value = name ? take_text() : std::nullopt;
    if (!value) return fail();
    headers.try_emplace(std::string(*name), *value);
  }
  return headers;
}

Status SpdySession::State::TakeSynStream(std::uint8_t flags, std::string_view payload) {
  constexpr std::size_t kFixedBytes = 10;
  if (payload.size() < kFixedBytes) return Fail(Code::kInvalid, "SPDY SYN_STREAM: broken off");
  const std::uint32_t stream = Number(payload.substr(0, 4)) & 0x7FFFFFFFU;
  Result<Headers> headers = ReadHeaders(payload.substr(kFixedBytes));
  if (!headers) return std::unexpected(headers.error());
  SpdyEvent event;
  event.stream = stream;
  event.headers = std::move(*headers);
  event.last = (flags & kFin) != 0;
  events.push_back(std::move(event));
  return {};
}

Status SpdySession::State::TakeControl(std::uint16_t type, std::uint8_t flags,
                                       std::string_view payload) {
  switch (type) {
    case kSynStream:
      return TakeSynStream(flags, payload);
    case kRstStream: {
      if (payload.size() < 8) return Fail(Code::kInvalid, "SPDY RST_STREAM: broken off");
      SpdyEvent event;
      event.type = SpdyEvent::Type::kReset;
      event.stream = Number(payload.substr(0, 4)) & 0x7FFFFFFFU;
      events.push_back(std::move(event));
      return {};
    }
    case kPing:
      Control(kPing, payload);
      return {};
    case kSynReply:
    case kHeaders: {
      // What they say concerns nobody, but their blocks belong to the compressed stream.
      const Result<Headers> headers = ReadHeaders(payload.size() < 4 ? payload : payload.substr(4));
      return headers ? Status() : std::unexpected(headers.error());
    }
    default:
      return {};  // SETTINGS, GOAWAY, WINDOW_UPDATE: kubectl has no flow control
  }
}

Status SpdySession::State::TakeFrame(std::uint32_t first, std::uint8_t flags,
                                     std::string_view payload) {
  if ((first & 0x80000000U) != 0) {
    const std::uint32_t version = first >> 16U & 0x7FFFU;
    if (version != kVersion) {
      return Fail(Code::kInvalid, fmt::format("SPDY version {}: expected {}", version, kVersion));
    }
    return TakeControl(static_cast<std::uint16_t>(first & 0xFFFFU), flags, payload);
  }
  SpdyEvent event;
  event.type = SpdyEvent::Type::kData;
  event.stream = first;
  event.data = payload;
  event.last = (flags & kFin) != 0;
  events.push_back(std::move(event));
  return {};
}

SpdySession::SpdySession(SpdyLimits limits) : state_(std::make_unique<State>(limits)) {}
SpdySession::~SpdySession() = default;

Status SpdySession::Feed(std::string_view bytes) {
  std::string& input = state_->input;
  input += bytes;
  std::size_t at = 0;
  Status status;
  while (status && input.size() - at >= kHeadBytes) {
    const std::string_view rest = std::string_view(input).substr(at);
    const std::size_t size = Number(rest.substr(5, 3));
    if (size > state_->limits.max_frame_bytes) {
      status = Fail(Code::kInvalid, fmt::format("SPDY frame of {} bytes: the limit is {}", size,
                                                state_->limits.max_frame_bytes));
      break;
    }
    if (rest.size() < kHeadBytes + size) break;
    status = state_->TakeFrame(Number(rest.substr(0, 4)), static_cast<std::uint8_t>(rest[4]),
                               rest.substr(kHeadBytes, size));
    at += kHeadBytes + size;
  }
  input.erase(0, at);
  return status;
}

std::optional<SpdyEvent> SpdySession::Next() {
  if (state_->events.empty()) return std::nullopt;
  SpdyEvent event = std::move(state_->events.front());
  state_->events.pop_front();
  return event;
}

std::string SpdySession::TakeOutput() { return std::exchange(state_->output, {}); }

void SpdySession::Accept(std::uint32_t stream) {
  std::string payload;
  Append(payload, stream, 4);
  std::string headers;
  Append(headers, 0, 4);  // none
  std::array<Bytef, 128> block;
  z_stream& deflater = state_->deflater;
  deflater.next_in = Input(headers);
  deflater.avail_in = static_cast<uInt>(headers.size());
  deflater.next_out = block.data();
  deflater.avail_out = block.size();
  WEIR_CHECK(deflate(&deflater, Z_SYNC_FLUSH) == Z_OK && deflater.avail_out > 0);
  payload.append(reinterpret_cast<const char*>(block.data()), block.size() - deflater.avail_out);
  state_->Control(kSynReply, payload);
}

void SpdySession::Send(std::uint32_t stream, std::string_view data, bool last) {
  constexpr std::size_t kPieceBytes = 64U << 10U;
  do {
    const std::string_view piece = data.substr(0, kPieceBytes);
    data.remove_prefix(piece.size());
    Append(state_->output, stream, 4);
    state_->output += static_cast<char>(last && data.empty() ? kFin : 0);
    Append(state_->output, static_cast<std::uint32_t>(piece.size()), 3);
    state_->output += piece;
  } while (!data.empty());
}

void SpdySession::Reset(std::uint32_t stream) {
  std::string payload;
  Append(payload, stream, 4);
  Append(payload, kCancel, 4);
  state_->Control(kRstStream, payload);
}

}  // namespace weir::net
