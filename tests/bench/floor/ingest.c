/* The other end of bench_ingest.py: cameras that send, and the least that any server must do to take it in.

   ingest send udp|gso|tcp FILM SECONDS PORT...   every port gets the film, paced picture by picture; PORT:SSRC has it
                                                  under an SSRC of its own
   ingest take one|many|gro|tcp COUNT             binds, prints its ports; counts from "mark" on stdin to "stop"

   FILM: for each picture a uint32 count of packets, then for each packet a uint16 length and its bytes, little endian.
   A picture that carries the text MARK has the nanoseconds of CLOCK_MONOTONIC written behind it when it is sent. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif
#define FPS 25
#define GOP 50
#define BURST 64
#define SEGMENTS 44
#define NAP_MS 4
#define MARK "sent at "

static void die(const char *what) { perror(what); exit(1); }

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static struct sockaddr_in loopback(int port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return a;
}

/* --- cameras ------------------------------------------------------------------------------------------------- */

struct picture {
    int count;
    uint16_t *sizes;
    unsigned char *bytes; /* the packets back to back */
    unsigned char *framed; /* and each behind its length, as RFC 4571 has it */
    size_t total, framed_total;
    char *mark, *framed_mark;
};

static int load(const char *path, struct picture **out) {
    FILE *file = fopen(path, "rb");
    if (!file) die(path);
    int count = 0, room = 0;
    struct picture *all = NULL;
    uint32_t packets;
    while (fread(&packets, 4, 1, file) == 1) {
        if (count == room) all = realloc(all, (room = room ? 2 * room : 64) * sizeof *all);
        struct picture *p = &all[count++];
        memset(p, 0, sizeof *p);
        p->count = packets;
        p->sizes = malloc(2 * packets);
        p->bytes = malloc(1500 * packets);
        p->framed = malloc(1502 * packets);
        for (uint32_t n = 0; n < packets; n++) {
            if (fread(&p->sizes[n], 2, 1, file) != 1 || p->sizes[n] > 1500) die("film");
            if (fread(p->bytes + p->total, p->sizes[n], 1, file) != 1) die("film");
            p->framed[p->framed_total] = p->sizes[n] >> 8;
            p->framed[p->framed_total + 1] = p->sizes[n] & 255;
            memcpy(p->framed + p->framed_total + 2, p->bytes + p->total, p->sizes[n]);
            p->total += p->sizes[n];
            p->framed_total += p->sizes[n] + 2;
        }
        p->mark = memmem(p->bytes, p->total, MARK, strlen(MARK));
        p->framed_mark = memmem(p->framed, p->framed_total, MARK, strlen(MARK));
    }
    fclose(file);
    *out = all;
    return count;
}

static void stamp(char *mark) {
    if (!mark) return;
    char text[20];
    snprintf(text, sizeof text, "%016llx", (unsigned long long)now_ns());
    memcpy(mark + strlen(MARK), text, 16);
}

static void put_ssrc(struct picture *p, uint32_t ssrc) {
    unsigned char *packet = p->bytes, *framed = p->framed + 2;
    ssrc = htonl(ssrc);
    for (int n = 0; n < p->count; n++) {
        memcpy(packet + 8, &ssrc, 4);
        memcpy(framed + 8, &ssrc, 4);
        packet += p->sizes[n];
        framed += p->sizes[n] + 2;
    }
}

static void send_plain(int fd, struct picture *p) {
    struct mmsghdr heads[BURST];
    struct iovec parts[BURST];
    unsigned char *at = p->bytes;
    for (int n = 0; n < p->count;) {
        int some = 0;
        for (; some < BURST && n < p->count; some++, n++) {
            parts[some] = (struct iovec){at, p->sizes[n]};
            at += p->sizes[n];
            memset(&heads[some], 0, sizeof heads[some]);
            heads[some].msg_hdr.msg_iov = &parts[some];
            heads[some].msg_hdr.msg_iovlen = 1;
        }
        for (int sent = 0; sent < some;) {
            int got = sendmmsg(fd, heads + sent, some - sent, 0);
            if (got < 0 && errno != ECONNREFUSED) die("sendmmsg");
            sent += got < 0 ? 1 : got;
        }
    }
}

