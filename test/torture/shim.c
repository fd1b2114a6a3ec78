// Makes one system call of a program fail, be short, or be interrupted. Loaded into the program with LD_PRELOAD.
//
// A call counts if it concerns a path below TORTURE_ROOT, a file or directory that was opened there, a socket of
// the internet, the standard output or error, or, after the first of these, a process or pipe. Its name is
// "FUNCTION PLACE NUMBER", such as "write Mail 2": PLACE is the first part of the path below TORTURE_ROOT, or
// "socket", "stdout", "stderr", "pipe" or "process", and the calls with the same function and place are numbered.
//
// TORTURE_LOG   the file that gets a line for each call: its name and its path, after "* " if it was chosen
// TORTURE_CALL  the name of the call that is chosen; none: the calls are only written to the log
// TORTURE_REST  if set, the later calls with the same function and place are chosen as well
// TORTURE_FAULT what happens to it: "fail ERRNO", "late ERRNO" (it is carried out, and then fails), "short" (it
//               takes or gives less: a read gives one octet, and a page from the 4,096th read on) or "end" (a read
//               gives nothing)
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum mode { NONE, FAIL, LATE, SHORT, END };

#define FDS 4096
#define KINDS 256
#define NAME 64
/** How many reads give one octet if all are short. Later ones give a page: octet by octet, a large file takes minutes. */
#define SINGLY 4096

static char root[PATH_MAX];
static size_t root_length;
static int log_fd = -1;
static pid_t program;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static char chosen[NAME];
static int chosen_number;
static int rest;
static enum mode fault;
static int fault_errno;

/** How many reads were short. */
static int short_reads;

/** Whether a call has counted: from then on, processes and pipes count as well. */
static int begun;
/** The place of each open file; an empty string: it does not count. */
static char places[FDS][NAME];
/** How many calls there were with each function and place. */
static struct {
  char name[NAME];
  int number;
} kinds[KINDS];

#define REAL(name) ((__typeof__(&name))real(#name))

static void *real(const char *name) {
  void *found = dlsym(RTLD_NEXT, name);
  if (found == NULL) abort();
  return found;
}

static void keep(char *to, const char *name) {
  const char *value = getenv(name);
  if (value != NULL) snprintf(to, NAME, "%s", value);
}

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("TORTURE_ROOT"), *log = getenv("TORTURE_LOG");
  if (path == NULL || log == NULL) return;
  char what[NAME] = "";
  keep(what, "TORTURE_FAULT");
  if (sscanf(what, "fail %d", &fault_errno) == 1) fault = FAIL;
  else if (sscanf(what, "late %d", &fault_errno) == 1) fault = LATE;
  else if (strcmp(what, "short") == 0) fault = SHORT;
  else if (strcmp(what, "end") == 0) fault = END;
  keep(chosen, "TORTURE_CALL");
  char *number = strrchr(chosen, ' ');
  if (number != NULL) {
    chosen_number = atoi(number + 1);
    *number = '\0';
  }
  rest = getenv("TORTURE_REST") != NULL;
  log_fd = REAL(open64)(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  program = getpid();
  strcpy(places[1], "stdout");
  strcpy(places[2], "stderr");
  // The programs that it starts are left alone.
  unsetenv("LD_PRELOAD");
  snprintf(root, sizeof root, "%s", path);
  root_length = strlen(root);
}

/** The place of a path; NULL: it does not count. */
static const char *place_of(const char *path, char *place) {
  if (root_length == 0 || path == NULL || strncmp(path, root, root_length) != 0) return NULL;
  path += root_length;
  if (*path == '\0') return strcpy(place, "root");
  if (*path++ != '/') return NULL;
  size_t length = strcspn(path, "/");
  if (length >= NAME) length = NAME - 1;
  memcpy(place, path, length);
  place[length] = '\0';
  return place;
}

static const char *place_at(int fd) {
  return fd >= 0 && fd < FDS && places[fd][0] != '\0' ? places[fd] : NULL;
}

static void remember(int fd, const char *place) {
  if (fd >= 0 && fd < FDS) snprintf(places[fd], NAME, "%s", place == NULL ? "" : place);
}

