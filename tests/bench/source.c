/* source: a stand-in for Asterisk that sends events fast and does nothing else.
 *
 * Listens on 127.0.0.1 and speaks as much AMI as a proxy or a client needs: the
 * banner, Challenge, Login (secret or MD5), Logoff, Ping, Events, ListCommands,
 * CoreShowChannels with a given number of items, and QueueStatus with a tenth of it.
 * It has no other lists, and refuses them; any other action succeeds.
 *
 * A storm is open loop: events are produced on schedule whether or not receivers
 * keep up.  They are drawn with a fixed seed, so two storms with the same rate and
 * duration have the same events.  Each event ends with the header
 *
 *     BenchMark: <number of the event> <type> <number within the type> <made at, ns> <server>
 *
 * (CLOCK_MONOTONIC), from which a receiver knows which events are missing, late,
 * out of order, or not for it.
 *
 * With --servers N it stands in for N Asterisks: the n-th sends its events to sessions
 * whose user name ends with n, from 0, and numbers them for itself.  Each event of a
 * storm is sent by one of them, in turn.
 *
 *     source --port P --secret S [--items N] [--servers N]
 *     source --into P --user U --secret S     log in to a real Asterisk there instead,
 *                                             and make it send the storm, by UserEvent
 *
 * On stdin: "storm RATE SECONDS", "stat", "quit".  On stdout: one JSON object per line.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define BACKLOG_LIMIT (128u << 20)      /* a session with more waiting is dropped */
#define CHALLENGE "1763894400"

/* ---- the events ------------------------------------------------------- */

enum { CHANNEL = 1, OTHER_CHANNEL = 2, BRIDGE = 4 };

/* Keep in step with TYPES in accounts.py: "type" in BenchMark is an index into it. */
static const struct kind {
    const char *name, *classes;
    int weight, parts;                  /* weights add up to 100 */
    const char *rest;
} KINDS[] = {
    {"Newchannel", "call", 6, CHANNEL, ""},
    {"Newstate", "call", 9, CHANNEL, ""},
    {"Newexten", "dialplan", 17, CHANNEL, "Extension: 4100\r\nApplication: Queue\r\nAppData: support,tT,,,120\r\n"},
    {"VarSet", "dialplan", 21, CHANNEL, "Variable: QUEUEPOSITION\r\nValue: 3\r\n"},
    {"DialBegin", "call", 4, CHANNEL | OTHER_CHANNEL, "DialString: 4100/sip:4100@198.51.100.7:5060\r\n"},
    {"BridgeEnter", "call", 5, CHANNEL | BRIDGE, ""},
    {"Hangup", "call", 6, CHANNEL, "Cause: 16\r\nCause-txt: Normal Clearing\r\n"},
    {"RTCPSent", "reporting", 10, CHANNEL,
     "To: 198.51.100.7:17342\r\nFrom: 198.51.100.1:12804\r\nSSRC: 0x5f3c1a90\r\nPT: 200(SR)\r\nReportCount: 1\r\n"
     "SentNTP: 1763894400.482113\r\nSentRTP: 118240\r\nSentPackets: 739\r\nSentOctets: 118240\r\n"
     "Report0SourceSSRC: 0x1be30977\r\nReport0FractionLost: 0\r\nReport0CumulativeLost: 0\r\n"
     "Report0HighestSequence: 20411\r\nReport0IAJitter: 4\r\nReport0LSR: 1281638400\r\nReport0DLSR: 1.3440\r\n"},
    {"QueueMemberStatus", "agent", 9, 0,
     "Queue: support\r\nMemberName: Dana Example\r\nInterface: PJSIP/4117\r\nStateInterface: PJSIP/4117\r\n"
     "Membership: dynamic\r\nPenalty: 0\r\nCallsTaken: 31\r\nLastCall: 1763894391\r\nLastPause: 1763890800\r\n"
     "LoginTime: 1763877600\r\nInCall: 1\r\nStatus: 2\r\nPaused: 0\r\nPausedReason: \r\nRinginuse: 0\r\nWrapuptime: 15\r\n"},
    {"DeviceStateChange", "call", 9, 0, "Device: PJSIP/4117\r\nState: INUSE\r\n"},
    {"PeerStatus", "system", 2, 0, "ChannelType: PJSIP\r\nPeer: PJSIP/4117\r\nPeerStatus: Reachable\r\n"},
    {"UserEvent", "user", 2, CHANNEL, "UserEvent: ScreenPop\r\nAccount: 20418\r\nNote: called about the invoice\r\n"},
};
#define NKINDS ((int)(sizeof KINDS / sizeof *KINDS))

