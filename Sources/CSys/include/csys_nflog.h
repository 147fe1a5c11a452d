/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers of linux/netfilter/nfnetlink_log.h, which includes headers that cannot be in a module map together with
   Glibc. */
#ifndef WGFENCE_CSYS_NFLOG_H
#define WGFENCE_CSYS_NFLOG_H

#include <stdint.h>

static const int32_t CSYS_NFNL_SUBSYS_ULOG = 4;
static const int32_t CSYS_NFULNL_MSG_PACKET = 0;
static const int32_t CSYS_NFULNL_MSG_CONFIG = 1;
static const int32_t CSYS_NFULNL_CFG_CMD_BIND = 1;
static const int32_t CSYS_NFULNL_COPY_PACKET = 2;
static const int32_t CSYS_NFULNL_CFG_F_SEQ = 1;

static const int32_t CSYS_NFULA_CFG_CMD = 1;
static const int32_t CSYS_NFULA_CFG_MODE = 2;
static const int32_t CSYS_NFULA_CFG_TIMEOUT = 4;
static const int32_t CSYS_NFULA_CFG_QTHRESH = 5;
static const int32_t CSYS_NFULA_CFG_FLAGS = 6;

static const int32_t CSYS_NFULA_PACKET_HDR = 1;
static const int32_t CSYS_NFULA_TIMESTAMP = 3;
static const int32_t CSYS_NFULA_IFINDEX_INDEV = 4;
static const int32_t CSYS_NFULA_IFINDEX_OUTDEV = 5;
static const int32_t CSYS_NFULA_PAYLOAD = 9;
static const int32_t CSYS_NFULA_PREFIX = 10;
static const int32_t CSYS_NFULA_SEQ = 12;

#endif
