/* swarm: many clients over TLS in one thread, which check what they receive.
 *
 *     swarm --port P --clients N --account NAME:SECRET:SEES … [--window W] [--events on|off]
 *           [--checked K] [--spread on] [--slow S] [--servers N] [--first snapshot|lists] [--plain] [--door ami|ws|ajam]
 *
 * Client i uses account i modulo the number of accounts; SEES is a bit mask of the
 * types of events (BenchMark's second number) that it should receive, all of them
 * and no others.  W clients log in at a time; a client that is refused tries again.
 * Only the data of the first K clients is decrypted during a storm; the kernel reads
 * and discards the rest, because decrypting it would cost more than the work that is
 * measured.  With --spread on, the checked clients do not log in before the others but evenly among them: a peer
 * that serves its clients in the order of their logins would serve the first K first.  With N servers (see source.c) each server's events are checked by themselves, and those of
 * a client that sees several end with "Server: s<number>".  With --first, a client is in once it has, as a dashboard
 * wants it, a snapshot of channels and queues or the lists of them; its events are on then, whatever --events says.  The last S clients have small receive buffers and can be told not to read.
 *
 * --door ws: the clients are WebSockets with the subprotocol ami.json, and log in by an Authorization header.  A client
 * is in once it has a snapshot, or, after "return", an event that is younger than its connection: then it has had all that
 * it missed.  --door ajam: the clients log in over
 * HTTP and then always have a WaitEvent under way.
 *
 * Commands on stdin; each prints one JSON object on a line of stdout:
 *
 *     mark                          reset the counters (prints nothing)
 *     wait EVENTS MILLISECONDS      until that many events have come, or for that time
 *     act WHAT SECONDS RATE DEPTH   all clients send actions: in a closed loop with DEPTH pending, or each RATE times a second;
 *                                   WHAT is ping, getvar, list (CoreShowChannels), or polls (list and QueueStatus in turn)
 *     stall / resume                the slow clients stop reading / read again (prints nothing)
 *     reconnect W                   all disconnect at once, and log in again, W at a time
 *     return W                      the same, and each resumes where it was: what it has missed meanwhile must come (ws only)
 *     churn SECONDS                 all log in and log off repeatedly
 *     quit
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "doors.h"

#define NTYPES 32
#define DEPTH_LIMIT 64
#define BUFFER (64u << 10)
#define UNFINISHED (2u << 20)           /* more bytes of one message than any peer sends */
#define POSITION 256
#define RETRY_NS 100000000u             /* before a refused client's first retry; doubles each time */
#define RETRIES 5                       /* different pauses; the longest is 1.6 s */
#define LOGIN_NS 15000000000u           /* after which a login counts as refused */
#define ANSWER_NS 5000000000u           /* how long to wait for responses after the last action */

enum state { AWAY, CONNECTING, HANDSHAKE, BANNER, LOGIN, FIRST, IN, LEAVING };
enum first { NOTHING, SNAPSHOT, LISTS };
enum door { AMI, WEBSOCKET, AJAM };
enum task { NONE, LOGGING_IN, WAITING, ACTING, CHURNING };

/* Each power of two has 32 buckets: values of any size are precise to 3 %. */
struct histogram { uint64_t counts[64 * 32], n, highest; };

struct account { const char *name, *secret; unsigned long sees; };

/* The events of one server: the last one's number, and the next number within each type. */
struct seen { int known; uint64_t last, next_of[NTYPES]; };

struct client {
    enum state state;
    int fd, number, stalled, discarding, retries;
    SSL *ssl;
    const struct account *account;
    char *input;                        /* an unfinished message, if any */
    size_t input_used, input_room;
    uint64_t began, retry_at, bytes;    /* bytes: read from the socket since the mark, or before it */
    struct seen *seen;                  /* one for each server */
    char *position;                     /* where it can resume, or its AJAM cookie; empty if it has none */
    int resuming, resumed, is_live;     /* is_live: has had an event that is younger than this connection */
    /* actions: numbers of the first unanswered and of the next, and when each was sent */
    uint64_t answered, asked, sent_at[DEPTH_LIMIT], act_at;
    int list_items;
};

static struct account accounts[4096];
static int naccounts;
static struct client *clients;
static enum first first;
static enum door door;
static int nclients, window = 16, checked = -1, spread, slow, plain, events_on = 1, port, servers = 1;
static int poller, entering, inside, next_to_enter;
static SSL_CTX *tls;
static enum task task;
static uint64_t task_began, task_until, wait_for;

static uint64_t events, slow_events, other_events, gaps, slow_gaps, disorder, leaks, answers, wrong_answers, bad_lists, turned_away, dropped, logins, last_event_at;
static struct histogram latency, round_trip, login_time;

