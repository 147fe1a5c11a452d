/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What tests do to their own thread and its network namespace. */
#ifndef WGFENCE_CTEST_THREAD_H
#define WGFENCE_CTEST_THREAD_H

#include <stdint.h>

/* Enters a new network namespace on the calling thread. Returns 0, or errno. */
int ctest_unshare_network_namespace(void);

/* Puts the calling thread into the network namespace of an open nsfs file, for good. Returns 0, or errno. */
int ctest_enter_network_namespace(int file);

/* Brings an interface of the calling thread's network namespace up. Returns 0, or errno. */
int ctest_set_interface_up(const char *name);

/* Gives up all capabilities of the calling thread, for good. Returns 0, or errno. */
int ctest_drop_capabilities(void);

/* Enters a new mount namespace on the calling thread, whose mounts nobody else sees. Returns 0, or errno. */
int ctest_unshare_mount_namespace(void);

/* Opens a file that is in memory only and closed in programs that are run. It can still be sealed. Returns it, or -1 with
   errno set. */
int ctest_open_memory_file(void);

/* What the calling thread has spent in the program, in microseconds, the kernel's work for it left out. */
int64_t ctest_thread_user_microseconds(void);

#endif
