/* SPDX-License-Identifier: GPL-3.0-or-later */
#define _GNU_SOURCE
/* The library's headers are included before csys_libc.h: the compiler then refuses a declaration that differs. */
#include <dirent.h>
#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <spawn.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <linux/sockios.h>

#include "csys_libc.h"

#define SAME(name) _Static_assert(CSYS_##name == (int)(name), #name)
SAME(M_ARENA_MAX);
SAME(CLONE_NEWNET);
SAME(POSIX_SPAWN_SETSID);
SAME(MFD_CLOEXEC);
SAME(MFD_ALLOW_SEALING);
SAME(F_ADD_SEALS);
SAME(F_GET_SEALS);
SAME(F_SEAL_SEAL);
SAME(F_SEAL_SHRINK);
SAME(F_SEAL_GROW);
SAME(F_SEAL_WRITE);
SAME(SIOCGSKNS);

#define AT(type, field, offset) _Static_assert(offsetof(struct type, field) == (offset), #type "." #field)
AT(dirent64, d_reclen, CSYS_DIRENT64_RECLEN);
AT(dirent64, d_name, CSYS_DIRENT64_NAME);
_Static_assert(sizeof(struct csys_credentials) == sizeof(struct ucred), "ucred");
AT(ucred, pid, offsetof(struct csys_credentials, process));
AT(ucred, uid, offsetof(struct csys_credentials, user));
AT(ucred, gid, offsetof(struct csys_credentials, group));

_Static_assert(CSYS_DESCRIPTOR_LENGTH == CMSG_LEN(sizeof(int)), "CMSG_LEN");
_Static_assert(CSYS_DESCRIPTOR_SPACE == CMSG_SPACE(sizeof(int)), "CMSG_SPACE");
/* LinuxHost/EventLoop/Connection+Messages.swift writes the descriptor directly after the header. */
_Static_assert(CMSG_LEN(0) == sizeof(struct cmsghdr), "cmsghdr");

/* LinuxHost/EventLoop/FileEvents.swift reads it by these offsets. */
_Static_assert(sizeof(struct inotify_event) == 16, "inotify_event");
AT(inotify_event, mask, 4);
AT(inotify_event, len, 12);