enum act { PING, GETVAR, LIST, POLLS };

static enum act act;
static int act_depth;
static double act_gap;

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- counting ---------------------------------------------------------- */

static void note(struct histogram *h, uint64_t v)
{
    int top = v < 32 ? 4 : 63 - __builtin_clzll(v);         /* the highest bit; the five below it select the bucket */
    h->counts[v < 32 ? v : (uint64_t)(top - 4) * 32 + (v >> (top - 5) & 31)]++;
    h->n++;
    if (v > h->highest) h->highest = v;
}

/* In milliseconds, from values noted in nanoseconds. */
static double percentile(const struct histogram *h, double share)
{
    uint64_t below = 0, rank = (uint64_t)(share * (double)h->n);
    for (int i = 0; i < 64 * 32; i++)
        if ((below += h->counts[i]) > rank) return (i < 32 ? i : (double)((uint64_t)(32 + i % 32) << (i / 32 - 1))) * 1e-6;
    return (double)h->highest * 1e-6;
}

static void print_histogram(const char *name, const struct histogram *h)
{
    if (!h->n) printf(", \"%s\": null", name);
    else printf(", \"%s\": {\"n\": %llu, \"p50\": %.4f, \"p90\": %.4f, \"p99\": %.4f, \"max\": %.4f}", name, (unsigned long long)h->n,
                percentile(h, 0.5), percentile(h, 0.9), percentile(h, 0.99), (double)h->highest * 1e-6);
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static uint64_t received(const struct client *c)
{
    return c->discarding || !c->ssl ? c->bytes : BIO_number_read(SSL_get_rbio(c->ssl)) - c->bytes;
}

/* The fewest bytes that a client with discarded data got, as a fraction of those of a checked client of its account. */
static double discarded_share(void)
{
    double least = 1.0;
    uint64_t *sizes = calloc((size_t)nclients, sizeof *sizes);
    for (int a = 0; sizes && a < naccounts; a++) {
        int n = 0;
        for (int i = a; i < nclients && i < checked; i += naccounts)
            if (clients[i].state == IN) sizes[n++] = received(&clients[i]);
        if (!n) continue;
        qsort(sizes, (size_t)n, sizeof *sizes, by_size);
        for (int i = a; i < nclients; i += naccounts)
            if (clients[i].discarding && sizes[n / 2] && (double)clients[i].bytes / (double)sizes[n / 2] < least)
                least = (double)clients[i].bytes / (double)sizes[n / 2];
    }
    free(sizes);
    return least;
}

static void report(const char *what)
{
    double seconds = (double)(now_ns() - task_began) * 1e-9;
    printf("{\"is\": \"%s\", \"seconds\": %.4f, \"inside\": %d, \"events\": %llu, \"slow_events\": %llu, \"other_events\": %llu, \"gaps\": %llu, "
           "\"slow_gaps\": %llu, \"disorder\": %llu, \"leaks\": %llu, \"answers\": %llu, \"wrong_answers\": %llu, \"bad_lists\": %llu, "
           "\"turned_away\": %llu, \"dropped\": %llu, \"logins\": %llu, \"last_event\": %.4f, \"discarded_share\": %.6f",
           what, seconds, inside, (unsigned long long)events, (unsigned long long)slow_events, (unsigned long long)other_events,
           (unsigned long long)gaps, (unsigned long long)slow_gaps, (unsigned long long)disorder, (unsigned long long)leaks,
           (unsigned long long)answers, (unsigned long long)wrong_answers, (unsigned long long)bad_lists, (unsigned long long)turned_away,
           (unsigned long long)dropped, (unsigned long long)logins,
           last_event_at > task_began ? (double)(last_event_at - task_began) * 1e-9 : 0.0, discarded_share());
    print_histogram("latency", &latency);
    print_histogram("round_trip", &round_trip);
    print_histogram("login", &login_time);
    printf("}\n");
    fflush(stdout);
    task = NONE;
}

static void forget_events(struct client *c) { memset(c->seen, 0, (size_t)servers * sizeof *c->seen); }

static void reset_counters(void)
{
    events = slow_events = other_events = gaps = slow_gaps = disorder = leaks = answers = wrong_answers = bad_lists = 0;
    turned_away = dropped = logins = last_event_at = 0;
    memset(&latency, 0, sizeof latency);
    memset(&round_trip, 0, sizeof round_trip);
    memset(&login_time, 0, sizeof login_time);
    task_began = now_ns();
}

static void mark(void)
{
    reset_counters();
    for (int i = 0; i < nclients; i++) {
        struct client *c = &clients[i];
        forget_events(c);
        if (checked >= 0 && i >= checked && i < nclients - slow && c->state == IN) c->discarding = 1;
        c->bytes = c->discarding || !c->ssl ? 0 : BIO_number_read(SSL_get_rbio(c->ssl));
    }
    task_began = now_ns();
}

/* ---- connections ------------------------------------------------------- */

static void listen_for(struct client *c, unsigned what)
{
    struct epoll_event e = {.events = what, .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &e);
}

static int is_slow(const struct client *c) { return c->number >= nclients - slow; }

static void hang_up(struct client *c)
{
    if (c->state == IN) inside--;
    else if (c->state != AWAY && c->state != LEAVING) entering--;
    if (c->ssl) SSL_free(c->ssl);
    ERR_clear_error();
    close(c->fd);
    free(c->input);
    c->ssl = NULL, c->fd = -1, c->input = NULL, c->input_used = c->input_room = 0;
    c->state = AWAY, c->stalled = c->discarding = 0;
    if (!c->resuming) forget_events(c);
}

/* Not intended: the other side disconnected, or the login failed. */
static void lose(struct client *c)
{
    int was_in = c->state == IN, was_leaving = c->state == LEAVING;
    hang_up(c);
    if (was_in) dropped++;
    else if (!was_leaving) turned_away++;
    c->retry_at = 0;
    if (task == LOGGING_IN || (task == CHURNING && !was_leaving)) c->retry_at = now_ns() + ((uint64_t)RETRY_NS << (c->retries < RETRIES ? c->retries++ : RETRIES - 1));
    else if (task == CHURNING) c->retry_at = now_ns();
}

static void enter(struct client *c)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1, little = 32768;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (c->fd < 0) { perror("swarm"); exit(1); }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (is_slow(c)) setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof little);
    c->state = CONNECTING, c->began = now_ns(), c->retry_at = 0, c->asked = c->answered = 0, c->resumed = c->is_live = 0;
    entering++;
    if (connect(c->fd, (void *)&to, sizeof to) && errno != EINPROGRESS) { lose(c); return; }
    struct epoll_event e = {.events = EPOLLOUT, .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &e);
}