static uint64_t random_state;
#define SERVERS_LIMIT 64
static int servers = 1;
static struct { uint64_t events, of_kind[64]; } numbers[SERVERS_LIMIT];
static char text[16384];                /* the message under construction */
static size_t used;

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static unsigned draw(unsigned below)    /* xorshift64*: cheap and repeatable */
{
    random_state ^= random_state >> 12, random_state ^= random_state << 25, random_state ^= random_state >> 27;
    return (unsigned)((random_state * 2685821657736338717u) >> 33) % below;
}

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(text + used, sizeof text - used, format, arguments);
    va_end(arguments);
    used += n > 0 && (size_t)n < sizeof text - used ? (size_t)n : 0;
}

static void say_channel(const char *prefix, unsigned call)
{
    say("%sChannel: PJSIP/%u-%08x\r\n%sChannelState: 6\r\n%sChannelStateDesc: Up\r\n", prefix, 4100 + call % 40, call, prefix, prefix);
    say("%sCallerIDNum: +4670000%04u\r\n%sCallerIDName: Caller %u\r\n", prefix, call % 10000, prefix, call % 10000);
    say("%sConnectedLineNum: %u\r\n%sConnectedLineName: <unknown>\r\n%sLanguage: en\r\n", prefix, 4100 + call % 40, prefix, prefix);
    say("%sAccountCode: \r\n%sContext: incoming\r\n%sExten: 4100\r\n%sPriority: %u\r\n", prefix, prefix, prefix, prefix, 1 + call % 7);
    say("%sUniqueid: 1763894400.%u\r\n%sLinkedid: 1763894400.%u\r\n", prefix, call, prefix, call & ~1u);
}

static void make_event(int by_user_event, int server)
{
    int k = 0, weight = (int)draw(100);
    while (weight >= KINDS[k].weight) weight -= KINDS[k++].weight;
    const struct kind *kind = &KINDS[k];
    unsigned call = 1000 + (unsigned)(numbers[server].events / 20) + draw(32);
    used = 0;
    if (by_user_event) say("Action: UserEvent\r\nUserEvent: %s\r\n", kind->name);
    else say("Event: %s\r\nPrivilege: %s,all\r\n", kind->name, kind->classes);
    if (kind->parts & BRIDGE)
        say("BridgeUniqueid: 7c0e5f1a-93b2-4d60-8a41-%012x\r\nBridgeType: basic\r\nBridgeTechnology: simple_bridge\r\n"
            "BridgeCreator: <unknown>\r\nBridgeName: <unknown>\r\nBridgeNumChannels: 2\r\nBridgeVideoSourceMode: none\r\n", call & ~1u);
    if (kind->parts & CHANNEL) say_channel("", call);
    if (kind->parts & OTHER_CHANNEL) say_channel("Dest", call ^ 1u);
    if (!by_user_event || k != NKINDS - 1) say("%s", kind->rest);
    say("BenchMark: %llu %d %llu %llu %d\r\n\r\n", (unsigned long long)numbers[server].events++, k,
        (unsigned long long)numbers[server].of_kind[k]++, (unsigned long long)now_ns(), server);
}

/* ---- sessions ---------------------------------------------------------- */

