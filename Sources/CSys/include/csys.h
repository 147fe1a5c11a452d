/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What Swift cannot import of the kernel's interface, or must not. */
#ifndef WGFENCE_CSYS_H
#define WGFENCE_CSYS_H

#include "csys_daemon.h"
#include "csys_errno.h"
#include "csys_hidden.h"
#include "csys_netfilter.h"
#include "csys_nflog.h"
#include "csys_packet.h"
#include "csys_thread.h"

/* Enters a new network namespace on the calling thread. Returns 0, or errno. */
int csys_unshare_network_namespace(void);

#endif
