/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "csys_nflog.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>

_Static_assert(NFNL_SUBSYS_ULOG == 4, "CSYS_NFNL_SUBSYS_ULOG");
_Static_assert(NFULNL_MSG_PACKET == 0, "CSYS_NFULNL_MSG_PACKET");
_Static_assert(NFULNL_MSG_CONFIG == 1, "CSYS_NFULNL_MSG_CONFIG");
_Static_assert(NFULNL_CFG_CMD_BIND == 1, "CSYS_NFULNL_CFG_CMD_BIND");
_Static_assert(NFULNL_COPY_PACKET == 2, "CSYS_NFULNL_COPY_PACKET");
_Static_assert(NFULNL_CFG_F_SEQ == 1, "CSYS_NFULNL_CFG_F_SEQ");
_Static_assert(NFULA_CFG_CMD == 1, "CSYS_NFULA_CFG_CMD");
_Static_assert(NFULA_CFG_MODE == 2, "CSYS_NFULA_CFG_MODE");
_Static_assert(NFULA_CFG_TIMEOUT == 4, "CSYS_NFULA_CFG_TIMEOUT");
_Static_assert(NFULA_CFG_QTHRESH == 5, "CSYS_NFULA_CFG_QTHRESH");
_Static_assert(NFULA_CFG_FLAGS == 6, "CSYS_NFULA_CFG_FLAGS");
_Static_assert(NFULA_PACKET_HDR == 1, "CSYS_NFULA_PACKET_HDR");
_Static_assert(NFULA_TIMESTAMP == 3, "CSYS_NFULA_TIMESTAMP");
_Static_assert(NFULA_IFINDEX_INDEV == 4, "CSYS_NFULA_IFINDEX_INDEV");
_Static_assert(NFULA_IFINDEX_OUTDEV == 5, "CSYS_NFULA_IFINDEX_OUTDEV");
_Static_assert(NFULA_PAYLOAD == 9, "CSYS_NFULA_PAYLOAD");
_Static_assert(NFULA_PREFIX == 10, "CSYS_NFULA_PREFIX");
_Static_assert(NFULA_SEQ == 12, "CSYS_NFULA_SEQ");