struct session {
    int fd, logged_in, wants_events, leaving, waits_for_room, changed, server;
    char input[65536];
    size_t input_used;
    char *output;
    size_t from, to, room;              /* output[from..to) waits to be sent */
    struct session *next;
};

static struct session *sessions, *into;
static int poller, items = 20;
static const char *user = "bench", *secret = "";
static uint64_t actions, lists, logins, refused, kicked;

static void queue(struct session *s, const char *data, size_t size)
{
    if (s->to + size > s->room && s->from) {
        memmove(s->output, s->output + s->from, s->to - s->from);
        s->to -= s->from, s->from = 0;
    }
    if (s->to + size > s->room) {
        s->room = 2 * (s->to + size) + 65536;
        s->output = realloc(s->output, s->room);
        if (!s->output) { perror("source"); exit(1); }
    }
    memcpy(s->output + s->to, data, size);
    s->to += size, s->changed = 1;
}

static void end(struct session *s)
{
    for (struct session **p = &sessions; *p; p = &(*p)->next)
        if (*p == s) { *p = s->next; break; }
    if (s == into) { fprintf(stderr, "source: Asterisk closed the connection\n"); exit(1); }
    close(s->fd);
    free(s->output);
    free(s);
}

/* Returns whether the session still exists. */
static int flush(struct session *s)
{
    s->changed = 0;
    while (s->from < s->to) {
        ssize_t n = send(s->fd, s->output + s->from, s->to - s->from, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno != EAGAIN) { end(s); return 0; }
        if (n < 0) break;
        s->from += (size_t)n;
    }
    if (s->from == s->to) s->from = s->to = 0;
    if (s->to - s->from > BACKLOG_LIMIT) { kicked++; end(s); return 0; }
    if (s->leaving && s->from == s->to) { end(s); return 0; }
    int waits = s->from < s->to;
    if (waits != s->waits_for_room) {
        struct epoll_event e = {.events = EPOLLIN | (waits ? EPOLLOUT : 0u), .data.ptr = s};
        epoll_ctl(poller, EPOLL_CTL_MOD, s->fd, &e);
        s->waits_for_room = waits;
    }
    return 1;
}

/* The value of a header in a NUL-terminated message, "" if it is missing. */
static const char *header(const char *message, const char *name, char *value, size_t size)
{
    size_t n = strlen(name);
    value[0] = 0;
    for (const char *line = message; line; line = strchr(line, '\n'), line = line ? line + 1 : NULL)
        if (!strncasecmp(line, name, n) && line[n] == ':') {
            const char *start = line + n + 1 + strspn(line + n + 1, " ");
            snprintf(value, size, "%.*s", (int)strcspn(start, "\r\n"), start);
            break;
        }
    return value;
}

static int key_is_right(const char *key)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    char hex[2 * EVP_MAX_MD_SIZE + 1], both[512];
    unsigned size = 0;
    int n = snprintf(both, sizeof both, "%s%s", CHALLENGE, secret);
    EVP_Digest(both, (size_t)n, digest, &size, EVP_md5(), NULL);
    for (unsigned i = 0; i < size; i++) sprintf(hex + 2 * i, "%02x", digest[i]);
    return !strcasecmp(key, hex);
}