static int send_bytes(struct client *c, const char *text, int n)
{
    int done = plain ? (int)send(c->fd, text, (size_t)n, MSG_NOSIGNAL) : SSL_write(c->ssl, text, n);
    if (done == n) return 1;
    ERR_clear_error();                  /* actions are small and few are pending: a full socket means a dead peer */
    lose(c);
    return 0;
}

__attribute__((format(printf, 2, 3))) static int send_action(struct client *c, const char *format, ...)
{
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return send_bytes(c, text, n);
}

static int send_frame(struct client *c, enum opcode opcode, const char *payload, size_t size)
{
    char frame[2048 + WS_HEAD_LIMIT];
    return size <= 2048 && send_bytes(c, frame, (int)ws_mask(opcode, payload, size, frame));
}

static void ask(struct client *c)
{
    c->sent_at[c->asked % DEPTH_LIMIT] = now_ns();
    const char *what = act == PING ? "Ping" : act == GETVAR ? "Getvar\r\nVariable: BENCH" : act == POLLS && c->asked % 2 ? "QueueStatus" : "CoreShowChannels";
    if (door == WEBSOCKET) {
        char text[256];
        int n = snprintf(text, sizeof text, "{\"type\":\"action\",\"id\":\"%d/%llu\",\"data\":{\"Action\":\"%s\"%s}}", c->number, (unsigned long long)c->asked++,
                         act == GETVAR ? "Getvar" : what, act == GETVAR ? ",\"Variable\":\"BENCH\"" : "");
        send_frame(c, WS_TEXT, text, (size_t)n);
    } else send_action(c, "Action: %s\r\nActionID: %d/%llu\r\n\r\n", what, c->number, (unsigned long long)c->asked++);
}

static void ask_on(struct client *c, uint64_t now)
{
    if (act_gap > 0) {
        while (c->state == IN && now >= c->act_at && c->asked - c->answered < DEPTH_LIMIT) {
            ask(c);
            c->act_at += (uint64_t)act_gap;
        }
    } else
        while (c->state == IN && c->asked - c->answered < (uint64_t)act_depth) ask(c);
}

/* ---- received data -------------------------------------------------------- */

static uint64_t number(const char **p)
{
    uint64_t v = 0;
    while (**p == ' ') ++*p;
    while (**p >= '0' && **p <= '9') v = v * 10 + (uint64_t)(*(*p)++ - '0');
    return v;
}

