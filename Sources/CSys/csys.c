/* SPDX-License-Identifier: GPL-3.0-or-later */
#define _GNU_SOURCE
#include "csys.h"

#include <errno.h>
#include <sched.h>

int csys_unshare_network_namespace(void) {
  return unshare(CLONE_NEWNET) == 0 ? 0 : errno;
}