static void answer(struct session *s, const char *message)
{
    char action[64], id[300], value[512];
    header(message, "Action", action, sizeof action);
    header(message, "ActionID", id, sizeof id);
    actions++;
    used = 0;
    say("Response: Success\r\n");
    if (*id) say("ActionID: %s\r\n", id);
    if (!strcasecmp(action, "Challenge")) say("Challenge: %s\r\n", CHALLENGE);
    else if (!strcasecmp(action, "Login")) {
        char key[128];
        int right = *header(message, "Key", key, sizeof key) ? key_is_right(key)
                                                             : !strcmp(header(message, "Secret", value, sizeof value), secret);
        if (right) {
            s->logged_in = 1, logins++;
            header(message, "Username", value, sizeof value);
            s->server = servers > 1 ? atoi(value + strcspn(value, "0123456789")) : 0;
            s->wants_events = strcasecmp(header(message, "Events", value, sizeof value), "off") != 0;
            say("Message: Authentication accepted\r\n");
            if (s->wants_events)
                say("\r\nEvent: FullyBooted\r\nPrivilege: system,all\r\nUptime: 3600\r\nLastReload: 3600\r\n"
                    "Status: Fully Booted\r\n");
        } else {
            used = 0, refused++, s->leaving = 1;
            say("Response: Error\r\n");
            if (*id) say("ActionID: %s\r\n", id);
            say("Message: Authentication failed\r\n");
        }
    } else if (!s->logged_in) {
        used = 0;
        say("Response: Error\r\n");
        if (*id) say("ActionID: %s\r\n", id);
        say("Message: Permission denied\r\n");
    } else if (!strcasecmp(action, "Ping")) say("Ping: Pong\r\nTimestamp: 1763894400.000000\r\n");
    else if (!strcasecmp(action, "Logoff")) {
        used = 0, s->leaving = 1;
        say("Response: Goodbye\r\n");
        if (*id) say("ActionID: %s\r\n", id);
        say("Message: Thanks for all the fish.\r\n");
    } else if (strcasecmp(action, "ListCommands") && strcasecmp(action, "CoreShowChannels") && (strstr(action, "List") || strstr(action, "Show") ||
               !strcasecmp(action, "Agents") || !strcasecmp(action, "ParkedCalls") || !strcasecmp(action, "SIPpeers"))) {
        used = 0;
        say("Response: Error\r\n");
        if (*id) say("ActionID: %s\r\n", id);
        say("Message: Invalid/unknown command: %s. Use Action: ListCommands to show available commands.\r\n", action);
    } else if (!strcasecmp(action, "Events")) {
        s->wants_events = strcasecmp(header(message, "EventMask", value, sizeof value), "off") != 0;
        say("Events: %s\r\n", s->wants_events ? "On" : "Off");
    } else if (!strcasecmp(action, "ListCommands"))
        say("CoreShowChannels: List currently active channels.  (Priv: system,reporting,all)\r\n"
            "Getvar: Gets a channel variable or function value.  (Priv: call,reporting,all)\r\nQueueStatus: Show queue status.  (Priv: <none>)\r\n"
            "Events: Control Event Flow.  (Priv: <none>)\r\nListCommands: List available manager commands.  (Priv: <none>)\r\n"
            "Logoff: Logoff Manager.  (Priv: <none>)\r\nPing: Keepalive command.  (Priv: <none>)\r\n");
    else if (!strcasecmp(action, "CoreShowChannels")) {
        lists++;
        say("EventList: start\r\nMessage: Channels will follow\r\n\r\n");
        queue(s, text, used);
        for (int i = 0; i < items; i++) {
            used = 0;
            say("Event: CoreShowChannel\r\n");
            if (*id) say("ActionID: %s\r\n", id);
            say_channel("", 1000u + (unsigned)i);
            say("Application: Queue\r\nApplicationData: support\r\nDuration: 00:00:17\r\nBridgeId: \r\n\r\n");
            queue(s, text, used);
        }
        used = 0;
        say("Event: CoreShowChannelsComplete\r\n");
        if (*id) say("ActionID: %s\r\n", id);
        say("EventList: Complete\r\nListItems: %d\r\n", items);
    } else if (!strcasecmp(action, "QueueStatus")) {
        lists++;
        say("EventList: start\r\nMessage: Queue status will follow\r\n\r\n");
        queue(s, text, used);
        for (int i = 0; i < items / 10; i++) {
            used = 0;
            say("Event: QueueMember\r\n");
            if (*id) say("ActionID: %s\r\n", id);
            say("Queue: queue-%d\r\nName: Agent %d\r\nLocation: PJSIP/%d\r\nStateInterface: PJSIP/%d\r\nMembership: static\r\n", i / 10, i, 1000 + i, 1000 + i);
            say("Penalty: 0\r\nCallsTaken: 12\r\nLastCall: 1763894400\r\nLastPause: 0\r\nInCall: 0\r\nStatus: 2\r\nPaused: 0\r\n");
            say("PausedReason: \r\nWrapuptime: 0\r\n\r\n");
            queue(s, text, used);
        }
        used = 0;
        say("Event: QueueStatusComplete\r\n");
        if (*id) say("ActionID: %s\r\n", id);
        say("EventList: Complete\r\nListItems: %d\r\n", items / 10);
    }
    say("\r\n");
    queue(s, text, used);
}

