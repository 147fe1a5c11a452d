/* SPDX-License-Identifier: GPL-3.0-or-later */
#define _GNU_SOURCE
#include "csys_daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <link.h>
#include <malloc.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>

#define SAME(name) _Static_assert(CSYS_##name == (int)(name), #name)
SAME(IN_CREATE);
SAME(IN_CLOSE_WRITE);
SAME(IN_IGNORED);
SAME(IN_Q_OVERFLOW);
SAME(NFNLGRP_NFTABLES);
SAME(RTNLGRP_LINK);
SAME(RTNLGRP_IPV4_IFADDR);
SAME(RTNLGRP_IPV6_IFADDR);
SAME(RTM_DELLINK);
SAME(NFTA_GEN_ID);
SAME(NFTA_GEN_PROC_PID);
SAME(NFTA_GEN_PROC_NAME);
_Static_assert(CSYS_READABLE == (int)EPOLLIN, "EPOLLIN");
_Static_assert(CSYS_WRITABLE == (int)EPOLLOUT, "EPOLLOUT");
_Static_assert(CSYS_FAILED == (int)EPOLLERR, "EPOLLERR");
_Static_assert(CSYS_HUNG_UP == (int)EPOLLHUP, "EPOLLHUP");
_Static_assert(CSYS_INOTIFY_EVENT_SIZE == sizeof(struct inotify_event), "inotify_event");

/* The result of a call, or -errno. */
static int result(int value) { return value < 0 ? -errno : value; }

/* Closes a descriptor and gives the error that stood before. */
static int closing(int fd) {
  int error = errno;
  close(fd);
  return -error;
}

int csys_epoll_open(void) { return result(epoll_create1(EPOLL_CLOEXEC)); }

static int control(int epoll, int operation, int fd, uint32_t events, uint64_t token) {
  struct epoll_event event = {.events = events, .data.u64 = token};
  return result(epoll_ctl(epoll, operation, fd, &event));
}

int csys_epoll_add(int epoll, int fd, uint32_t events, uint64_t token) {
  return control(epoll, EPOLL_CTL_ADD, fd, events, token);
}

int csys_epoll_change(int epoll, int fd, uint32_t events, uint64_t token) {
  return control(epoll, EPOLL_CTL_MOD, fd, events, token);
}

int csys_epoll_remove(int epoll, int fd) { return control(epoll, EPOLL_CTL_DEL, fd, 0, 0); }

int csys_epoll_wait(int epoll, struct csys_ready *ready, int most, int timeout_ms) {
  struct epoll_event events[32];
  int count = epoll_wait(epoll, events, most < 32 ? most : 32, timeout_ms);
  if (count < 0) return errno == EINTR ? 0 : -errno;
  for (int i = 0; i < count; i++) {
    ready[i].token = events[i].data.u64;
    ready[i].events = events[i].events;
  }
  return count;
}

int csys_signals_open(void) {
  sigset_t set;
  signal(SIGPIPE, SIG_IGN);
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  if (sigprocmask(SIG_BLOCK, &set, NULL) != 0) return -errno;
  return result(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

int csys_signals_read(int fd) {
  struct signalfd_siginfo info;
  return read(fd, &info, sizeof info) == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}

static int64_t nanoseconds(clockid_t clock) {
  struct timespec now = {0};
  clock_gettime(clock, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t csys_boot_nanoseconds(void) { return nanoseconds(CLOCK_BOOTTIME); }
int64_t csys_wall_nanoseconds(void) { return nanoseconds(CLOCK_REALTIME); }

int csys_timer_open(void) { return result(timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK)); }

int csys_timer_arm(int fd, int64_t moment) {
  struct itimerspec when = {.it_value = {.tv_sec = moment / 1000000000, .tv_nsec = moment % 1000000000}};
  return result(timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL));
}

int64_t csys_timer_read(int fd) {
  uint64_t count = 0;
  return read(fd, &count, sizeof count) == (ssize_t)sizeof count ? (int64_t)count : 0;
}

int csys_inotify_open(void) { return result(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)); }

int csys_inotify_watch(int fd, const char *directory) {
  return result(inotify_add_watch(fd, directory,
                                  IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE |
                                      IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB | IN_ONLYDIR));
}

int csys_inotify_remove(int fd, int watch) { return result(inotify_rm_watch(fd, watch)); }

int csys_netlink_subscribe(int protocol, const int *groups, int count, int buffer) {
  struct sockaddr_nl address = {.nl_family = AF_NETLINK};
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
  if (fd < 0) return -errno;
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) != 0)
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0) return closing(fd);
  for (int i = 0; i < count; i++)
    if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof groups[i]) != 0)
      return closing(fd);
  return fd;
}

