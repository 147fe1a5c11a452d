/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a process needs that waits for many things at once: epoll, signals, timers, file events, sockets of its own.
   Every call that can fail returns -errno. Descriptors are close-on-exec and do not block. */
#ifndef WGFENCE_CSYS_DAEMON_H
#define WGFENCE_CSYS_DAEMON_H

#include <stddef.h>
#include <stdint.h>

/* Something that is ready: the token it was added with, and EPOLL... bits. */
struct csys_ready {
  uint64_t token;
  uint32_t events;
};

enum {
  CSYS_READABLE = 0x1, /* EPOLLIN */
  CSYS_WRITABLE = 0x4, /* EPOLLOUT */
  CSYS_FAILED = 0x8,   /* EPOLLERR */
  CSYS_HUNG_UP = 0x10, /* EPOLLHUP */
};

int csys_epoll_open(void);
/* Waits for these events of a descriptor, or changes what is waited for. */
int csys_epoll_add(int epoll, int fd, uint32_t events, uint64_t token);
int csys_epoll_change(int epoll, int fd, uint32_t events, uint64_t token);
int csys_epoll_remove(int epoll, int fd);
/* Waits until something is ready, without a limit where timeout_ms is negative. Returns how many are; 0 on a signal. */
int csys_epoll_wait(int epoll, struct csys_ready *ready, int most, int timeout_ms);

/* Blocks SIGTERM, SIGINT and SIGHUP for this thread, ignores SIGPIPE, and gives a descriptor that tells of the three. */
int csys_signals_open(void);
/* The next signal's number, 0 where there is none. */
int csys_signals_read(int fd);

/* A clock that goes on while the machine sleeps (CLOCK_BOOTTIME), and the wall clock; nanoseconds. */
int64_t csys_boot_nanoseconds(void);
int64_t csys_wall_nanoseconds(void);

/* A timer on CLOCK_BOOTTIME. */
int csys_timer_open(void);
/* Arms it for a moment of that clock; 0 disarms. */
int csys_timer_arm(int fd, int64_t nanoseconds);
/* How often it ran out since the last reading. */
int64_t csys_timer_read(int fd);

int csys_inotify_open(void);
/* Watches a directory for files that are written, renamed into or out of it, made, deleted, or its own end. */
int csys_inotify_watch(int fd, const char *directory);
int csys_inotify_remove(int fd, int watch);

enum {
  /* sys/inotify.h */
  CSYS_IN_CREATE = 0x100,
  CSYS_IN_CLOSE_WRITE = 0x8,
  CSYS_IN_IGNORED = 0x8000,
  CSYS_IN_Q_OVERFLOW = 0x4000,
  CSYS_INOTIFY_EVENT_SIZE = 16,

  /* linux/netfilter/nfnetlink.h: multicast groups, and linux/rtnetlink.h */
  CSYS_NFNLGRP_NFTABLES = 7,
  CSYS_RTNLGRP_LINK = 1,
  CSYS_RTNLGRP_IPV4_IFADDR = 5,
  CSYS_RTNLGRP_IPV6_IFADDR = 9,
  CSYS_RTM_DELLINK = 17,

  /* linux/netfilter/nf_tables.h */
  CSYS_NFTA_GEN_ID = 1,
  CSYS_NFTA_GEN_PROC_PID = 2,
  CSYS_NFTA_GEN_PROC_NAME = 3,
};

/* A netlink socket that hears these multicast groups, with a receive buffer of so many bytes. */
int csys_netlink_subscribe(int protocol, const int *groups, int count, int buffer);
/* Receives a datagram that the kernel sent. Returns its length, 0 where there is none. */
long csys_netlink_receive(int fd, void *buffer, size_t size);

/* A listening stream socket at a path, of a mode such as 0660. A socket that a dead process left is taken over; a path
   that is anything else gives -EEXIST, one that somebody answers on -EADDRINUSE. */
int csys_unix_listen(const char *path, unsigned mode);
/* A listening TCP socket; `address` is of 4 or 16 bytes, the port in host order. */
int csys_tcp_listen(const uint8_t *address, size_t length, unsigned port);
/* Accepts a connection; -EAGAIN where there is none. */
int csys_accept(int fd);
/* Who connected: SO_PEERCRED. */
int csys_peer(int fd, int *pid, unsigned *uid, unsigned *gid);
/* Whether a group is among the connected process's own or supplementary ones (SO_PEERGROUPS): 1 or 0. */
int csys_peer_in_group(int fd, unsigned group);
/* The number of a group by name, -ENOENT where there is none. */
long csys_group_number(const char *name);

/* Whether the sockets of both descriptors were made in one network namespace: 1 or 0. For an accepted unix socket that is
   the namespace of the socket that connected: the kernel knows it, whatever the client says. SO_NETNS_COOKIE, or before
   Linux 5.14 SIOCGSKNS, which needs CAP_NET_ADMIN. */
int csys_same_network(int fd, int other);
/* The address of who connected by TCP, in network order. Returns its length: 4, 16, or 0 where it has none. */
int csys_peer_address(int fd, uint8_t address[16]);

/* Sends bytes, and with the first of them a descriptor unless it is negative. Returns how many bytes were sent. */
long csys_send(int fd, const void *bytes, size_t length, int descriptor);
/* Receives bytes, and a descriptor into *descriptor (-1 where none came), for which NULL says that none is taken. The
   kernel closes what is not taken; -EBADMSG where there was such a one. Returns how many bytes; 0 is the end. */
long csys_receive(int fd, void *bytes, size_t size, int *descriptor);

/* Something for one thread to wait on until another raises it: eventfd(2). */
int csys_event_open(void);
void csys_event_raise(int fd);
void csys_event_take(int fd);

/* A file in memory that can be filled, and then not changed any more. */
int csys_memory_file(void);
int csys_seal(int fd);
/* The size of a file in memory that nobody can change any more; -EPERM for any other file. */
int64_t csys_sealed_size(int fd);

/* Writes a whole file under a name: at every moment there is the old content or the new, also after a power cut. */
int csys_replace_file(const char *path, const void *bytes, size_t length, unsigned mode);
/* Takes a lock on a file (flock), making it if need be. Returns the descriptor, -EWOULDBLOCK where another has it. */
int csys_lock_file(const char *path);

/* Gives back memory that is not in use: freed heap, and pages of the program itself, which the kernel maps again from
   its cache where they are needed. */
void csys_release_memory(void);
/* Has all threads allocate from one heap from now on: what a thread freed is room for the others. */
void csys_share_heap(void);

/* Tells the service manager (sd_notify(3)). Does nothing without NOTIFY_SOCKET. */
int csys_notify(const char *state);

#endif
