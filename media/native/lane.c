/* The lane: the ordinary packets of one stream, straight off its socket.

   An inlet that flows as streams flow lends its state (media/inlets/express.py does, in `arm`): whose packets, which
   number is next, what the demultiplexer and the clocks stand at. Until it is taken back (`settle`) the lane receives,
   keeps, unpacks and sends on by itself. Whatever is out of the ordinary it does not judge: it gives the state back and
   hands the packets over as they came, and the Python way, its twin, goes on from there. So nothing is decided here that
   is not decided there, too, and tests/media/test_lane.py holds the two against each other.

   Bytes lie once, as the runs of media/run.py; a frame is a list of places in them until somebody wants it. */
#define PY_SSIZE_T_CLEAN
#define _GNU_SOURCE
#include <Python.h>
#include <structmember.h>
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#ifndef SOL_UDP
#define SOL_UDP 17
#endif
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

#define SLOTS 64 /* datagrams a call takes */
#define WHOLE (65536 + 2048 + 64) /* a datagram, and no power of two: slots would fall on the same lines of the cache */
#define SCOOPS 16 /* calls for one socket in a round */
#define TRIES 4
#define READY 128 /* sockets that are asked for at once */
#define ASKS 64 /* times they are asked for in a round */
#define SEGMENTS (SLOTS * 68) /* packets one call can bring: the kernel puts 64 together at most */
#define HEADER 12
#define COUNT_LIMIT 256 /* packets of a run */
#define SIZE_LIMIT (HEADER + 1460) /* larger ones are cut for the way on, and that is not done here */
#define OPEN_LIMIT 512 /* runs of one picture */
#define UNIT 6 /* bytes that tell what a NAL unit is: its start code and three */
#define HEAD 1024 /* the first slice of a picture begins within these */
#define CLOCK_HZ 90000
#define STEP_LIMIT 45000
#define GAP_LIMIT 900000
#define APART 90000
#define STEPS 16
#define WINDOW_BYTES 16000
#define CLOSELY 63
#define SOUND_SILENT_S 3.0
#define PACE_S 0.005 /* as media/outlets/udp_road.py paces */
#define PACE_PACKETS 32
#define WAIT_LIMIT 256 /* packets that wait for the pace here; more are Python's to judge */
#define GONE_LIMIT 16 /* runs that are out and still stand before those that wait */
#define READ_BYTES 262144
#define READS 2
#define DOLLAR 4 /* bytes before a packet; two where it is only its length */

/* --- what is kept ---------------------------------------------------------------------------------------------- */

typedef struct {
    PyObject *data;
    uint32_t size, count, timestamp;
    uint16_t sequence;
    uint8_t marker;
} run_t;

/* Payload bytes from `start` on, headers between them left out. */
typedef struct {
    PyObject *data;
    uint32_t size, start, length;
} piece_t;

typedef struct {
    int64_t pts, dts;
    size_t first_piece;
    uint32_t pieces, bytes;
    int is_video, is_key;
} shot_t;

typedef struct {
    run_t *runs;
    size_t run_count, run_room;
    piece_t *pieces;
    size_t piece_count, piece_room;
    shot_t *shots;
    size_t shot_count, shot_room;
} store_t;

static int grow(void **memory, size_t *room, size_t wanted, size_t each) {
    if (wanted <= *room) return 1;
    size_t more = *room ? *room : 16;
    while (more < wanted) more *= 2;
    void *got = PyMem_Realloc(*memory, more * each);
    if (!got) return 0;
    *memory = got;
    *room = more;
    return 1;
}

static void empty(store_t *kept) {
    for (size_t n = 0; n < kept->run_count; n++) Py_DECREF(kept->runs[n].data);
    for (size_t n = 0; n < kept->piece_count; n++) Py_DECREF(kept->pieces[n].data);
    PyMem_Free(kept->runs);
    PyMem_Free(kept->pieces);
    PyMem_Free(kept->shots);
    memset(kept, 0, sizeof *kept);
}

static uint32_t payload_bytes(const run_t *run) {
    return (uint32_t)PyBytes_GET_SIZE(run->data) - HEADER * run->count;
}

/* Copies the payload bytes of a piece. */
static void copy_piece(const piece_t *piece, unsigned char *into) {
    const unsigned char *data = (const unsigned char *)PyBytes_AS_STRING(piece->data);
    size_t at = piece->start, left = piece->length;
    while (left) {
        size_t step = piece->size - at % piece->size;
        if (step > left) step = left;
        memcpy(into, data + at, step);
        into += step;
        left -= step;
        at += step + HEADER;
    }
}

/* --- Stretch: what a lane has kept, after it was taken back ---------------------------------------------------- */

typedef struct {
    PyObject_HEAD
    store_t kept;
    uint32_t ssrc;
    int payload_type;
} Stretch;

static void stretch_dealloc(Stretch *self) {
    empty(&self->kept);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyObject *made_run(PyObject *type, const run_t *run, uint32_t ssrc, int payload_type) {
    return PyObject_CallFunction(type, "OIIHIIiO", run->data, run->size, run->count, run->sequence, run->timestamp,
                                 ssrc, payload_type, run->marker ? Py_True : Py_False);
}

static PyObject *made_frame(PyObject *type, PyObject *codec, const store_t *kept, const shot_t *shot) {
    PyObject *data = PyBytes_FromStringAndSize(NULL, shot->bytes);
    if (!data) return NULL;
    unsigned char *into = (unsigned char *)PyBytes_AS_STRING(data);
    for (uint32_t n = 0; n < shot->pieces; n++) {
        const piece_t *piece = &kept->pieces[shot->first_piece + n];
        copy_piece(piece, into);
        into += piece->length;
    }
    return PyObject_CallFunction(type, "ONLLO", codec, data, (long long)shot->pts, (long long)shot->dts,
                                 shot->is_key ? Py_True : Py_False);
}

static PyObject *stretch_runs(Stretch *self, PyObject *args) {
    PyObject *type;
    Py_ssize_t start = 0;
    if (!PyArg_ParseTuple(args, "O|n", &type, &start)) return NULL;
    PyObject *runs = PyList_New(0);
    for (size_t n = start < 0 ? 0 : (size_t)start; runs && n < self->kept.run_count; n++) {
        PyObject *run = made_run(type, &self->kept.runs[n], self->ssrc, self->payload_type);
        if (!run || PyList_Append(runs, run) < 0) Py_CLEAR(runs);
        Py_XDECREF(run);
    }
    return runs;
}

static PyObject *stretch_frames(Stretch *self, PyObject *args) {
    PyObject *type, *video, *sound;
    if (!PyArg_ParseTuple(args, "OOO", &type, &video, &sound)) return NULL;
    PyObject *frames = PyList_New(0);
    for (size_t n = 0; frames && n < self->kept.shot_count; n++) {
        const shot_t *shot = &self->kept.shots[n];
        PyObject *frame = made_frame(type, shot->is_video ? video : sound, &self->kept, shot);
        if (!frame || PyList_Append(frames, frame) < 0) Py_CLEAR(frames);
        Py_XDECREF(frame);
    }
    return frames;
}

static PyMethodDef stretch_methods[] = {
    {"runs", (PyCFunction)stretch_runs, METH_VARARGS, "runs(Run, start=0): the runs from that one on."},
    {"frames", (PyCFunction)stretch_frames, METH_VARARGS, "frames(Frame, video, sound): the frames, of these codecs."},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject StretchType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "lianwang_lane.Stretch",
    .tp_doc = "What a lane has kept: runs of packets, and the frames that lie in them.",
    .tp_basicsize = sizeof(Stretch),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_dealloc = (destructor)stretch_dealloc,
    .tp_methods = stretch_methods,
};

/* --- Room: the memory that all lanes of a loop receive into ---------------------------------------------------- */

union name {
    struct sockaddr_in four;
    struct sockaddr_in6 six;
};

typedef struct {
    const unsigned char *at;
    uint32_t length;
    uint16_t slot;
} packet_t;

typedef struct {
    PyObject_HEAD
    unsigned char *memory;
    struct mmsghdr heads[SLOTS];
    struct iovec parts[SLOTS];
    union name names[SLOTS];
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr aligned;
    } control[SLOTS];
    packet_t packets[SEGMENTS];
    size_t packet_count;
    int used; /* so many heads hold what the last call said */
    int alarm; /* a timer as a descriptor, or -1 */
    double nap_s; /* after so long it goes off again, 0 for never */
    int is_taken; /* by a lane that is being served */
    struct lane **waiting; /* whose packets wait for the pace */
    size_t wait_count, wait_room;
} Room;