long csys_netlink_receive(int fd, void *buffer, size_t size) {
  for (;;) {
    struct sockaddr_nl sender = {0};
    socklen_t length = sizeof sender;
    ssize_t count = recvfrom(fd, buffer, size, MSG_TRUNC, (struct sockaddr *)&sender, &length);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno == EAGAIN ? 0 : -errno;
    if (sender.nl_pid != 0 || count == 0) continue;
    return (size_t)count > size ? -EMSGSIZE : count;
  }
}

static int unix_address(const char *path, struct sockaddr_un *address) {
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  if (strlen(path) >= sizeof address->sun_path) return -ENAMETOOLONG;
  strcpy(address->sun_path, path);
  return 0;
}

int csys_unix_listen(const char *path, unsigned mode) {
  struct sockaddr_un address;
  struct stat status;
  int error = unix_address(path, &address);
  if (error != 0) return error;
  if (lstat(path, &status) == 0) {
    if (!S_ISSOCK(status.st_mode)) return -EEXIST;
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0) return -errno;
    int answered = connect(probe, (struct sockaddr *)&address, sizeof address) == 0 || errno == EAGAIN;
    close(probe);
    if (answered) return -EADDRINUSE;
    if (unlink(path) != 0 && errno != ENOENT) return -errno;
  }
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  mode_t before = umask(0777 & ~mode);
  int bound = bind(fd, (struct sockaddr *)&address, sizeof address);
  umask(before);
  if (bound != 0 || listen(fd, 16) != 0) return closing(fd);
  return fd;
}

int csys_tcp_listen(const uint8_t *address, size_t length, unsigned port) {
  union {
    struct sockaddr any;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
  } local;
  int on = 1;
  memset(&local, 0, sizeof local);
  if (length == 4) {
    local.four.sin_family = AF_INET;
    local.four.sin_port = htons((uint16_t)port);
    memcpy(&local.four.sin_addr, address, 4);
  } else if (length == 16) {
    local.six.sin6_family = AF_INET6;
    local.six.sin6_port = htons((uint16_t)port);
    memcpy(&local.six.sin6_addr, address, 16);
  } else {
    return -EAFNOSUPPORT;
  }
  int fd = socket(local.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  /* The address of a tunnel that is not there yet can be bound all the same (IP_FREEBIND). */
  setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof on);
  if (length == 16) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (bind(fd, &local.any, length == 4 ? sizeof local.four : sizeof local.six) != 0 || listen(fd, 16) != 0)
    return closing(fd);
  return fd;
}

int csys_accept(int fd) { return result(accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)); }

int csys_peer(int fd, int *pid, unsigned *uid, unsigned *gid) {
  struct ucred peer;
  socklen_t length = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return -errno;
  *pid = peer.pid;
  *uid = peer.uid;
  *gid = peer.gid;
  return 0;
}

int csys_peer_in_group(int fd, unsigned group) {
  gid_t groups[256];
  struct ucred peer;
  socklen_t length = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return -errno;
  if (peer.gid == group) return 1;
  length = sizeof groups;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &length) != 0) return 0;
  for (size_t i = 0; i < length / sizeof groups[0]; i++)
    if (groups[i] == group) return 1;
  return 0;
}