static void send_segmented(int fd, struct picture *p) {
    unsigned char *at = p->bytes;
    for (int n = 0; n < p->count;) {
        int some = 0;
        size_t total = 0;
        uint16_t size = p->sizes[n];
        while (some < SEGMENTS && n < p->count && p->sizes[n] <= size) {
            total += p->sizes[n];
            some++;
            if (p->sizes[n++] < size) break;
        }
        char control[CMSG_SPACE(2)] = {0};
        struct iovec part = {at, total};
        struct msghdr head = {.msg_iov = &part, .msg_iovlen = 1};
        if (some > 1) {
            head.msg_control = control;
            head.msg_controllen = sizeof control;
            struct cmsghdr *c = CMSG_FIRSTHDR(&head);
            c->cmsg_level = IPPROTO_UDP;
            c->cmsg_type = UDP_SEGMENT;
            c->cmsg_len = CMSG_LEN(2);
            memcpy(CMSG_DATA(c), &size, 2);
        }
        if (sendmsg(fd, &head, 0) < 0 && errno != ECONNREFUSED) die("sendmsg");
        at += total;
    }
}

static void send_stream(int fd, struct picture *p) {
    for (size_t sent = 0; sent < p->framed_total;) {
        ssize_t got = send(fd, p->framed + sent, p->framed_total - sent, MSG_NOSIGNAL);
        if (got <= 0) return; /* closed: the measure is over */
        sent += got;
    }
}

static int cameras(int argc, char **argv) {
    const char *way = argv[0];
    struct picture *film;
    int length = load(argv[1], &film), streams = argc - 3;
    double seconds = atof(argv[2]);
    int *fds = malloc(streams * sizeof *fds);
    uint32_t *ssrcs = calloc(streams, sizeof *ssrcs);
    int kind = strcmp(way, "tcp") ? SOCK_DGRAM : SOCK_STREAM;
    for (int i = 0; i < streams; i++) {
        struct sockaddr_in to = loopback(atoi(argv[3 + i]));
        char *own = strchr(argv[3 + i], ':');
        if (own) ssrcs[i] = strtoul(own + 1, NULL, 10);
        fds[i] = socket(AF_INET, kind, 0);
        int one = 1, room = 1 << 20;
        if (kind == SOCK_STREAM) setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        else setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
        if (connect(fds[i], (struct sockaddr *)&to, sizeof to)) die("connect");
    }
    /* Key frames do not all come at one time: each stream is elsewhere in its film. The sequence runs on by itself. */
    int64_t began = now_ns() + 50000000, pictures = seconds * FPS;
    for (int64_t n = 0; n < pictures; n++)
        for (int i = 0; i < streams; i++) {
            int64_t due = began + n * (1000000000LL / FPS) + i * (1000000000LL / FPS) / streams;
            struct timespec until = {due / 1000000000LL, due % 1000000000LL};
            if (now_ns() < due) clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
            int at = n + (int64_t)i * GOP / streams;
            if (at >= length) return 0;
            struct picture *p = &film[at];
            stamp(kind == SOCK_STREAM ? p->framed_mark : p->mark);
            if (ssrcs[i]) put_ssrc(p, ssrcs[i]);
            if (kind == SOCK_STREAM) send_stream(fds[i], p);
            else if (!strcmp(way, "gso")) send_segmented(fds[i], p);
            else send_plain(fds[i], p);
        }
    return 0;
}

/* --- the floor ----------------------------------------------------------------------------------------------- */

static unsigned char memory[BURST][65536 + 2048];
static long long packets, bytes;