static PyObject *room_new(PyTypeObject *type, PyObject *args, PyObject *words) {
    (void)args, (void)words;
    Room *self = (Room *)type->tp_alloc(type, 0);
    if (!self) return NULL;
    self->used = SLOTS;
    self->alarm = -1;
    self->memory = mmap(NULL, (size_t)SLOTS * WHOLE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (self->memory == MAP_FAILED) {
        self->memory = NULL;
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    madvise(self->memory, (size_t)SLOTS * WHOLE, MADV_HUGEPAGE); /* where the system has them */
    for (int n = 0; n < SLOTS; n++) self->parts[n] = (struct iovec){self->memory + (size_t)n * WHOLE, WHOLE};
    return (PyObject *)self;
}

static void room_dealloc(Room *self) {
    if (self->memory) munmap(self->memory, (size_t)SLOTS * WHOLE);
    if (self->alarm >= 0) close(self->alarm);
    PyMem_Free(self->waiting); /* empty: a lane that waits keeps its room */
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyTypeObject RoomType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "lianwang_lane.Room",
    .tp_doc = "Memory to receive into, for the lanes of one loop.",
    .tp_basicsize = sizeof(Room),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = room_new,
    .tp_dealloc = (destructor)room_dealloc,
};

static uint32_t segment_size(struct msghdr *head) {
    for (struct cmsghdr *each = CMSG_FIRSTHDR(head); each; each = CMSG_NXTHDR(head, each)) {
        int size;
        if (each->cmsg_level == SOL_UDP && each->cmsg_type == UDP_GRO && each->cmsg_len >= CMSG_LEN(sizeof size)) {
            memcpy(&size, CMSG_DATA(each), sizeof size);
            return size > 0 ? (uint32_t)size : 0;
        }
    }
    return 0;
}

/* What waits on a socket, as packets; the count of datagrams. */
static int scoop(Room *room, int number) {
    room->packet_count = 0;
    for (int n = 0; n < room->used; n++)
        room->heads[n].msg_hdr = (struct msghdr){
            &room->names[n], sizeof room->names[n], &room->parts[n], 1, room->control[n].bytes,
            sizeof room->control[n].bytes, 0,
        };
    int got = recvmmsg(number, room->heads, SLOTS, MSG_DONTWAIT, NULL);
    /* An ICMP "port unreachable" of a report we sent is taken off the socket by being told: there may be more. */
    for (int again = 0; again < TRIES && got < 0 && errno != EAGAIN; again++)
        got = recvmmsg(number, room->heads, SLOTS, MSG_DONTWAIT, NULL);
    room->used = got >= 0 ? got : SLOTS;
    for (int n = 0; n < got; n++) {
        uint32_t length = room->heads[n].msg_len, step = segment_size(&room->heads[n].msg_hdr);
        const unsigned char *at = room->parts[n].iov_base;
        if (!step || step >= length || room->packet_count + length / step + 1 + SLOTS > SEGMENTS) step = length;
        do {
            uint32_t some = length < step ? length : step;
            room->packets[room->packet_count++] = (packet_t){at, some, (uint16_t)n};
            at += some;
            length -= some;
        } while (length);
    }
    return got;
}

/* --- clocks, as media/timeline.py, rtp.py and reception.py have them ------------------------------------------- */

typedef struct {
    int64_t usual, last, last_raw;
    int count;
    int64_t steps[STEPS];
} timeline_t;

static int64_t unwrapped(int64_t last, int64_t value, int bits) {
    int64_t half = (int64_t)1 << (bits - 1);
    uint64_t mask = ((uint64_t)1 << bits) - 1;
    return last + (int64_t)((uint64_t)(value - last + half) & mask) - half;
}

/* Our time for the sender's; 0 where the step is none that needs no thought. */
static int place(timeline_t *line, int64_t raw) {
    int64_t step = raw - line->last_raw;
    if (step <= 0 || step > STEP_LIMIT) return 0;
    line->last_raw = raw;
    if (!line->count) line->usual = step;
    int at = line->count++;
    line->steps[at] = step;
    if (line->count >= STEPS) {
        for (int n = 1; n < line->count; n++) {
            int64_t each = line->steps[n];
            int to = n;
            for (; to > 0 && line->steps[to - 1] > each; to--) line->steps[to] = line->steps[to - 1];
            line->steps[to] = each;
        }
        line->usual = line->steps[STEPS / 2];
        line->steps[0] = line->usual;
        line->count = 1;
    }
    line->last += step;
    return 1;
}

/* --- a receiver above ----------------------------------------------------------------------------------------- */

/* A run that the pace lets go later, and how many of its packets are out. */
typedef struct {
    run_t run;
    uint32_t done;
} wait_t;

/* What a packet is renumbered by, and where it goes. */
typedef struct {
    int number, payload_type, room;
    uint32_t ssrc, offset;
    uint16_t sequence;
    double slot_at;
    long long packets, bytes;
    wait_t *waits; /* in order, from the first that waits still */
    size_t first_wait, wait_count, wait_room;
    uint32_t waiting; /* packets */
} exit_t;

static void forget_waits(exit_t *way) {
    for (size_t n = way->first_wait; n < way->wait_count; n++) Py_DECREF(way->waits[n].run.data);
    PyMem_Free(way->waits);
    way->waits = NULL;
    way->first_wait = way->wait_count = way->wait_room = way->waiting = 0;
}

static void put_word(unsigned char *at, uint32_t value) {
    at[0] = (unsigned char)(value >> 24);
    at[1] = (unsigned char)(value >> 16);
    at[2] = (unsigned char)(value >> 8);
    at[3] = (unsigned char)value;
}

/* So many packets of the run under our numbers, at most those of a slot of the pace, cut into datagrams by the kernel; 0,
   or the error. */
static int send_by(exit_t *way, const run_t *run, uint32_t from, uint32_t count) {
    unsigned char heads[PACE_PACKETS][HEADER];
    struct iovec parts[2 * PACE_PACKETS];
    size_t whole = (size_t)PyBytes_GET_SIZE(run->data), start = (size_t)from * run->size, left = whole - start, sent = 0;
    unsigned char *data = (unsigned char *)PyBytes_AS_STRING(run->data) + start;
    for (uint32_t n = 0; n < count; n++) {
        size_t length = left < run->size ? left : run->size;
        uint16_t sequence = (uint16_t)(way->sequence + n);
        heads[n][0] = 0x80;
        heads[n][1] = (unsigned char)(way->payload_type | (run->marker && from + n + 1 == run->count ? 0x80 : 0));
        heads[n][2] = (unsigned char)(sequence >> 8);
        heads[n][3] = (unsigned char)sequence;
        put_word(heads[n] + 4, run->timestamp + way->offset);
        put_word(heads[n] + 8, way->ssrc);
        parts[2 * n] = (struct iovec){heads[n], HEADER};
        parts[2 * n + 1] = (struct iovec){data + HEADER, length - HEADER};
        sent += length - HEADER;
        data += length;
        left -= length;
    }
    union {
        char bytes[CMSG_SPACE(sizeof(uint16_t))];
        struct cmsghdr aligned;
    } control;
    memset(&control, 0, sizeof control);
    struct msghdr head = {.msg_iov = parts, .msg_iovlen = 2 * count, .msg_control = control.bytes,
                          .msg_controllen = sizeof control.bytes};
    struct cmsghdr *cut = CMSG_FIRSTHDR(&head);
    uint16_t size = (uint16_t)run->size;
    cut->cmsg_level = SOL_UDP;
    cut->cmsg_type = UDP_SEGMENT;
    cut->cmsg_len = CMSG_LEN(sizeof size);
    memcpy(CMSG_DATA(cut), &size, sizeof size);
    if (sendmsg(way->number, &head, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) return errno;
    way->sequence = (uint16_t)(way->sequence + count);
    way->room -= (int)count;
    way->packets += count;
    way->bytes += (long long)sent;
    return 0;
}

/* As many packets of a run as the pace lets go; how many went, or -1 with errno. A system that has no room now has some
   in the next slot. */
static int send_some(exit_t *way, const run_t *run, uint32_t from) {
    uint32_t left = run->count - from, count = way->room < 0 ? 0 : (uint32_t)way->room < left ? (uint32_t)way->room : left;
    int error = count ? send_by(way, run, from, count) : 0;
    if (!error) return (int)count;
    way->room = 0;
    errno = error;
    return error == EAGAIN ? 0 : -1;
}

/* What waits and may go now; 0, or the error. */
static int pump(exit_t *way, double at) {
    if (at - way->slot_at >= PACE_S) {
        way->slot_at = at;
        way->room = PACE_PACKETS;
    }
    while (way->first_wait < way->wait_count && way->room > 0) {
        wait_t *first = &way->waits[way->first_wait];
        int went = send_some(way, &first->run, first->done);
        if (went < 0) return errno;
        first->done += (uint32_t)went;
        way->waiting -= (uint32_t)went;
        if (first->done < first->run.count) break;
        Py_DECREF(first->run.data);
        if (++way->first_wait == way->wait_count) way->first_wait = way->wait_count = 0;
    }
    return 0;
}

/* The run goes, or waits in its turn; 0, or the error with which none of it was taken. */
static int offer(exit_t *way, const run_t *run, double at) {
    int error = pump(way, at), went = 0;
    if (error) return error;
    if (way->waiting + run->count > WAIT_LIMIT ||
        !grow((void **)&way->waits, &way->wait_room, way->wait_count + 1, sizeof *way->waits))
        return EAGAIN;
    if (!way->waiting && (went = send_some(way, run, 0)) < 0) return errno;
    if ((uint32_t)went == run->count) return 0;
    if (way->first_wait >= GONE_LIMIT) {
        way->wait_count -= way->first_wait;
        memmove(way->waits, way->waits + way->first_wait, way->wait_count * sizeof *way->waits);
        way->first_wait = 0;
    }
    Py_INCREF(run->data);
    way->waits[way->wait_count++] = (wait_t){*run, (uint32_t)went};
    way->waiting += run->count - (uint32_t)went;
    return 0;
}

/* --- Lane ------------------------------------------------------------------------------------------------------ */

/* What unpacking stands at. A picture is unpacked on a copy, so that one which is not ordinary has changed nothing. */
typedef struct {
    int is_h265, video_sid, audio_sid;
    long long units, pes, private_bytes, psm, pictures, keys, sounds;
    int last_was_pes, is_fresh, has_dts, has_sound;
    int64_t rtp, last_pts, pts, dts;
    timeline_t video;
    int64_t sound_clock, sound_duration, window_bytes, window_start;
    int has_window;
    timeline_t sound;
    int64_t offset, latest;
    long long frames_left, bytes_left, frames_limit, bytes_limit;
    double kept_since, keep_s, sound_at;
    int takes_keys, has_track, has_key, has_group, began; /* a key frame as it came before; a sound track; what was seen */
    int64_t key_dts, since_key, group_frames, group_90k;
    double key_at;
} unpacking_t;

typedef struct lane {
    PyObject_HEAD
    Room *room;
    PyObject *fallback, *fell, *handed, *given, *run_type, *frame_type;
    exit_t *exits;
    size_t exit_count, rest_size;
    unsigned char rest[DOLLAR + SIZE_LIMIT]; /* of a stream: the packet that has not come whole */
    int is_stream, before; /* bytes before a packet */
    int number;
    char is_armed, is_awake, tells, hands, notes, is_closed, waits;
    union name name;
    int is_six, payload_type;
    uint32_t ssrc, timestamp;
    int has_timestamp;
    uint16_t next;
    long long passed; /* packets since it was armed */
    long long packets, bytes, timestamps, frames, pictures, keys; /* since they were last asked for */
    double packet_at, frame_at, audio_at;
    long long bytes_left, packets_left, bytes_limit, packets_limit, marks;
    int restarts, has_restarted;
    double kept_since, keep_s;
    int64_t highest, sequence;
    double transit, jitter;
    int has_begun;
    unpacking_t unpacking;
    PyObject *video, *sound; /* the codecs */
    PyObject *map, *key_head; /* the last stream map, and what the last key frame began with */
    size_t open_from; /* the first run that is not unpacked */
    store_t kept;
} Lane;

static void forget_exits(Lane *self) {
    for (size_t n = 0; n < self->exit_count; n++) forget_waits(&self->exits[n]);
    PyMem_Free(self->exits);
    self->exits = NULL;
    self->exit_count = 0;
}

static int lane_traverse(Lane *self, visitproc visit, void *arg) {
    Py_VISIT(self->room);
    Py_VISIT(self->fallback);
    Py_VISIT(self->fell);
    Py_VISIT(self->handed);
    Py_VISIT(self->given);
    Py_VISIT(self->run_type);
    Py_VISIT(self->frame_type);
    Py_VISIT(self->video);
    Py_VISIT(self->sound);
    Py_VISIT(self->map);
    Py_VISIT(self->key_head);
    return 0;
}

static int lane_clear(Lane *self) {
    Py_CLEAR(self->room);
    Py_CLEAR(self->fallback);
    Py_CLEAR(self->fell);
    Py_CLEAR(self->handed);
    Py_CLEAR(self->given);
    Py_CLEAR(self->run_type);
    Py_CLEAR(self->frame_type);
    Py_CLEAR(self->video);
    Py_CLEAR(self->sound);
    Py_CLEAR(self->map);
    Py_CLEAR(self->key_head);
    self->is_armed = 0;
    return 0;
}

static void lane_dealloc(Lane *self) {
    PyObject_GC_UnTrack(self);
    forget_exits(self);
    lane_clear(self);
    empty(&self->kept);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyObject *lane_new(PyTypeObject *type, PyObject *args, PyObject *words) {
    static char *names[] = {"room", "number", "fallback", "fell", "handed", "given", "run_type", "frame_type",
                            "is_stream", NULL};
    PyObject *room, *fallback, *fell, *handed, *given, *run_type, *frame_type;
    int number, is_stream = 0;
    if (!PyArg_ParseTupleAndKeywords(args, words, "O!iOOOOOO|p", names, &RoomType, &room, &number, &fallback, &fell,
                                     &handed, &given, &run_type, &frame_type, &is_stream))
        return NULL;
    Lane *self = (Lane *)type->tp_alloc(type, 0);
    if (!self) return NULL;
    self->room = (Room *)Py_NewRef(room);
    self->fallback = Py_NewRef(fallback);
    self->fell = Py_NewRef(fell);
    self->handed = Py_NewRef(handed);
    self->given = Py_NewRef(given);
    self->run_type = Py_NewRef(run_type);
    self->frame_type = Py_NewRef(frame_type);
    self->number = number;
    self->is_stream = is_stream;
    return (PyObject *)self;
}

static int steps_of(PyObject *steps, timeline_t *line) {
    Py_ssize_t count = PyList_Check(steps) ? PyList_GET_SIZE(steps) : -1;
    if (count < 0 || count >= STEPS) {
        PyErr_SetString(PyExc_ValueError, "no steps of a timeline");
        return 0;
    }
    line->count = (int)count;
    for (Py_ssize_t n = 0; n < count; n++) {
        line->steps[n] = PyLong_AsLongLong(PyList_GET_ITEM(steps, n));
        if (line->steps[n] == -1 && PyErr_Occurred()) return 0;
    }
    return 1;
}

static PyObject *steps_out(const timeline_t *line) {
    PyObject *steps = PyList_New(line->count);
    for (int n = 0; steps && n < line->count; n++) {
        PyObject *step = PyLong_FromLongLong(line->steps[n]);
        if (!step) Py_CLEAR(steps);
        else PyList_SET_ITEM(steps, n, step);
    }
    return steps;
}

static int optional(PyObject *value, int64_t *into) {
    if (value == Py_None) return 0;
    *into = PyLong_AsLongLong(value);
    return 1;
}

/* What unpacking stands at, as express.py lends it. */
static int lend_unpacking(Lane *self, PyObject *lent) {
    unpacking_t *to = &self->unpacking;
    PyObject *video, *sound, *video_steps, *sound_steps, *dts, *window_start, *map, *key_head, *key_dts;
    int tells;
    memset(to, 0, sizeof *to);
    if (!PyArg_ParseTuple(lent, "pOO(piiLpSS)(LLLO)(LLLO)(pLLLO)(LLLO)(LLLLddLLdpp)(OL)", &tells, &video, &sound, &to->is_h265,
                          &to->video_sid, &to->audio_sid, &to->units, &to->is_fresh, &map, &key_head, &to->rtp, &to->last_pts, &to->pts,
                          &dts, &to->video.usual, &to->video.last, &to->video.last_raw, &video_steps, &to->has_sound,
                          &to->sound_clock, &to->sound_duration, &to->window_bytes, &window_start, &to->sound.usual,
                          &to->sound.last, &to->sound.last_raw, &sound_steps, &to->offset, &to->latest,
                          &to->frames_left, &to->bytes_left, &to->kept_since, &to->keep_s, &to->frames_limit,
                          &to->bytes_limit, &to->sound_at, &to->has_track, &to->takes_keys, &key_dts, &to->since_key))
        return 0;
    if (!steps_of(video_steps, &to->video) || !steps_of(sound_steps, &to->sound)) return 0;
    to->has_dts = optional(dts, &to->dts);
    to->has_window = optional(window_start, &to->window_start);
    to->has_key = optional(key_dts, &to->key_dts);
    if (PyErr_Occurred()) return 0;
    to->last_was_pes = 1;
    Py_XSETREF(self->video, Py_NewRef(video));
    Py_XSETREF(self->sound, Py_NewRef(sound));
    Py_XSETREF(self->map, Py_NewRef(map));
    Py_XSETREF(self->key_head, Py_NewRef(key_head));
    self->tells = (char)tells;
    return 1;
}

static int lend_exits(Lane *self, PyObject *exits) {
    Py_ssize_t count = PyTuple_GET_SIZE(exits);
    exit_t *made = PyMem_Calloc(count ? (size_t)count : 1, sizeof *made);
    if (!made) {
        PyErr_NoMemory();
        return 0;
    }
    forget_exits(self);
    self->exits = made;
    for (Py_ssize_t n = 0; n < count; n++) {
        int sequence;
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(exits, n), "iIiiIdi", &made[n].number, &made[n].ssrc,
                              &made[n].payload_type, &sequence, &made[n].offset, &made[n].slot_at, &made[n].room))
            return 0;
        made[n].sequence = (uint16_t)sequence;
    }
    self->exit_count = (size_t)count;
    return 1;
}

static PyObject *lane_arm(Lane *self, PyObject *args) {
    const char *name;
    Py_ssize_t name_size;
    int hands, notes, next;
    const char *rest;
    Py_ssize_t rest_size;
    PyObject *timestamp, *unpacking, *exits;
    int64_t time = 0;
    if (self->is_armed || self->is_closed) {
        PyErr_SetString(PyExc_ValueError, "armed or closed");
        return NULL;
    }
    if (!PyArg_ParseTuple(args, "(y#iIiO)(LLddLLp)(pLLddp)pO!O(iy#)", &name, &name_size, &self->payload_type, &self->ssrc, &next,
                          &timestamp, &self->bytes_left, &self->packets_left, &self->kept_since, &self->keep_s,
                          &self->bytes_limit, &self->packets_limit, &self->restarts, &notes,
                          &self->highest, &self->sequence, &self->transit, &self->jitter, &self->has_begun, &hands,
                          &PyTuple_Type, &exits, &unpacking, &self->before, &rest, &rest_size))
        return NULL;
    if (name_size != sizeof(struct sockaddr_in) && name_size != sizeof(struct sockaddr_in6)) {
        PyErr_SetString(PyExc_ValueError, "no address");
        return NULL;
    }
    if ((size_t)rest_size > sizeof self->rest || (self->is_stream && self->before != 2 && self->before != DOLLAR)) {
        PyErr_SetString(PyExc_ValueError, "no beginning of a packet");
        return NULL;
    }
    if (!lend_exits(self, exits)) return NULL;
    memcpy(self->rest, rest, (size_t)rest_size);
    self->rest_size = (size_t)rest_size;
    memset(&self->name, 0, sizeof self->name);
    memcpy(&self->name, name, (size_t)name_size);
    self->is_six = name_size == sizeof(struct sockaddr_in6);
    self->has_timestamp = optional(timestamp, &time);
    if (PyErr_Occurred() || (unpacking != Py_None && !lend_unpacking(self, unpacking))) return NULL;
    self->is_awake = unpacking != Py_None;
    self->timestamp = (uint32_t)time;
    self->next = (uint16_t)next;
    self->hands = (char)hands;
    self->notes = (char)notes;
    self->passed = self->marks = 0;
    self->has_restarted = 0;
    self->open_from = 0;
    self->is_armed = 1;
    Py_RETURN_NONE;
}

static PyObject *lane_counts(Lane *self, PyObject *none) {
    (void)none;
    const unpacking_t *seen = &self->unpacking;
    PyObject *counts = Py_BuildValue(
        "(LLLLddd(LLLiLLdLL))", self->packets, self->bytes, self->timestamps, self->frames, self->packet_at,
        self->frame_at, self->audio_at, self->pictures, self->keys, seen->video.last, seen->has_group,
        seen->group_frames, seen->group_90k, seen->key_at, seen->key_dts, seen->since_key);
    if (counts) self->packets = self->bytes = self->timestamps = self->frames = self->pictures = self->keys = 0;
    return counts;
}

/* Where every way has come to, while it goes on: what waits counts as not sent. */
static PyObject *lane_sent(Lane *self, PyObject *none) {
    (void)none;
    PyObject *sent = PyList_New(0);
    for (size_t n = 0; sent && n < self->exit_count; n++) {
        exit_t *way = &self->exits[n];
        PyObject *state = Py_BuildValue("(idiLL[])", way->sequence, way->slot_at, way->room, way->packets, way->bytes);
        if (!state || PyList_Append(sent, state) < 0) Py_CLEAR(sent);
        Py_XDECREF(state);
        if (sent) way->packets = way->bytes = 0;
    }
    return sent ? Py_BuildValue("(NId)", sent, self->timestamp, self->packet_at) : NULL;
}

/* The number of the last packet, then what `settle` says of the reception; with `reports`, as it stands once that number
   is reported (media/inlets/reception.py, `block`). */
static PyObject *lane_reception(Lane *self, PyObject *reports) {
    uint16_t last = (uint16_t)(self->next - 1);
    int is_reported = PyObject_IsTrue(reports);
    if (is_reported < 0) return NULL;
    if (is_reported) {
        self->sequence = unwrapped(self->sequence, last, 16);
        if (self->sequence > self->highest) self->highest = self->sequence;
    }
    return Py_BuildValue("(iLLdd)", (int)last, self->highest, self->sequence, self->transit, self->jitter);
}

/* What of the waiting runs is not out, as runs. */
static PyObject *waits_out(const Lane *self, const exit_t *way) {
    PyObject *runs = PyList_New(0);
    for (size_t n = way->first_wait; runs && n < way->wait_count; n++) {
        run_t run = way->waits[n].run;
        size_t out = (size_t)way->waits[n].done * run.size;
        run.count -= way->waits[n].done;
        run.sequence = (uint16_t)(run.sequence + way->waits[n].done);
        run.data = PyBytes_FromStringAndSize(PyBytes_AS_STRING(run.data) + out, PyBytes_GET_SIZE(run.data) - (Py_ssize_t)out);
        if (run.data && (size_t)PyBytes_GET_SIZE(run.data) < run.size) run.size = (uint32_t)PyBytes_GET_SIZE(run.data);
        PyObject *made = run.data ? made_run(self->run_type, &run, self->ssrc, self->payload_type) : NULL;
        if (!made || PyList_Append(runs, made) < 0) Py_CLEAR(runs);
        Py_XDECREF(made);
        Py_XDECREF(run.data);
    }
    return runs;
}

/* Where every way has come to. */
static PyObject *exits_out(const Lane *self) {
    PyObject *exits = PyList_New(0);
    for (size_t n = 0; exits && n < self->exit_count; n++) {
        const exit_t *way = &self->exits[n];
        PyObject *state = Py_BuildValue("(idiLLN)", way->sequence, way->slot_at, way->room, way->packets, way->bytes,
                                        waits_out(self, way));
        if (!state || PyList_Append(exits, state) < 0) Py_CLEAR(exits);
        Py_XDECREF(state);
    }
    return exits;
}

/* Nothing of this lane waits in its room any more. */
static void wait_no_more(Lane *self) {
    Room *room = self->room;
    for (size_t n = 0; self->waits && room && n < room->wait_count; n++) {
        if (room->waiting[n] != self) continue;
        room->waiting[n] = room->waiting[--room->wait_count];
        self->waits = 0;
        Py_DECREF(self); /* whoever settles has a reference of his own */
    }
    self->waits = 0;
}

static PyObject *lane_settle(Lane *self, PyObject *none) {
    (void)none;
    if (!self->is_armed) {
        PyErr_SetString(PyExc_ValueError, "not armed");
        return NULL;
    }
    Stretch *stretch = PyObject_New(Stretch, &StretchType);
    if (!stretch) return NULL;
    stretch->kept = self->kept;
    stretch->ssrc = self->ssrc;
    stretch->payload_type = self->payload_type;
    memset(&self->kept, 0, sizeof self->kept);
    self->is_armed = 0;
    const unpacking_t *from = &self->unpacking;
    PyObject *unpacking = NULL;
    size_t open = stretch->kept.run_count;
    if (self->is_awake) {
        open = self->open_from;
        unpacking = Py_BuildValue(
            "((LLLLLLLii)(LLLiL)(LLLN)(LLLiLLLLN)Lid)", from->units, from->pes, from->private_bytes, from->psm,
            from->pictures, from->keys, from->sounds, from->last_was_pes, from->is_fresh, from->rtp, from->last_pts, from->pts, from->has_dts,
            from->dts, from->video.usual, from->video.last, from->video.last_raw, steps_out(&from->video),
            from->sound_clock, from->sound_duration, from->window_bytes, from->has_window, from->window_start,
            from->sound.usual, from->sound.last, from->sound.last_raw, steps_out(&from->sound), from->latest,
            from->began, from->kept_since);
    } else {
        unpacking = Py_NewRef(Py_None);
    }
    PyObject *exits = exits_out(self);
    forget_exits(self);
    wait_no_more(self);
    long long runs_bytes = 0, runs_packets = 0, shots_bytes = 0;
    for (size_t n = 0; n < stretch->kept.run_count; n++) {
        runs_bytes += PyBytes_GET_SIZE(stretch->kept.runs[n].data);
        runs_packets += stretch->kept.runs[n].count;
    }
    for (size_t n = 0; n < stretch->kept.shot_count; n++) shots_bytes += stretch->kept.shots[n].bytes;
    return Py_BuildValue("(N(nLLLid)(LI)(nL)(LLdd)nNNy#)", stretch, (Py_ssize_t)stretch->kept.run_count, runs_bytes,
                         runs_packets, self->marks, self->has_restarted, self->kept_since, self->passed,
                         self->timestamp, (Py_ssize_t)stretch->kept.shot_count, shots_bytes, self->highest,
                         self->sequence, self->transit, self->jitter, (Py_ssize_t)open, unpacking, exits,
                         (const char *)self->rest, (Py_ssize_t)self->rest_size);
}

/* --- pictures out of runs -------------------------------------------------------------------------------------- */

/* The payloads of the runs that are not unpacked yet, as one. */
typedef struct {
    const run_t *runs;
    size_t count, total, run, before; /* `run` begins behind `before` bytes */
} view_t;

static view_t view_of(const Lane *self) {
    view_t view = {self->kept.runs + self->open_from, self->kept.run_count - self->open_from, 0, 0, 0};
    for (size_t n = 0; n < view.count; n++) view.total += payload_bytes(&view.runs[n]);
    return view;
}

/* The run that holds this byte. */
static const run_t *seek(view_t *view, size_t at) {
    if (at < view->before) view->run = view->before = 0;
    while (at >= view->before + payload_bytes(&view->runs[view->run])) view->before += payload_bytes(&view->runs[view->run++]);
    return &view->runs[view->run];
}

/* The piece that begins at this byte, as long as its run has bytes, and `most`. */
static piece_t piece_at(view_t *view, size_t at, size_t most) {
    const run_t *run = seek(view, at);
    size_t inside = at - view->before, body = run->size - HEADER, left = payload_bytes(run) - inside;
    size_t start = inside / body * run->size + HEADER + inside % body;
    return (piece_t){run->data, run->size, (uint32_t)start, (uint32_t)(left < most ? left : most)};
}

static int look(view_t *view, size_t at, unsigned char *into, size_t count) {
    if (at + count > view->total) return 0;
    while (count) {
        piece_t piece = piece_at(view, at, count);
        copy_piece(&piece, into);
        into += piece.length;
        at += piece.length;
        count -= piece.length;
    }
    return 1;
}

/* Adds the payload of one PES to the last shot. -1 without memory. */
static int add_pieces(Lane *self, view_t *view, size_t at, size_t count) {
    store_t *kept = &self->kept;
    shot_t *shot = &kept->shots[kept->shot_count - 1];
    shot->bytes += (uint32_t)count;
    while (count) {
        if (!grow((void **)&kept->pieces, &kept->piece_room, kept->piece_count + 1, sizeof *kept->pieces)) return -1;
        piece_t piece = piece_at(view, at, count);
        Py_INCREF(piece.data);
        kept->pieces[kept->piece_count++] = piece;
        shot->pieces++;
        at += piece.length;
        count -= piece.length;
    }
    return 1;
}

static int add_shot(Lane *self, int is_video) {
    store_t *kept = &self->kept;
    if (!grow((void **)&kept->shots, &kept->shot_room, kept->shot_count + 1, sizeof *kept->shots)) return -1;
    kept->shots[kept->shot_count++] = (shot_t){0, 0, kept->piece_count, 0, 0, is_video, 0};
    return 1;
}

/* Leaves out what was added since. */
static void drop_shots(store_t *kept, size_t shots, size_t pieces) {
    while (kept->piece_count > pieces) Py_DECREF(kept->pieces[--kept->piece_count].data);
    kept->shot_count = shots;
}

static int64_t time_at(const unsigned char *at) {
    return (int64_t)(at[0] & 0x0E) << 29 | (int64_t)at[1] << 22 | (int64_t)(at[2] & 0xFE) << 14 | at[3] << 7 | at[4] >> 1;
}

static int is_start(const unsigned char *at) { return !at[0] && !at[1] && at[2] == 1; }

/* Whether an access unit that begins so is an ordinary one (media/pictures.py): a picture without parameter sets, or a key
   frame that begins as the last one did, to the byte. Where the NAL unit of its first slice begins, 0 when not. */
static size_t first_slice(const Lane *self, const unsigned char *head, size_t size, int is_h265, int *is_key) {
    size_t nal = size > 3 && is_start(head) ? 3 : 4;
    if (size < nal + 3 || !is_start(head + nal - 3)) return 0;
    for (size_t at = 0; at + 4 <= size && at + 4 <= 32; at++) { /* the other codec's parameter sets in front: it changes */
        if (!is_start(head + at)) continue;
        unsigned char first = head[at + 3];
        if (is_h265 ? first == 0x67 || first == 0x27 || first == 0x47 : first == 0x40) return 0;
    }
    int has_sets = 0;
    for (size_t at = nal - 3; at + 6 <= size; at++) {
        if (!is_start(head + at)) continue;
        const unsigned char *unit = head + at + 3;
        int kind = is_h265 ? unit[0] >> 1 & 0x3F : unit[0] & 0x1F, is_first = at + 3 == nal;
        if (is_h265 ? kind <= 31 : kind >= 1 && kind <= 5) {
            *is_key = is_h265 ? kind >= 16 && kind <= 21 : kind == 5;
            if (is_first && !(is_h265 ? unit[2] >> 7 : (kind == 1 || kind == 2 || kind == 5) && unit[1] >> 7)) return 0;
            if (!has_sets && !*is_key) return at + 3;
            size_t until = at + 4;
            int is_same = *is_key && (size_t)PyBytes_GET_SIZE(self->key_head) == until &&
                          !memcmp(PyBytes_AS_STRING(self->key_head), head, until);
            return is_same ? at + 3 : 0;
        }
        if (is_h265 ? kind >= 32 && kind <= 34 : kind == 7 || kind == 8) has_sets = 1;
        /* Parameter sets, a delimiter or SEI only stand before a picture. */
        else if (is_first && (is_h265 ? kind != 35 && kind != 39 : kind != 6 && kind != 9)) return 0;
        at += 2;
    }
    return 0;
}

/* Whether a NAL unit that begins so, behind the first slice, belongs to the same picture. */
static int goes_on(const unsigned char *unit, int is_h265) {
    int kind = is_h265 ? unit[0] >> 1 & 0x3F : unit[0] & 0x1F;
    if (is_h265)
        return kind <= 31 ? !(unit[2] >> 7)
                          : !((kind >= 32 && kind <= 35) || kind == 39 || (kind >= 41 && kind <= 44) || (kind >= 48 && kind <= 55));
    return kind == 1 || kind == 2 || kind == 5 ? !(unit[1] >> 7)
                                               : !((kind >= 6 && kind <= 9) || (kind >= 14 && kind <= 18));
}

/* The same of every NAL unit here whose start code and first bytes lie within, if its start code begins before `most`. */
static int all_go_on(const unsigned char *data, size_t size, size_t most, int is_h265) {
    const unsigned char *at = data + 2, *end = data + size;
    for (; end - at >= UNIT - 2 && (at = memchr(at, 1, (size_t)(end - at) - (UNIT - 3))); at++) {
        if ((size_t)(at - data) >= most + 2) return 1;
        if (!at[-1] && !at[-2] && !goes_on(at + 1, is_h265)) return 0;
    }
    return 1;
}

/* Whether nothing behind the first slice may be another picture's beginning. Read where it lies, packet by packet; what
   lies across two of them is read at the seam. */
static int is_single(const store_t *kept, const shot_t *shot, size_t slice_at, int is_h265) {
    unsigned char seam[2 * (UNIT - 1)];
    size_t before = 0; /* bytes of the packets so far that are in the seam */
    for (uint32_t n = 0; n < shot->pieces; n++) {
        const piece_t *piece = &kept->pieces[shot->first_piece + n];
        const unsigned char *data = (const unsigned char *)PyBytes_AS_STRING(piece->data);
        size_t at = piece->start, left = piece->length;
        while (left) {
            size_t step = piece->size - at % piece->size;
            if (step > left) step = left;
            size_t skipped = slice_at < step ? slice_at : step, size = step - skipped;
            const unsigned char *here = data + at + skipped;
            slice_at -= skipped;
            size_t behind = size < UNIT - 1 ? size : UNIT - 1;
            memcpy(seam + before, here, behind);
            if (!all_go_on(seam, before + behind, before, is_h265) || !all_go_on(here, size, size, is_h265)) return 0;
            if (size >= UNIT - 1) {
                memcpy(seam, here + size - (UNIT - 1), UNIT - 1);
                before = UNIT - 1;
            } else {
                size_t all = before + behind, kept_of = all < UNIT - 1 ? all : UNIT - 1;
                memmove(seam, seam + all - kept_of, kept_of);
                before = kept_of;
            }
            left -= step;
            at += step + HEADER;
        }
    }
    return 1;
}

/* A run of G.711, as media/sound.py takes it. 0 when it must be looked at there. */
static int take_sound(Lane *self, unpacking_t *to, view_t *view, size_t at, size_t size, int64_t pts) {
    unsigned char data[2048];
    if (!to->has_sound || size > sizeof data || !look(view, at, data, size)) return 0;
    if (size > 1 && data[0] == 0xFF && (data[1] & 0xF0) == 0xF0) return 0; /* perhaps ADTS */
    if (memmem(data, size, "\0\0\1\xba", 4)) return 0;
    int64_t time = to->sound_clock = unwrapped(to->sound_clock, pts, 33);
    if (!to->has_window) {
        to->has_window = 1;
        to->window_start = time;
        to->window_bytes = 0;
    } else if (to->window_bytes >= WINDOW_BYTES) {
        double ratio = (double)(time - to->window_start) / (double)to->window_bytes;
        if (0.8 <= ratio && ratio <= 1.2) return 0; /* it counts in samples */
        to->window_start = time;
        to->window_bytes = 0;
    }
    to->window_bytes += (int64_t)size;
    if (to->sound_duration) to->sound.usual = to->sound_duration;
    to->sound_duration = (int64_t)size * 45 / 4;
    if (!place(&to->sound, time)) return 0;
    to->is_fresh = 1;
    to->sounds++;
    if (add_shot(self, 0) < 0 || add_pieces(self, view, at, size) < 0) return -1;
    shot_t *shot = &self->kept.shots[self->kept.shot_count - 1];
    shot->pts = shot->dts = to->sound.last + to->offset;
    if (shot->dts > to->latest) to->latest = shot->dts;
    return 1;
}

/* When the picture plays (media/pictures.py `_place`); 0 when that needs thought. */
static int place_picture(unpacking_t *to, shot_t *shot, int64_t pts, int64_t dts, int has_dts, uint32_t rtp) {
    to->rtp = unwrapped(to->rtp, rtp, 32);
    if (pts == to->last_pts) return 0;
    to->last_pts = pts;
    to->pts = unwrapped(to->pts, pts, 33);
    int64_t lead = 0;
    if (has_dts) {
        to->dts = to->has_dts ? unwrapped(to->dts, dts, 33) : dts;
        to->has_dts = 1;
        lead = to->pts - to->dts;
        if (lead > GAP_LIMIT || lead < -GAP_LIMIT) return 0;
    }
    if (!place(&to->video, to->pts - lead)) return 0;
    shot->dts = to->video.last + to->offset;
    shot->pts = shot->dts + (lead > 0 ? lead : 0);
    if (shot->dts > to->latest) to->latest = shot->dts;
    return 1;
}

/* The runs that are open, up to the last one's marker, as media/ps/demux.py reads them. 1 when all is unpacked, 0 when
   it must be read there, -1 with an exception. Changes `to` in any case, and adds shots. */
static int read_program(Lane *self, unpacking_t *to, uint32_t rtp) {
    view_t view = view_of(self);
    unsigned char head[HEAD];
    size_t at = 0, video_shot = 0;
    int64_t pts = 0, dts = 0;
    size_t slice_at = 0;
    int has_video = 0, has_dts = 0, closed = 0, is_key = 0;
    store_t *kept = &self->kept;
    while (at < view.total) {
        if (!look(&view, at, head, 6) || !is_start(head)) return 0;
        int sid = head[3];
        if (sid == 0xBA) {
            if (!look(&view, at, head, 14) || (head[4] & 0xC0) != 0x40) return 0;
            at += 14 + (head[13] & 7);
            to->last_was_pes = 0;
            if (at > view.total) return 0;
            continue;
        }
        size_t length = (size_t)head[4] << 8 | head[5], end = at + 6 + length;
        if (!length || end > view.total) return 0;
        if (sid == 0xBC) {
            unsigned char map[HEAD];
            if (length != (size_t)PyBytes_GET_SIZE(self->map) || length > sizeof map || !look(&view, at + 6, map, length) ||
                memcmp(map, PyBytes_AS_STRING(self->map), length))
                return 0;
            to->psm++;
            to->last_was_pes = 0;
            at = end;
            continue;
        }
        if (sid == 0xBB || (sid >= 0xBD && sid <= 0xBF)) {
            to->private_bytes += (long long)length;
            to->last_was_pes = 0;
            at = end;
            continue;
        }
        int is_video = sid == to->video_sid;
        if ((!is_video && sid != to->audio_sid) || length < 3 || !look(&view, at, head, 9)) return 0;
        size_t fields = head[8], body = at + 9 + fields;
        if ((head[6] & 0xC0) != 0x80 || body >= end) return 0;
        int has_pts = head[7] & 0x80 && fields >= 5, has_its_dts = has_pts && head[7] & 0x40 && fields >= 10;
        if (has_pts && !look(&view, at, head, has_its_dts ? 19 : 14)) return 0;
        int64_t its_pts = has_pts ? time_at(head + 9) : 0, its_dts = has_its_dts ? time_at(head + 14) : 0;
        to->pes++;
        to->last_was_pes = 1;
        if (!is_video) {
            int done = has_pts ? take_sound(self, to, &view, body, end - body, its_pts) : 0;
            if (done <= 0) return done;
            closed = has_video; /* its pieces lie before the sound's: no more may come */
            at = end;
            continue;
        }
        size_t some = end - body < HEAD ? end - body : HEAD;
        if (closed || !look(&view, body, head, some)) return 0;
        if (!has_video) {
            slice_at = has_pts ? first_slice(self, head, some, to->is_h265, &is_key) : 0;
            if (!slice_at || (is_key && !to->takes_keys)) return 0;
            pts = its_pts;
            dts = its_dts;
            has_dts = has_its_dts;
            has_video = 1;
            video_shot = kept->shot_count;
            if (add_shot(self, 1) < 0) return -1;
        } else if ((has_pts && its_pts != pts) || some < 4 || is_start(head) || is_start(head + 1)) {
            return 0;
        }
        if (add_pieces(self, &view, body, end - body) < 0) return -1;
        at = end;
    }
    if (!has_video) return 1;
    to->units++;
    to->pictures++;
    if (!(to->units & CLOSELY)) { /* now and then it is looked at whether one is several */
        int single = is_single(kept, &kept->shots[video_shot], slice_at, to->is_h265);
        if (single <= 0) return single;
    }
    if (!place_picture(to, &kept->shots[video_shot], pts, dts, has_dts, rtp)) return 0;
    if (to->has_sound) {
        int64_t apart = to->sound.last - to->video.last;
        if (to->is_fresh && (apart > APART || apart < -APART)) return 0;
        to->is_fresh = 0;
    }
    /* What the demultiplexer gives out at the marker is the picture, behind the sound. */
    shot_t picture = kept->shots[video_shot];
    picture.is_key = is_key;
    to->keys += is_key;
    size_t behind = kept->shot_count - video_shot - 1;
    memmove(&kept->shots[video_shot], &kept->shots[video_shot + 1], behind * sizeof(shot_t));
    kept->shots[kept->shot_count - 1] = picture;
    return 1;
}

/* --- runs out of datagrams ------------------------------------------------------------------------------------- */

static uint32_t word(const unsigned char *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static int is_same_name(const union name *one, const union name *other, int is_six) {
    if (!is_six) return !memcmp(&one->four, &other->four, 8);
    return one->six.sin6_family == other->six.sin6_family && one->six.sin6_port == other->six.sin6_port &&
           !memcmp(&one->six.sin6_addr, &other->six.sin6_addr, 16) && one->six.sin6_scope_id == other->six.sin6_scope_id;
}

static int begins_pack(const packet_t *packet) {
    return packet->length >= HEADER + 4 && !memcmp(packet->at + HEADER, "\0\0\1\xba", 4);
}

enum begins { NOTHING, PACK, KEY_FRAME };

/* What begins with a payload, as media/ps/pack.py says. */
static enum begins what_begins(const unsigned char *head, size_t size) {
    if (size < 4 || memcmp(head, "\0\0\1\xba", 4)) return NOTHING;
    size_t at = size >= 7 && is_start(head + 4) ? 4 : size > 13 && (head[4] & 0xC0) == 0x40 ? 14 + (head[13] & 7) : 12;
    int has_heading = 0;
    while (at + 9 <= size && is_start(head + at)) {
        int sid = head[at + 3];
        if (sid >= 0xE0 && sid <= 0xEF) {
            for (size_t nal = at + 9 + head[at + 8]; nal + 5 <= size; nal++) {
                if (!is_start(head + nal)) continue;
                unsigned char first = head[nal + 3], second = head[nal + 4];
                if (first & 1) {
                    if ((first & 0x1F) == 5 || (first & 0x1F) == 7) return KEY_FRAME;
                    if ((first & 0x1F) == 1) return PACK;
                } else if (second == 1 && ((first >= 32 && first <= 42) || (first >= 64 && first <= 68))) {
                    return KEY_FRAME;
                } else if (second >= 1 && second <= 7 && first <= 18 && first != 6) {
                    return PACK;
                }
                nal += 2;
            }
            return has_heading ? KEY_FRAME : PACK;
        }
        if (sid == 0xBB || sid == 0xBC) has_heading = 1;
        else if (!((sid >= 0xBD && sid <= 0xBF) || (sid >= 0xC0 && sid <= 0xDF))) break;
        at += 6 + ((size_t)head[at + 4] << 8 | head[at + 5]);
    }
    return has_heading ? KEY_FRAME : PACK;
}

static void note_time(Lane *self, uint16_t sequence, double now) {
    self->sequence = unwrapped(self->sequence, sequence, 16);
    if (self->sequence > self->highest) self->highest = self->sequence;
    double transit = now * CLOCK_HZ - (double)self->timestamp, difference = fabs(transit - self->transit);
    if (self->has_begun && difference < CLOCK_HZ) self->jitter += (difference - self->jitter) / 16;
    self->transit = transit;
    self->has_begun = 1;
}

/* After a call back: 0 when that took the lane's state back, -1 with an exception. */
static int after(Lane *self, PyObject *done) {
    Py_XDECREF(done);
    return done ? self->is_armed : -1;
}

static int told(Lane *self, PyObject *whom, PyObject *what, PyObject *now, PyObject *more) {
    if (!what) return -1;
    PyObject *done = PyObject_CallFunctionObjArgs(whom, what, now, more, NULL);
    Py_DECREF(what);
    return after(self, done);
}

/* Of what is kept only the picture added last, a key frame: those who come begin there. */
static void begin_anew(store_t *kept, unpacking_t *to, double at) {
    shot_t picture = kept->shots[kept->shot_count - 1];
    for (size_t n = 0; n < kept->piece_count; n++)
        if (n < picture.first_piece || n >= picture.first_piece + picture.pieces) Py_DECREF(kept->pieces[n].data);
    memmove(kept->pieces, kept->pieces + picture.first_piece, picture.pieces * sizeof *kept->pieces);
    kept->piece_count = picture.pieces;
    picture.first_piece = 0;
    kept->shots[0] = picture;
    kept->shot_count = 1;
    to->frames_left = to->frames_limit - 1;
    to->bytes_left = to->bytes_limit - picture.bytes;
    to->kept_since = at;
    to->began = 1;
}

/* What media/inlets/gauge.py notes of a picture. */
static void note_picture(unpacking_t *to, int is_key, double at) {
    if (is_key) {
        if (to->has_key) {
            to->has_group = 1;
            to->group_frames = to->since_key;
            to->group_90k = to->video.last > to->key_dts ? to->video.last - to->key_dts : 0;
        }
        to->has_key = 1;
        to->key_at = at;
        to->key_dts = to->video.last;
        to->since_key = 0;
    }
    to->since_key++;
}

/* Unpacks what is open. 1 when it was ordinary, 0 when not, -1 with an exception. */
static int unpack(Lane *self, double at, PyObject *now) {
    store_t *kept = &self->kept;
    size_t shots = kept->shot_count, pieces = kept->piece_count;
    unpacking_t to = self->unpacking;
    int done = read_program(self, &to, self->timestamp);
    int has_picture = to.pictures > self->unpacking.pictures, has_key = to.keys > self->unpacking.keys;
    if (to.sounds > self->unpacking.sounds) to.sound_at = at;
    if (done > 0 && has_key && to.has_track && at - to.sound_at > SOUND_SILENT_S) done = 0; /* the sound goes */
    if (done > 0 && !self->tells) {
        long long bytes = 0;
        for (size_t n = shots; n < kept->shot_count; n++) bytes += kept->shots[n].bytes;
        to.frames_left -= (long long)(kept->shot_count - shots);
        to.bytes_left -= bytes;
        if (has_key) {
            if (to.frames_limit < 1 || to.bytes_limit < kept->shots[kept->shot_count - 1].bytes) done = 0;
        } else if (to.frames_left < 0 || to.bytes_left < 0 || at - to.kept_since > to.keep_s) {
            done = 0;
        }
    }
    if (done <= 0) {
        drop_shots(kept, shots, pieces);
        if (done < 0) PyErr_NoMemory();
        return done;
    }
    if (has_picture) self->frame_at = at;
    if (to.sounds > self->unpacking.sounds) self->audio_at = at;
    if (!self->tells) {
        self->frames += (long long)(kept->shot_count - shots);
        self->pictures += has_picture;
        self->keys += has_key;
        if (has_picture) note_picture(&to, has_key, at);
        if (has_key) begin_anew(kept, &to, at);
    }
    self->unpacking = to;
    self->open_from = kept->run_count;
    if (!self->tells) return 1;
    PyObject *frames = PyList_New(0);
    for (size_t n = shots; frames && n < kept->shot_count; n++) {
        const shot_t *shot = &kept->shots[n];
        PyObject *frame = made_frame(self->frame_type, shot->is_video ? self->video : self->sound, kept, shot);
        if (!frame || PyList_Append(frames, frame) < 0) Py_CLEAR(frames);
        Py_XDECREF(frame);
    }
    drop_shots(kept, shots, pieces);
    return told(self, self->given, frames, now, NULL);
}

/* Something of this lane waits for the pace: its room asks it in the next round. -1 without memory. */
static int wait_in_room(Lane *self) {
    Room *room = self->room;
    if (self->waits || !room) return 0;
    if (!grow((void **)&room->waiting, &room->wait_room, room->wait_count + 1, sizeof *room->waiting)) {
        PyErr_NoMemory();
        return -1;
    }
    room->waiting[room->wait_count++] = (Lane *)Py_NewRef(self);
    self->waits = 1;
    return 0;
}

static int has_waiting(const Lane *self) {
    for (size_t n = 0; n < self->exit_count; n++)
        if (self->exits[n].waiting) return 1;
    return 0;
}

/* From that receiver on it is Python's, to queue and to judge: the run, or where there is none what waits. */
static int hand_over(Lane *self, const run_t *run, int is_key, PyObject *now, size_t first, int error) {
    PyObject *made = run ? made_run(self->run_type, run, self->ssrc, self->payload_type) : Py_NewRef(Py_None);
    if (!made) return -1;
    return after(self, PyObject_CallFunction(self->handed, "NOOni", made, now, is_key ? Py_True : Py_False,
                                             (Py_ssize_t)first, error));
}

/* To all receivers above, at the pace of each. */
static int send_on(Lane *self, const run_t *run, int is_key, double at, PyObject *now) {
    for (size_t n = 0; n < self->exit_count; n++) {
        int error = offer(&self->exits[n], run, at);
        if (error) return hand_over(self, run, is_key, now, n, error);
    }
    return has_waiting(self) && wait_in_room(self) < 0 ? -1 : 1;
}

/* What waits for the pace, as far as it may go now. -1 with an exception. */
static int go_on(Lane *self, double at, PyObject *now) {
    for (size_t n = 0; self->is_armed && n < self->exit_count; n++) {
        int error = pump(&self->exits[n], at);
        if (error && hand_over(self, NULL, 0, now, n, error) < 0) return -1;
    }
    return self->is_armed && has_waiting(self) ? wait_in_room(self) : 0;
}

/* The run that the packets begin with, kept and unpacked; `done` counts on. 0 when what is there now is not ordinary. */
static int take_run(Lane *self, Room *room, size_t *done, double at, PyObject *now) {
    const packet_t *packets = room->packets + *done;
    size_t left = room->packet_count - *done, count = 1, bytes = packets->length;
    const unsigned char *head = packets->at;
    if (bytes <= HEADER || bytes > SIZE_LIMIT || !is_same_name(&room->names[packets->slot], &self->name, self->is_six))
        return 0;
    if (head[0] != 0x80 || (head[1] & 0x7F) != self->payload_type || (head[1] >= 192 && head[1] <= 223) ||
        word(head + 8) != self->ssrc || (head[2] << 8 | head[3]) != self->next)
        return 0;
    int is_new = !self->has_timestamp || word(head + 4) != self->timestamp, marker = head[1] >> 7;
    store_t *kept = &self->kept;
    if (self->is_awake && is_new && kept->run_count > self->open_from) return 0;
    for (; !marker && count < left && count < COUNT_LIMIT; count++) {
        const packet_t *packet = &packets[count];
        const unsigned char *its = packet->at;
        if (packet->length > packets->length || packet->length <= HEADER || its[0] != 0x80 ||
            (its[1] & 0x7F) != self->payload_type || (its[1] >= 192 && its[1] <= 223) || memcmp(its + 4, head + 4, 8) ||
            (its[2] << 8 | its[3]) != (uint16_t)(self->next + count) || begins_pack(packet) ||
            !is_same_name(&room->names[packet->slot], &self->name, self->is_six))
            break;
        bytes += packet->length;
        marker = its[1] >> 7;
        if (packet->length < packets->length) {
            count++;
            break;
        }
    }
    enum begins begins = what_begins(head + HEADER, packets->length - HEADER);
    int restarts = begins == KEY_FRAME && self->restarts;
    if (restarts ? (long long)bytes > self->bytes_limit || (long long)count > self->packets_limit
                 : (long long)bytes > self->bytes_left || (long long)count > self->packets_left ||
                       at - self->kept_since > self->keep_s)
        return 0;
    if (restarts && self->is_awake && kept->run_count > self->open_from) return 0;
    if (restarts) { /* what came before it is no longer kept */
        for (size_t n = 0; n < kept->run_count; n++) Py_DECREF(kept->runs[n].data);
        kept->run_count = self->open_from = 0;
        self->bytes_left = self->bytes_limit;
        self->packets_left = self->packets_limit;
        self->kept_since = at;
        self->has_restarted = 1;
    }
    self->marks += begins == KEY_FRAME;
    PyObject *data = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)bytes);
    if (!data || !grow((void **)&kept->runs, &kept->run_room, kept->run_count + 1, sizeof *kept->runs)) {
        Py_XDECREF(data);
        PyErr_NoMemory();
        return -1;
    }
    unsigned char *into = (unsigned char *)PyBytes_AS_STRING(data);
    for (size_t n = 0; n < count; n++) {
        memcpy(into, packets[n].at, packets[n].length);
        into += packets[n].length;
    }
    run_t *run = &kept->runs[kept->run_count++];
    *run = (run_t){data, packets->length, (uint32_t)count, word(head + 4), self->next, (uint8_t)marker};
    self->packets += (long long)count;
    self->passed += (long long)count;
    self->bytes += (long long)bytes;
    self->bytes_left -= (long long)bytes;
    self->packets_left -= (long long)count;
    self->packet_at = at;
    if (is_new) {
        self->timestamp = run->timestamp;
        self->has_timestamp = 1;
        self->timestamps++;
        if (self->notes) note_time(self, self->next, at);
    }
    self->next = (uint16_t)(self->next + count);
    *done += count;
    if (self->exit_count) {
        int went = send_on(self, run, begins == KEY_FRAME, at, now);
        if (went <= 0) return went;
    } else if (self->hands) {
        int went = told(self, self->handed, made_run(self->run_type, run, self->ssrc, self->payload_type), now,
                        begins == KEY_FRAME ? Py_True : Py_False);
        if (went <= 0) return went;
    }
    if (!self->is_awake) {
        self->frame_at = at;
        return 1;
    }
    if (marker) return unpack(self, at, now);
    return kept->run_count - self->open_from < OPEN_LIMIT;
}

/* The packets that are left, as they came: neighbours of one sender and one size together, and who sent them (None for
   the one whom the lane knows). */
static PyObject *pieces_from(Lane *self, Room *room, size_t done) {
    PyObject *pieces = PyList_New(0);
    while (pieces && done < room->packet_count) {
        const packet_t *first = &room->packets[done];
        const union name *name = &room->names[first->slot];
        size_t count = 1, bytes = first->length;
        for (; bytes && done + count < room->packet_count; count++) {
            const packet_t *packet = &room->packets[done + count];
            if (!packet->length || packet->length > first->length || packet[-1].length < first->length ||
                (packet->slot != first->slot && !is_same_name(name, &room->names[packet->slot], self->is_six)))
                break;
            bytes += packet->length;
        }
        PyObject *data = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)bytes), *piece = NULL;
        if (data) {
            unsigned char *into = (unsigned char *)PyBytes_AS_STRING(data);
            for (size_t n = 0; n < count; n++) {
                memcpy(into, first[n].at, first[n].length);
                into += first[n].length;
            }
            if (is_same_name(name, &self->name, self->is_six))
                piece = Py_BuildValue("(NIO)", data, first->length, Py_None);
            else
                piece = Py_BuildValue("(NIy#)", data, first->length, (const char *)name,
                                      (Py_ssize_t)room->heads[first->slot].msg_hdr.msg_namelen);
        }
        if (!piece || PyList_Append(pieces, piece) < 0) Py_CLEAR(pieces);
        Py_XDECREF(piece);
        done += count;
    }
    return pieces;
}