long csys_group_number(const char *name) {
  /* Read from the file itself: no name service is asked by a firewall. */
  char line[4096];
  size_t length = strlen(name);
  long number = -ENOENT;
  FILE *file = fopen("/etc/group", "re");
  if (file == NULL) return -errno;
  while (number < 0 && fgets(line, sizeof line, file) != NULL) {
    if (strncmp(line, name, length) != 0 || line[length] != ':') continue;
    char *field = strchr(line + length + 1, ':');
    if (field != NULL) number = strtol(field + 1, NULL, 10);
  }
  fclose(file);
  return number;
}

long csys_send(int fd, const void *bytes, size_t length, int descriptor) {
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
  } control;
  struct iovec part = {.iov_base = (void *)bytes, .iov_len = length};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (descriptor >= 0) {
    memset(&control, 0, sizeof control);
    message.msg_control = &control;
    message.msg_controllen = sizeof control;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  }
  ssize_t sent;
  do sent = sendmsg(fd, &message, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent < 0 ? -errno : sent;
}

long csys_receive(int fd, void *bytes, size_t size, int *descriptor) {
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
  } control;
  struct iovec part = {.iov_base = bytes, .iov_len = size};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  ssize_t got;
  if (descriptor != NULL) {
    *descriptor = -1;
    message.msg_control = &control;
    /* Not CMSG_SPACE: its padding is room for a second descriptor, which the kernel would use. */
    message.msg_controllen = CMSG_LEN(sizeof(int));
  }
  do got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  if (got < 0) return -errno;
  for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header != NULL; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
        header->cmsg_len >= CMSG_LEN(sizeof(int)))
      memcpy(descriptor, CMSG_DATA(header), sizeof *descriptor);
  }
  if ((message.msg_flags & MSG_CTRUNC) != 0) {
    if (descriptor != NULL && *descriptor >= 0) {
      close(*descriptor);
      *descriptor = -1;
    }
    return -EBADMSG;
  }
  return got;
}

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

/* The network namespace in which a socket was made, by its file. Needs CAP_NET_ADMIN over it. */
static int namespace_file(int fd, struct stat *status) {
  int file = ioctl(fd, SIOCGSKNS);
  if (file < 0) return -errno;
  int error = fstat(file, status) == 0 ? 0 : -errno;
  close(file);
  return error;
}

int csys_same_network(int fd, int other) {
  uint64_t cookies[2];
  socklen_t length = sizeof cookies[0];
  if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookies[0], &length) == 0 &&
      getsockopt(other, SOL_SOCKET, SO_NETNS_COOKIE, &cookies[1], &length) == 0)
    return cookies[0] == cookies[1];
  if (errno != ENOPROTOOPT) return -errno;
  /* Before Linux 5.14. */
  struct stat files[2];
  int error = namespace_file(fd, &files[0]);
  if (error == 0) error = namespace_file(other, &files[1]);
  /* A kernel without network namespaces. */
  if (error == -EOPNOTSUPP) return 1;
  if (error != 0) return error;
  return files[0].st_ino == files[1].st_ino && files[0].st_dev == files[1].st_dev;
}

int csys_peer_address(int fd, uint8_t address[16]) {
  struct sockaddr_storage peer;
  socklen_t length = sizeof peer;
  if (getpeername(fd, (struct sockaddr *)&peer, &length) != 0) return -errno;
  if (peer.ss_family == AF_INET) {
    memcpy(address, &((struct sockaddr_in *)&peer)->sin_addr, 4);
    return 4;
  }
  if (peer.ss_family == AF_INET6) {
    memcpy(address, &((struct sockaddr_in6 *)&peer)->sin6_addr, 16);
    return 16;
  }
  return 0;
}

