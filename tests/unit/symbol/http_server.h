// SPDX-License-Identifier: Apache-2.0
// A web server of a few lines on loopback, for what the real ones never do.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "base/file.h"
#include "base/handle.h"

namespace sightline::symbol::testing {

// A port that was free and is given to nobody else. Nobody listens: who
// connects is refused. A server that sets SO_REUSEADDR, as they all do, can
// still be told to use it.
class ReservedPort {
 public:
  ReservedPort() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const int yes = 1;
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const plain = reinterpret_cast<sockaddr*>(&address);
    if (::bind(socket_.get(), plain, size) == 0 &&
        ::getsockname(socket_.get(), plain, &size) == 0) {
      number_ = ntohs(address.sin_port);
    }
  }

  [[nodiscard]] int number() const { return number_; }
  [[nodiscard]] int socket() const { return socket_.get(); }
  [[nodiscard]] std::string url() const {
    return "http://127.0.0.1:" + std::to_string(number_);
  }

 private:
  UniqueFd socket_;
  int number_ = 0;
};

// Who connects waits for ever.
class SilentServer {
 public:
  SilentServer() : listens_(::listen(port_.socket(), 16) == 0) {}

  [[nodiscard]] bool listens() const { return listens_; }
  [[nodiscard]] int socket() const { return port_.socket(); }
  [[nodiscard]] std::string url() const { return port_.url(); }

 private:
  ReservedPort port_;
  bool listens_;
};

// Answers whatever it is asked for with the same bytes; 404 without bytes.
class HttpServer {
 public:
  explicit HttpServer(std::string body)
      : body_(std::move(body)), thread_([this] { serve(); }) {}
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer() {
    ::shutdown(listener_.socket(), SHUT_RDWR);
    thread_.join();
  }

  [[nodiscard]] std::string url() const { return listener_.url(); }
  [[nodiscard]] int requests() const { return requests_; }

 private:
  void serve() {
    for (;;) {
      const UniqueFd peer(
          ::accept4(listener_.socket(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!peer) return;
      answer(peer.get());
    }
  }

  void answer(int peer) {
    std::string request;
    char piece[4096];
    while (request.find("\r\n\r\n") == std::string::npos) {
      const ssize_t got = ::read(peer, piece, sizeof piece);
      if (got <= 0) return;
      request.append(piece, static_cast<std::size_t>(got));
    }
    ++requests_;
    const std::string head = std::string("HTTP/1.1 ") +
                             (body_.empty() ? "404 no" : "200 yes") +
                             "\r\nConnection: close\r\nContent-Length: " +
                             std::to_string(body_.size()) + "\r\n\r\n";
    if (write_all(peer, head.data(), head.size())) {
      (void)write_all(peer, body_.data(), body_.size());
    }
  }

  std::string body_;
  SilentServer listener_;
  std::atomic<int> requests_ = 0;
  std::thread thread_;
};

}  // namespace sightline::symbol::testing