/* p: behind "BenchMark: "; stamp: the number of the server that the event names, if any. */
static void count_event(struct client *c, const char *p, const char *stamp)
{
    uint64_t global = number(&p), type = number(&p), sequence = number(&p), made_at = number(&p), server = number(&p), now = now_ns();
    if (type >= NTYPES || !(c->account->sees >> type & 1) || server >= (uint64_t)servers) { leaks++; return; }
    if (servers > 1 && (!stamp || number(&stamp) != server)) { leaks++; return; }
    struct seen *seen = &c->seen[server];
    if (seen->known && global <= seen->last) disorder++;
    else if (sequence > seen->next_of[type]) { if (is_slow(c)) slow_gaps += sequence - seen->next_of[type]; else gaps += sequence - seen->next_of[type]; }
    seen->known = 1, seen->last = global, seen->next_of[type] = sequence + 1;
    if (is_slow(c)) { slow_events++; return; }
    events++, last_event_at = now;
    if (made_at >= c->began) c->is_live = 1;
    note(&latency, now - made_at);
}

static void take_event(struct client *c, const char *message, size_t size)
{
    const char *line = memrchr(message, '\n', size - 4), *stamp = NULL;     /* the last header's line begins behind it */
    if (line && !strncmp(line + 1, "ProxySequence: ", 15)) line = memrchr(message, '\n', (size_t)(line - message));
    if (line && !strncmp(line + 1, "Server: s", 9)) {
        stamp = line + 10;
        line = memrchr(message, '\n', (size_t)(line - message));
    }
    if (!line || strncmp(line + 1, "BenchMark: ", 11)) { other_events++; return; }
    count_event(c, line + 12, stamp);
}

/* Whether an event is an item or the end of a list; QueueMemberStatus, of a storm, is neither. */
static int is_of_list(const char *message)
{
    return !strncmp(message, "Event: CoreShowChannel", 22) || !strncmp(message, "Event: QueueMember\r", 19) ||
           !strncmp(message, "Event: QueueStatusComplete\r", 27);
}

/* The ActionID must be ours and the next one due, because an AMI session answers in order. */
static int is_due(const struct client *c, const char *message, size_t size)
{
    char expected[64];
    int n = snprintf(expected, sizeof expected, "\r\nActionID: %d/%llu\r\n", c->number, (unsigned long long)c->answered);
    return c->answered < c->asked && memmem(message, size, expected, (size_t)n) != NULL;
}

static void answered(struct client *c)
{
    uint64_t now = now_ns();
    note(&round_trip, now - c->sent_at[c->answered++ % DEPTH_LIMIT]);
    answers++;
    c->list_items = 0;
    if (task == ACTING && now < task_until && act_gap == 0) ask_on(c, now);
}

static void is_in(struct client *c)
{
    c->state = IN, entering--, inside++, logins++, c->retries = 0, c->list_items = 0;
    note(&login_time, now_ns() - c->began);
}

static void ask_first(struct client *c)
{
    c->state = FIRST, c->list_items = 0;
    if (!send_action(c, "Action: Events\r\nActionID: first\r\nEventMask: on\r\n%s\r\n", first == SNAPSHOT ? "ProxySequence: on\r\n" : "")) return;
    if (first == SNAPSHOT) send_action(c, "Action: ProxySnapshot\r\nActionID: first\r\nKinds: channels, queues\r\n\r\n");
    else if (send_action(c, "Action: CoreShowChannels\r\nActionID: first\r\n\r\n")) send_action(c, "Action: QueueStatus\r\nActionID: first\r\n\r\n");
}

/* What a client is sent until it has what it wants first: its answers, and events among them. */
static void take_first(struct client *c, const char *message, size_t size, int is_event)
{
    if (!memmem(message, size, "\r\nActionID: first\r\n", 19)) return;
    if (!is_event) {
        if (strncmp(message, "Response: Success", 17)) { wrong_answers++; lose(c); }
        return;
    }
    const char *items = memmem(message, size, "\r\nListItems: ", 13), *p = items ? items + 13 : "";
    if (!items) { c->list_items++; return; }
    if (number(&p) != (uint64_t)c->list_items) bad_lists++;
    c->list_items = 0;
    if (strncmp(message, "Event: CoreShowChannelsComplete\r", 32)) is_in(c);
}