static double cpu_s(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

static void take_one(int fd) {
    struct sockaddr_in from;
    socklen_t length = sizeof from;
    ssize_t got = recvfrom(fd, memory[0], sizeof memory[0], MSG_DONTWAIT, (struct sockaddr *)&from, &length);
    if (got > 0) packets++, bytes += got;
}

static void take_many(int fd) {
    static struct mmsghdr heads[BURST];
    static struct iovec parts[BURST];
    static struct sockaddr_in from[BURST];
    static char control[BURST][CMSG_SPACE(4)];
    for (int n = 0; n < BURST; n++) {
        parts[n] = (struct iovec){memory[n], sizeof memory[n]};
        heads[n].msg_hdr = (struct msghdr){&from[n], sizeof from[n], &parts[n], 1, control[n], sizeof control[n], 0};
    }
    int got = recvmmsg(fd, heads, BURST, MSG_DONTWAIT, NULL);
    for (int n = 0; n < got; n++) {
        int size = heads[n].msg_len;
        struct cmsghdr *c = CMSG_FIRSTHDR(&heads[n].msg_hdr);
        if (c && c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) memcpy(&size, CMSG_DATA(c), sizeof size);
        packets += size ? (heads[n].msg_len + size - 1) / size : 0;
        bytes += heads[n].msg_len;
    }
}

static void take_stream(int fd, int *rest) {
    unsigned char *into = (unsigned char *)memory;
    ssize_t got = recv(fd, into, 262144, MSG_DONTWAIT);
    if (got <= 0) return;
    bytes += got;
    /* Walk the lengths; `rest` is what is still to come of the packet that the last read cut, -1 - high for half a head. */
    ssize_t at = *rest;
    if (at < 0) {
        at = ((-1 - at) << 8 | into[0]) + 1;
        packets++;
    }
    while (at + 1 < got) {
        at += 2 + (into[at] << 8 | into[at + 1]);
        packets++;
    }
    *rest = at == got - 1 ? -1 - into[at] : at - got;
}

static int floor_of(int argc, char **argv) {
    (void)argc;
    const char *way = argv[0];
    int count = atoi(argv[1]), poll = epoll_create1(0), stream = !strcmp(way, "tcp"), one = !strcmp(way, "one");
    int *rests = calloc(65536, sizeof *rests);
    char *listening = calloc(65536, 1);
    for (int n = 0; n < count; n++) {
        int fd = socket(AF_INET, stream ? SOCK_STREAM : SOCK_DGRAM, 0), on = 1, room = 4 << 20;
        struct sockaddr_in at = loopback(0);
        socklen_t length = sizeof at;
        if (!stream) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
        if (!strcmp(way, "gro") && setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof on)) die("UDP_GRO");
        if (bind(fd, (struct sockaddr *)&at, sizeof at) || (stream && listen(fd, 4))) die("bind");
        getsockname(fd, (struct sockaddr *)&at, &length);
        printf("%d ", ntohs(at.sin_port));
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
        listening[fd] = stream;
    }
    printf("\n");
    fflush(stdout);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = 0}, ready[256];
    epoll_ctl(poll, EPOLL_CTL_ADD, 0, &event);
    double marked = 0;
    for (;;) {
        if (!one) usleep(NAP_MS * 1000);
        int found = epoll_wait(poll, ready, 256, -1);
        for (int n = 0; n < found; n++) {
            int fd = ready[n].data.fd;
            if (fd == 0) {
                char word[16];
                ssize_t got = read(0, word, sizeof word);
                if (got <= 0) return 0;
                if (word[0] == 'm') {
                    marked = cpu_s();
                    printf("marked\n");
                    fflush(stdout);
                    packets = bytes = 0;
                } else {
                    printf("%.6f %lld %lld\n", cpu_s() - marked, packets, bytes);
                    return 0;
                }
            } else if (listening[fd]) {
                int came = accept(fd, NULL, NULL);
                event.data.fd = came;
                epoll_ctl(poll, EPOLL_CTL_ADD, came, &event);
            } else if (stream) take_stream(fd, &rests[fd]);
            else if (one) take_one(fd);
            else take_many(fd);
        }
    }
}

int main(int argc, char **argv) {
    if (argc >= 6 && !strcmp(argv[1], "send")) return cameras(argc - 2, argv + 2);
    if (argc == 4 && !strcmp(argv[1], "take")) return floor_of(argc - 2, argv + 2);
    fprintf(stderr, "see the head of ingest.c\n");
    return 2;
}
