// Reading order: what the child does to itself, how the answer travels, run_in_child.
// The answer goes through a pipe: one byte that says whether it is a result or an error, then the
// text. The parent reads to the end of the pipe, which comes with the child's death at the latest.
#include "io/sandbox.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <new>

#include "io/check_system.h"
#include "io/printable.h"
#include "io/unique_fd.h"
#include "kernels/error.h"

namespace tl {
namespace {

/// The sanitizers map terabytes for themselves; a limit on address space would stop them.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool limits_memory = false;
#else
constexpr bool limits_memory = true;
#endif

constexpr char is_result = 'R', is_error = 'E';

void set_limit(__rlimit_resource resource, rlim_t soft, rlim_t hard) {
  rlimit limit{};
  check_system(::getrlimit(resource, &limit) == 0, "getrlimit");
  limit.rlim_max = std::min(limit.rlim_max, hard);
  limit.rlim_cur = std::min(limit.rlim_max, soft);
  check_system(::setrlimit(resource, &limit) == 0, "setrlimit");
}

/// Bytes of address space that this process has mapped.
uint64_t mapped_bytes() {
  unsigned long long pages = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "re")) {
    if (std::fscanf(file, "%llu", &pages) != 1) pages = 0;
    std::fclose(file);
  }
  check(pages > 0, "/proc/self/statm: cannot be read");
  return pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

void confine(const ChildLimits& limits, pid_t parent) {
  // Signals back to their default: a handler inherited from the parent would report a crash of its
  // own.
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGXCPU, SIGTERM, SIGINT}) {
    std::signal(signal, SIG_DFL);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  ::prctl(PR_SET_DUMPABLE, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);  // it was gone before the line above
  const UniqueFd null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  if (null)
    ::dup2(null.get(), STDERR_FILENO);  // the C library prints there when the heap is damaged

  set_limit(RLIMIT_CORE, 0, 0);
  set_limit(RLIMIT_CPU, limits.cpu_seconds, limits.cpu_seconds + 5);
  if (limits_memory) {
    const uint64_t memory = mapped_bytes() + limits.memory_bytes;
    set_limit(RLIMIT_AS, memory, memory + limits.more_memory_bytes);
  }
}

bool send(int fd, const char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t written = ::write(fd, bytes, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes += written;
    size -= static_cast<size_t>(written);
  }
  return true;
}

[[noreturn]] void be_child(const ChildLimits& limits, pid_t parent, int fd,
                           const std::function<std::string()>& task) {
  char kind = is_error;
  std::string answer;
  try {
    confine(limits, parent);
    answer = task();
    kind = is_result;
  } catch (const std::bad_alloc&) {
    answer = "needs more memory than is allowed";
  } catch (const std::exception& error) {
    answer = error.what();
  } catch (...) {
    answer = "unknown error";
  }
  const bool sent = send(fd, &kind, 1) && send(fd, answer.data(), answer.size());
  ::_exit(sent ? 0 : 1);  // no destructors, no buffers: those belong to the parent
}

std::string receive(int fd, uint64_t limit) {
  std::string answer;
  char block[65536];
  while (answer.size() <= limit) {
    const ssize_t got = ::read(fd, block, sizeof block);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    answer.append(block, static_cast<size_t>(got));
  }
  return answer;
}

int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    check_system(errno == EINTR, "waitpid");
  }
  return status;
}

}  // namespace

std::string run_in_child(const ChildLimits& limits, const std::function<std::string()>& task) {
  int ends[2];
  check_system(::pipe2(ends, O_CLOEXEC) == 0, "pipe");
  UniqueFd read_end(ends[0]), write_end(ends[1]);
  std::fflush(stdout);  // else a child that flushes it, as sanitizers do, prints it again
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  check_system(child >= 0, "fork");
  if (child == 0) {
    ::close(read_end.get());
    be_child(limits, parent, write_end.get(), task);
  }
  write_end.reset();
  std::string answer;
  try {
    answer = receive(read_end.get(), limits.answer_bytes);
  } catch (...) {  // out of memory: do not leave the child behind
    ::kill(child, SIGKILL);
    wait_for(child);
    throw;
  }
  read_end.reset();  // a child that still writes ends by SIGPIPE
  const int status = wait_for(child);
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    check(signal != SIGXCPU && signal != SIGKILL, "took over ", limits.cpu_seconds,
          " s or too much memory");
    throw Error(concat("died of signal ", signal, " (", ::strsignal(signal), ")"));
  }
  check(WIFEXITED(status) && WEXITSTATUS(status) == 0, "ended without an answer");
  check(!answer.empty() && answer.size() <= limits.answer_bytes, "gave no usable answer");
  const char kind = answer.front();
  answer.erase(0, 1);
  check(kind == is_result, one_line(answer));
  return answer;
}

void allow_memory(uint64_t bytes) {
  rlimit limit{};
  check_system(::getrlimit(RLIMIT_AS, &limit) == 0, "getrlimit");
  if (limit.rlim_cur == RLIM_INFINITY) return;
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, limit.rlim_cur + bytes);
  check_system(::setrlimit(RLIMIT_AS, &limit) == 0, "setrlimit");
}

}  // namespace tl