/** Counts a call, and says what happens to it. */
static enum mode count(const char *function, const char *place, const char *path) {
  // A child of the program between fork and exec.
  if (place == NULL || root_length == 0 || getpid() != program) return NONE;
  char name[NAME], line[PATH_MAX + 2 * NAME];
  snprintf(name, NAME, "%s %s", function, place);
  pthread_mutex_lock(&mutex);
  begun = 1;
  int at = 0;
  while (kinds[at].number > 0 && strcmp(kinds[at].name, name) != 0) at++;
  if (at == KINDS - 1) abort();
  strcpy(kinds[at].name, name);
  int number = ++kinds[at].number;
  int is_chosen = fault != NONE && strcmp(name, chosen) == 0 &&
                  (number == chosen_number || (rest && number > chosen_number));
  int length = snprintf(line, sizeof line, "%s%s %d %s\n", is_chosen ? "* " : "", name, number, path);
  if (REAL(write)(log_fd, line, (size_t)length) != length) abort();
  pthread_mutex_unlock(&mutex);
  return is_chosen ? fault : NONE;
}

static const char *tail(const char *path) {
  return path != NULL && strlen(path) > root_length ? path + root_length + 1 : "";
}

/** A call that returns -1 if it fails. `call` carries it out. */
#define COUNTED(type, function, place, path, call)                        \
  do {                                                                    \
    enum mode mode_ = count(function, place, path);                       \
    if (mode_ == FAIL) {                                                  \
      errno = fault_errno;                                                \
      return -1;                                                          \
    }                                                                     \
    type result_ = (call);                                                \
    if (mode_ == LATE && result_ != (type)-1) {                           \
      errno = fault_errno;                                                \
      return -1;                                                          \
    }                                                                     \
    return result_;                                                       \
  } while (0)

#define BY_PATH(type, function, path, call)                               \
  do {                                                                    \
    char place_[NAME];                                                    \
    COUNTED(type, function, place_of(path, place_), tail(path), call);    \
  } while (0)

#define BY_FD(type, function, fd, call) COUNTED(type, function, place_at(fd), "", call)

// Paths.

int open64(const char *path, int flags, ...) {
  va_list rest_of;
  va_start(rest_of, flags);
  mode_t permissions = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest_of, mode_t) : 0;
  va_end(rest_of);
  char place[NAME];
  const char *found = place_of(path, place);
  enum mode mode = count("open", found, tail(path));
  if (mode == FAIL) {
    errno = fault_errno;
    return -1;
  }
  int fd = REAL(open64)(path, flags, permissions);
  if (mode == LATE && fd >= 0) {
    REAL(close)(fd);
    errno = fault_errno;
    return -1;
  }
  if (getpid() == program) remember(fd, found);
  return fd;
}

int rename(const char *from, const char *to) { BY_PATH(int, "rename", to, REAL(rename)(from, to)); }
int link(const char *from, const char *to) { BY_PATH(int, "link", to, REAL(link)(from, to)); }
int symlink(const char *from, const char *to) { BY_PATH(int, "symlink", to, REAL(symlink)(from, to)); }
int unlink(const char *path) { BY_PATH(int, "unlink", path, REAL(unlink)(path)); }
int rmdir(const char *path) { BY_PATH(int, "rmdir", path, REAL(rmdir)(path)); }
int mkdir(const char *path, mode_t mode) { BY_PATH(int, "mkdir", path, REAL(mkdir)(path, mode)); }
int chmod(const char *path, mode_t mode) { BY_PATH(int, "chmod", path, REAL(chmod)(path, mode)); }
int access(const char *path, int mode) { BY_PATH(int, "access", path, REAL(access)(path, mode)); }
ssize_t readlink(const char *path, char *to, size_t size) {
  BY_PATH(ssize_t, "readlink", path, REAL(readlink)(path, to, size));
}
int statfs64(const char *path, struct statfs64 *to) { BY_PATH(int, "statfs", path, REAL(statfs64)(path, to)); }
int utimensat(int at, const char *path, const struct timespec times[2], int flags) {
  BY_PATH(int, "utimens", path, REAL(utimensat)(at, path, times, flags));
}
int scandir64(const char *path, struct dirent64 ***names, int (*filter)(const struct dirent64 *),
              int (*order)(const struct dirent64 **, const struct dirent64 **)) {
  BY_PATH(int, "scandir", path, REAL(scandir64)(path, names, filter, order));
}