static void take(struct client *c, const char *message, size_t size)
{
    int is_event = !strncmp(message, "Event: ", 7);
    if (c->state == FIRST) { take_first(c, message, size, is_event); return; }
    if (c->state == LOGIN && !is_event) {
        if (strncmp(message, "Response: Success", 17)) { lose(c); return; }
        if (first != NOTHING) { ask_first(c); return; }
        is_in(c);
        if (task == CHURNING && send_action(c, "Action: Logoff\r\n\r\n")) c->state = LEAVING, inside--;
    } else if (c->state != IN) {
        return;
    } else if (is_event && is_of_list(message)) {
        if (!is_due(c, message, size)) wrong_answers++;
        else if (!strncmp(message, "Event: CoreShowChannel\r", 23) || !strncmp(message, "Event: QueueMember\r", 19)) c->list_items++;
        else {
            const char *items = memmem(message, size, "ListItems: ", 11), *p = items ? items + 11 : "";
            if (!items || number(&p) != (uint64_t)c->list_items) bad_lists++;
            answered(c);
        }
    } else if (is_event) take_event(c, message, size);
    else if (!is_due(c, message, size)) wrong_answers++;
    else if (strncmp(message, "Response: Success", 17)) { wrong_answers++; answered(c); }
    else if (act < LIST) answered(c);
}

/* Each of these takes the whole messages between start and end; where the unfinished rest begins. */

static char *take_ami(struct client *c, char *start, char *end)
{
    if (c->state == BANNER) {
        char *stop = memchr(start, '\n', (size_t)(end - start));
        if (!stop) return start;
        start = stop + 1, c->state = LOGIN;
        if (!send_action(c, "Action: Login\r\nUsername: %s\r\nSecret: %s\r\nEvents: %s\r\n\r\n", c->account->name, c->account->secret, events_on && first == NOTHING ? "on" : "off")) return end;
    }
    for (char *stop; c->fd >= 0 && (stop = memmem(start, (size_t)(end - start), "\r\n\r\n", 4)); start = stop + 4) take(c, start, (size_t)(stop + 4 - start));
    return start;
}

/* The text up to the next quote. */
static void keep_position(struct client *c, const char *text, const char *end)
{
    size_t n = 0;
    while (text + n < end && text[n] != '"' && text[n] != '\r' && n < POSITION - 1) n++;
    memcpy(c->position, text, n);
    c->position[n] = 0;
}

static void take_json(struct client *c, const char *text, size_t size)
{
    const char *sequence = json_value(text, size, "seq");
    if (size < 2 || text[0] != '{' || text[size - 1] != '}') { wrong_answers++; return; }
    if (sequence) keep_position(c, sequence, text + size);
    if (json_is(text, size, "type", "event")) {
        const char *mark = json_value(text, size, "BenchMark"), *server = json_value(text, size, "server");
        if (mark) count_event(c, mark, server && *server == 's' ? server + 1 : NULL);
        else other_events++;
    } else if (json_is(text, size, "type", "hello")) {
        if (c->state == LOGIN) c->state = FIRST;
    } else if (json_is(text, size, "type", "snapshot")) {
        if (c->resuming) wrong_answers++;
        if (c->state == FIRST && !json_is(text, size, "more", "true")) is_in(c);
    } else if (json_is(text, size, "type", "resumed")) {
        c->resumed = 1;
    } else if (json_is(text, size, "type", "response")) {
        char expected[64];
        snprintf(expected, sizeof expected, "%d/%llu", c->number, (unsigned long long)c->answered);
        if (!json_is(text, size, "id", expected) || !json_is(text, size, "Response", "Success")) wrong_answers++;
        if (c->answered < c->asked) answered(c);
    } else if (json_is(text, size, "type", "lost") || json_is(text, size, "type", "error")) wrong_answers++;
    else other_events++;
    if (c->state == FIRST && c->resumed && c->is_live) is_in(c);
}

static char *take_websocket(struct client *c, char *start, char *end)
{
    if (c->state == BANNER) {
        size_t head = http_head(start, (size_t)(end - start));
        if (!head) return start;
        const char *accepted = http_header(start, head, "Sec-WebSocket-Accept");
        if (http_status(start, head) != 101 || !accepted || strncmp(accepted, WS_ACCEPT "\r", sizeof WS_ACCEPT)) { lose(c); return end; }
        start += head, c->state = LOGIN;
    }
    struct frame frame;
    for (long taken; c->fd >= 0 && (taken = ws_frame(start, (size_t)(end - start), &frame)) != 0; start += taken) {
        if (taken < 0 || !frame.final || frame.opcode == WS_CLOSE) { lose(c); return end; }
        if (frame.opcode == WS_TEXT) take_json(c, frame.payload, frame.size);
        else if (frame.opcode == WS_PING) { if (!send_frame(c, WS_PONG, frame.payload, frame.size)) return end; }
        else if (frame.opcode != WS_PONG) { lose(c); return end; }
    }
    return start;
}

