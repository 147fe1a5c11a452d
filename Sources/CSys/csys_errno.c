/* SPDX-License-Identifier: GPL-3.0-or-later */
#define _GNU_SOURCE
#include "csys_errno.h"

#include <stddef.h>
#include <string.h>

/* The kernel answers this to user space, but it is not among libc's. Source: include/linux/errno.h. */
enum { KERNEL_ENOTSUPP = 524 };

const char *csys_errno_name(int error) {
  if (error == KERNEL_ENOTSUPP) return "ENOTSUPP";
  return strerrorname_np(error);
}

const char *csys_errno_text(int error) {
  if (error == KERNEL_ENOTSUPP) return "Operation is not supported";
  return strerrordesc_np(error);
}