#define POINTER(type, function, path, call)                               \
  do {                                                                    \
    char place_[NAME];                                                    \
    if (count(function, place_of(path, place_), tail(path)) == FAIL) {    \
      errno = fault_errno;                                                \
      return NULL;                                                        \
    }                                                                     \
    return call;                                                          \
  } while (0)

char *realpath(const char *path, char *to) { POINTER(char *, "realpath", path, REAL(realpath)(path, to)); }
DIR *opendir(const char *path) { POINTER(DIR *, "opendir", path, REAL(opendir)(path)); }

// Open files, sockets and pipes.

static ssize_t ended(enum mode mode, ssize_t result) {
  if (mode != LATE || result < 0) return result;
  errno = fault_errno;
  return -1;
}

/** How much a short read gives. */
static size_t shortened(size_t size) {
  size_t most = short_reads < SINGLY ? 1 : 4096;
  short_reads++;
  return size < most ? size : most;
}

/** Reads into one buffer. `part`: a short read of it. */
#define READ(fd, size, whole, part)                                       \
  do {                                                                    \
    enum mode mode_ = count("read", place_at(fd), "");                    \
    if (mode_ == END) return 0;                                           \
    if (mode_ == FAIL) {                                                  \
      errno = fault_errno;                                                \
      return -1;                                                          \
    }                                                                     \
    return ended(mode_, mode_ == SHORT && (size) > 0 ? (part) : (whole)); \
  } while (0)

/** A short write takes half of the first buffer. */
#define WRITE(fd, size, whole, part)                                      \
  do {                                                                    \
    enum mode mode_ = count("write", place_at(fd), "");                   \
    if (mode_ == FAIL) {                                                  \
      errno = fault_errno;                                                \
      return -1;                                                          \
    }                                                                     \
    size_t half_ = ((size) + 1) / 2;                                      \
    (void)half_;                                                          \
    return ended(mode_, mode_ == SHORT ? (part) : (whole));               \
  } while (0)

ssize_t read(int fd, void *to, size_t size) {
  READ(fd, size, REAL(read)(fd, to, size), REAL(read)(fd, to, shortened(size)));
}
ssize_t pread64(int fd, void *to, size_t size, off64_t at) {
  READ(fd, size, REAL(pread64)(fd, to, size, at), REAL(pread64)(fd, to, shortened(size), at));
}
ssize_t readv(int fd, const struct iovec *to, int buffers) {
  READ(fd, to->iov_len, REAL(readv)(fd, to, buffers), REAL(read)(fd, to->iov_base, shortened(to->iov_len)));
}
ssize_t preadv64(int fd, const struct iovec *to, int buffers, off64_t at) {
  READ(fd, to->iov_len, REAL(preadv64)(fd, to, buffers, at),
       REAL(pread64)(fd, to->iov_base, shortened(to->iov_len), at));
}
ssize_t recvmsg(int fd, struct msghdr *message, int flags) {
  READ(fd, 0, REAL(recvmsg)(fd, message, flags), -1);
}
ssize_t write(int fd, const void *from, size_t size) {
  WRITE(fd, size, REAL(write)(fd, from, size), REAL(write)(fd, from, half_));
}
ssize_t pwrite64(int fd, const void *from, size_t size, off64_t at) {
  WRITE(fd, size, REAL(pwrite64)(fd, from, size, at), REAL(pwrite64)(fd, from, half_, at));
}
ssize_t writev(int fd, const struct iovec *from, int buffers) {
  WRITE(fd, from->iov_len, REAL(writev)(fd, from, buffers), REAL(write)(fd, from->iov_base, half_));
}
ssize_t pwritev64(int fd, const struct iovec *from, int buffers, off64_t at) {
  WRITE(fd, from->iov_len, REAL(pwritev64)(fd, from, buffers, at),
        REAL(pwrite64)(fd, from->iov_base, half_, at));
}
ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
  WRITE(fd, 0, REAL(sendmsg)(fd, message, flags), REAL(sendmsg)(fd, message, flags));
}

