// SPDX-License-Identifier: GPL-3.0-or-later
//
// What Tests/Bench/bench.py cannot measure from Python.
//   tool run COMMAND…                 "NANOSECONDS MAXRSS-KIB STATUS" of one process; its output is thrown away
//   tool flood LINK MAC SADDR SOURCES DADDR PORT COUNT [xdp LINK]
//                                     nanoseconds for COUNT SYNs of changing sources and ports, sent on LINK;
//                                     with xdp, a generic XDP program on that other link drops them all
//   tool established TUN PEER OWN PORT COUNT [reply]
//                                     nanoseconds for COUNT datagrams of 1,400 bytes of one established flow that arrive through
//                                     the TUN device from PEER for a socket of this host: of the flow's original direction, or
//                                     with reply of a flow that this host opened. OWN and PORT are the address and the port of
//                                     the side that did not open the flow
//   tool relayed TUN SOURCE TARGET PORT COUNT
//                                     the same for datagrams that this host forwards out of the device by which they came
// A packet sent into a veth is received in the sender's own softirq, so the time is that of both sides.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/if_ether.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void die(const char *what) {
  perror(what);
  exit(1);
}

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int run(char **command) {
  int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
  long long start = now();
  // A child of this small process, so that its peak memory is its own.
  pid_t child = fork();
  if (child < 0) die("fork");
  if (child == 0) {
    dup2(null, 1);
    execvp(command[0], command);
    die(command[0]);
  }
  int status;
  struct rusage usage;
  if (wait4(child, &status, 0, &usage) < 0) die("wait4");
  printf("%lld %ld %d\n", now() - start, usage.ru_maxrss, WIFEXITED(status) ? WEXITSTATUS(status) : 255);
  return 0;
}

static uint32_t sum(const void *data, size_t length, uint32_t total) {
  const uint16_t *words = data;
  for (size_t i = 0; i < length / 2; i++) total += words[i];
  return total;
}

static uint16_t fold(uint32_t total) {
  while (total >> 16) total = (total & 0xffff) + (total >> 16);
  return (uint16_t)~total;
}

// r0 = XDP_DROP; exit. Attached as long as this process lives.
static void drop_by_xdp(const char *link) {
  struct bpf_insn program[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = XDP_DROP},
                               {.code = BPF_JMP | BPF_EXIT}};
  union bpf_attr load = {.prog_type = BPF_PROG_TYPE_XDP, .insn_cnt = 2, .expected_attach_type = BPF_XDP};
  load.insns = (uintptr_t)program;
  load.license = (uintptr_t) "GPL";
  int fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof load);
  if (fd < 0) die("BPF_PROG_LOAD");
  union bpf_attr attach;
  memset(&attach, 0, sizeof attach);
  attach.link_create.prog_fd = (uint32_t)fd;
  attach.link_create.target_ifindex = if_nametoindex(link);
  attach.link_create.attach_type = BPF_XDP;
  attach.link_create.flags = 2;  // XDP_FLAGS_SKB_MODE
  if (syscall(SYS_bpf, BPF_LINK_CREATE, &attach, sizeof attach) < 0) die("BPF_LINK_CREATE");
}

static void use_one_processor(void) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(0, &one);
  sched_setaffinity(0, sizeof one, &one);
}

struct frame {
  struct ether_header ether;
  struct iphdr ip;
  struct tcphdr tcp;
} __attribute__((packed));

enum { BATCH = 64 };