static int wait_for_events(struct client *c)
{
    return send_action(c, "GET /rawman?action=waitevent&timeout=20 HTTP/1.1\r\nHost: localhost\r\nCookie: mansession_id=\"%s\"\r\n\r\n", c->position);
}

static char *take_ajam(struct client *c, char *start, char *end)
{
    for (size_t head; c->fd >= 0 && (head = http_head(start, (size_t)(end - start)));) {
        const char *length = http_header(start, head, "Content-Length"), *cookie;
        size_t size = length ? strtoull(length, NULL, 10) : 0;
        if (!length || http_status(start, head) != 200) { lose(c); return end; }
        if ((size_t)(end - start) < head + size) break;
        char *body = start + head, *stop;
        if (c->state == BANNER) {
            cookie = memmem(start, head, "mansession_id=\"", 15);
            if (!cookie || strncmp(body, "Response: Success", size < 17 ? size : 17)) { lose(c); return end; }
            keep_position(c, cookie + 15, body);
            is_in(c);
        } else answers++;
        start = body + size;
        if (c->state == IN && size && strncmp(body, "Response: Success", size < 17 ? size : 17)) { wrong_answers++; lose(c); return end; }
        for (; (stop = memmem(body, (size_t)(start - body), "\r\n\r\n", 4)); body = stop + 4)
            if (!strncmp(body, "Event: ", 7)) take_event(c, body, (size_t)(stop + 4 - body));
        if (!wait_for_events(c)) return end;
    }
    return start;
}

static void take_all(struct client *c, char *data, size_t size)
{
    char *end = data + size, *start = (door == AMI ? take_ami : door == WEBSOCKET ? take_websocket : take_ajam)(c, data, end);
    if (c->fd < 0) return;
    size_t rest = (size_t)(end - start);
    if (rest > c->input_room) {
        c->input_room = rest + 1024;
        char *more = malloc(c->input_room);
        if (!more) { perror("swarm"); exit(1); }
        memcpy(more, start, rest);
        free(c->input);
        c->input = more;
    } else if (rest) memmove(c->input, start, rest);
    c->input_used = rest;
}

static void receive(struct client *c)
{
    static char buffer[UNFINISHED + BUFFER];
    if (c->discarding) {
        /* For TCP, MSG_TRUNC means that nothing is copied. */
        for (ssize_t n; (n = recv(c->fd, buffer, 2 * BUFFER, MSG_TRUNC)) != -1 || errno != EAGAIN;) {
            if (n <= 0) { lose(c); return; }
            c->bytes += (uint64_t)n;
        }
        return;
    }
    while (c->fd >= 0 && !c->stalled) {
        size_t kept = c->input_used;
        if (kept > UNFINISHED) { lose(c); return; }
        if (kept) memcpy(buffer, c->input, kept);
        int n = plain ? (int)recv(c->fd, buffer + kept, BUFFER, 0) : SSL_read(c->ssl, buffer + kept, BUFFER);
        if (n <= 0) {
            int error = plain ? (n < 0 && errno == EAGAIN ? SSL_ERROR_WANT_READ : SSL_ERROR_SSL) : SSL_get_error(c->ssl, n);
            ERR_clear_error();
            if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) lose(c);
            return;
        }
        if (plain) c->bytes += (uint64_t)n;
        take_all(c, buffer, kept + (size_t)n);
    }
}

/* Over HTTP the client speaks first. */
static int knock(struct client *c)
{
    if (door == AMI) return 1;
    if (door == AJAM)
        return send_action(c, "GET /rawman?action=login&username=%s&secret=%s HTTP/1.1\r\nHost: localhost\r\n\r\n", c->account->name, c->account->secret);
    char credentials[512], basic[700], last[3 * POSITION] = "";
    int n = snprintf(credentials, sizeof credentials, "%s:%s", c->account->name, c->account->secret);
    EVP_EncodeBlock((unsigned char *)basic, (unsigned char *)credentials, n);
    if (c->resuming) url_quote(c->position, last);
    return send_action(c, "GET /ws%s%s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                       "Sec-WebSocket-Key: " WS_KEY "\r\nSec-WebSocket-Protocol: ami.json\r\nAuthorization: Basic %s\r\n\r\n", c->resuming ? "?last=" : "", last, basic);
}

static void go_on(struct client *c)
{
    if (c->state == CONNECTING) {
        int error = 0;
        socklen_t size = sizeof error;
        if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size) || error) { lose(c); return; }
        c->state = plain ? BANNER : HANDSHAKE;
        if (!plain) {
            c->ssl = SSL_new(tls);
            SSL_set_fd(c->ssl, c->fd);
            SSL_set_connect_state(c->ssl);
        }
        listen_for(c, EPOLLIN);
        if (plain && !knock(c)) return;
    }
    if (c->state == HANDSHAKE) {
        int done = SSL_do_handshake(c->ssl);
        if (done != 1) {
            int error = SSL_get_error(c->ssl, done);
            ERR_clear_error();
            if (error == SSL_ERROR_WANT_READ) return;
            if (error != SSL_ERROR_WANT_WRITE) lose(c);
            return;
        }
        c->state = BANNER;
        if (!knock(c)) return;
    }
    receive(c);
}

