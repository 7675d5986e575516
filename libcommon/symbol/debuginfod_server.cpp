// SPDX-License-Identifier: Apache-2.0
#include "symbol/debuginfod_server.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "base/text.h"
#include "symbol/confine.h"
#include "symbol/unprivileged.h"

namespace sightline::symbol {
namespace {

constexpr rlim_t most_file = 4ULL << 30U;
constexpr std::size_t most_build_id = 64;
// Where the child keeps its end of the socket; all behind it is closed.
constexpr int child_socket = 3;
// To end, which is to remove some files.
constexpr std::chrono::seconds most_to_end(10);

// What of elfutils/debuginfod.h (ABI of libdebuginfod.so.1, debuginfod(8)) is
// used: a find returns a descriptor or a negative errno.
struct Library {
  void* (*begin)() = nullptr;
  int (*find_debuginfo)(void* client, const unsigned char* build_id, int size,
                        char** path) = nullptr;
};

#ifdef SIGHTLINE_STATIC
constexpr bool can_load = false;
void* load() { return nullptr; }
#else
constexpr bool can_load = true;
void* load() { return ::dlopen("libdebuginfod.so.1", RTLD_NOW | RTLD_LOCAL); }
#endif

template <typename Function>
void look_up(void* handle, const char* name, Function*& function) {
  function = reinterpret_cast<Function*>(::dlsym(handle, name));
}

Library load_library() {
  Library library;
  void* const handle = load();
  if (handle == nullptr) return library;
  look_up(handle, "debuginfod_begin", library.begin);
  look_up(handle, "debuginfod_find_debuginfo", library.find_debuginfo);
  return library;
}

// A message with a status and, if there is one, a descriptor (SCM_RIGHTS in
// unix(7)).
class Message {
 public:
  explicit Message(int status = 0) : status_(status) {
    header_.msg_iov = &part_;
    header_.msg_iovlen = 1;
    header_.msg_control = control_.data();
    header_.msg_controllen = control_.size();
  }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  [[nodiscard]] int status() const { return status_; }

  bool send(int socket, int fd) {
    header_.msg_controllen = fd >= 0 ? control_.size() : 0;
    if (fd >= 0) {
      cmsghdr* const rights = CMSG_FIRSTHDR(&header_);
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN(sizeof fd);
      std::memcpy(CMSG_DATA(rights), &fd, sizeof fd);
    }
    return ::sendmsg(socket, &header_, MSG_NOSIGNAL) == sizeof status_;
  }

  // The descriptor, or none; false when the other side has ended.
  bool receive(int socket, UniqueFd& fd) {
    if (::recvmsg(socket, &header_, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) !=
        sizeof status_) {
      return false;
    }
    const cmsghdr* const rights = CMSG_FIRSTHDR(&header_);
    if (rights != nullptr && rights->cmsg_type == SCM_RIGHTS) {
      int received = -1;
      std::memcpy(&received, CMSG_DATA(rights), sizeof received);
      fd.reset(received);
    }
    return true;
  }

 private:
  int status_;
  iovec part_{.iov_base = &status_, .iov_len = sizeof status_};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control_{};
  msghdr header_{};
};

// The child inherits nothing but its socket, says nothing on the terminal and
// does not end by a Ctrl-C that ends a profile: that is when names are wanted.
void seclude(int socket) {
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_BLOCK, &all, nullptr);
  const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    ::dup2(nothing, fd);
  }
  if (socket != child_socket) ::dup2(socket, child_socket);
  ::close_range(child_socket + 1, ~0U, 0);
  const rlimit file_limit{.rlim_cur = most_file, .rlim_max = most_file};
  ::setrlimit(RLIMIT_FSIZE, &file_limit);
  const rlimit no_core{.rlim_cur = 0, .rlim_max = 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
}

// The directory for one server's files. Root's is private, a new one that is
// removed at the end: where a user's files are kept is for that user to write
// to.
Result<std::string> make_private_cache(const Identity& owner) {
  std::error_code none;
  const auto below = std::filesystem::temp_directory_path(none);
  std::string path = (none ? "/tmp" : below) / "sightline-debuginfod-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) {
    return fail_errno("cannot make " + path);
  }
  if (::chown(path.c_str(), owner.uid, owner.gid) == 0) return path;
  const int error = errno;
  ::rmdir(path.c_str());
  return fail_errno("cannot give away " + path, error);
}