int csys_event_open(void) { return result(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

void csys_event_raise(int fd) {
  uint64_t one = 1;
  /* It fails only where it was raised already. */
  (void)!write(fd, &one, sizeof one);
}

void csys_event_take(int fd) {
  uint64_t count;
  (void)!read(fd, &count, sizeof count);
}

int csys_memory_file(void) { return result(memfd_create("wgfence", MFD_CLOEXEC | MFD_ALLOW_SEALING)); }

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

int csys_seal(int fd) { return result(fcntl(fd, F_ADD_SEALS, SEALS)); }

int64_t csys_sealed_size(int fd) {
  struct stat status;
  int seals = fcntl(fd, F_GET_SEALS);
  if (seals < 0 || (seals & SEALS) != SEALS) return -EPERM;
  if (fstat(fd, &status) != 0) return -errno;
  return status.st_size;
}

/* Makes a name's change in its directory durable. */
static int sync_directory(const char *path) {
  char directory[4096];
  const char *end = strrchr(path, '/');
  size_t length = end == NULL ? 1 : end == path ? 1 : (size_t)(end - path);
  if (length >= sizeof directory) return -ENAMETOOLONG;
  memcpy(directory, end == NULL ? "." : path, length);
  directory[length] = 0;
  int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return -errno;
  int error = fsync(fd) == 0 ? 0 : -errno;
  close(fd);
  return error;
}

int csys_replace_file(const char *path, const void *bytes, size_t length, unsigned mode) {
  char name[4096];
  size_t done = 0;
  int written = snprintf(name, sizeof name, "%s.new", path);
  if (written < 0 || (size_t)written >= sizeof name) return -ENAMETOOLONG;
  /* What a killed process left. */
  if (unlink(name) != 0 && errno != ENOENT) return -errno;
  int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
  if (fd < 0) return -errno;
  int error = fchmod(fd, mode) == 0 ? 0 : -errno;
  while (error == 0 && done < length) {
    ssize_t count = write(fd, (const char *)bytes + done, length - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0)
      error = -errno;
    else if (count == 0)
      error = -ENOSPC;
    else
      done += (size_t)count;
  }
  if (error == 0 && fsync(fd) != 0) error = -errno;
  if (close(fd) != 0 && error == 0) error = -errno;
  if (error == 0 && rename(name, path) != 0) error = -errno;
  if (error != 0) {
    unlink(name);
    return error;
  }
  return sync_directory(path);
}

int csys_lock_file(const char *path) {
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return -errno;
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) return closing(fd);
  return fd;
}

/* Only segments that were never written: what the loader relocated is in writable ones. */
static int release_segments(struct dl_phdr_info *info, size_t size, void *unused) {
  long page = sysconf(_SC_PAGESIZE);
  (void)size;
  (void)unused;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
    if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W) != 0) continue;
    uintptr_t start = (info->dlpi_addr + segment->p_vaddr) & ~((uintptr_t)page - 1);
    uintptr_t end = (info->dlpi_addr + segment->p_vaddr + segment->p_filesz) & ~((uintptr_t)page - 1);
    if (end > start) madvise((void *)start, end - start, MADV_DONTNEED);
  }
  return 1; /* the program itself comes first; libraries are shared with others */
}

void csys_share_heap(void) { mallopt(M_ARENA_MAX, 1); }

void csys_release_memory(void) {
  malloc_trim(0);
  dl_iterate_phdr(release_segments, NULL);
}

int csys_notify(const char *state) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  const char *path = getenv("NOTIFY_SOCKET");
  if (path == NULL || (path[0] != '/' && path[0] != '@')) return 0;
  size_t length = strlen(path);
  if (length >= sizeof address.sun_path) return -ENAMETOOLONG;
  memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = 0;
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  ssize_t sent = sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address,
                        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
  int error = sent < 0 ? -errno : 0;
  close(fd);
  return error;
}