/* Returns whether the session still exists. */
static int receive(struct session *s)
{
    for (;;) {
        ssize_t n = recv(s->fd, s->input + s->input_used, sizeof s->input - 1 - s->input_used, 0);
        if (n < 0 && errno == EAGAIN) break;
        if (n <= 0) { end(s); return 0; }
        if (s == into) continue;        /* a real Asterisk's responses are not needed */
        s->input_used += (size_t)n;
        s->input[s->input_used] = 0;
        char *start = s->input, *stop;
        while ((stop = strstr(start, "\r\n\r\n"))) {
            stop[2] = 0;
            answer(s, start);
            start = stop + 4;
        }
        s->input_used -= (size_t)(start - s->input);
        memmove(s->input, start, s->input_used + 1);
        if (s->input_used == sizeof s->input - 1) { end(s); return 0; }
    }
    return flush(s);
}

static struct session *open_session(int fd)
{
    struct session *s = calloc(1, sizeof *s);
    if (!s) { perror("source"); exit(1); }
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    s->fd = fd, s->next = sessions, sessions = s;
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = s};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e);
    return s;
}

/* ---- storms ------------------------------------------------------------ */

static int timer;
static double rate;
static uint64_t storm_began, storm_size, storm_made, storm_bytes;

static void storm(double per_second, double seconds)
{
    random_state = 0x9e3779b97f4a7c15u; /* every storm has the same seed */
    rate = per_second, storm_size = (uint64_t)(per_second * seconds), storm_made = storm_bytes = 0;
    memset(numbers, 0, sizeof numbers);
    storm_began = now_ns();
    long step = per_second <= 1000 ? (long)(1e9 / per_second) : 1000000;
    struct itimerspec every = {{step / 1000000000, step % 1000000000}, {0, 1}};
    timerfd_settime(timer, 0, &every, NULL);
}

static void storm_on(void)
{
    uint64_t expirations, due = (uint64_t)((double)(now_ns() - storm_began) * 1e-9 * rate) + 1;
    if (read(timer, &expirations, sizeof expirations) < 0 || storm_made == storm_size) return;
    for (; storm_made < due && storm_made < storm_size; storm_made++) {
        int server = (int)(storm_made % (uint64_t)servers);
        make_event(into != NULL, server);
        storm_bytes += used;
        if (into) queue(into, text, used);
        else for (struct session *s = sessions; s; s = s->next)
            if (s->logged_in && s->wants_events && !s->leaving && s->server == server) queue(s, text, used);
    }
    for (struct session *s = sessions, *next; s; s = next) {
        next = s->next;
        if (s->changed) flush(s);
    }
    if (storm_made < storm_size) return;
    timerfd_settime(timer, 0, &(struct itimerspec){0}, NULL);
    printf("{\"is\": \"stormed\", \"events\": %llu, \"bytes\": %llu, \"seconds\": %.6f, \"kicked\": %llu, \"by_type\": [",
           (unsigned long long)storm_made, (unsigned long long)storm_bytes, (double)(now_ns() - storm_began) * 1e-9, (unsigned long long)kicked);
    for (int k = 0; k < NKINDS; k++) {
        uint64_t sum = 0;
        for (int server = 0; server < servers; server++) sum += numbers[server].of_kind[k];
        printf("%s%llu", k ? ", " : "", (unsigned long long)sum);
    }
    printf("]}\n");
    fflush(stdout);
}