int fsync(int fd) { BY_FD(int, "fsync", fd, REAL(fsync)(fd)); }
int fdatasync(int fd) { BY_FD(int, "fdatasync", fd, REAL(fdatasync)(fd)); }
int ftruncate64(int fd, off64_t length) { BY_FD(int, "ftruncate", fd, REAL(ftruncate64)(fd, length)); }
int fchmod(int fd, mode_t mode) { BY_FD(int, "fchmod", fd, REAL(fchmod)(fd, mode)); }
int futimens(int fd, const struct timespec times[2]) { BY_FD(int, "utimens", fd, REAL(futimens)(fd, times)); }
ssize_t sendfile64(int to, int from, off64_t *at, size_t size) {
  BY_FD(ssize_t, "sendfile", to, REAL(sendfile64)(to, from, at, size));
}

/** Closes a file in any case: Linux does so, too, if it reports an error. */
#define CLOSE(fd, call)                                                   \
  do {                                                                    \
    enum mode mode_ = count("close", place_at(fd), "");                   \
    if (getpid() == program) remember(fd, NULL);                          \
    long result_ = (call);                                                \
    if (mode_ == NONE) return result_;                                    \
    errno = fault_errno;                                                  \
    return -1;                                                            \
  } while (0)

int close(int fd) { CLOSE(fd, REAL(close)(fd)); }

/** libuv makes some calls without the C library. */
long syscall(long number, ...) {
  long a[6];
  va_list arguments;
  va_start(arguments, number);
  for (int i = 0; i < 6; i++) a[i] = va_arg(arguments, long);
  va_end(arguments);
#define CALL REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5])
  if (number == SYS_close) CLOSE((int)a[0], CALL);
  if (number == SYS_statx) {
    const char *path = (const char *)a[1];
    if (path != NULL && *path != '\0') BY_PATH(long, "stat", path, CALL);
    BY_FD(long, "stat", (int)a[0], CALL);
  }
  if (number == SYS_copy_file_range) BY_FD(long, "copy", (int)a[2], CALL);
  return CALL;
}

// The network.

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
  if (count("getaddrinfo", "socket", name == NULL ? "" : name) == FAIL) {
    errno = fault_errno;
    return fault_errno == EAGAIN ? EAI_AGAIN : fault_errno == ENOENT ? EAI_NONAME : EAI_SYSTEM;
  }
  return REAL(getaddrinfo)(name, service, hints, found);
}

int socket(int family, int type, int protocol) {
  int is_counted = (family == AF_INET || family == AF_INET6) && (type & 0xf) == SOCK_STREAM;
  if (is_counted && count("socket", "socket", "") == FAIL) {
    errno = fault_errno;
    return -1;
  }
  int fd = REAL(socket)(family, type, protocol);
  if (is_counted && getpid() == program) remember(fd, "socket");
  return fd;
}

int connect(int fd, const struct sockaddr *to, socklen_t size) {
  BY_FD(int, "connect", fd, REAL(connect)(fd, to, size));
}
int shutdown(int fd, int how) { BY_FD(int, "shutdown", fd, REAL(shutdown)(fd, how)); }
int setsockopt(int fd, int level, int option, const void *value, socklen_t size) {
  BY_FD(int, "setsockopt", fd, REAL(setsockopt)(fd, level, option, value, size));
}

/** The outcome of connecting is an option of the socket. */
int getsockopt(int fd, int level, int option, void *value, socklen_t *size) {
  enum mode mode = count("getsockopt", place_at(fd), "");
  int result = REAL(getsockopt)(fd, level, option, value, size);
  if (mode == NONE) return result;
  if (level == SOL_SOCKET && option == SO_ERROR) {
    *(int *)value = fault_errno;
    return 0;
  }
  errno = fault_errno;
  return -1;
}

// Processes.

static const char *after_begin(const char *place) { return begun ? place : NULL; }

int pipe2(int fds[2], int flags) {
  if (count("pipe", after_begin("pipe"), "") == FAIL) {
    errno = fault_errno;
    return -1;
  }
  // libuv reads and closes it itself, and ends the process if that fails.
  return REAL(pipe2)(fds, flags);
}

int socketpair(int family, int type, int protocol, int fds[2]) {
  const char *place = after_begin("pipe");
  if (count("socketpair", place, "") == FAIL) {
    errno = fault_errno;
    return -1;
  }
  int result = REAL(socketpair)(family, type, protocol, fds);
  if (result == 0) remember(fds[0], place), remember(fds[1], place);
  return result;
}

pid_t fork(void) { COUNTED(pid_t, "fork", after_begin("process"), "", REAL(fork)()); }
