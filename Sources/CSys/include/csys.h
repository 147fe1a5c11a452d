/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What Swift cannot import of the kernel's interface, or must not. */
#ifndef WGFENCE_CSYS_H
#define WGFENCE_CSYS_H

#include "csys_daemon.h"
#include "csys_errno.h"
#include "csys_hidden.h"
#include "csys_host.h"
#include "csys_netfilter.h"
#include "csys_nflog.h"

#endif