/* ---- commands ---------------------------------------------------------- */

static void begin(enum task what, double seconds)
{
    task = what, task_began = now_ns(), task_until = task_began + (uint64_t)(seconds * 1e9);
}

static void command(const char *line)
{
    char kind[16];
    double seconds, per_second;
    unsigned long long count;
    int number_of;
    if (!strcmp(line, "mark")) mark();
    else if (sscanf(line, "wait %llu %d", &count, &number_of) == 2) {
        uint64_t marked = task_began;   /* seconds are counted from the mark */
        begin(WAITING, number_of * 1e-3);
        task_began = marked, wait_for = count;
    } else if (sscanf(line, "act %15s %lf %lf %d", kind, &seconds, &per_second, &number_of) == 4 && number_of >= 1 && number_of <= DEPTH_LIMIT) {
        mark();
        begin(ACTING, seconds);
        act = !strcmp(kind, "list") ? LIST : !strcmp(kind, "polls") ? POLLS : !strcmp(kind, "getvar") ? GETVAR : PING, act_depth = number_of, act_gap = per_second > 0 ? 1e9 / per_second : 0;
        for (int i = 0; i < nclients; i++) {
            clients[i].asked = clients[i].answered = 0, clients[i].list_items = 0;
            clients[i].act_at = task_began + (uint64_t)(act_gap * i / nclients);
            ask_on(&clients[i], task_began);
        }
    } else if (!strcmp(line, "stall") || !strcmp(line, "resume")) {
        for (int i = nclients - slow; i < nclients; i++)
            if (clients[i].state == IN) {
                clients[i].stalled = *line == 's';
                listen_for(&clients[i], clients[i].stalled ? 0 : EPOLLIN);
                if (!clients[i].stalled) receive(&clients[i]);
            }
    } else if ((sscanf(line, "reconnect %d", &number_of) == 1 || sscanf(line, "return %d", &number_of) == 1) && number_of >= 1) {
        int resuming = line[2] == 't';
        if (!resuming) mark();
        else reset_counters();
        window = number_of;
        for (int i = 0; i < nclients; i++) {
            clients[i].resuming = resuming && *clients[i].position;
            if (clients[i].state != AWAY) hang_up(&clients[i]);
        }
        begin(LOGGING_IN, 1e6);
        next_to_enter = 0;
    } else if (sscanf(line, "churn %lf", &seconds) == 1) {
        mark();
        for (int i = 0; i < nclients; i++)
            if (clients[i].state != AWAY) hang_up(&clients[i]);
        begin(CHURNING, seconds);
        next_to_enter = 0;
    } else if (!strcmp(line, "quit")) exit(0);
    else fprintf(stderr, "swarm: what is \"%s\"?\n", line);
}

static void read_commands(void)
{
    static char lines[4096];
    static size_t n;
    ssize_t got = read(0, lines + n, sizeof lines - 1 - n);
    if (got == 0) exit(0);
    if (got < 0) return;
    n += (size_t)got;
    lines[n] = 0;
    for (char *stop; (stop = strchr(lines, '\n'));) {
        *stop = 0;
        command(lines);
        n -= (size_t)(stop + 1 - lines);
        memmove(lines, stop + 1, n + 1);
    }
}

/* The client that enters at this place.  Steps of about a golden section reach all, and any few of them evenly. */
static struct client *at_place(int place)
{
    return &clients[spread ? (int)((uint64_t)place * (uint64_t)spread % (uint64_t)nclients) : place];
}

static int coprime(int n)
{
    for (int step = (int)(n * 0.618);; step++) {
        int a = n, b = step;
        while (b) { int rest = a % b; a = b, b = rest; }
        if (a == 1) return step;
    }
}