/* What a stream brings, as packets; where the first stands that is not whole or not framed as those before, and whether
   it is the latter. */
static size_t framed(Lane *self, Room *room, size_t size, int *is_odd) {
    size_t at = 0, before = (size_t)self->before;
    room->packet_count = 0;
    *is_odd = 0;
    room->names[0] = self->name;
    while (at + before <= size) {
        const unsigned char *head = room->memory + at;
        size_t length = (size_t)head[before - 2] << 8 | head[before - 1];
        if ((before == DOLLAR && head[0] != '$') || length <= HEADER || length > SIZE_LIMIT ||
            room->packet_count == SEGMENTS) {
            *is_odd = 1;
            break;
        }
        if (at + before + length > size) break;
        room->packets[room->packet_count++] = (packet_t){head + before, (uint32_t)length, 0};
        at += before + length;
    }
    return at;
}

static int serve_stream(Lane *self, Room *room, double at, PyObject *now, long long *total) {
    for (int reads = 0; reads < READS && self->is_armed && !self->is_closed; reads++) {
        memcpy(room->memory, self->rest, self->rest_size);
        ssize_t got = recv(self->number, room->memory + self->rest_size, READ_BYTES, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 1;
        if (got <= 0) { /* it ended; the next read is told the same */
            PyObject *nothing = PyBytes_FromStringAndSize(NULL, 0);
            return told(self, self->fell, nothing, now, NULL) < 0 ? -1 : 1;
        }
        *total += got;
        size_t size = self->rest_size + (size_t)got, done = 0;
        int is_odd, went = 1;
        size_t end = framed(self, room, size, &is_odd);
        self->rest_size = 0;
        if (!is_odd && size - end <= sizeof self->rest) {
            self->rest_size = size - end;
            memcpy(self->rest, room->memory + end, self->rest_size);
        }
        while (done < room->packet_count && went > 0) {
            went = take_run(self, room, &done, at, now);
            }
        if (went < 0) return -1;
        if (!went || is_odd) {
            const unsigned char *from = done < room->packet_count ? room->packets[done].at - self->before : room->memory + end;
            self->rest_size = 0;
            PyObject *left = PyBytes_FromStringAndSize((const char *)from, room->memory + size - from);
            return told(self, self->fell, left, now, NULL) < 0 ? -1 : 1;
        }
        if (got < READ_BYTES) return 1;
    }
    return 1;
}

/* Somebody in Python serves a socket, and his bytes are counted; -1 with an exception. */
static int ask(PyObject *whom, PyObject *now, long long *total) {
    PyObject *took = PyObject_CallOneArg(whom, now);
    if (!took) return -1;
    *total += PyLong_AsLongLong(took);
    Py_DECREF(took);
    return PyErr_Occurred() ? -1 : 0;
}

/* What waits is taken, and its bytes are counted; -1 with an exception. */
static int serve(Lane *self, PyObject *now, double at, long long *total) {
    Room *room = self->room;
    if (!room) return 0;
    if (!self->is_armed || room->is_taken) return ask(self->fallback, now, total);
    int went = 1;
    Py_INCREF(self);
    Py_INCREF(room);
    room->is_taken = 1;
    if (self->is_stream) went = serve_stream(self, room, at, now, total);
    for (int scoops = 0; !self->is_stream && scoops < SCOOPS && self->is_armed && !self->is_closed; scoops++) {
        int got = scoop(room, self->number);
        size_t done = 0;
        for (size_t n = 0; n < room->packet_count; n++) *total += room->packets[n].length;
        while (done < room->packet_count && went > 0) went = take_run(self, room, &done, at, now);
        if (!went) went = told(self, self->fell, pieces_from(self, room, done), now, NULL) < 0 ? -1 : 1;
        if (went < 0 || got < SLOTS) break;
    }
    room->is_taken = 0;
    Py_DECREF(room);
    Py_DECREF(self);
    return went < 0 ? -1 : 0;
}

static PyObject *lane_serve(Lane *self, PyObject *now) {
    double at = PyFloat_AsDouble(now);
    long long total = 0;
    if ((at == -1.0 && PyErr_Occurred()) || serve(self, now, at, &total) < 0) return NULL;
    return PyLong_FromLongLong(total);
}

/* One socket of a round: by its lane without a detour, by whoever else serves it otherwise. */
static int serve_one(PyObject *whom, PyObject *now, double at, long long *total) {
    if (PyCFunction_Check(whom) && PyCFunction_GET_FUNCTION(whom) == (PyCFunction)lane_serve)
        return serve((Lane *)PyCFunction_GET_SELF(whom), now, at, total);
    return ask(whom, now, total);
}

/* Somebody's serving failed: that is told, and the others are served. -1 with an exception. */
static int tell_failure(PyObject *failed, PyObject *number) {
    if (!PyErr_ExceptionMatches(PyExc_Exception)) return -1;
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    if (trace) PyException_SetTraceback(value, trace);
    PyObject *done = PyObject_CallFunctionObjArgs(failed, number, value, NULL);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(trace);
    Py_XDECREF(done);
    return done ? 0 : -1;
}

/* All whose packets wait for the pace. -1 with an exception. */
static int go_on_all(Room *room, double at, PyObject *now, PyObject *failed) {
    Lane **waiting = room->waiting;
    size_t count = room->wait_count;
    int went = 0;
    room->waiting = NULL; /* those that wait still come again */
    room->wait_count = room->wait_room = 0;
    for (size_t n = 0; n < count; n++) {
        Lane *lane = waiting[n];
        lane->waits = 0;
        if (!went && go_on(lane, at, now) < 0) {
            PyObject *number = PyLong_FromLong(lane->number);
            went = number ? tell_failure(failed, number) : -1;
            Py_XDECREF(number);
        }
        Py_DECREF(lane);
    }
    PyMem_Free(waiting);
    return went;
}

/* Every socket of an epoll that is ready, as media/inlets/rounds.py does it. One that fails is told and does not keep
   the others waiting. */
static PyObject *round_of(Room *self, int poll, PyObject *served, PyObject *now, PyObject *failed) {
    struct epoll_event ready[READY];
    int count = READY;
    long long total = 0;
    double at = PyFloat_AS_DOUBLE(now);
    if (self->wait_count && go_on_all(self, at, now, failed) < 0) return NULL;
    for (int asks = 0; count == READY && asks < ASKS; asks++) {
        count = epoll_wait(poll, ready, READY, 0);
        for (int n = 0; n < count; n++) {
            PyObject *number = PyLong_FromLong(ready[n].data.fd);
            PyObject *whom = number ? PyDict_GetItemWithError(served, number) : NULL;
            int went = whom ? 0 : PyErr_Occurred() ? -1 : 0; /* closed by one that was served before it */
            if (whom) {
                Py_INCREF(whom);
                went = serve_one(whom, now, at, &total);
                Py_DECREF(whom);
            }
            if (went < 0 && number) went = tell_failure(failed, number);
            Py_XDECREF(number);
            if (went < 0) return NULL;
        }
    }
    return PyLong_FromLongLong(total);
}

/* The alarm goes off once, so long from now; setting it takes back that it has gone off. */
static int set_alarm(Room *self) {
    long long ns = llround(self->nap_s * 1e9);
    struct itimerspec once = {{0, 0}, {ns / 1000000000, ns % 1000000000}};
    return timerfd_settime(self->alarm, 0, &once, NULL);
}

static PyObject *room_round(Room *self, PyObject *args) {
    PyObject *served, *now, *failed;
    int poll;
    if (!PyArg_ParseTuple(args, "iO!O!O", &poll, &PyDict_Type, &served, &PyFloat_Type, &now, &failed)) return NULL;
    PyObject *total = round_of(self, poll, served, now, failed);
    if (self->nap_s > 0) set_alarm(self); /* whatever befell the round */
    return total;
}

static PyObject *room_nap(Room *self, PyObject *seconds) {
    double nap_s = PyFloat_AsDouble(seconds);
    if (nap_s == -1.0 && PyErr_Occurred()) return NULL;
    if (self->alarm < 0 && (self->alarm = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) < 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    self->nap_s = nap_s;
    if (set_alarm(self) < 0) return PyErr_SetFromErrno(PyExc_OSError);
    return PyLong_FromLong(self->alarm);
}

static PyMethodDef room_methods[] = {
    {"round", (PyCFunction)room_round, METH_VARARGS,
     "round(epoll, served, now, failed): serve every socket that is ready; how many bytes came."},
    {"nap", (PyCFunction)room_nap, METH_O,
     "nap(seconds): a descriptor, which can be read so long from now and from the end of every round; 0 stops it."},
    {NULL, NULL, 0, NULL},
};

static PyObject *room_waits(Room *self, void *none) {
    (void)none;
    return PyBool_FromLong(self->wait_count != 0);
}

static PyGetSetDef room_sights[] = {
    {"waits", (getter)room_waits, NULL, "Whether packets wait here for the pace: a round is due within a slot of it.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyObject *lane_close(Lane *self, PyObject *none) {
    (void)none;
    self->is_closed = 1;
    Py_RETURN_NONE;
}

static PyMethodDef lane_methods[] = {
    {"serve", (PyCFunction)lane_serve, METH_O, "serve(now): take what waits; how many bytes it was."},
    {"arm", (PyCFunction)lane_arm, METH_VARARGS, "arm(whose, keep, reception, hands, unpacking): take over."},
    {"counts", (PyCFunction)lane_counts, METH_NOARGS, "What was counted since it was last asked for."},
    {"reception", (PyCFunction)lane_reception, METH_O, "reception(reports): how packets were received until now."},
    {"sent", (PyCFunction)lane_sent, METH_NOARGS, "What was sent on since it was last asked for."},
    {"settle", (PyCFunction)lane_settle, METH_NOARGS, "Give back what was lent, and what was kept."},
    {"close", (PyCFunction)lane_close, METH_NOARGS, "The socket is about to be closed: read no more."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef lane_members[] = {
    {"is_armed", T_BOOL, offsetof(Lane, is_armed), READONLY, "Whether it goes by itself."},
    {"packet_at", T_DOUBLE, offsetof(Lane, packet_at), READONLY, "When the last packet came."},
    {"has_restarted", T_INT, offsetof(Lane, has_restarted), READONLY, "Whether packets are kept anew, from a key frame on."},
    {"has_begun_anew", T_INT, offsetof(Lane, unpacking.began), READONLY, "Whether pictures are, too."},
    {NULL, 0, 0, 0, NULL},
};

static PyTypeObject LaneType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "lianwang_lane.Lane",
    .tp_doc = "The ordinary packets of one stream.",
    .tp_basicsize = sizeof(Lane),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_new = lane_new,
    .tp_dealloc = (destructor)lane_dealloc,
    .tp_traverse = (traverseproc)lane_traverse,
    .tp_clear = (inquiry)lane_clear,
    .tp_methods = lane_methods,
    .tp_members = lane_members,
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "lianwang_lane", "The ordinary way of packets, in C (media/native/lane.c).", -1, NULL,
    NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit_lianwang_lane(void) {
    RoomType.tp_methods = room_methods;
    RoomType.tp_getset = room_sights;
    PyObject *made = PyModule_Create(&module);
    if (!made || PyModule_AddType(made, &RoomType) < 0 || PyModule_AddType(made, &LaneType) < 0 ||
        PyModule_AddType(made, &StretchType) < 0) {
        Py_XDECREF(made);
        return NULL;
    }
    return made;
}
