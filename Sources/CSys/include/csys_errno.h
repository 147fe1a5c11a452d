/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The names of the kernel's errors. */
#ifndef WGFENCE_CSYS_ERRNO_H
#define WGFENCE_CSYS_ERRNO_H

/* The constant's name, as "EPERM"; NULL for a number that has none. */
const char *csys_errno_name(int error);

/* What it means, in English, as "Operation not permitted"; NULL for a number that has no meaning. */
const char *csys_errno_text(int error);

#endif