static void command(const char *line)
{
    double per_second, seconds;
    if (sscanf(line, "storm %lf %lf", &per_second, &seconds) == 2 && per_second >= 1 && seconds > 0) storm(per_second, seconds);
    else if (!strcmp(line, "stat")) {
        printf("{\"is\": \"stat\", \"logins\": %llu, \"refused\": %llu, \"actions\": %llu, \"lists\": %llu, \"kicked\": %llu}\n",
               (unsigned long long)logins, (unsigned long long)refused, (unsigned long long)actions, (unsigned long long)lists,
               (unsigned long long)kicked);
        fflush(stdout);
    } else if (!strcmp(line, "quit")) exit(0);
    else fprintf(stderr, "source: what is \"%s\"?\n", line);
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

int main(int count, char **arguments)
{
    int port = 0, into_port = 0;
    for (int i = 1; i + 1 < count; i += 2) {
        const char *name = arguments[i], *value = arguments[i + 1];
        if (!strcmp(name, "--port")) port = atoi(value);
        else if (!strcmp(name, "--into")) into_port = atoi(value);
        else if (!strcmp(name, "--user")) user = value;
        else if (!strcmp(name, "--secret")) secret = value;
        else if (!strcmp(name, "--items")) items = atoi(value);
        else if (!strcmp(name, "--servers")) servers = atoi(value);
        else { fprintf(stderr, "source: unknown option %s\n", name); return 2; }
    }
    if (servers < 1 || servers > SERVERS_LIMIT) { fprintf(stderr, "source: --servers takes 1 to %d\n", SERVERS_LIMIT); return 2; }
    signal(SIGPIPE, SIG_IGN);
    struct rlimit files;
    if (!getrlimit(RLIMIT_NOFILE, &files)) { files.rlim_cur = files.rlim_max; setrlimit(RLIMIT_NOFILE, &files); }
    poller = epoll_create1(0);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = -1, one = 1;
    static int as_timer, as_listener, as_stdin;
    if (into_port) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        address.sin_port = htons((uint16_t)into_port);
        if (connect(fd, (void *)&address, sizeof address)) { perror("source"); return 1; }
        used = 0;
        say("Action: Login\r\nUsername: %s\r\nSecret: %s\r\nEvents: off\r\n\r\n", user, secret);
        if (send(fd, text, used, 0) != (ssize_t)used) { perror("source"); return 1; }
        fcntl(fd, F_SETFL, O_NONBLOCK);
        into = open_session(fd);
    } else {
        listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        address.sin_port = htons((uint16_t)port);
        if (bind(listener, (void *)&address, sizeof address) || listen(listener, 4096)) { perror("source"); return 1; }
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = &as_listener};
        epoll_ctl(poller, EPOLL_CTL_ADD, listener, &e);
    }
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = &as_timer}, ready[256];
    epoll_ctl(poller, EPOLL_CTL_ADD, timer, &e);
    e.data.ptr = &as_stdin;
    epoll_ctl(poller, EPOLL_CTL_ADD, 0, &e);
    printf("{\"is\": \"listening\"}\n");
    fflush(stdout);
    for (;;) {
        int n = epoll_wait(poller, ready, 256, -1), stormed = 0;
        for (int i = 0; i < n; i++) {
            void *who = ready[i].data.ptr;
            if (who == &as_timer) stormed = 1;      /* last: it may end sessions that are in this list */
            else if (who == &as_stdin) read_commands();
            else if (who == &as_listener) {
                for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
                    struct session *s = open_session(fd);
                    queue(s, "Asterisk Call Manager/11.0.0\r\n", 30);
                    flush(s);
                }
            } else if (!(ready[i].events & EPOLLOUT) || flush(who)) {
                if (ready[i].events & ~(unsigned)EPOLLOUT) receive(who);
            }
        }
        if (stormed) storm_on();
    }
}