// As whom files are written and bytes are parsed. 0 or an errno.
int give_up_privileges(const std::optional<Identity>& identity,
                       const std::string& cache) {
  const int error = identity ? become(*identity) : 0;
  drop_all_capabilities();
  if (error != 0) return error;
  std::error_code made;
  std::filesystem::create_directories(cache, made);
  return made ? made.value() : ::access(cache.c_str(), W_OK | X_OK) ? errno : 0;
}

[[noreturn]] void ask_for_ever(const char* url, const char* cache) {
  ::setenv("DEBUGINFOD_URLS", url, 1);
  ::setenv("DEBUGINFOD_CACHE_PATH", cache, 1);
  ::unsetenv("DEBUGINFOD_PROGRESS");
  const Library library = load_library();
  const bool whole = library.begin && library.find_debuginfo;
  void* const client = whole ? library.begin() : nullptr;
  Message(client != nullptr ? 0 : ENOSYS).send(child_socket, -1);
  std::array<unsigned char, most_build_id> id{};
  while (client != nullptr) {
    const ssize_t size = ::recv(child_socket, id.data(), id.size(), 0);
    if (size <= 0) break;
    const int found = library.find_debuginfo(client, id.data(),
                                             static_cast<int>(size), nullptr);
    if (!Message(found < 0 ? -found : 0).send(child_socket, found)) break;
    if (found >= 0) ::close(found);
  }
  ::_exit(0);
}

// Ends the process that asks once the tool is gone or does not want it any
// more, and removes what it has left: the tool has by then no right to either.
[[noreturn]] void guard(pid_t asking, int ended, bool is_private,
                        const std::string& cache) {
  std::array<pollfd, 2> entries{
      pollfd{.fd = child_socket, .events = POLLRDHUP, .revents = 0},
      pollfd{.fd = ended, .events = 0, .revents = 0}};
  while (::poll(entries.data(), entries.size(), -1) < 0 && errno == EINTR) {
  }
  ::kill(asking, SIGKILL);
  ::waitpid(asking, nullptr, 0);
  std::error_code ignored;
  if (is_private) std::filesystem::remove_all(cache, ignored);
  ::_exit(0);
}

// Two processes: one that asks, and may hang, and one that watches it.
[[noreturn]] void serve(int socket, const char* url, const std::string& cache,
                        const std::optional<Identity>& identity) {
  seclude(socket);
  int error = give_up_privileges(identity, cache);
  std::array<int, 2> alive{};
  if (error == 0 && ::pipe2(alive.data(), O_CLOEXEC) != 0) error = errno;
  const pid_t parent = ::getpid();
  const pid_t pid = error == 0 ? ::fork() : -1;
  if (pid < 0) {
    Message(error != 0 ? error : errno).send(child_socket, -1);
    ::_exit(1);
  }
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    ask_for_ever(url, cache.c_str());
  }
  ::close(alive[1]);
  guard(pid, alive[0], identity.has_value(), cache);
}

