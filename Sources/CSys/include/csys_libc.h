/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parts of the C library that Swift's Glibc module does not export: headers that it leaves out, and functions and
   numbers that glibc declares only with _GNU_SOURCE. csys_libc.c compares all of them with the library's own. */
#ifndef WGFENCE_CSYS_LIBC_H
#define WGFENCE_CSYS_LIBC_H

#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

/* sys/socket.h is not included: Swift would import its declarations as part of this module and not of Glibc. */
struct sockaddr;
int accept4(int fd, struct sockaddr *address, unsigned int *length, int flags);

/* ptrdiff_t is used in place of ssize_t. */
ptrdiff_t getdents64(int fd, void *buffer, size_t size);
unsigned long getauxval(unsigned long type);
int mallopt(int parameter, int value);
int malloc_trim(size_t padding);
int memfd_create(const char *name, unsigned int flags);
int setns(int fd, int type);
const char *strerrordesc_np(int error);
const char *strerrorname_np(int error);

/* struct ucred of sys/socket.h, the value of SO_PEERCRED. */
struct csys_credentials {
  int32_t process;
  uint32_t user;
  uint32_t group;
};

enum {
  /* malloc.h */
  CSYS_M_ARENA_MAX = -8,

  /* sched.h */
  CSYS_CLONE_NEWNET = 0x40000000,
  CSYS_POSIX_SPAWN_SETSID = 0x80,

  /* sys/mman.h */
  CSYS_MFD_CLOEXEC = 0x1,
  CSYS_MFD_ALLOW_SEALING = 0x2,

  /* fcntl.h */
  CSYS_F_ADD_SEALS = 1033,
  CSYS_F_GET_SEALS = 1034,
  CSYS_F_SEAL_SEAL = 0x1,
  CSYS_F_SEAL_SHRINK = 0x2,
  CSYS_F_SEAL_GROW = 0x4,
  CSYS_F_SEAL_WRITE = 0x8,

  /* linux/sockios.h */
  CSYS_SIOCGSKNS = 0x894c,

  /* sys/socket.h: CMSG_LEN and CMSG_SPACE of one descriptor, in bytes */
  CSYS_DESCRIPTOR_LENGTH = sizeof(size_t) + 3 * sizeof(int),
  CSYS_DESCRIPTOR_SPACE = 2 * sizeof(size_t) + 2 * sizeof(int),

  /* dirent.h: offsets of the 16-bit length and of the name in `struct dirent64` */
  CSYS_DIRENT64_RECLEN = 16,
  CSYS_DIRENT64_NAME = 19,
};

#endif
