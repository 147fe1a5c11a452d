/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Changes that tests make to their own thread and its network namespace. */
#ifndef WGFENCE_CTEST_THREAD_H
#define WGFENCE_CTEST_THREAD_H

#include <stdint.h>

/* Enters a new network namespace on the calling thread. Returns 0, or errno. */
int ctest_unshare_network_namespace(void);

/* Gives the calling thread a host name of its own. Returns 0 or errno. */
int ctest_unshare_host_name(void);

/* Moves the calling thread permanently into the network namespace of an open nsfs file. Returns 0, or errno. */
int ctest_enter_network_namespace(int file);

/* Sets an interface of the calling thread's network namespace up. Returns 0, or errno. */
int ctest_set_interface_up(const char *name);

/* Drops all capabilities of the calling thread permanently. Returns 0, or errno. */
int ctest_drop_capabilities(void);

/* Enters a new mount namespace on the calling thread. Other processes do not see its mounts. Returns 0, or errno. */
int ctest_unshare_mount_namespace(void);

/* Opens a memory file that is closed in programs that are run and that can still be sealed. Returns the descriptor, or
   -1 with errno set. */
int ctest_open_memory_file(void);

/* The user CPU time of the calling thread, in microseconds, without system time. */
int64_t ctest_thread_user_microseconds(void);

#endif