static void task_on(void)
{
    uint64_t now = now_ns();
    if (task == LOGGING_IN || task == CHURNING) {
        while (next_to_enter < nclients && entering < window) enter(at_place(next_to_enter++));
        for (int place = 0; place < next_to_enter; place++) {
            struct client *c = at_place(place);
            if (c->state == AWAY && c->retry_at && now >= c->retry_at && entering < window) enter(c);
            else if (c->state > AWAY && c->state < IN && now > c->began + LOGIN_NS) lose(c);
        }
    }
    if (task == LOGGING_IN && inside == nclients) report("in");
    else if (task == CHURNING && now >= task_until) report("churned");
    else if (task == WAITING && (events >= wait_for || now >= task_until)) report("waited");
    else if (task == ACTING) {
        int open = 0;
        for (int i = 0; i < nclients; i++) {
            if (act_gap > 0 && now < task_until) ask_on(&clients[i], now);
            open += clients[i].state == IN && clients[i].asked > clients[i].answered;
        }
        if (now >= task_until && (!open || now >= task_until + ANSWER_NS)) {
            wrong_answers += (uint64_t)open;
            report("acted");
        }
    }
}

static void add_account(char *text)
{
    char *secret = strchr(text, ':'), *sees = secret ? strchr(secret + 1, ':') : NULL;
    if (!sees || naccounts == (int)(sizeof accounts / sizeof *accounts)) { fprintf(stderr, "swarm: --account NAME:SECRET:SEES\n"); exit(2); }
    *secret = *sees = 0;
    accounts[naccounts++] = (struct account){text, secret + 1, strtoul(sees + 1, NULL, 0)};
}

int main(int count, char **arguments)
{
    for (int i = 1; i < count; i++) {
        char *name = arguments[i];
        if (!strcmp(name, "--plain")) { plain = 1; continue; }
        if (++i == count) { fprintf(stderr, "swarm: %s what?\n", name); return 2; }
        char *value = arguments[i];
        if (!strcmp(name, "--port")) port = atoi(value);
        else if (!strcmp(name, "--clients")) nclients = atoi(value);
        else if (!strcmp(name, "--account")) add_account(value);
        else if (!strcmp(name, "--window")) window = atoi(value);
        else if (!strcmp(name, "--events")) events_on = strcmp(value, "off") != 0;
        else if (!strcmp(name, "--checked")) checked = atoi(value);
        else if (!strcmp(name, "--spread")) spread = !strcmp(value, "on");
        else if (!strcmp(name, "--slow")) slow = atoi(value);
        else if (!strcmp(name, "--servers")) servers = atoi(value);
        else if (!strcmp(name, "--first")) first = !strcmp(value, "snapshot") ? SNAPSHOT : LISTS;
        else if (!strcmp(name, "--door")) door = !strcmp(value, "ws") ? WEBSOCKET : !strcmp(value, "ajam") ? AJAM : AMI;
        else { fprintf(stderr, "swarm: unknown option %s\n", name); return 2; }
    }
    if (!port || nclients < 1 || !naccounts || slow > nclients || servers < 1) { fprintf(stderr, "swarm: --port, --clients and --account are needed\n"); return 2; }
    if (spread) spread = coprime(nclients);
    signal(SIGPIPE, SIG_IGN);
    struct rlimit files;
    if (!getrlimit(RLIMIT_NOFILE, &files)) { files.rlim_cur = files.rlim_max; setrlimit(RLIMIT_NOFILE, &files); }
    tls = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(tls, SSL_VERIFY_NONE, NULL);     /* the other side's work is measured, not ours */
    SSL_CTX_set_read_ahead(tls, 1);
    SSL_CTX_set_default_read_buffer_len(tls, 32768);
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
    poller = epoll_create1(0);
    clients = calloc((size_t)nclients, sizeof *clients);
    struct seen *seen = calloc((size_t)nclients * (size_t)servers, sizeof *seen);
    char *positions = calloc((size_t)nclients, POSITION);
    if (!clients || !seen || !positions || !tls) { perror("swarm"); return 1; }
    for (int i = 0; i < nclients; i++)
        clients[i].number = i, clients[i].fd = -1, clients[i].account = &accounts[i % naccounts], clients[i].seen = &seen[i * servers], clients[i].position = &positions[(size_t)i * POSITION];
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL}, ready[256];
    epoll_ctl(poller, EPOLL_CTL_ADD, 0, &e);
    begin(LOGGING_IN, 1e6);
    for (;;) {
        task_on();
        int patience = task == NONE ? -1 : task == ACTING && act_gap > 0 ? 1 : 5;
        int n = epoll_wait(poller, ready, 256, patience);
        for (int i = 0; i < n; i++) {
            struct client *c = ready[i].data.ptr;
            if (!c) read_commands();
            else if (c->fd < 0) continue;
            else if (c->stalled) { if (ready[i].events & (EPOLLHUP | EPOLLERR)) lose(c); }
            else go_on(c);
        }
    }
}