static int flood(int count, char **arguments) {
  if (count < 7) return 64;
  if (count == 9) drop_by_xdp(arguments[8]);
  unsigned mac[6];
  if (sscanf(arguments[1], "%x:%x:%x:%x:%x:%x", mac, mac + 1, mac + 2, mac + 3, mac + 4, mac + 5) != 6) return 64;
  uint32_t source = ntohl(inet_addr(arguments[2])), sources = (uint32_t)atoi(arguments[3]);
  uint32_t target = inet_addr(arguments[4]);
  uint16_t port = htons((uint16_t)atoi(arguments[5]));
  int packets = atoi(arguments[6]);
  use_one_processor();

  int fd = socket(AF_PACKET, SOCK_RAW, 0);
  struct sockaddr_ll link = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(arguments[0])};
  if (fd < 0 || bind(fd, (struct sockaddr *)&link, sizeof link) < 0) die("packet socket");
  int yes = 1;
  if (setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &yes, sizeof yes) < 0) die("PACKET_QDISC_BYPASS");

  static struct frame frames[BATCH];
  struct iovec pieces[BATCH];
  struct mmsghdr messages[BATCH];
  memset(messages, 0, sizeof messages);
  for (int i = 0; i < BATCH; i++) {
    struct frame *f = &frames[i];
    for (int b = 0; b < 6; b++) f->ether.ether_dhost[b] = (uint8_t)mac[b];
    f->ether.ether_shost[0] = 2;
    f->ether.ether_type = htons(ETHERTYPE_IP);
    f->ip = (struct iphdr){.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_TCP, .daddr = target};
    f->ip.tot_len = htons(sizeof f->ip + sizeof f->tcp);
    f->tcp = (struct tcphdr){.dest = port, .doff = 5, .syn = 1, .window = htons(64240)};
    pieces[i] = (struct iovec){f, sizeof *f};
    messages[i].msg_hdr.msg_iov = &pieces[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  long long spent = 0;
  for (int sent = 0; sent < packets; sent += BATCH) {
    for (int i = 0; i < BATCH; i++) {
      struct frame *f = &frames[i];
      uint32_t n = (uint32_t)(sent + i);
      f->ip.saddr = htonl(source + n % sources);
      f->tcp.source = htons((uint16_t)(1024 + n / sources % 60000));
      f->tcp.seq = n;
      f->ip.check = 0;
      f->ip.check = fold(sum(&f->ip, sizeof f->ip, 0));
      f->tcp.check = 0;
      f->tcp.check = fold(sum(&f->tcp, sizeof f->tcp, sum(&f->ip.saddr, 8, htons(IPPROTO_TCP) + htons(sizeof f->tcp))));
    }
    long long start = now();
    for (int done = 0; done < BATCH;) {
      int n = sendmmsg(fd, messages + done, (unsigned)(BATCH - done), 0);
      if (n <= 0) die("sendmmsg");
      done += n;
    }
    spent += now() - start;
  }
  printf("%lld\n", spent);
  return 0;
}

struct datagram {
  struct iphdr ip;
  struct udphdr udp;
  uint8_t data[1400 - sizeof(struct iphdr) - sizeof(struct udphdr)];
} __attribute__((packed));

static int open_tun(const char *name) {
  int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
  struct ifreq asked = {.ifr_flags = IFF_TUN | IFF_NO_PI};
  if (fd < 0) die("/dev/net/tun");
  strncpy(asked.ifr_name, name, IFNAMSIZ - 1);
  if (ioctl(fd, TUNSETIFF, &asked) < 0) die("TUNSETIFF");
  // The kernel gives the device a queue some time after it has a carrier.
  usleep(200 * 1000);
  return fd;
}

static void fill(struct datagram *one, uint32_t source, uint16_t from, uint32_t target, uint16_t to) {
  memset(one, 0, sizeof *one);
  one->ip = (struct iphdr){.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP, .saddr = source, .daddr = target};
  one->ip.tot_len = htons(sizeof *one);
  one->ip.check = fold(sum(&one->ip, sizeof one->ip, 0));
  // A checksum of zero is none (RFC 768).
  one->udp = (struct udphdr){.source = from, .dest = to, .len = htons(sizeof *one - sizeof one->ip)};
}

// Waits for a datagram that leaves by the device, and throws it away.
static void await(int tun) {
  uint8_t packet[2048];
  for (int tries = 0; tries < 20; tries++) {
    struct pollfd ready = {.fd = tun, .events = POLLIN};
    if (poll(&ready, 1, 1000) <= 0) break;
    ssize_t length = read(tun, packet, sizeof packet);
    if (length > 20 && packet[0] >> 4 == 4 && packet[9] == IPPROTO_UDP) return;
  }
  fprintf(stderr, "no datagram left by the device\n");
  exit(1);
}

static void put(int tun, const struct datagram *one) {
  if (write(tun, one, sizeof *one) != (ssize_t)sizeof *one) die("write to the TUN device");
}

// The rules run in the system call of the sender, so the process's own time is that of the packets' whole way.
static int stream(int tun, const struct datagram *one, int packets) {
  struct timespec start, end;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
  for (int i = 0; i < packets; i++) put(tun, one);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
  printf("%lld\n", (end.tv_sec - start.tv_sec) * 1000000000LL + end.tv_nsec - start.tv_nsec);
  return 0;
}

static int established(int count, char **arguments) {
  if (count < 5) return 64;
  int isReply = count > 5 && !strcmp(arguments[5], "reply");
  uint32_t peer = inet_addr(arguments[1]), own = inet_addr(arguments[2]);
  uint16_t port = htons((uint16_t)atoi(arguments[3])), other = htons(40000);
  use_one_processor();
  int tun = open_tun(arguments[0]);
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  // What does not fit into the socket is thrown away after the rules, which costs as much each time.
  int few = 1;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &few, sizeof few);
  struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = own, .sin_port = isReply ? other : port};
  struct sockaddr_in there = {.sin_family = AF_INET, .sin_addr.s_addr = peer, .sin_port = isReply ? port : other};
  if (fd < 0 || bind(fd, (struct sockaddr *)&here, sizeof here) < 0) die("bind");
  struct datagram one;
  fill(&one, peer, there.sin_port, own, here.sin_port);
  if (!isReply) put(tun, &one);
  if (sendto(fd, "x", 1, 0, (struct sockaddr *)&there, sizeof there) != 1) die("sendto");
  await(tun);
  put(tun, &one);
  return stream(tun, &one, atoi(arguments[4]));
}

static int relayed(int count, char **arguments) {
  if (count < 5) return 64;
  uint32_t source = inet_addr(arguments[1]), target = inet_addr(arguments[2]);
  uint16_t port = htons((uint16_t)atoi(arguments[3])), other = htons(40000);
  use_one_processor();
  int tun = open_tun(arguments[0]);
  struct datagram one, back;
  fill(&one, source, other, target, port);
  fill(&back, target, port, source, other);
  put(tun, &one);
  await(tun);
  put(tun, &back);
  await(tun);
  return stream(tun, &one, atoi(arguments[4]));
}

int main(int count, char **arguments) {
  if (count > 2 && !strcmp(arguments[1], "run")) return run(arguments + 2);
  if (count > 2 && !strcmp(arguments[1], "flood")) return flood(count - 2, arguments + 2);
  if (count > 2 && !strcmp(arguments[1], "established")) return established(count - 2, arguments + 2);
  if (count > 2 && !strcmp(arguments[1], "relayed")) return relayed(count - 2, arguments + 2);
  return 64;
}