// False when nothing came in time.
bool wait_for(int socket, std::chrono::nanoseconds most) {
  const auto end =
      monotonic_ns() +
      static_cast<std::uint64_t>(std::max<std::int64_t>(most.count(), 0));
  for (;;) {
    const std::uint64_t now = monotonic_ns();
    const std::uint64_t left_ms = now < end ? (end - now) / 1'000'000 : 0;
    pollfd entry{.fd = socket, .events = POLLIN, .revents = 0};
    const int ready =
        ::poll(&entry, 1,
               static_cast<int>(std::min<std::uint64_t>(left_ms, INT32_MAX)));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

// The status that the child sent, or an errno of ours.
int await(int socket, std::chrono::nanoseconds most, UniqueFd& fd) {
  if (!wait_for(socket, most)) return ETIMEDOUT;
  Message message;
  return message.receive(socket, fd) ? message.status() : ECHILD;
}

}  // namespace

Result<DebuginfodServer> DebuginfodServer::start(
    const std::string& url, const std::string& cache,
    std::chrono::nanoseconds most) {
  if (!can_load) {
    return fail(ErrorKind::unsupported, "debuginfod needs the dynamic build");
  }
  const auto identity = unprivileged_identity();
  if (!identity) return start_in(cache, url, identity, most);
  const std::string own = SL_TRY(make_private_cache(*identity));
  auto server = start_in(own, url, identity, most);
  // As a rule it is gone by now.
  if (!server) ::rmdir(own.c_str());
  return server;
}

Result<DebuginfodServer> DebuginfodServer::start_in(
    const std::string& cache, const std::string& url,
    const std::optional<Identity>& identity, std::chrono::nanoseconds most) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) <
      0) {
    return fail_errno("cannot make a socket pair");
  }
  UniqueFd ours(ends[0]);
  const UniqueFd theirs(ends[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return fail_errno("cannot start a process for debuginfod");
  if (pid == 0) serve(theirs.get(), url.c_str(), cache, identity);
  DebuginfodServer server(pid, std::move(ours), identity ? "" : cache);
  UniqueFd none;
  const int status = await(server.socket_.get(), most, none);
  if (status == 0) return server;
  if (status != ENOSYS) return fail_errno("cannot start debuginfod", status);
  return fail(ErrorKind::unsupported, "cannot load libdebuginfod.so.1",
              "it is in Debian's package libdebuginfod1");
}

DebuginfodServer::DebuginfodServer(pid_t pid, UniqueFd socket,
                                   std::string cache)
    : pid_(pid), socket_(std::move(socket)), cache_(std::move(cache)) {}

DebuginfodServer::DebuginfodServer(DebuginfodServer&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      socket_(std::move(other.socket_)),
      cache_(std::move(other.cache_)) {}

DebuginfodServer& DebuginfodServer::operator=(
    DebuginfodServer&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(socket_, other.socket_);
  std::swap(cache_, other.cache_);
  return *this;
}

std::expected<UniqueFd, int> DebuginfodServer::ask(
    std::string_view build_id, std::chrono::nanoseconds most) {
  if (!running()) return std::unexpected(ECHILD);
  if (build_id.empty() || build_id.size() > most_build_id) {
    return std::unexpected(ENOENT);
  }
  UniqueFd fd;
  int status = ECHILD;
  if (::send(socket_.get(), build_id.data(), build_id.size(), MSG_NOSIGNAL) >
      0) {
    status = await(socket_.get(), most, fd);
  }
  if (status == 0 && fd) return fd;
  if (status == 0) status = EPROTO;
  if (status != ENOENT) stop_and_forget(build_id);
  return std::unexpected(status);
}

// The library would take a half-written or wrong file for a week's truth.
void DebuginfodServer::stop_and_forget(std::string_view build_id) {
  stop();
  if (cache_.empty()) return;  // it went with the process
  std::error_code ignored;
  std::filesystem::remove_all(std::filesystem::path(cache_) / to_hex(build_id),
                              ignored);
}

void DebuginfodServer::stop() {
  if (!running()) return;
  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  // Also where a copy of it is still open. A signal from us would not be
  // allowed: the process is another user's.
  ::shutdown(socket_.get(), SHUT_RDWR);
  socket_.reset();
  const bool ended = !pidfd || wait_for(pidfd.get(), most_to_end);
  while (::waitpid(pid_, nullptr, ended ? 0 : WNOHANG) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

}  // namespace sightline::symbol
